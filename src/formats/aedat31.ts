/**
 * AEDAT 3.1 and 3.0, cAER's recordings (DVS-Gesture among them): packets of one type of event each.
 *
 * Layout (iniVation `AEDAT_file_formats.md`), little-endian and signed: lines of text, in 3.1 ended by `#!END-HEADER`,
 * then packets of a header of 28 bytes (16-bit type and source; 32-bit event size, place of the time in it, time
 * overflows, capacity, number, number valid) and the events. A polarity event (type 1) has 8 bytes: bit 0 valid, bit 1
 * ON, y at 16 to 2, x at 31 to 17; then 31 bits of microseconds, to which each overflow adds 2^31. Origin upper left.
 * What is beside them is told in `aedat31-beside.ts`.
 * The valid bit is told but not heeded: in files that others wrote it is 0 everywhere.
 */

import { type PixelGeometry, pixels } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { type BesideLayout, besideLayout, recordOf } from "./aedat31-beside.ts";
import { ByteFeed } from "./byte-feed.ts";
import {
  type DecodeOptions,
  type Decoder,
  type Format,
  Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";
import { HeaderLines, latin1 } from "./header-lines.ts";

export const aedat31: Format = {
  name: "aedat31",
  about: "AEDAT 3.1 and 3.0, cAER and DVS-Gesture",
  extensions: ["aedat"],
  sniff: (head) => (latin1(head, 0, versionLine.length) === versionLine ? "sure" : "no"),
  readsBeside: ["frames", "imu", "triggers"],
  decoder: (options) => new Aedat31Decoder(options),
};

const versionLine = "#!AER-DAT3.";
const packetHeaderBytes = 28;
const eventBytes = 8;
const timeByte = 4;
const polarityType = 1;
const typeMax = 0x7f;
const turnUs = 2 ** 31;
/** Later times are no whole numbers any more. */
const turnsMax = 2 ** 21;

const streamTypes: Record<number, StreamInfo["type"]> = {
  0: "triggers",
  1: "events",
  2: "frames",
  3: "imu",
  4: "imu",
};

/** Chips by what a source's name holds; the header tells no geometry. */
const chips: readonly [name: string, size: PixelGeometry][] = [
  ["DVS128", pixels(128, 128)],
  ["DVS132S", pixels(132, 104)],
  ["DAVIS128", pixels(128, 128)],
  ["DAVIS208", pixels(208, 192)],
  ["DAVIS240", pixels(240, 180)],
  ["DAVIS346", pixels(346, 260)],
  ["DAVIS640", pixels(640, 480)],
  ["DVXPLORER", pixels(640, 480)],
];

class Aedat31Decoder implements Decoder {
  geometry: PixelGeometry | null | undefined;
  readonly streams: StreamInfo[] = [];
  private readonly options: DecodeOptions;
  private readonly seen = new Problems();
  private readonly feed = new ByteFeed();
  private readonly header = new HeaderLines("#", (line) => this.takeLine(line));
  /** The stream of each source and type, by `source << 16 | type`. */
  private readonly known = new Map<number, StreamInfo>();
  /** Events are handed out of this one. */
  private chosen: StreamInfo | undefined;
  /** Of the packet at hand: events to read, bytes to pass over, and what is added to its times. */
  private events = 0;
  private toSkip = 0;
  private baseUs = 0;
  /** Records beside the events to read, and their layout. */
  private records = 0;
  private layout: BesideLayout | undefined;
  private sawInvalid = false;

  constructor(options: DecodeOptions) {
    this.options = options;
    this.geometry = options.geometry ?? (options.chip === undefined ? undefined : sizeOfChip(options.chip));
  }

  get problems() {
    return this.seen.list;
  }

  push(bytes: Uint8Array): void {
    this.feed.push(bytes);
  }

  read(into: Packet): boolean {
    into.reserve(readEventsMax);
    if (!this.header.done && !this.readHeader()) return false;
    while (into.count < readEventsMax && !this.seen.over) {
      if (this.toSkip > 0) {
        this.toSkip -= this.feed.skip(this.toSkip);
        if (this.toSkip > 0) return false;
      } else if (this.events > 0) {
        const records = this.feed.takeRecords(eventBytes, Math.min(this.events, readEventsMax - into.count));
        if (records === 0) return false;
        this.events -= records;
        this.decode(records, into);
      } else if (this.records > 0) {
        if (!this.readRecord()) return false;
      } else {
        if (!this.feed.take(packetHeaderBytes)) return false;
        this.takePacketHeader(this.feed.bytes, this.feed.start);
      }
    }
    return !this.seen.over;
  }

  end(): void {
    const inPacket = this.events + this.records + this.toSkip > 0 || this.feed.available > 0;
    if (this.header.cut || this.header.count === 0)
      this.seen.stop("the file is cut: it ends inside its header", this.feed.offset);
    else if (this.header.done && inPacket)
      this.seen.stop("the file is cut: it ends inside a packet", this.feed.offset);
    this.geometry ??= null;
  }

  private readHeader(): boolean {
    if (!this.header.read(this.feed)) return false;
    if (this.header.count === 0) this.seen.stop("not AEDAT 3", 0);
    this.geometry ??= null;
    return true;
  }

  private takeLine(line: string): boolean {
    if (this.header.count === 1 && !line.startsWith(versionLine)) this.seen.stop("not AEDAT 3", 0);
    const [, key, value = ""] = /^#(Format|Source \d+): *(.*)$/.exec(line) ?? [];
    if (key === "Format" && value !== "RAW")
      this.seen.stop("events in another encoding than RAW", this.feed.offset - line.length);
    else if (key !== undefined && key !== "Format") this.geometry ??= sizeOfChip(value);
    return line === "#!END-HEADER";
  }

  private takePacketHeader(bytes: Uint8Array, at: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, packetHeaderBytes);
    const type = view.getInt16(0, true);
    const source = view.getInt16(2, true);
    const [size, place, overflows, capacity, number] = [4, 8, 12, 16, 20].map((byte) =>
      view.getInt32(byte, true),
    ) as [number, number, number, number, number];
    const isSane =
      type >= 0 &&
      type <= typeMax &&
      size > 0 &&
      overflows >= 0 &&
      overflows < turnsMax &&
      number >= 0 &&
      number <= capacity;
    if (!isSane || (type === polarityType && (size !== eventBytes || place !== timeByte))) {
      this.seen.stop("the header of a packet is damaged", this.feed.offset - packetHeaderBytes);
      return;
    }
    const stream = this.streamOf(source, type);
    if (stream.type === "events") {
      const wanted = this.options.stream ?? this.chosen?.id ?? stream.id;
      if (stream.id === wanted) this.chosen = stream;
    }
    if (stream === this.chosen) this.events = number;
    else {
      stream.count += number;
      this.layout = this.options.beside && besideLayout(type, size);
      if (this.layout) this.records = number;
      else this.toSkip = number * size;
    }
    this.baseUs = overflows * turnUs;
  }

  /** Takes the next record beside the events; false when more bytes are needed. */
  private readRecord(): boolean {
    const { feed, layout } = this;
    if (!layout || !feed.take(layout.bytes)) return false;
    this.records -= 1;
    const record = recordOf(layout, feed.bytes, feed.start, this.baseUs);
    if (record) this.options.beside?.(record);
    else if (record === undefined)
      this.seen.leaveOut("record beside the events that is damaged, left out", feed.offset - layout.bytes);
    return true;
  }

  private streamOf(source: number, type: number): StreamInfo {
    const key = (source << 16) | type;
    let stream = this.known.get(key);
    if (!stream) {
      stream = { id: this.streams.length, type: streamTypes[type] ?? "other", count: 0 };
      this.known.set(key, stream);
      this.streams.push(stream);
    }
    return stream;
  }

  /** The hot loop: words to columns. */
  private decode(records: number, into: Packet): void {
    const { bytes, start, offset } = this.feed;
    const { baseUs } = this;
    const width = this.geometry?.width ?? 0x8000;
    const height = this.geometry?.height ?? 0x8000;
    const { times, addresses } = into;
    let n = into.count;
    let firstInvalid = -1;
    for (let i = 0, at = start; i < records; i++, at += eventBytes) {
      const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      const stored = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      const x = word >>> 17;
      const y = (word >>> 2) & 0x7fff;
      if (x >= width || y >= height || stored < 0) {
        this.seen.leaveOut(
          stored < 0 ? "event with an impossible time, left out" : "event outside the sensor, left out",
          offset - (records - i) * eventBytes,
        );
        continue;
      }
      if ((word & 1) === 0 && firstInvalid < 0) firstInvalid = i;
      times[n] = baseUs + stored;
      addresses[n] = (y << 16) | (x << 1) | ((word >>> 1) & 1);
      n += 1;
    }
    this.chosen!.count += n - into.count;
    into.count = n;
    if (firstInvalid >= 0 && !this.sawInvalid) {
      this.sawInvalid = true;
      const byte = offset - (records - firstInvalid) * eventBytes;
      this.seen.note("events are marked as invalid, and used like the others", byte);
    }
  }
}

function sizeOfChip(name: string): PixelGeometry | undefined {
  const upper = name.toUpperCase();
  return chips.find(([chip]) => upper.includes(chip))?.[1];
}
