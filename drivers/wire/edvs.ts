/**
 * The byte stream of an eDVS: events, and lines of text between them.
 *
 * An event is `1yyyyyyy pxxxxxxx` (p = 1 is OFF), then by format nothing (E0); one to four bytes of 7 bits of the time
 * since the last event, the highest first, the last one with bit 7 set (E1); or 16, 24, 32 bits of absolute time,
 * big-endian (E2, E3, E4; eDVS4337 `uart.c`). Older firmware has E1 to E3 with 16, 24 and 32 bits, so `??E` decides.
 */

import type { Packet } from "../../src/events/packet.ts";

/** What follows the address of an event. */
export type EdvsTimes = "none" | "delta" | 16 | 24 | 32;

export const edvsSide = 128;
const lineBytesMax = 256;
const deltaBytesMax = 4;

/** Reads the stream in any cut; a byte that fits nowhere is skipped and counted. */
export class EdvsDecoder {
  /** Bytes that were neither of an event nor of a reply. */
  skipped = 0;
  readonly #times: EdvsTimes;
  readonly #timeBytes: number;
  readonly #turnUs: number;
  /** Bytes of the event at hand: 0 is none, 1 its y, 2 its x, then its time. */
  #have = 0;
  #y = 0;
  #x = 0;
  #raw = 0;
  #baseUs = 0;
  #lastRaw = 0;
  #timeUs = 0;
  #text = "";

  constructor(times: EdvsTimes) {
    this.#times = times;
    this.#timeBytes = typeof times === "number" ? times / 8 : 0;
    this.#turnUs = typeof times === "number" ? 2 ** times : Number.POSITIVE_INFINITY;
  }

  /**
   * Appends the events and answers the replies that these bytes complete. `silentUs` is how long nothing came before
   * them: a counter that may have run over more than once is put where it must be by now.
   */
  push(bytes: Uint8Array, into: Packet, silentUs = 0): string[] {
    const replies: string[] = [];
    let overdueUs = silentUs > this.#turnUs / 2 ? this.#timeUs + silentUs : Number.NaN;
    into.reserve(into.count + (bytes.length >>> 1) + 1);
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (this.#have === 0) {
        if (byte >= 0x80) {
          this.#y = byte & 0x7f;
          this.#have = 1;
        } else this.#hear(byte, replies);
        continue;
      }
      if (this.#have === 1) {
        this.#x = byte;
        this.#have = 2;
        this.#raw = 0;
        if (this.#times === "none") this.#complete(into);
        continue;
      }
      this.#have += 1;
      if (this.#times === "delta") {
        this.#raw = this.#raw * 128 + (byte & 0x7f);
        if (byte >= 0x80) {
          this.#timeUs += this.#raw;
          this.#complete(into);
        } else if (this.#have === 2 + deltaBytesMax) {
          this.skipped += this.#have;
          this.#have = 0;
        }
        continue;
      }
      this.#raw = this.#raw * 256 + byte;
      if (this.#have < 2 + this.#timeBytes) continue;
      this.#tell(overdueUs);
      overdueUs = Number.NaN;
      this.#complete(into);
    }
    return replies;
  }

  #tell(overdueUs: number): void {
    if (this.#raw < this.#lastRaw) this.#baseUs += this.#turnUs;
    this.#lastRaw = this.#raw;
    if (!Number.isNaN(overdueUs)) {
      const turns = Math.round((overdueUs - this.#baseUs - this.#raw) / this.#turnUs);
      this.#baseUs += Math.max(0, turns) * this.#turnUs;
    }
    this.#timeUs = this.#baseUs + this.#raw;
  }

  #complete(into: Packet): void {
    this.#have = 0;
    const off = this.#x >>> 7;
    into.push(this.#timeUs, ((this.#y << 16) | ((this.#x & 0x7f) << 1) | (1 - off)) >>> 0);
  }

  /** Text comes between events, and may go on behind one. */
  #hear(byte: number, replies: string[]): void {
    if (byte === 0x0a || byte === 0x0d) {
      // Replies begin with a minus; only the banner of a board that restarted does not.
      if (/^-|eDVS/i.test(this.#text)) replies.push(this.#text);
      else this.skipped += this.#text.length;
      this.#text = "";
    } else if (byte >= 0x20 && byte < 0x7f && this.#text.length < lineBytesMax) {
      this.#text += String.fromCharCode(byte);
    } else {
      this.skipped += this.#text.length + 1;
      this.#text = "";
    }
  }
}

/** Which formats a board has, by the lines of its answer to `??E`: ` !E2   - 4 bytes per event (as !E0 ...`. */
export function edvsFormats(help: readonly string[]): Map<number, EdvsTimes> {
  const formats = new Map<number, EdvsTimes>();
  for (const line of help) {
    const [, digit, bytes] = /!E(\d)\s*-\s*(\d(?:\.\.\d|-\d)?) bytes per event/.exec(line) ?? [];
    const times = bytes === undefined ? undefined : timesOfBytes[bytes.length > 1 ? "delta" : bytes];
    if (digit !== undefined && times !== undefined && !/ASCII/i.test(line)) formats.set(Number(digit), times);
  }
  return formats;
}

const timesOfBytes: Readonly<Record<string, EdvsTimes>> = {
  "2": "none",
  delta: "delta",
  "4": 16,
  "5": 24,
  "6": 32,
};

/** What present firmware has, for a board that doesn't answer `??E`. */
export const edvsFormatsUsual: ReadonlyMap<number, EdvsTimes> = new Map<number, EdvsTimes>([
  [0, "none"],
  [1, "delta"],
  [2, 16],
  [3, 24],
  [4, 32],
]);
