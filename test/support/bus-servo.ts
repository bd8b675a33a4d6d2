/** A bus servo for tests: a register table behind Dynamixel's protocol 1.0 or 2.0, with a decoder of its own. */

export interface Instruction {
  readonly id: number;
  readonly instruction: number;
  readonly params: readonly number[];
}

/** Takes apart a frame of instruction packets. Throws when a byte of it is no part of one. */
export function instructionsIn(frame: Uint8Array, protocol: 1 | 2): Instruction[] {
  const found: Instruction[] = [];
  for (let at = 0; at < frame.length; ) {
    const head = [...frame.subarray(at, at + (protocol === 1 ? 2 : 4))].join();
    if (head !== (protocol === 1 ? "255,255" : "255,255,253,0")) throw new Error(`no header at ${at}`);
    if (protocol === 1) {
      const length = frame[at + 3]!;
      found.push({
        id: frame[at + 2]!,
        instruction: frame[at + 4]!,
        params: [...frame.subarray(at + 5, at + 3 + length)],
      });
      at += length + 4;
    } else {
      const length = frame[at + 5]! + 256 * frame[at + 6]!;
      const body = Buffer.from(frame.subarray(at + 7, at + 5 + length)).toString("latin1");
      const plain = Buffer.from(body.replaceAll("\xff\xff\xfd\xfd", "\xff\xff\xfd"), "latin1");
      found.push({ id: frame[at + 4]!, instruction: plain[0]!, params: [...plain.subarray(1)] });
      at += length + 7;
    }
  }
  return found;
}

/** A status packet as a servo sends it. */
export function statusPacket(
  protocol: 1 | 2,
  id: number,
  error: number,
  params: readonly number[],
): Uint8Array {
  if (protocol === 1) {
    const body = [id, params.length + 2, error, ...params];
    return Uint8Array.of(255, 255, ...body, 255 - (body.reduce((sum, byte) => sum + byte, 0) % 256));
  }
  const plain = Buffer.from([0x55, error, ...params]).toString("latin1");
  const body = Buffer.from(plain.replaceAll("\xff\xff\xfd", "\xff\xff\xfd\xfd"), "latin1");
  const length = body.length + 2;
  const packet = [255, 255, 253, 0, id, length & 255, length >> 8, ...body];
  let crc = 0;
  for (const byte of packet)
    for (let bit = 7; bit >= 0; bit--) {
      const top = ((crc >> 15) ^ (byte >> bit)) & 1;
      crc = ((crc << 1) & 0xffff) ^ (top ? 0x8005 : 0);
    }
  return Uint8Array.of(...packet, crc & 255, crc >> 8);
}

/** A servo with registers: it answers reads, and keeps what is written to it alone or to all. */
export function busServo(protocol: 1 | 2, id: number) {
  const servo = {
    registers: new Uint8Array(256),
    error: 0,
    /** Registers that can't be written. */
    fixed: new Set<number>(),
    answer(frame: Uint8Array): Uint8Array | undefined {
      const wide = protocol === 1 ? 1 : 2;
      for (const { id: to, instruction, params } of instructionsIn(frame, protocol)) {
        const number = (at: number) =>
          wide === 1 ? params[at]! : params[2 * at]! + 256 * params[2 * at + 1]!;
        if (instruction === 2 && to === id)
          return statusPacket(protocol, id, servo.error, [
            ...servo.registers.subarray(number(0), number(0) + number(1)),
          ]);
        if (instruction === 0x83) {
          const length = number(1);
          for (let at = 2 * wide; at < params.length; at += length + 1)
            if (params[at] === id) servo.set(number(0), params.slice(at + 1, at + 1 + length));
        }
      }
    },
    set(address: number, bytes: readonly number[]) {
      bytes.forEach((byte, i) => {
        if (!servo.fixed.has(address + i)) servo.registers[address + i] = byte;
      });
    },
  };
  return servo;
}
