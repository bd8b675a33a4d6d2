/** Firmata 2.x: the few messages that drive a servo, and a reader of what the board says (firmata/protocol, protocol.md and servos.md). */

/** Data bytes have seven bits; a number of 14 bits is its low half, then its high half. */
const halves = (value: number): [number, number] => [value & 0x7f, (value >> 7) & 0x7f];

const sysexStart = 0xf0;
const sysexEnd = 0xf7;

/** Asks for the version of the protocol: `F9` is answered by `F9 major minor`. */
export const versionQuery = Uint8Array.of(0xf9);

/**
 * The servo library's own range, microseconds, which a pin has when `F4 pin 04` makes it a servo. SERVO_CONFIG would set
 * another one and is never sent: the firmware keeps each end of it as an int8 in steps of 4 us, so that 1200..1800 drives
 * 176..2824; and it starts pulses of 1500 us at once, which moves the servo (both seen on StandardFirmata itself).
 */
export const pulseRangeUs = { min: 544, max: 2400 } as const;

/** `F4 pin 04`: makes the pin a servo if it is none; nothing changes when it is one. */
export const attachServo = (pin: number): Uint8Array => Uint8Array.of(0xf4, pin, 0x04);

/** `F4 pin 01`: a plain output, so the pulses end. */
export const detachServo = (pin: number): Uint8Array => Uint8Array.of(0xf4, pin, 0x01);

/**
 * A pulse width for a servo pin: `E0+pin low high`, or `F0 6F pin low high F7` for the pins above 15. Throws a RangeError
 * below 544, which the servo library would take for degrees, and above 2400.
 */
export function servoPulse(pin: number, pulseUs: number): Uint8Array {
  if (!(pulseUs >= pulseRangeUs.min && pulseUs <= pulseRangeUs.max))
    throw new RangeError(`a pulse of ${pulseUs} us is outside ${pulseRangeUs.min} to ${pulseRangeUs.max}`);
  const value = halves(Math.round(pulseUs));
  return pin < 16
    ? Uint8Array.of(0xe0 + pin, ...value)
    : Uint8Array.of(sysexStart, 0x6f, pin, ...value, sysexEnd);
}

/** What a board says, as far as a servo cares: a `firmware` report is said by itself at each start of the board. */
export type FirmataMessage =
  | { readonly kind: "version"; readonly major: number; readonly minor: number }
  | { readonly kind: "firmware"; readonly major: number; readonly minor: number; readonly name: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "other"; readonly command: number };

/** Longest system-exclusive message that is kept; a longer one is dropped. */
const sysexBytesMax = 512;

/** How many data bytes follow a command byte. */
function dataBytesOf(command: number): number {
  if (command >= 0xf0) return command === 0xf9 || command === 0xf4 || command === 0xf5 ? 2 : 0;
  return command >= 0xc0 && command < 0xe0 ? 1 : 2;
}

/** Reads a stream of bytes in any cut. A byte with its highest bit set always begins anew, so garbage costs one message. */
export class FirmataReader {
  #command = 0;
  #missing = 0;
  #data: number[] = [];

  push(bytes: Uint8Array): FirmataMessage[] {
    const messages: FirmataMessage[] = [];
    for (const byte of bytes) {
      const message = byte < 0x80 ? this.#hearData(byte) : this.#hearCommand(byte);
      if (message) messages.push(message);
    }
    return messages;
  }

  #hearData(byte: number): FirmataMessage | undefined {
    if (this.#command === 0) return;
    this.#data.push(byte);
    if (this.#command === sysexStart) {
      if (this.#data.length > sysexBytesMax) this.#command = 0;
      return;
    }
    this.#missing -= 1;
    if (this.#missing === 0) return this.#end();
  }

  #hearCommand(byte: number): FirmataMessage | undefined {
    if (byte === sysexEnd && this.#command === sysexStart) return this.#end();
    this.#command = byte === sysexEnd ? 0 : byte;
    this.#data = [];
    this.#missing = dataBytesOf(byte);
    if (this.#missing === 0 && byte !== sysexStart) this.#command = 0;
  }

  #end(): FirmataMessage {
    const [command, data] = [this.#command, this.#data];
    this.#command = 0;
    this.#data = [];
    if (command === 0xf9) return { kind: "version", major: data[0]!, minor: data[1]! };
    if (command !== sysexStart) return { kind: "other", command };
    const [id = 0, major = 0, minor = 0] = data;
    if (id === 0x79) return { kind: "firmware", major, minor, name: textOf(data.slice(3)) };
    if (id === 0x71) return { kind: "text", text: textOf(data.slice(1)) };
    return { kind: "other", command: id };
  }
}

/** Characters as pairs of low and high half; what cannot be printed is left out, for it goes to a terminal. */
function textOf(pairs: readonly number[]): string {
  let text = "";
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const character = pairs[i]! | (pairs[i + 1]! << 7);
    if (character >= 0x20 && character < 0x7f) text += String.fromCharCode(character);
  }
  return text;
}
