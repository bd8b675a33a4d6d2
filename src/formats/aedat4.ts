/**
 * AEDAT 4.0, iniVation's recordings: FlatBuffer packets of events, frames, IMU samples and triggers, each compressed.
 *
 * Layout (iniVation `AEDAT_file_formats.md`; dv-processing 1.7 `IOHeader.fbs`, `FileDataTable.fbs`, `event.fbs`):
 * a 14-byte version line; a size-prefixed FlatBuffer IOHE (compression, place of the data table, an XML text that
 * describes the streams); packets of int32 stream, int32 size and a compressed size-prefixed FlatBuffer; a compressed
 * table FTAB. All little-endian. Origin upper left, times in microseconds.
 */

import { type Geometry, type PixelGeometry, pixels } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { AlignedWords } from "./aligned.ts";
import { ByteFeed, Scratch } from "./byte-feed.ts";
import { FlatBuffer } from "./flatbuffer.ts";
import {
  Damage,
  type DecodeOptions,
  type Decoder,
  type EncodeOptions,
  type Encoder,
  type Format,
  type Patch,
  Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";
import { inTurns, type KernelScratch, kernels } from "./kernel.ts";
import { decodeLz4Frames, encodeLz4Frame } from "./lz4.ts";
import type { RandomAccess } from "./seek.ts";
import { decodeZstdFrames, encodeZstdFrame } from "./zstd.ts";

export const aedat4: Format = {
  name: "aedat4",
  about: "AEDAT 4.0, iniVation DV: none, LZ4 and Zstandard compression",
  extensions: ["aedat4"],
  sniff: (head) => (startsWith(head, versionLine) ? "sure" : "no"),
  decoder: (options) => new Aedat4Decoder(options),
  encoder: (geometry, options) => new Aedat4Encoder(geometry, options),
};

/** Of a stream whose camera nobody told. */
const anySize = { width: 0x8000, height: 0x8000 };

const versionLine = new TextEncoder().encode("#!AER-DAT4.0\r\n");

/** `CompressionType` of IOHeader.fbs: the place in the list is the code. */
export const compressions = ["none", "lz4", "lz4_high", "zstd", "zstd_high"] as const;
type Compression = (typeof compressions)[number];

const headerBytesMax = 1 << 22;
/** Largest packet in the file and unpacked: 2 million events; iniVation's software writes one each 10 ms. */
const packetBytesMax = 1 << 25;
/** Largest data table unpacked: about 50 bytes a packet. */
const tableBytesMax = 1 << 27;
/** More streams than any camera rig has: a header that lists thousands is damage. */
const streamsMax = 64;
const eventBytes = 16;

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
        if (entry.stream === chosen && entry.lastUs >= timeUs) offset = Math.min(offset, entry.offset - 8);
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
    this.state = type === "frames" || type === "other" ? "unread packet" : "packet";
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
    if (type === "frames" || type === "other") {
      this.streamOf(this.packetStream, type).count += 1;
      return;
    }
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
    const left = this.packet.subarray(this.eventAt, this.eventEnd);
    this.plain.reserve(left.length, 0);
    this.plain.bytes.set(left);
    this.packet = this.plain.bytes;
    this.eventAt = 0;
    this.eventEnd = left.length;
    this.rented = undefined;
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

/** Most events in one packet of a file that is written. */
const writtenEventsMax = 1 << 16;

/** One stream of events, number 0; a packet of the file for each packet pushed, and a data table. */
class Aedat4Encoder implements Encoder {
  private readonly geometry: Geometry;
  private readonly compression: Compression;
  private readonly left = new Problems();
  private readonly entries: TableEntry[] = [];
  private offset = 0;
  private tableOffset = -1;

  constructor(geometry: Geometry, options: EncodeOptions) {
    this.geometry = geometry;
    this.compression = options.compression ?? "lz4";
  }

  get leftOut() {
    return this.left.list;
  }

  start(): Uint8Array {
    return this.out([
      versionLine,
      headerBuffer(this.compression, streamText(this.geometry, this.compression)),
    ]);
  }

  push(packet: Packet): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let from = 0; from < packet.count; from += writtenEventsMax) {
      const to = Math.min(from + writtenEventsMax, packet.count);
      const { buffer, count } = this.eventsBuffer(packet, from, to);
      if (count === 0) continue;
      const payload = pack(this.compression, buffer);
      const head = new Uint8Array(8);
      new DataView(head.buffer).setUint32(4, payload.length, true);
      const before = parts.reduce((sum, part) => sum + part.length, this.offset);
      this.entries.push({
        offset: before + 8,
        size: payload.length,
        count,
        firstUs: packet.times[from]!,
        lastUs: packet.times[to - 1]!,
      });
      parts.push(head, payload);
    }
    return this.out(parts);
  }

  end(): Uint8Array {
    this.tableOffset = this.offset;
    return this.out([pack(this.compression, tableBuffer(this.entries))]);
  }

  patches(): readonly Patch[] {
    const bytes = new Uint8Array(8);
    setInt64(new DataView(bytes.buffer), 0, this.tableOffset);
    return [{ offset: versionLine.length + tableOffsetInHeader, bytes }];
  }

  /** A size-prefixed EventPacket: root offset, letters, vtable of one field, table, vector of 16-byte structs. */
  private eventsBuffer(packet: Packet, from: number, to: number): { buffer: Uint8Array; count: number } {
    const buffer = new Uint8Array(32 + (to - from) * eventBytes);
    const view = new DataView(buffer.buffer);
    let count = 0;
    for (let i = from; i < to; i++) {
      const address = packet.addresses[i]!;
      // x and y are signed 16-bit numbers in the file.
      if (address >>> 31) continue;
      const at = 32 + count * eventBytes;
      setInt64(view, at, packet.times[i]!);
      view.setUint16(at + 8, (address >>> 1) & 0x7fff, true);
      view.setUint16(at + 10, address >>> 16, true);
      view.setUint8(at + 12, address & 1);
      count += 1;
    }
    if (count < to - from) this.left.leaveOut("event below row 32767", this.offset, to - from - count);
    const size = 32 + count * eventBytes;
    setRoot(view, size, "EVTS", 20);
    setUint16s(view, 14, [6, 8, 4]);
    view.setInt32(20, 20 - 14, true);
    view.setUint32(24, 4, true);
    view.setUint32(28, count, true);
    return { buffer: buffer.subarray(0, size), count };
  }

  private out(parts: readonly Uint8Array[]): Uint8Array {
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.offset += bytes.length;
    return bytes;
  }
}

function pack(compression: Compression, plain: Uint8Array): Uint8Array {
  if (compression === "none") return plain;
  return compression.startsWith("lz4") ? encodeLz4Frame(plain) : encodeZstdFrame(plain);
}

/** Place of `dataTablePosition` in the header's buffer as `headerBuffer` lays it out. */
const tableOffsetInHeader = 40;

/** Size-prefixed IOHeader: root at 28 with compression, the text's offset and an aligned int64; then the text. */
function headerBuffer(compression: Compression, text: string): Uint8Array {
  const letters = new TextEncoder().encode(text);
  const buffer = new Uint8Array((52 + 4 + letters.length + 1 + 7) & ~7);
  const view = new DataView(buffer.buffer);
  setRoot(view, buffer.length, "IOHE", 28);
  setUint16s(view, 18, [10, 24, 4, 12, 8]);
  view.setInt32(28, 28 - 18, true);
  view.setInt32(32, compressions.indexOf(compression), true);
  view.setUint32(36, 52 - 36, true);
  setInt64(view, tableOffsetInHeader, -1);
  view.setUint32(52, letters.length, true);
  buffer.set(letters, 56);
  return buffer;
}

interface TableEntry {
  /** Of the payload, after the packet's 8-byte header. */
  readonly offset: number;
  readonly size: number;
  readonly count: number;
  readonly firstUs: number;
  readonly lastUs: number;
}

/** Size-prefixed FileDataTable: a vector of tables that share one vtable. */
function tableBuffer(entries: readonly TableEntry[]): Uint8Array {
  const rootTable = 32;
  const vector = 40;
  // A table's int64 fields start 4 bytes into it, so a table starts 4 bytes before a multiple of 8.
  const first = ((vector + 4 + 4 * entries.length + 3) & ~7) + 4;
  const entrySize = 48;
  const buffer = new Uint8Array(first + entries.length * entrySize);
  const view = new DataView(buffer.buffer);
  setRoot(view, buffer.length, "FTAB", rootTable);
  setUint16s(view, 12, [6, 8, 4]);
  const entryVtable = 18;
  setUint16s(view, entryVtable, [14, 44, 4, 36, 12, 20, 28]);
  view.setInt32(rootTable, rootTable - 12, true);
  view.setUint32(rootTable + 4, vector - (rootTable + 4), true);
  view.setUint32(vector, entries.length, true);
  entries.forEach((entry, i) => {
    const at = first + i * entrySize;
    const slot = vector + 4 + 4 * i;
    view.setUint32(slot, at - slot, true);
    view.setInt32(at, at - entryVtable, true);
    setInt64(view, at + 4, entry.offset);
    setInt64(view, at + 12, entry.count);
    setInt64(view, at + 20, entry.firstUs);
    setInt64(view, at + 28, entry.lastUs);
    view.setInt32(at + 36, 0, true);
    view.setInt32(at + 40, entry.size, true);
  });
  return buffer;
}

function setRoot(view: DataView, size: number, identifier: string, root: number): void {
  view.setUint32(0, size - 4, true);
  view.setUint32(4, root - 4, true);
  for (let i = 0; i < 4; i++) view.setUint8(8 + i, identifier.charCodeAt(i));
}

function setUint16s(view: DataView, at: number, values: readonly number[]): void {
  values.forEach((value, i) => {
    view.setUint16(at + 2 * i, value, true);
  });
}

function setInt64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setInt32(at + 4, Math.floor(value / 4294967296), true);
}

/** The XML text of the header, as iniVation's software writes it. */
function streamText(geometry: Geometry, compression: Compression): string {
  return `<dv version="2.0">
    <node name="outInfo" path="/outInfo/">
        <node name="0" path="/outInfo/0/">
            <attr key="compression" type="string">${compression.toUpperCase()}</attr>
            <attr key="originalModuleName" type="string">reflexarc</attr>
            <attr key="originalOutputName" type="string">events</attr>
            <attr key="typeDescription" type="string">Array of events (polarity ON/OFF).</attr>
            <attr key="typeIdentifier" type="string">EVTS</attr>
            <node name="info" path="/outInfo/0/info/">
                <attr key="sizeX" type="int">${geometry.width}</attr>
                <attr key="sizeY" type="int">${geometry.height}</attr>
                <attr key="source" type="string">reflexarc</attr>
            </node>
        </node>
    </node>
</dv>
`;
}
