/**
 * DAT, Prophesee's and Chronocam's older recordings: 8 bytes an event after a text header.
 *
 * Layout (OpenEB `dat_tools.py`; faery `src/dat/decoder.rs`): `% ` lines, a byte for the type of event (0 and 12 camera
 * events, 14 triggers), a byte for its size, then little-endian 32 bits of microseconds and 32 of address. Version 2:
 * x at 13 to 0, y at 27 to 14, polarity from 28 on. Version 1: x at 8 to 0, y at 16 to 9, polarity from 17 on. Origin
 * upper left. Many files tell no geometry.
 */

import { type Geometry, type PixelGeometry, pixelHeightMax, pixelWidthMax } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { AlignedWords } from "./aligned.ts";
import { ByteFeed } from "./byte-feed.ts";
import {
  type DecodeOptions,
  type Decoder,
  type Format,
  Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";
import { inTurns, kernels } from "./kernel.ts";
import { headerBytes, headerOf, PropheseeHeader } from "./prophesee-header.ts";
import { PropheseeEncoder } from "./prophesee-raw.ts";
import { findRecord, type RandomAccess } from "./seek.ts";

export const dat: Format = {
  name: "dat",
  about: "DAT, Prophesee and Chronocam, versions 1 and 2, 8 bytes an event",
  extensions: ["dat"],
  sniff: (head) => {
    const { header, dataByte } = headerOf(head);
    if (header.lines === 0 || header.encoding !== undefined) return "no";
    return eventTypes.includes(head[dataByte]!) && head[dataByte + 1] === recordBytes ? "sure" : "no";
  },
  decoder: (options) => new DatDecoder(options),
  encoder: (geometry) => new DatEncoder(geometry),
};

const recordBytes = 8;
const event2d = 0;
const eventCd = 12;
const eventTrigger = 14;
const eventTypes = [event2d, eventCd, eventTrigger];
const turnUs = 2 ** 32;
const halfTurnUs = 2 ** 31;

class DatDecoder implements Decoder {
  geometry: PixelGeometry | null | undefined;
  readonly streams: StreamInfo[] = [{ id: 0, type: "events", count: 0 }];
  private readonly options: DecodeOptions;
  private readonly seen = new Problems();
  private readonly feed = new ByteFeed();
  private readonly aligned = new AlignedWords();
  private readonly header = new PropheseeHeader();
  private type: number | undefined;
  private isVersion1 = false;
  /** Added to times: where the file starts, and 2^32 for each time that the 32 bits ran over. */
  private baseUs = 0;
  private turned = false;
  /** Where the records begin. */
  private dataByte = 0;
  private lastStored = 0;

  constructor(options: DecodeOptions) {
    this.options = options;
    this.geometry = options.geometry;
  }

  get problems() {
    return this.seen.list;
  }

  push(bytes: Uint8Array): void {
    this.feed.push(bytes);
  }

  read(into: Packet): boolean {
    into.reserve(readEventsMax);
    if (!this.readHeader()) return false;
    while (into.count < readEventsMax && !this.seen.over) {
      const records = this.feed.takeRecords(recordBytes, readEventsMax - into.count);
      if (records === 0) return false;
      if (this.type === eventTrigger) this.streams[0]!.count += records;
      else this.decode(records, into);
    }
    return !this.seen.over;
  }

  async seek(file: RandomAccess, timeUs: number): Promise<number | undefined> {
    if (this.type === undefined || this.seen.over) return undefined;
    const timeOf = (bytes: Uint8Array, at: number) =>
      this.baseUs +
      ((bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0);
    const offset = this.turned
      ? undefined
      : await findRecord(file, this.dataByte, recordBytes, timeOf, timeUs);
    if (offset !== undefined) this.feed.moveTo(offset);
    return offset;
  }

  end(): void {
    this.geometry ??= null;
    if (this.type === undefined)
      this.seen.stop("the file is cut: it ends inside its header", this.feed.offset);
    else if (this.feed.available > 0)
      this.seen.stop("the file is cut: it ends inside an event", this.feed.offset);
  }

  private readHeader(): boolean {
    const { header, feed, seen } = this;
    if (this.type !== undefined) return true;
    if (!header.read(feed) || !feed.take(2)) return false;
    this.type = feed.bytes[feed.start]!;
    if (header.lines === 0 || !eventTypes.includes(this.type) || feed.bytes[feed.start + 1] !== recordBytes)
      seen.stop("not DAT: no header, or no events of 8 bytes after it", feed.offset - 2);
    if (this.type === eventTrigger) this.streams[0] = { id: 0, type: "triggers", count: 0 };
    this.isVersion1 = Number(header.fields.get("version") ?? 2) < 2;
    this.baseUs = header.startUs;
    this.dataByte = feed.offset;
    this.geometry = this.options.geometry ?? header.geometry ?? null;
    return true;
  }

  private decode(records: number, into: Packet): void {
    const before = into.count;
    const fast = this.isVersion1 ? null : kernels();
    if (fast) {
      const { width, height } = this.sides;
      fast.take(this.feed.bytes, this.feed.start, records * recordBytes);
      inTurns(
        records,
        (from) => {
          const done = fast.run.dat(from, records, this.baseUs, this.lastStored, width, height);
          fast.give(into, done);
          if (done > 0) this.lastStored = into.times[into.count - 1]! - this.baseUs;
          return from + done;
        },
        (from, to) => this.decodePlain(from, to, records, into),
      );
    } else this.decodePlain(0, records, records, into);
    this.streams[0]!.count += into.count - before;
  }

  private get sides(): { width: number; height: number } {
    return this.geometry ?? { width: pixelWidthMax, height: pixelHeightMax };
  }

  /**
   * Words to columns, as `dat.kernel.ts` does where nothing is odd: of `records`, those from `first` to `end`. Times go
   * on from one to the next; the rarer ways of time are one branch away.
   */
  private decodePlain(first: number, end: number, records: number, into: Packet): number {
    const { bytes, start, offset } = this.feed;
    const list = this.aligned.int32(bytes, start + first * recordBytes, 2 * (end - first));
    const { width, height } = this.sides;
    const [xMask, yShift, yMask, pShift, pMask] = this.isVersion1 ? bits1 : bits2;
    const { times, addresses } = into;
    let { baseUs, lastStored } = this;
    let n = into.count;
    for (let i = first, k = 0; i < end; i++, k += 2) {
      const stored = list[k]! >>> 0;
      const word = list[k + 1]!;
      let timeUs = baseUs + stored;
      if (stored < lastStored || stored - lastStored > halfTurnUs) {
        if (lastStored - stored > halfTurnUs) {
          baseUs += turnUs;
          timeUs += turnUs;
          this.turned = true;
          lastStored = stored;
        } else if (stored > lastStored && this.turned) timeUs -= turnUs;
        else lastStored = stored;
      } else lastStored = stored;
      const x = word & xMask;
      const y = (word >>> yShift) & yMask;
      if (x >= width || y >= height) {
        this.seen.leaveOut("event outside the sensor, left out", offset - (records - i) * recordBytes);
        continue;
      }
      times[n] = timeUs;
      addresses[n] = (y << 16) | (x << 1) | (((word >>> pShift) & pMask) === 0 ? 0 : 1);
      n += 1;
    }
    this.baseUs = baseUs;
    this.lastStored = lastStored;
    into.count = n;
    return end;
  }
}

/** Of an address: mask of x, place and mask of y, place and mask of the polarity. */
const bits1 = [0x1ff, 9, 0xff, 17, 15] as const;
const bits2 = [0x3fff, 14, 0x3fff, 28, 15] as const;

class DatEncoder extends PropheseeEncoder {
  constructor(geometry: Geometry) {
    super({
      geometry,
      sideMax: 1 << 14,
      loopUs: turnUs,
      channels: 0,
      gapUsMax: halfTurnUs,
      header: (width, height, origin) => {
        const lines = ["Data file containing CD events.", "Version 2", ...origin];
        return Uint8Array.of(
          ...headerBytes([...lines, `Height ${height}`, `Width ${width}`]),
          eventCd,
          recordBytes,
        );
      },
    });
  }

  protected event(atUs: number, x: number, y: number, on: number): void {
    this.write32(atUs % turnUs);
    this.write32((on << 28) | (y << 14) | x);
  }

  protected flush(): void {}
}
