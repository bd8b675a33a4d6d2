/** An emulated ATmega328P at 16 MHz that runs a .hex: its serial port, its virtual time, and the pulses on its pins. */

import {
  AVRIOPort,
  AVRTimer,
  AVRUSART,
  avrInstruction,
  CPU,
  PinState,
  portBConfig,
  portDConfig,
  timer0Config,
  timer1Config,
  timer2Config,
  usart0Config,
} from "avr8js";
import type { TalkingPort } from "../../drivers/serial/link.ts";
import type { VirtualClock } from "../../src/clock.ts";

const cyclesPerUs = 16;
const flashWords = 0x4000;

export interface Pulse {
  /** When it began, microseconds since the board was made. */
  readonly atUs: number;
  readonly widthUs: number;
}

export class AvrBoard {
  /** All that it said, as text of single bytes. */
  said = "";
  readonly #cpu: CPU;
  readonly #usart: AVRUSART;
  readonly #pulses = new Map<number, Pulse[]>();
  #toHear: number[] = [];
  #drained: (() => void)[] = [];
  #listeners: ((bytes: Uint8Array) => void)[] = [];

  constructor(hex: string) {
    const flash = new Uint16Array(flashWords);
    loadHex(hex, new Uint8Array(flash.buffer));
    this.#cpu = new CPU(flash);
    for (const config of [timer0Config, timer1Config, timer2Config]) new AVRTimer(this.#cpu, config);
    this.#usart = new AVRUSART(this.#cpu, usart0Config, cyclesPerUs * 1e6);
    this.#usart.onByteTransmit = (byte) => {
      this.said += String.fromCharCode(byte);
      for (const listener of this.#listeners) listener(Uint8Array.of(byte));
    };
    // Pins as an Arduino counts them: 0 to 7 are port D, 8 to 13 port B.
    this.#watch(new AVRIOPort(this.#cpu, portDConfig), 0);
    this.#watch(new AVRIOPort(this.#cpu, portBConfig), 8);
  }

  get nowUs(): number {
    return this.#cpu.cycles / cyclesPerUs;
  }

  /** Whole pulses on an Arduino's pin that have ended. */
  pulses(pin: number): readonly Pulse[] {
    return this.#pulses.get(pin) ?? [];
  }

  /**
   * The last whole pulse's width. The emulator ends a pulse of Timer 1 with the tick of the compare value, the chip after
   * it (ATmega328P, 15.9.3: one tick at 0), so that it shows up to half a microsecond less.
   */
  widthUs(pin: number): number | undefined {
    return this.pulses(pin).at(-1)?.widthUs;
  }

  run(forUs: number): void {
    const until = this.#cpu.cycles + forUs * cyclesPerUs;
    while (this.#cpu.cycles < until) {
      avrInstruction(this.#cpu);
      this.#cpu.tick();
      if (this.#toHear.length > 0 || this.#drained.length > 0) this.#feed();
    }
  }

  /** Presses its reset button: the program starts again, time goes on. */
  reset(): void {
    const { cycles } = this.#cpu;
    this.#cpu.reset();
    this.#cpu.cycles = cycles;
    this.#usart.reset();
  }

  /** Sends bytes to it, at the pace of its line. */
  hear(bytes: Uint8Array | string): void {
    this.#toHear.push(...(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes));
  }

  /** Its serial port, as the package serialport would open it. */
  readonly open = async (): Promise<TalkingPort> => ({
    write: (bytes, done) => {
      this.hear(bytes);
      done();
    },
    drain: (done) => this.#drained.push(() => done()),
    close: (done) => done(),
    on: (event: string, listener: unknown) => {
      if (event === "data") this.#listeners.push(listener as (bytes: Uint8Array) => void);
    },
    resume() {},
  });

  #feed(): void {
    const [byte] = this.#toHear;
    if (byte !== undefined && this.#usart.writeByte(byte) !== false) this.#toHear.shift();
    if (this.#toHear.length === 0) for (const done of this.#drained.splice(0)) done();
  }

  #watch(port: AVRIOPort, firstPin: number): void {
    const raisedAt = new Map<number, number>();
    port.addListener(() => {
      for (let bit = 0; bit < 8; bit++) {
        const pin = firstPin + bit;
        const high = port.pinState(bit) === PinState.High;
        const since = raisedAt.get(pin);
        if (high && since === undefined) raisedAt.set(pin, this.#cpu.cycles);
        if (high || since === undefined) continue;
        raisedAt.delete(pin);
        const pulse = { atUs: since / cyclesPerUs, widthUs: (this.#cpu.cycles - since) / cyclesPerUs };
        this.#pulses.set(pin, [...this.pulses(pin), pulse]);
      }
    });
  }
}

/** Lets promises that are due run. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Lets clocks and board go on together, a millisecond at a time. */
export async function together(
  board: AvrBoard,
  clocks: readonly VirtualClock[],
  forUs: number,
  each: (elapsedUs: number) => void = () => {},
): Promise<void> {
  for (let elapsedUs = 1000; elapsedUs <= forUs; elapsedUs += 1000) {
    for (const clock of clocks) clock.advance(clock.nowUs() + 1000);
    each(elapsedUs);
    await turn();
    board.run(1000);
  }
}

/** Intel HEX: `:` length, address, type (00 data), bytes, checksum, all in hexadecimal. */
function loadHex(hex: string, into: Uint8Array): void {
  for (const line of hex.split(/\r?\n/)) {
    const record = Buffer.from(line.slice(1), "hex");
    if (line[0] !== ":" || record[3] !== 0) continue;
    into.set(record.subarray(4, 4 + record[0]!), record.readUInt16BE(1));
  }
}
