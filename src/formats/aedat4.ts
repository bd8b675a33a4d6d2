/**
 * AEDAT 4.0, iniVation's recordings: FlatBuffer packets of events, frames, IMU samples and triggers, each compressed.
 *
 * Layout (iniVation `AEDAT_file_formats.md`; dv-processing 1.7 `IOHeader.fbs`, `FileDataTable.fbs`, `event.fbs`):
 * a 14-byte version line; a size-prefixed FlatBuffer IOHE (compression, place of the data table, an XML text that
 * describes the streams); packets of int32 stream, int32 size and a compressed size-prefixed FlatBuffer; a compressed
 * table FTAB. All little-endian. Origin upper left, times in microseconds.
 */

import type { BesideType } from "../events/beside.ts";
import { type PixelGeometry, pixels } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { besideOf } from "./aedat4-beside.ts";
import { Aedat4Encoder, type Compression, compressions, eventBytes, versionLine } from "./aedat4-write.ts";
import { AlignedWords } from "./aligned.ts";
import { ByteFeed, Scratch } from "./byte-feed.ts";
import { FlatBuffer } from "./flatbuffer.ts";
import {
  Damage,
  type DecodeOptions,
  type Decoder,
  type Format,
  Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";
import { inTurns, type KernelScratch, kernels } from "./kernel.ts";
import { decodeLz4Frames } from "./lz4.ts";
import type { RandomAccess } from "./seek.ts";
import { decodeZstdFrames } from "./zstd.ts";

const besideTypes: readonly BesideType[] = ["frames", "imu", "triggers"];

export const aedat4: Format = {
  name: "aedat4",
  about: "AEDAT 4.0, iniVation DV: none, LZ4 and Zstandard compression",
  extensions: ["aedat4"],
  sniff: (head) => (startsWith(head, versionLine) ? "sure" : "no"),
  decoder: (options) => new Aedat4Decoder(options),
  readsBeside: besideTypes,
  writesBeside: besideTypes,
  encoder: (geometry, options) => new Aedat4Encoder(geometry, options),
};

/** Of a stream whose camera nobody told. */
const anySize = { width: 0x8000, height: 0x8000 };

const headerBytesMax = 1 << 22;
/** Largest packet in the file and unpacked: 2 million events; iniVation's software writes one each 10 ms. */
const packetBytesMax = 1 << 25;
/** Largest data table unpacked: about 50 bytes a packet. */
const tableBytesMax = 1 << 27;
/** More streams than any camera rig has: a header that lists thousands is damage. */
const streamsMax = 64;

const streamTypes: Readonly<Record<string, StreamInfo["type"]>> = {
  EVTS: "events",
  FRME: "frames",
  IMUS: "imu",
  TRIG: "triggers",
};
/** Size of an element in the packet's vector: events are structs, IMU samples and triggers offsets of tables. */
const elementBytes = { events: eventBytes, imu: 4, triggers: 4 } as const;

/** What comes next in the file. */
type State = "version" | "header size" | "header" | "packet header" | "packet" | "unread packet" | "table";

class Aedat4Decoder implements Decoder {
  readonly streams: StreamInfo[] = [];
  geometry: PixelGeometry | null | undefined;
  private readonly options: DecodeOptions;
  private readonly seen = new Problems();
  private readonly feed = new ByteFeed();
  private readonly plain = new Scratch();
  private readonly sizes = new Map<number, PixelGeometry>();
  private state: State = "version";
  private compression: Compression = "none";
  private tableOffset = Number.POSITIVE_INFINITY;
  /** The stream whose events are handed out, once that is known. */
  private chosen: number | undefined;
  private packetStream = 0;
  /** Bytes of the header, packet or rest of a packet that comes next. */
  private size = 0;
  /** Of the packet or table at hand, for messages. */
  private packetOffset = 0;
  /** Where the packet at hand is unpacked; its events from `eventAt` to `eventEnd` are not yet handed out. */
  private packet: Uint8Array = this.plain.bytes;
  private eventAt = 0;
  private eventEnd = 0;
  /** The packet is in this memory. */
  private rented: KernelScratch | undefined;
  private readonly aligned = new AlignedWords();

  constructor(options: DecodeOptions) {
    this.options = options;
    this.chosen = options.stream;
  }

  get problems() {
    return this.seen.list;
  }

  get eventStream() {
    return this.chosen;
  }

  get besideTypes() {
    return besideTypes.filter((type) => this.streams.some((stream) => stream.type === type));
  }

  push(bytes: Uint8Array): void {
    this.feed.push(bytes);
  }

  read(into: Packet): boolean {
    into.reserve(readEventsMax);
    while (!this.seen.over) {
      if (this.eventAt < this.eventEnd) this.handOut(into);
      if (into.count === readEventsMax) return true;
      if (!this.advance()) return false;
    }
    return false;
  }

  /** By the data table at the end of the file; a packet has the times of its first and last event there. */
  async seek(file: RandomAccess, timeUs: number): Promise<number | undefined> {
    const size = file.size - this.tableOffset;
    const cameras = this.streams.filter(({ type }) => type === "events");
    const chosen = this.chosen ?? (cameras.length === 1 ? cameras[0]!.id : undefined);
    if (!(size > 0 && size < tableBytesMax) || chosen === undefined || this.seen.over) return undefined;
    const bytes = await file.read(this.tableOffset, size);
    let offset = this.tableOffset;
    try {
      const table = unpack(this.compression, bytes, 0, bytes.length, new Scratch(), tableBytesMax);
      for (const entry of entriesOf(table)) {
        const isWanted = entry.stream === chosen || (this.options.beside && this.isBeside(entry.stream));
        if (isWanted && entry.lastUs >= timeUs) offset = Math.min(offset, entry.offset - 8);
      }
    } catch (error) {
      if (error instanceof Damage) return undefined;
      throw error;
    }
    if (!(offset > versionLine.length)) return undefined;
    this.feed.moveTo(offset);
    this.eventAt = this.eventEnd;
    this.state = "packet header";
    return offset;
  }

  end(): void {
    if (this.geometry === undefined) this.choose(undefined);
    const asked = this.options.stream;
    if (asked !== undefined && this.known(asked)?.type !== "events")
      this.seen.stop("the file has no stream of events of that number", 0);
    if (this.state === "table") this.checkTable();
    else if (this.tableOffset !== Number.POSITIVE_INFINITY)
      this.seen.stop("the file is cut: it ends before its data table", this.feed.offset);
    else if (this.state !== "packet header" || this.feed.available > 0)
      this.seen.stop("the file is cut: it ends inside a packet", this.packetOffset);
  }

  /** Takes the next part of the file; false when its bytes aren't all here. */
  private advance(): boolean {
    const { feed } = this;
    try {
      switch (this.state) {
        case "version":
          if (!feed.take(versionLine.length)) return false;
          if (!startsWith(feed.bytes.subarray(feed.start), versionLine)) throw new Damage("not AEDAT 4.0");
          this.state = "header size";
          return true;
        case "header size":
          if (!feed.take(4)) return false;
          this.size = uint32(feed.bytes, feed.start);
          if (this.size > headerBytesMax) throw new Damage("the header claims too large a size");
          this.state = "header";
          return true;
        case "header":
          if (!feed.take(this.size)) return false;
          this.readHeader(new FlatBuffer(feed.bytes, feed.start, feed.start + this.size));
          return true;
        case "packet header":
          return this.readPacketHeader();
        case "unread packet":
          this.size -= feed.skip(this.size);
          if (this.size > 0) return false;
          this.state = "packet header";
          this.known(this.packetStream)!.count += 1;
          return true;
        case "packet":
          if (!feed.take(this.size)) return false;
          this.state = "packet header";
          this.readPacket();
          return true;
        case "table":
          if (feed.take(tableBytesMax)) throw new Damage("the data table is too large");
          return false;
      }
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      this.seen.stop(error.message, this.packetOffset);
      return false;
    }
  }

  private readHeader(header: FlatBuffer): void {
    if (header.identifier !== "IOHE") throw new Damage("the header is damaged");
    const { root } = header;
    const compressionField = header.field(root, 0, 4);
    const code = compressionField === 0 ? 0 : header.int32(compressionField);
    const compression = compressions[code];
    if (!compression) throw new Damage("the header names an unknown compression");
    this.compression = compression;
    const tableField = header.field(root, 1, 8);
    const tableOffset = tableField === 0 ? -1 : header.int64(tableField);
    if (tableOffset >= this.feed.offset) this.tableOffset = tableOffset;
    else if (tableOffset !== -1)
      this.seen.note("the header gives a wrong place of the data table", this.packetOffset);
    this.readStreams(header.text(header.field(root, 2, 4)));
    this.packetOffset = this.feed.offset;
    this.state = "packet header";
  }

  private readStreams(xml: string): void {
    for (const node of describedStreams(xml)) {
      this.streamOf(node.id, streamTypes[node.type] ?? "other");
      if (node.width > 0 && node.height > 0) this.sizes.set(node.id, pixels(node.width, node.height));
    }
    const cameras = this.streams.filter(({ type }) => type === "events");
    const sizes = new Set(cameras.map(({ id }) => JSON.stringify(this.sizes.get(id))));
    if (this.options.geometry || this.chosen !== undefined || sizes.size === 1) this.choose(this.chosen);
  }

  /** Settles the geometry: that of the stream, of the first camera, of any stream with one. */
  private choose(id: number | undefined): void {
    const camera = id ?? this.streams.find(({ type }) => type === "events")?.id;
    const ofStream = camera === undefined ? undefined : this.sizes.get(camera);
    this.geometry = this.options.geometry ?? ofStream ?? this.sizes.values().next().value ?? null;
  }

  private isBeside(stream: number): boolean {
    return besideTypes.some((type) => type === this.known(stream)?.type);
  }

  private known(id: number): StreamInfo | undefined {
    return this.streams.find((stream) => stream.id === id);
  }

  private streamOf(id: number, type: StreamInfo["type"]): StreamInfo {
    const known = this.known(id);
    if (known) return known;
    if (this.streams.length === streamsMax) throw new Damage("the file names too many streams");
    const stream = { id, type, count: 0 };
    this.streams.push(stream);
    this.streams.sort((a, b) => a.id - b.id);
    return stream;
  }

  private readPacketHeader(): boolean {
    const { feed } = this;
    this.packetOffset = feed.offset;
    if (feed.offset >= this.tableOffset) {
      this.state = "table";
      return true;
    }
    if (!feed.take(8)) return false;
    this.packetStream = uint32(feed.bytes, feed.start) | 0;
    this.size = uint32(feed.bytes, feed.start + 4);
    if (this.size > 0x7fffffff || feed.offset + this.size > this.tableOffset)
      throw new Damage("a packet runs into the data table, or its header is damaged");
    const type = this.known(this.packetStream)?.type;
    const isUnread = type === "other" || (type === "frames" && !this.options.beside);
    this.state = isUnread ? "unread packet" : "packet";
    if (this.state === "packet" && this.size > packetBytesMax)
      throw new Damage("a packet claims too large a size");
    return true;
  }

  private readPacket(): void {
    const type = this.known(this.packetStream)?.type;
    try {
      this.unpackPacket(type);
    } catch (error) {
      // A hole in what isn't handed out hurts nobody; a hole in the events ends them.
      if (!(error instanceof Damage) || type === undefined || type === "events") throw error;
      this.seen.leaveOut(`a packet of ${type} is damaged, left out`, this.packetOffset);
    }
  }

  private unpackPacket(declared: StreamInfo["type"] | undefined): void {
    const buffer = this.unpackBytes();
    const type = streamTypes[buffer.identifier] ?? "other";
    if (declared !== undefined && declared !== type) throw new Damage("a packet is not of its stream's type");
    if (type === "frames" || type === "other") this.streamOf(this.packetStream, type).count += 1;
    if (type !== "events" && type !== "other") this.handOutBeside(buffer, type);
    if (type === "frames" || type === "other") return;
    const { at, count } = buffer.vector(buffer.field(buffer.root, 0, 4), elementBytes[type]);
    this.streamOf(this.packetStream, type).count += count;
    if (type !== "events" || count === 0) return;
    if (this.chosen === undefined || this.geometry === undefined) {
      this.chosen ??= this.packetStream;
      this.choose(this.chosen);
    }
    if (this.packetStream !== this.chosen) return;
    this.eventAt = at;
    this.eventEnd = at + count * eventBytes;
  }

  private handOutBeside(buffer: FlatBuffer, type: BesideType): void {
    const { beside } = this.options;
    // All of a packet or none of it: a hole in one is told once.
    if (beside) for (const record of [...besideOf(buffer, type)]) beside(record);
  }

  /** Unpacks the packet that the feed has taken, in the kernels' memory where they can. */
  private unpackBytes(): FlatBuffer {
    const { bytes, start } = this.feed;
    const end = start + this.size;
    const room = this.compression.startsWith("lz4") ? kernels()?.unpacked : undefined;
    room?.moveIn(this, bytes, start, end);
    this.rented = room;
    const out = room ?? this.plain;
    const buffer = unpack(this.compression, bytes, start, end, out, packetBytesMax);
    // Bytes that weren't packed stay where they are.
    this.packet = this.compression === "none" ? bytes : out.bytes;
    return buffer;
  }

  /** Another decoder needs the kernels' memory. */
  moveOut(): void {
    if (!this.rented) return;
    this.rented = undefined;
    // A packet that was damaged may have moved the memory away from under the one before it, which is used up.
    if (this.eventAt === this.eventEnd) return;
    const left = this.packet.subarray(this.eventAt, this.eventEnd);
    this.plain.reserve(left.length, 0);
    this.plain.bytes.set(left);
    this.packet = this.plain.bytes;
    this.eventAt = 0;
    this.eventEnd = left.length;
  }

  private handOut(into: Packet): void {
    const { packet, eventAt, rented } = this;
    const count = Math.min((this.eventEnd - eventAt) / eventBytes, readEventsMax - into.count);
    const fast = kernels();
    if (fast) {
      const { width, height } = this.geometry ?? anySize;
      const at = rented?.address(eventAt) ?? fast.take(packet, eventAt, count * eventBytes);
      inTurns(
        count,
        (from) => {
          const done = fast.run.aedat4(at + from * eventBytes, count - from, width, height);
          fast.give(into, done);
          return from + done;
        },
        (from, to) => this.handOutPlain(from, to, into),
      );
    } else this.handOutPlain(0, count, into);
    this.eventAt += count * eventBytes;
  }

  /** Words to columns, as `aedat4.kernel.ts` does where nothing is odd: the next events from `first` to `end`. */
  private handOutPlain(first: number, end: number, into: Packet): number {
    const words = this.aligned.int32(this.packet, this.eventAt + first * eventBytes, 4 * (end - first));
    const { times, addresses } = into;
    const { width, height } = this.geometry ?? anySize;
    let n = into.count;
    let wrongTimes = 0;
    for (let w = 0; w < words.length; w += 4) {
      const low = words[w]!;
      const high = words[w + 1]!;
      const place = words[w + 2]!;
      const x = place & 0xffff;
      const y = place >>> 16;
      if (x >= width || y >= height) continue;
      if (high >>> 0 >= 0x200000) {
        wrongTimes += 1;
        continue;
      }
      times[n] = high * 4294967296 + (low >>> 0);
      addresses[n] = (y << 16) | (x << 1) | ((words[w + 3]! & 0xff) === 0 ? 0 : 1);
      n += 1;
    }
    const outside = end - first - (n - into.count) - wrongTimes;
    if (outside > 0) this.seen.leaveOut("event outside the sensor, left out", this.packetOffset, outside);
    if (wrongTimes > 0)
      this.seen.leaveOut("event with an impossible time, left out", this.packetOffset, wrongTimes);
    into.count = n;
    return end;
  }

  private checkTable(): void {
    const { feed, plain } = this;
    this.packetOffset = this.tableOffset;
    const size = feed.available;
    try {
      if (!feed.take(size)) return;
      const table = unpack(this.compression, feed.bytes, feed.start, feed.start + size, plain, tableBytesMax);
      if (table.identifier !== "FTAB") throw new Damage("not a data table");
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      this.seen.stop("the file is cut or damaged in its data table, after the last event", this.tableOffset);
    }
  }
}

/** Unpacks `bytes[from .. to)` into `plain`, or leaves them where they are: a size-prefixed FlatBuffer. */
function unpack(
  compression: Compression,
  bytes: Uint8Array,
  from: number,
  to: number,
  plain: Scratch,
  plainMax: number,
): FlatBuffer {
  let size = to - from;
  if (compression === "none") {
    const end = size < 4 ? Number.POSITIVE_INFINITY : 4 + uint32(bytes, from);
    if (end > size) throw new Damage("a packet is shorter than it says");
    return new FlatBuffer(bytes, from + 4, from + end);
  }
  if (compression === "lz4" || compression === "lz4_high")
    size = decodeLz4Frames(bytes, from, to, plain, plainMax);
  else size = decodeZstdFrames(bytes, from, to, plain, plainMax);
  const end = size < 4 ? Number.POSITIVE_INFINITY : 4 + uint32(plain.bytes, 0);
  if (end > size) throw new Damage("a packet is shorter than it says");
  return new FlatBuffer(plain.bytes, 4, end);
}

/** The packets that a FileDataTable lists. Throws Damage. */
function* entriesOf(table: FlatBuffer): Generator<{ stream: number; offset: number; lastUs: number }> {
  if (table.identifier !== "FTAB") throw new Damage("not a data table");
  const { at, count } = table.vector(table.field(table.root, 0, 4), 4);
  for (let i = 0; i < count; i++) {
    const entry = table.follow(at + 4 * i);
    const int64 = (field: number) => (field === 0 ? 0 : table.int64(field));
    const info = table.field(entry, 1, 8);
    yield {
      stream: info === 0 ? 0 : table.int32(info),
      offset: int64(table.field(entry, 0, 8)),
      lastUs: int64(table.field(entry, 4, 8)),
    };
  }
}

interface DescribedStream {
  readonly id: number;
  readonly type: string;
  width: number;
  height: number;
}

/** The streams of the header's XML: `node` elements whose name is the stream's number, with `attr` elements in them. */
function describedStreams(xml: string): DescribedStream[] {
  const streams: DescribedStream[] = [];
  const path: string[] = [];
  const tags =
    /<node name="([^"]{0,200})"[^<>]{0,2000}?(\/?)>|<(\/)node>|<attr key="([^"]{0,200})"[^<>]{0,200}>([^<]{0,2000})</g;
  let stream: (DescribedStream & { type: string }) | undefined;
  for (const [, node, empty, close, key, value = ""] of xml.matchAll(tags)) {
    if (node !== undefined) {
      if (!empty) path.push(node);
      if (path.length === 2 && !empty && /^\d{1,9}$/.test(node)) {
        stream = { id: Number(node), type: "", width: 0, height: 0 };
        streams.push(stream);
      }
    } else if (close) {
      path.pop();
      if (path.length < 2) stream = undefined;
    } else if (stream && key === "typeIdentifier") stream.type = value;
    else if (stream && key === "sizeX") stream.width = sizeFrom(value);
    else if (stream && key === "sizeY") stream.height = sizeFrom(value);
  }
  return streams.filter(({ type }) => type !== "");
}

/** A width or height that the format can hold, 0 for anything else. */
function sizeFrom(text: string): number {
  const size = Number(text);
  return Number.isInteger(size) && size > 0 && size <= 0x8000 ? size : 0;
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, i) => bytes[i] === byte);
}
