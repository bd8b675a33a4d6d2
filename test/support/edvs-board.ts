/** An eDVS for tests, true to the byte: it takes commands, echoes, answers, and streams events in five formats. */

import { polarityOf, xOf, yOf } from "../../src/events/geometry.ts";
import type { Event } from "./packets.ts";

/** `new` is eDVS4337; `old` has other formats of the same names. */
export type EdvsFirmware = "new" | "old";

const bytesOfFormat = { new: [0, -1, 2, 3, 4], old: [0, 2, 3, 4] } as const;

const help = {
  new: [
    "List of available event data formats:",
    " !E0   - 2 bytes per event, binary: 1yyyyyyy.pxxxxxxx (default)",
    " !E1   - 3..6 bytes per event, 1..4 bytes delta-timestamp (7bits each)",
    " !E2   - 4 bytes per event (as !E0 followed by 16bit timestamp)",
    " !E3   - 5 bytes per event (as !E0 followed by 24bit timestamp)",
    " !E4   - 6 bytes per event (as !E0 followed by 32bit timestamp)",
    "",
    " Every timestamp has 1us resolution",
  ],
  old: [
    " !E0   - 2 bytes per event, binary: 1yyyyyyy.pxxxxxxx (default)",
    " !E1   - 4 bytes per event (as !E0 followed by 16bit timestamp)",
    " !E2   - 5 bytes per event (as !E0 followed by 24bit timestamp)",
    " !E3   - 6 bytes per event (as !E0 followed by 32bit timestamp)",
    " Every timestamp has 1us resolution",
  ],
};

export class EdvsBoard {
  readonly commands: string[] = [];
  readonly biases = new Array<number>(12).fill(0);
  streaming = false;
  format = 0;
  echo = true;
  firmware: EdvsFirmware = "new";
  readonly #send: (bytes: Uint8Array) => void;
  #line = "";
  #lastUs = 0;

  constructor(send: (bytes: Uint8Array) => void) {
    this.#send = send;
  }

  /** Bytes from the host. */
  receive(bytes: Uint8Array): void {
    for (const byte of bytes) {
      const letter = String.fromCharCode(byte);
      if (this.echo && !this.streaming) this.say(letter);
      if (letter !== "\n" && letter !== "\r") this.#line += letter;
      else if (this.#line !== "") {
        const command = this.#line;
        this.#line = "";
        this.commands.push(command);
        this.#obey(command);
      }
    }
  }

  say(text: string): void {
    this.#send(new TextEncoder().encode(text));
  }

  /** Streams events, if it was told to. */
  see(events: readonly Event[]): void {
    if (!this.streaming) return;
    this.#send(Uint8Array.from(events.flatMap((event) => this.encode(event))));
  }

  encode([timeUs, address]: Event): number[] {
    const bytes = [0x80 | yOf(address), ((1 - polarityOf(address)) << 7) | xOf(address)];
    const size = bytesOfFormat[this.firmware][this.format]!;
    if (size < 0) {
      let delta = Math.min(2 ** 28 - 1, Math.max(0, timeUs - this.#lastUs));
      const groups = [0x80 | (delta & 0x7f)];
      for (delta >>>= 7; delta > 0; delta >>>= 7) groups.unshift(delta & 0x7f);
      bytes.push(...groups);
    }
    for (let i = size - 1; i >= 0; i--) bytes.push(Math.floor(timeUs / 256 ** i) % 256);
    this.#lastUs = timeUs;
    return bytes;
  }

  restart(): void {
    this.streaming = false;
    this.format = 0;
    this.echo = true;
    this.say("\n\nEDVS128_LPC4337, V1.2: Jan  1 2015, 12:00:00\nSystem Clock: 192MHz\n\n");
  }

  #obey(command: string): void {
    const [, index, value] = /^!B(\d+)=(\d+)$/.exec(command) ?? [];
    if (command === "R") this.restart();
    else if (command === "E+") this.streaming = true;
    else if (command === "E-") this.streaming = false;
    else if (/^!U\d$/.test(command)) this.echo = command !== "!U0";
    else if (/^!E\d$/.test(command) && Number(command[2]) < bytesOfFormat[this.firmware].length)
      this.format = Number(command[2]);
    else if (command === "??E") this.say(help[this.firmware].map((line) => `${line}\n`).join(""));
    else if (command === "?E") this.say(`-E${this.format}\n`);
    else if (index !== undefined) this.biases[Number(index)] = Number(value);
    else if (/^\?B\d+$/.test(command))
      this.say(`-B${command.slice(2)}=${this.biases[Number(command.slice(2))]}\n`);
    else if (command !== "!BF") this.say("Get/Set: Error\n");
  }
}
