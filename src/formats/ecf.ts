/**
 * ECF, the compression of Metavision's HDF5 files (filter 0x8ECF): a chunk of events, column by column.
 *
 * Layout (prophesee-ai/hdf5_ecf `ecf_codec.cpp`, written anew from it), little-endian: 32 bits of `count << 2`, bit 1
 * y, x and p packed together, bit 0 x and p packed together; 64 bits of the first time; then the columns. Times: a byte
 * of 4 bits of step and 4 of how many (15: 16 bits follow), or, where the upper bits are 15, 4 bits of a longer step,
 * the lowest first. Rows: 11 bits of y and 5 of how many (31: 16 bits follow). x: 11 bits, and 5 for the five pixels
 * after it. p: 1 bit, and 7 of how many (127: 16 bits follow). Packed: four events in 6 or 12 bytes.
 */

import { Damage } from "./format.ts";

/** Most events of a chunk, and bytes of one: x, y, p of 16 bits each, two bytes of nothing, t of 64. */
export const ecfEventsMax = 65_535;
export const ecfEventBytes = 16;

/** Unpacks chunks into `rows`, which is lent until the next one. */
export class EcfDecoder {
  private readonly memory = new ArrayBuffer(ecfEventBytes * ecfEventsMax);
  private readonly halves = new Uint16Array(this.memory);
  private readonly times = new BigInt64Array(this.memory);
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private count = 0;

  /** The events of a chunk as `ecfEventBytes` each. Throws a Damage. */
  decode(bytes: Uint8Array): Uint8Array {
    this.bytes = bytes;
    this.at = 0;
    const head = this.uint(4);
    this.count = head >>> 2;
    if (this.count > ecfEventsMax) throw new Damage("an ECF chunk claims too many events");
    this.readTimes();
    if (head & 2) this.readAllPacked();
    else {
      this.readRuns(1, 2, 5);
      if (head & 1) this.readPacked();
      else {
        this.readMasks();
        this.readRuns(2, 1, 7);
      }
    }
    return new Uint8Array(this.memory, 0, this.count * ecfEventBytes);
  }

  private uint(size: number): number {
    if (size > this.bytes.length - this.at) throw new Damage("an ECF chunk is cut");
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.bytes[this.at + i]!;
    this.at += size;
    return value;
  }

  private readTimes(): void {
    const low = this.uint(4);
    let timeUs = (this.uint(4) | 0) * 2 ** 32 + low;
    for (let i = 0; i < this.count; ) {
      const byte = this.uint(1);
      if (byte >>> 4 === 15) {
        this.at -= 1;
        timeUs += this.longStep();
        continue;
      }
      timeUs += byte >>> 4;
      if (!Number.isSafeInteger(timeUs)) throw new Damage("an ECF chunk has an impossible time");
      const end = i + this.length(byte & 15, 15);
      if (end > this.count) throw new Damage("an ECF chunk is damaged");
      for (const time = BigInt(timeUs); i < end; i++) this.times[2 * i + 1] = time;
    }
  }

  private longStep(): number {
    let step = 0;
    let scale = 1;
    for (let byte = this.uint(1); ; byte = this.uint(1)) {
      if (byte >>> 4 !== 15) break;
      step += (byte & 15) * scale;
      scale *= 16;
      if (scale > 2 ** 64) throw new Damage("an ECF chunk has an impossible time");
    }
    this.at -= 1;
    return step;
  }

  /** The length of a run; `max` says that it follows. A run of nothing is damage. */
  private length(told: number, max: number): number {
    const length = told === max ? this.uint(2) : told;
    if (length === 0) throw new Damage("an ECF chunk is damaged");
    return length;
  }

  /** Runs of one value: its upper bits, then `lengthBits` of how many, in words of `size` bytes. */
  private readRuns(place: number, size: number, lengthBits: number): void {
    const max = (1 << lengthBits) - 1;
    for (let i = 0; i < this.count; ) {
      const word = this.uint(size);
      const end = i + this.length(word & max, max);
      if (end > this.count) throw new Damage("an ECF chunk is damaged");
      for (; i < end; i++) this.halves[8 * i + place] = word >>> lengthBits;
    }
  }

  private readMasks(): void {
    for (let i = 0; i < this.count; ) {
      const word = this.uint(2);
      const x = word >>> 5;
      this.halves[8 * i++] = x;
      for (let j = 0; j < 5 && i < this.count; j++) if (word & (16 >>> j)) this.halves[8 * i++] = x + j + 1;
    }
  }

  /** Four times 12 bits, from the highest bit of the first of three words of 16 on, with the lower parts interleaved. */
  private readPacked(): void {
    for (let i = 0; i < this.count; i += 4) {
      const [a, b, c] = [this.uint(2), this.uint(2), this.uint(2)];
      this.put(i, a >>> 4);
      this.put(i + 1, (a & 0xf) | ((b >>> 8) << 4));
      this.put(i + 2, (b & 0xff) | ((c >>> 12) << 8));
      this.put(i + 3, c & 0xfff);
    }
  }

  /** The same with 24 bits, in three words of 32. */
  private readAllPacked(): void {
    for (let i = 0; i < this.count; i += 4) {
      const [a, b, c] = [this.uint(4), this.uint(4), this.uint(4)];
      this.putAll(i, a >>> 8);
      this.putAll(i + 1, (a & 0xff) | ((b >>> 16) << 8));
      this.putAll(i + 2, (b & 0xffff) | ((c >>> 24) << 16));
      this.putAll(i + 3, c & 0xffffff);
    }
  }

  private put(i: number, word: number): void {
    if (i >= this.count) return;
    this.halves[8 * i] = word >>> 1;
    this.halves[8 * i + 2] = word & 1;
  }

  private putAll(i: number, word: number): void {
    if (i >= this.count) return;
    this.put(i, word & 0xfff);
    this.halves[8 * i + 1] = (word >>> 12) & 0x7ff;
  }
}
