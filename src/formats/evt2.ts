/**
 * Prophesee RAW, EVT2: a 32-bit word an event, and words that carry the upper bits of time.
 *
 * Layout (OpenEB `evt2_event_types.h`; faery `src/evt/decoder.rs`), little-endian, type in bits 31 to 28: 0 OFF and
 * 1 ON event (time bits 5 to 0 at 27 to 22, x at 21 to 11, y at 10 to 0), 8 TIME_HIGH (time bits 33 to 6),
 * 10 external trigger (time as an event, input at 12 to 8, value at 0), 14 and 15 vendor's own. Time runs over at 2^34 us. Origin upper left.
 */

import type { Trigger } from "../events/beside.ts";
import { type Geometry, pixels } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import type { DecodeOptions, Format } from "./format.ts";
import { inTurns, kernels } from "./kernel.ts";
import { headerBytes } from "./prophesee-header.ts";
import {
  PropheseeEncoder,
  RawDecoder,
  sniffBytes,
  sniffRaw,
  type TimeBase,
  triggerAt,
} from "./prophesee-raw.ts";

export const evt2: Format = {
  name: "evt2",
  about: "Prophesee RAW EVT2, 4 bytes an event",
  extensions: ["raw", "bin", "evt2"],
  sniff: (head, fileName) => sniffRaw(head, fileName, "evt2", suits),
  decoder: (options) => new Evt2Decoder(options),
  readsBeside: ["triggers"],
  writesBeside: ["triggers"],
  encoder: (geometry) => new Evt2Encoder(geometry),
};

const wordBytes = 4;
const timeHigh = 8;
const trigger = 10;
const other = 14;
/** Readers that know no `% end` take a first byte like this for one more line of the header. */
const percent = 0x25;
/** TIME_HIGH counts 64 us in 28 bits. */
const highTurn = 2 ** 28;
const loopUs = 2 ** 34;

/** Words of known types only, and times that go on: hardly any other bytes look like it. */
function suits(head: Uint8Array, from: number): boolean {
  let highs = 0;
  let lastHigh = 0;
  let wrong = 0;
  const words = (Math.min(head.length, sniffBytes) - from) >>> 2;
  for (let i = 0; i < words; i++) {
    const word = wordAt(head, from + i * wordBytes);
    const type = word >>> 28;
    if (type === timeHigh) {
      const high = word & 0xfffffff;
      if (highs > 0 && (high < lastHigh || high - lastHigh > 1 << 16)) wrong += 1;
      lastHigh = high;
      highs += 1;
    } else if (type > 1 && type !== trigger && type < other) wrong += 1;
  }
  return highs > 0 && wrong * 50 <= words;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

class Evt2Decoder extends RawDecoder {
  /** Upper bits of time as they were stored last; negative before the first. */
  private high = -1;
  /** 2^34 us for each time that they ran over. */
  private loopsUs = 0;

  constructor(options: DecodeOptions) {
    super("evt2", wordBytes, pixels(640, 480), options);
  }

  protected decode(words: number, into: Packet, countMax: number): number {
    const fast = kernels();
    if (!fast) return this.decodePlain(0, words, words, into, countMax);
    const { width, height } = this.geometry!;
    const { run, state } = fast;
    fast.take(this.feed.bytes, this.feed.start, words * wordBytes);
    return inTurns(
      words,
      (from) => {
        if (this.high < 0 || into.count > countMax) return from;
        const baseUs = this.startUs + this.loopsUs;
        const done = run.evt2(from, words, countMax - into.count, baseUs, this.high, width, height);
        fast.give(into, state[0]!);
        this.high = state[1]!;
        this.count("triggers", state[2]!);
        return from + done;
      },
      (from, to) => this.decodePlain(from, to, words, into, countMax),
    );
  }

  /**
   * An event in, a row out, and everything rarer is one branch away, as `evt2.kernel.ts` does where nothing is odd: of
   * `words`, those from `first` to `end`, as long as `into` holds no more than `countMax`. Answers where it ended.
   */
  private decodePlain(first: number, end: number, words: number, into: Packet, countMax: number): number {
    const list = this.aligned.int32(this.feed.bytes, this.feed.start + first * wordBytes, end - first);
    const { times, addresses } = into;
    let { width, height } = this.geometry!;
    // Without a time there is no event: a sensor of no size lets none through.
    if (this.high < 0) width = 0;
    let highUs = this.startUs + this.loopsUs + this.high * 64;
    let n = into.count;
    let triggers = 0;
    let i = first;
    for (; i < end && n <= countMax; i++) {
      const word = list[i - first]!;
      const type = word >>> 28;
      if (type <= 1) {
        const x = (word >>> 11) & 0x7ff;
        const y = word & 0x7ff;
        if (x < width && y < height) {
          times[n] = highUs + ((word >>> 22) & 63);
          addresses[n] = (y << 16) | (x << 1) | type;
          n += 1;
        } else this.leaveOut(words - i);
      } else if (type === timeHigh) {
        const high = word & 0xfffffff;
        if (high < this.high - highTurn / 2) this.loopsUs += loopUs;
        this.high = high;
        highUs = this.startUs + this.loopsUs + high * 64;
        width = this.geometry!.width;
      } else if (type === trigger) triggers += 1;
      else if (type < other)
        this.seen.leaveOut("word of no known type, left out", this.feed.offset - (words - i) * wordBytes);
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
      const word = wordAt(bytes, start + i * wordBytes);
      const type = word >>> 28;
      if (type === timeHigh) {
        const high = word & 0xfffffff;
        if (high < time.high - highTurn / 2) time.loopsUs += loopUs;
        time.high = high;
      } else if (type === trigger && time.high >= 0) {
        const timeUs = this.startUs + time.loopsUs + time.high * 64 + ((word >>> 22) & 63);
        yield triggerAt(timeUs, (word >>> 8) & 31, word & 1);
      }
    }
  }

  protected override timeOf(bytes: Uint8Array, at: number): number {
    const word = wordAt(bytes, at);
    return word >>> 28 === timeHigh ? this.startUs + (word & 0xfffffff) * 64 : Number.NaN;
  }

  private leaveOut(wordsToGo: number): void {
    this.seen.leaveOut(
      this.high < 0 ? "event before the first word of time, left out" : "event outside the sensor, left out",
      this.feed.offset - wordsToGo * wordBytes,
    );
  }
}

class Evt2Encoder extends PropheseeEncoder {
  private high = -1;

  constructor(geometry: Geometry) {
    super({
      geometry,
      sideMax: 2048,
      loopUs,
      channels: 32,
      gapUsMax: 2 ** 36,
      header: (width, height, origin) =>
        headerBytes([
          "evt 2.0",
          `format EVT2;height=${height};width=${width}`,
          `geometry ${width}x${height}`,
          ...origin,
          "end",
        ]),
    });
  }

  protected override trigger(atUs: number, channel: number, value: number): void {
    this.reach(Math.floor(atUs / 64));
    this.write32((trigger << 28) | ((atUs % 64) << 22) | (channel << 8) | value);
  }

  protected event(atUs: number, x: number, y: number, on: number): void {
    this.reach(Math.floor(atUs / 64));
    this.write32((on << 28) | ((atUs % 64) << 22) | (x << 11) | y);
  }

  protected flush(): void {}

  private reach(high: number): void {
    if (this.high < 0 && (high & 0xff) === percent) this.writeHigh(high - 1);
    if (high !== this.high) this.advance(high);
  }

  /** Each end of the time's 28 bits is written, so that every reader sees it. */
  private advance(high: number): void {
    if (this.high >= 0)
      while (Math.floor(this.high / highTurn) < Math.floor(high / highTurn)) {
        const end = (Math.floor(this.high / highTurn) + 1) * highTurn;
        if (this.high !== end - 1) this.writeHigh(end - 1);
        this.high = end;
        if (high !== end) this.writeHigh(end);
      }
    this.writeHigh(high);
    this.high = high;
  }

  private writeHigh(high: number): void {
    const word = (timeHigh << 28) | (high % highTurn);
    this.write32(word);
  }
}
