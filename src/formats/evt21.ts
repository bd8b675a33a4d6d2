/**
 * Prophesee RAW, EVT2.1: a 64-bit word holds up to 32 events of a row, and words in between the upper bits of time.
 *
 * Layout (OpenEB `evt21_event_types.h`), little-endian: type in bits 63 to 60 (0 OFF, 1 ON, 8 TIME_HIGH, 10 external
 * trigger with its input at 44 to 40 and its value at 32, 14 and 15 vendor's own), time bits 5 to 0 at 59 to 54, x at 53 to 43, y at 42 to 32, and a bit for each of
 * the pixels x to x + 31 below; TIME_HIGH has time bits 33 to 6 at 59 to 32. Older cameras store the upper half of a
 * word first (`legacy`): so does a file that names no `endianness`. Origin upper left.
 */

import type { Trigger } from "../events/beside.ts";
import { pixels } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import type { DecodeOptions, Format } from "./format.ts";
import { RawDecoder, sniffRaw, type TimeBase, triggerAt } from "./prophesee-raw.ts";

export const evt21: Format = {
  name: "evt21",
  about: "Prophesee RAW EVT2.1, words of up to 32 events",
  extensions: ["raw", "evt21"],
  sniff: (head, fileName) => sniffRaw(head, fileName, "evt21", () => false),
  readsBeside: ["triggers"],
  decoder: (options) => new Evt21Decoder(options),
};

const wordBytes = 8;
const timeHigh = 8;
const trigger = 10;
const other = 14;
const highTurn = 2 ** 28;
const loopUs = 2 ** 34;

class Evt21Decoder extends RawDecoder {
  private high = -1;
  private loopsUs = 0;
  /** Of a word, where its upper half begins. */
  private upperByte: number | undefined;

  constructor(options: DecodeOptions) {
    super("evt21", wordBytes, pixels(1280, 720), options);
  }

  protected decode(words: number, into: Packet, countMax: number): number {
    const { bytes, start, offset } = this.feed;
    const { times, addresses } = into;
    const { width, height } = this.geometry!;
    this.upperByte ??= this.findUpper(bytes, start);
    const halves = this.aligned.int32(bytes, start, 2 * words);
    const upperAt = this.upperByte >> 2;
    const lowerAt = 1 - upperAt;
    let highUs = this.startUs + this.loopsUs + this.high * 64;
    let n = into.count;
    let triggers = 0;
    let i = 0;
    for (; i < words && n <= countMax; i++) {
      const upper = halves[2 * i + upperAt]!;
      const type = upper >>> 28;
      if (type <= 1) {
        let mask = halves[2 * i + lowerAt]!;
        const x = (upper >>> 11) & 0x7ff;
        const y = upper & 0x7ff;
        if (this.high < 0 || y >= height || x + 32 > width) {
          const room = this.high < 0 || y >= height ? 0 : Math.max(0, width - x);
          const kept = room >= 32 ? mask : mask & ((1 << room) - 1);
          if (kept !== mask) this.leaveOut(mask ^ kept, offset - (words - i) * wordBytes);
          mask = kept;
        }
        const timeUs = highUs + ((upper >>> 22) & 63);
        const first = (y << 16) | (x << 1) | type;
        for (; mask !== 0; mask &= mask - 1) {
          times[n] = timeUs;
          addresses[n] = first + 2 * (31 - Math.clz32(mask & -mask));
          n += 1;
        }
      } else if (type === timeHigh) {
        const high = upper & 0xfffffff;
        if (high < this.high - highTurn / 2) this.loopsUs += loopUs;
        this.high = high;
        highUs = this.startUs + this.loopsUs + high * 64;
      } else if (type === trigger) triggers += 1;
      else if (type < other)
        this.seen.leaveOut("word of no known type, left out", offset - (words - i) * wordBytes);
    }
    into.count = n;
    this.count("triggers", triggers);
    return i;
  }

  protected timeNow(): TimeBase {
    return { high: this.high, low: 0, loopsUs: this.loopsUs };
  }

  protected *triggersOf(words: number, time: TimeBase): Generator<Trigger> {
    const { bytes, start } = this.feed;
    for (let i = 0; i < words; i++) {
      const upper = uint32(bytes, start + i * wordBytes + this.upperByte!);
      const type = upper >>> 28;
      if (type === timeHigh) {
        const high = upper & 0xfffffff;
        if (high < time.high - highTurn / 2) time.loopsUs += loopUs;
        time.high = high;
      } else if (type === trigger && time.high >= 0) {
        const timeUs = this.startUs + time.loopsUs + time.high * 64 + ((upper >>> 22) & 63);
        yield triggerAt(timeUs, (upper >>> 8) & 31, upper & 1);
      }
    }
  }

  protected override timeOf(bytes: Uint8Array, at: number): number {
    const upper = uint32(bytes, at + this.upperByte!);
    return upper >>> 28 === timeHigh ? this.startUs + (upper & 0xfffffff) * 64 : Number.NaN;
  }

  /** From the header; a bare stream tells by its first word, a TIME_HIGH whose other half is empty. */
  private findUpper(bytes: Uint8Array, start: number): number {
    const format = this.header.fields.get("format") ?? "";
    const order = /;endianness=(\w+)/.exec(format)?.[1] ?? this.header.fields.get("endianness");
    if (order !== undefined) return order === "legacy" ? 0 : 4;
    if (this.header.lines > 0) return 0;
    const isLittle = uint32(bytes, start + 4) >>> 28 === timeHigh && uint32(bytes, start) === 0;
    this.seen.note(`no header tells the word order, taken for ${isLittle ? "little" : "legacy"}`, 0);
    return isLittle ? 4 : 0;
  }

  private leaveOut(mask: number, byte: number): void {
    let events = 0;
    for (let rest = mask; rest !== 0; rest &= rest - 1) events += 1;
    this.seen.leaveOut(
      this.high < 0 ? "event before the first word of time, left out" : "event outside the sensor, left out",
      byte,
      events,
    );
  }
}

/** As a signed number, which is all that the bits need. */
function uint32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
