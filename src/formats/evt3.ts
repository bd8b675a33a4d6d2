/**
 * Prophesee RAW, EVT3: 16-bit words that say only what changed, and vectors of up to 12 pixels of a row.
 *
 * Layout (OpenEB `evt3_event_types.h`, `evt3_decoder.h`), little-endian, type in bits 15 to 12: 0 ADDR_Y (y at 10 to 0),
 * 2 ADDR_X (x at 10 to 0, ON at 11; one event), 3 VECT_BASE_X (the same, no event), 4 VECT_12 and 5 VECT_8 (a bit for
 * each pixel from the base on, which then moves on by 12 or 8), 6 TIME_LOW and 8 TIME_HIGH (12 bits each of a time of
 * 24), 10 external trigger, 7, 14 and 15 vendor's own, 1 the row of an exposure measurement. Origin upper left.
 *
 * Cameras send TIME_HIGH and a TIME_LOW that lies a little back again and again: only a TIME_HIGH that falls by half
 * its range or more has run over.
 */

import type { Trigger } from "../events/beside.ts";
import { type Geometry, pixels } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import type { DecodeOptions, Format } from "./format.ts";
import { inTurns, kernels } from "./kernel.ts";
import { headerBytes, type PropheseeHeader } from "./prophesee-header.ts";
import {
  PropheseeEncoder,
  RawDecoder,
  sniffBytes,
  sniffRaw,
  type TimeBase,
  triggerAt,
} from "./prophesee-raw.ts";

export const evt3: Format = {
  name: "evt3",
  about: "Prophesee RAW EVT3, vectors of pixels",
  extensions: ["raw", "bin", "evt3"],
  sniff: (head, fileName) => sniffRaw(head, fileName, "evt3", suits),
  decoder: (options) => new Evt3Decoder(options),
  readsBeside: ["triggers"],
  writesBeside: ["triggers"],
  encoder: (geometry) => new Evt3Encoder(geometry),
};

const wordBytes = 2;
const exposureRow = 1;
const addressX = 2;
const vectorBase = 3;
const vector12 = 4;
const vector8 = 5;
const timeLow = 6;
const vendor4 = 7;
const timeHigh = 8;
const trigger = 10;
const other = 14;
/** TIME_HIGH counts 4,096 us in 12 bits. */
const highTurn = 4096;
const loopUs = 2 ** 24;
/** A smaller fall is noise, and time steps back (OpenEB's `evt3_decoder.h`; faery writes files that need no less). */
const loopFall = highTurn / 2;
/** No sensor has such a row. */
const noRow = 0x10000;

/** Words of known types only, and a TIME_HIGH that stays or goes on: hardly any other bytes look like it. */
function suits(head: Uint8Array, from: number): boolean {
  let highs = 0;
  let lastHigh = 0;
  let wrong = 0;
  const words = (Math.min(head.length, sniffBytes) - from) >>> 1;
  for (let i = 0; i < words; i++) {
    const word = head[from + 2 * i]! | (head[from + 2 * i + 1]! << 8);
    const type = word >>> 12;
    if (type === timeHigh) {
      const step = ((word & 0xfff) - lastHigh + highTurn) % highTurn;
      if (highs > 0 && step > 64) wrong += 1;
      lastHigh = word & 0xfff;
      highs += 1;
    } else if (type === exposureRow || type === 9 || (type > trigger && type < other)) wrong += 1;
  }
  return highs > 0 && wrong * 50 <= words;
}

class Evt3Decoder extends RawDecoder {
  /** Upper bits of time as they were stored last; negative before the first. */
  private high = -1;
  private low = 0;
  /** 2^24 us for each time that they ran over. */
  private loopsUs = 0;
  private row = noRow;
  /** No VECT_12 has come since the last base. */
  private isLone = true;
  /** Bit 0 is the polarity, the rest the next pixel of a vector, as in an address. */
  private base = 0;

  constructor(options: DecodeOptions) {
    super("evt3", wordBytes, pixels(1280, 720), options);
  }

  protected decode(words: number, into: Packet, countMax: number): number {
    const fast = kernels();
    if (!fast) return this.decodePlain(0, words, words, into, countMax);
    const { width, height } = this.geometry!;
    const { run, state } = fast;
    const readsLone = isFaerys(this.header) ? 1 : 0;
    fast.take(this.feed.bytes, this.feed.start, words * wordBytes);
    return inTurns(
      words,
      (from) => {
        if (this.high < 0 || into.count > countMax) return from;
        state[0] = this.row;
        state[1] = this.base;
        state[2] = this.isLone ? 1 : 0;
        state[3] = this.high;
        state[4] = this.low;
        const baseUs = this.startUs + this.loopsUs;
        const done = run.evt3(from, words, countMax - into.count, baseUs, width, height, readsLone);
        this.row = state[0];
        this.base = state[1];
        this.isLone = state[2] !== 0;
        this.high = state[3];
        this.low = state[4];
        fast.give(into, state[5]!);
        this.count("triggers", state[6]!);
        return from + done;
      },
      (from, to) => this.decodePlain(from, to, words, into, countMax),
    );
  }

  /**
   * As `evt3.kernel.ts` does where nothing is odd: of `words`, those from `first` to `end`, as long as `into` holds no
   * more than `countMax`. Answers where it ended. The row is kept shifted, ready for the address; without a time or a
   * row there is none.
   */
  private decodePlain(first: number, end: number, words: number, into: Packet, countMax: number): number {
    const list = this.aligned.uint16(this.feed.bytes, this.feed.start + first * wordBytes, end - first);
    const { times, addresses } = into;
    const { width, height } = this.geometry!;
    const readsLone = isFaerys(this.header);
    let { row, base, isLone, high } = this;
    let seesRow = row < height && high >= 0;
    let upper = row << 16;
    let highUs = this.startUs + this.loopsUs + high * highTurn;
    let timeUs = highUs + this.low;
    let n = into.count;
    let triggers = 0;
    let i = first;
    for (; i < end && n <= countMax; i++) {
      const word = list[i - first]!;
      const type = word >>> 12;
      if (type === addressX) {
        const x = word & 0x7ff;
        if (seesRow && x < width) {
          times[n] = timeUs;
          addresses[n] = upper | (x << 1) | ((word >>> 11) & 1);
          n += 1;
        } else this.leaveOut(row, 1, words - i);
      } else if (type === 0) {
        row = word & 0x7ff;
        seesRow = row < height && high >= 0;
        upper = row << 16;
      } else if (type === timeLow) timeUs = highUs + (word & 0xfff);
      else if (type === vector12 || type === vector8) {
        const size = type === vector12 ? 12 : 8;
        let mask = type === vector12 ? word & 0xfff : word & 0xff;
        const room = width - (base >>> 1);
        if (type === vector12) isLone = false;
        else if (isLone && !readsLone) {
          this.leaveOut(row, bitCount(mask), words - i, "vector of 8 after none of 12, left out");
          mask = 0;
        }
        if (!seesRow || room < size) {
          const kept = seesRow && room > 0 ? mask & ((1 << room) - 1) : 0;
          this.leaveOut(row, bitCount(mask ^ kept), words - i);
          mask = kept;
        }
        // One bit of the mask after another, from the lowest up.
        for (; mask !== 0; mask &= mask - 1) {
          times[n] = timeUs;
          addresses[n] = upper | (base + 2 * (31 - Math.clz32(mask & -mask)));
          n += 1;
        }
        base += 2 * size;
      } else if (type === vectorBase) {
        base = ((word & 0x7ff) << 1) | ((word >>> 11) & 1);
        isLone = true;
      } else if (type === timeHigh) {
        const next = word & 0xfff;
        if (next === high) continue;
        if (high - next >= loopFall) this.loopsUs += loopUs;
        high = next;
        this.high = next;
        highUs = this.startUs + this.loopsUs + high * highTurn;
        timeUs = highUs;
        seesRow = row < height;
      } else if (type === trigger) triggers += 1;
      else if (type === exposureRow) {
        row = noRow;
        seesRow = false;
      } else if (type < other && type !== vendor4)
        this.seen.leaveOut("word of no known type, left out", this.feed.offset - (words - i) * wordBytes);
    }
    this.row = row;
    this.base = base;
    this.isLone = isLone;
    this.low = timeUs - highUs;
    into.count = n;
    this.count("triggers", triggers);
    return i;
  }

  protected timeNow(): TimeBase {
    return { high: this.high, low: this.low, loopsUs: this.loopsUs };
  }

  protected *triggersOf(words: number, time: TimeBase): Generator<Trigger> {
    const { bytes, start } = this.feed;
    for (let i = 0; i < words; i++) {
      const word = bytes[start + 2 * i]! | (bytes[start + 2 * i + 1]! << 8);
      const type = word >>> 12;
      if (type === timeLow) time.low = word & 0xfff;
      else if (type === timeHigh) {
        const next = word & 0xfff;
        if (next === time.high) continue;
        if (time.high - next >= loopFall) time.loopsUs += loopUs;
        time.high = next;
        time.low = 0;
      } else if (type === trigger && time.high >= 0) {
        const timeUs = this.startUs + time.loopsUs + time.high * highTurn + time.low;
        yield triggerAt(timeUs, (word >>> 8) & 15, word & 1);
      }
    }
  }

  private leaveOut(row: number, events: number, wordsToGo: number, why?: string): void {
    if (events === 0) return;
    if (row === noRow && this.high >= 0) this.count("other", events);
    else
      this.seen.leaveOut(
        this.high < 0
          ? "event before the first word of time, left out"
          : (why ?? "event outside the sensor, left out"),
        this.feed.offset - wordsToGo * wordBytes,
        events,
      );
  }
}

/**
 * A VECT_8 without a VECT_12 before it: OpenEB's drivers pass over it, and no camera sends it, but faery writes it.
 * Its header alone names the width first.
 */
function isFaerys({ fields }: PropheseeHeader): boolean {
  return /^EVT3;width=\d+;height=\d+$/.test(fields.get("format") ?? "");
}

function bitCount(mask: number): number {
  let bits = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) bits += 1;
  return bits;
}

class Evt3Encoder extends PropheseeEncoder {
  private high = -1;
  private low = -1;
  private row = -1;
  /** Pixels of one time, row and polarity in rising order, not yet written. */
  private readonly run = new Uint16Array(2048);
  private runCount = 0;
  private runOn = 0;

  constructor(geometry: Geometry) {
    super({
      geometry,
      sideMax: 2048,
      loopUs,
      channels: 16,
      gapUsMax: 2 ** 36,
      header: (width, height, origin) =>
        headerBytes([
          "evt 3.0",
          `format EVT3;height=${height};width=${width}`,
          `geometry ${width}x${height}`,
          ...origin,
          "end",
        ]),
    });
  }

  protected event(atUs: number, x: number, y: number, on: number): void {
    const high = Math.floor(atUs / highTurn);
    const low = atUs % highTurn;
    const goesOn = high === this.high && low === this.low && y === this.row && on === this.runOn;
    if (!goesOn || (this.runCount > 0 && x <= this.run[this.runCount - 1]!)) this.flush();
    this.reach(high, low);
    if (y !== this.row) this.write16(y);
    this.row = y;
    this.runOn = on;
    this.run[this.runCount++] = x;
  }

  protected override trigger(atUs: number, channel: number, value: number): void {
    this.flush();
    this.reach(Math.floor(atUs / highTurn), atUs % highTurn);
    this.write16((trigger << 12) | (channel << 8) | value);
  }

  private reach(high: number, low: number): void {
    if (high !== this.high) this.advance(high);
    if (low !== this.low) this.write16((timeLow << 12) | low);
    this.low = low;
  }

  /** Writes the run: vectors where they are shorter than a word for each pixel. */
  protected flush(): void {
    const { run, runCount } = this;
    for (let i = 0; i < runCount; ) {
      // A base, two vectors of 12 and one of 8 hold 32 pixels: the group that OpenEB reads in one go.
      let end = i;
      while (end < runCount && run[end]! < run[i]! + 32) end += 1;
      if (end - i > 4 && this.width >= 32) this.writeVectors(i, end);
      else for (let k = i; k < end; k++) this.writeWord(addressX, run[k]!);
      i = end;
    }
    this.runCount = 0;
  }

  private writeVectors(from: number, to: number): void {
    // A vector that reaches over the sensor's edge is refused by some readers.
    const first = Math.min(this.run[from]!, this.width - 32);
    let mask = 0;
    for (let i = from; i < to; i++) mask |= 1 << (this.run[i]! - first);
    this.writeWord(vectorBase, first);
    this.write16((vector12 << 12) | (mask & 0xfff));
    this.write16((vector12 << 12) | ((mask >>> 12) & 0xfff));
    this.write16((vector8 << 12) | (mask >>> 24));
  }

  private writeWord(type: number, x: number): void {
    this.write16((type << 12) | (this.runOn << 11) | x);
  }

  /** Writes every end of TIME_HIGH's 12 bits and no step of more than half, so that every reader follows. */
  private advance(high: number): void {
    if (this.high < 0 && (high & 0xff) === percent) this.writeHigh(high - 1);
    let from = Math.max(0, this.high);
    while (Math.floor(from / highTurn) < Math.floor(high / highTurn)) {
      const end = (Math.floor(from / highTurn) + 1) * highTurn;
      this.step(from, end - 1);
      this.writeHigh(end);
      from = end;
    }
    this.step(from, high);
    this.high = high;
    // Readers differ in whether TIME_HIGH resets TIME_LOW, so it is always said again.
    this.low = -1;
  }

  private step(from: number, to: number): void {
    if (to - from > highTurn / 2) this.writeHigh(from + highTurn / 2);
    this.writeHigh(to);
  }

  private writeHigh(high: number): void {
    this.write16((timeHigh << 12) | (high % highTurn));
  }
}

/** Readers that know no `% end` take a first byte like this for one more line of the header. */
const percent = 0x25;
