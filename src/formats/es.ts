/**
 * Event Stream 2, the format of faery, loris and the Sepia library: differences of time in a byte.
 *
 * Layout (faery `src/es/decoder.rs`): `Event Stream`, three bytes of version, one of type (0 generic, 1 dvs, 2 atis,
 * 4 color), 16-bit little-endian width and height (not for generic), then events. Each begins with a byte of time:
 * dvs 255 adds 127 us, 254 adds nothing, else b >> 1 us and polarity b & 1; atis 0xfc | n adds 63 n us, else b >> 2 us
 * and b & 3 (0 OFF, 1 exposure starts, 2 ON, 3 exposure ends); color and generic 255 adds 254 us, 254 adds nothing,
 * else b us. Then 16-bit x and y, counted from the bottom (turned over here), and for color red, green, blue; generic
 * has a length (7 bits a byte from bit 1 up, bit 0 means more) and as many bytes.
 */

import { type Geometry, type PixelGeometry, pixels, pixelWidthMax } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { ByteFeed } from "./byte-feed.ts";
import {
  type DecodeOptions,
  type Decoder,
  type Encoder,
  type Format,
  type Patch,
  Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";

export const es: Format = {
  name: "es",
  about: "Event Stream 2: dvs, atis, color and generic",
  extensions: ["es"],
  sniff: (head) => (magic.every((byte, i) => head[i] === byte) ? "sure" : "no"),
  decoder: (options) => new EsDecoder(options),
  encoder: (geometry) => new EsEncoder(geometry),
};

const magic = new TextEncoder().encode("Event Stream");
const version = [2, 0, 0];
const headBytes = magic.length + 4;
const sizeBytes = 4;
const generic = 0;
const dvs = 1;
const atis = 2;
const color = 4;
/** Time bytes. */
const nothing = 254;
const overflow = 255;
const dvsOverflowUs = 127;
const overflowUs = 254;
const atisOverflow = 0xfc;
const atisOverflowUs = 63;
/** Bytes of an event after its time byte. */
const placeBytes = 4;
const colorBytes = 7;
/** Most bytes of one batch, and of a generic event's length. */
const batchBytesMax = 1 << 16;
const lengthBytesMax = 4;

class EsDecoder implements Decoder {
  geometry: PixelGeometry | null | undefined;
  readonly streams: StreamInfo[] = [{ id: 0, type: "events", count: 0 }];
  private readonly options: DecodeOptions;
  private readonly seen = new Problems();
  private readonly feed = new ByteFeed();
  private type: number | undefined;
  private inHead = true;
  private timeUs = 0;
  /** What the time byte of the next event said of its polarity; undefined before that byte. */
  private kind: number | undefined;
  private length = 0;
  private lengthBytes = 0;
  /** Bytes of a generic event that are still to come. */
  private toSkip = 0;
  /** Of a color stream, the last sum of red, green and blue of each pixel that had one. */
  private readonly lightness = new Map<number, number>();

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
    while (this.inHead && !this.seen.over) if (!this.readHead()) return false;
    while (into.count < readEventsMax && !this.seen.over) {
      const before = into.count;
      const more = this.type === generic ? this.readGeneric() : this.readEvents(into);
      if (this.type !== generic) this.streams[0]!.count += into.count - before;
      if (!more) return false;
    }
    return !this.seen.over;
  }

  end(): void {
    this.geometry ??= null;
    if (this.inHead) this.seen.stop("the file is cut: it ends inside its header", this.feed.offset);
    else if (this.kind !== undefined || this.toSkip > 0)
      this.seen.stop("the file is cut: it ends inside an event", this.feed.offset);
  }

  private readHead(): boolean {
    const { feed, seen } = this;
    if (this.type !== undefined) {
      if (!feed.take(sizeBytes)) return false;
      this.useSize(feed.bytes, feed.start);
    } else {
      if (!feed.take(headBytes)) return false;
      this.useHead(feed.bytes, feed.start);
    }
    if (seen.over) this.geometry ??= null;
    return true;
  }

  private useHead(bytes: Uint8Array, at: number): void {
    const type = bytes[at + headBytes - 1]!;
    if (magic.some((byte, i) => bytes[at + i] !== byte)) this.seen.stop("not an Event Stream", 0);
    else if (bytes[at + magic.length] !== version[0])
      this.seen.stop("a version of Event Stream that is not known", magic.length);
    else if (type !== generic && type !== dvs && type !== atis && type !== color)
      this.seen.stop("a type of event that is not known", headBytes - 1);
    this.type = type;
    if (type !== generic) return;
    this.streams[0] = { id: 0, type: "other", count: 0 };
    this.geometry ??= null;
    this.inHead = false;
  }

  private useSize(bytes: Uint8Array, at: number): void {
    const width = bytes[at]! | (bytes[at + 1]! << 8);
    const height = bytes[at + 2]! | (bytes[at + 3]! << 8);
    this.inHead = false;
    if (this.type === color)
      this.seen.note("colors have no polarity: one lighter than the pixel's last is ON", headBytes);
    if (this.options.geometry) return;
    if (width === 0 || height === 0 || width > pixelWidthMax)
      this.seen.stop("a geometry that no sensor has", headBytes);
    else this.geometry = pixels(width, height);
  }

  /** Reads some of what is here; false when the next event is not all here. */
  private readEvents(into: Packet): boolean {
    const { feed } = this;
    if (this.kind !== undefined) {
      const size = this.type === color ? colorBytes : placeBytes;
      if (!feed.take(size)) return false;
      this.place(this.kind, feed.bytes, feed.start, into);
      this.kind = undefined;
      return true;
    }
    const count = feed.takeRecords(1, batchBytesMax);
    if (count === 0) return false;
    const used = this.type === dvs ? this.decodeDvs(count, into) : this.decodeOther(count, into);
    feed.untake(count - used);
    return true;
  }

  /** The hot loop: whole events of `count` bytes, then the time byte of one that is not whole; answers bytes used. */
  private decodeDvs(count: number, into: Packet): number {
    const { bytes, start } = this.feed;
    const { times, addresses } = into;
    const { width, height } = this.geometry!;
    const end = start + count;
    let { timeUs } = this;
    let n = into.count;
    let at = start;
    while (at < end && n < readEventsMax) {
      const byte = bytes[at]!;
      if (byte >= nothing) {
        if (byte === overflow) timeUs += dvsOverflowUs;
        at += 1;
        continue;
      }
      timeUs += byte >>> 1;
      if (at + placeBytes >= end) {
        this.kind = byte & 1;
        at += 1;
        break;
      }
      const x = bytes[at + 1]! | (bytes[at + 2]! << 8);
      const y = height - 1 - (bytes[at + 3]! | (bytes[at + 4]! << 8));
      at += 1 + placeBytes;
      if (x >= width || y < 0) {
        this.leaveOut(at - end);
        continue;
      }
      times[n] = timeUs;
      addresses[n] = (y << 16) | (x << 1) | (byte & 1);
      n += 1;
    }
    this.timeUs = timeUs;
    into.count = n;
    return at - start;
  }

  /** The same for atis and color, event by event. */
  private decodeOther(count: number, into: Packet): number {
    const { bytes, start } = this.feed;
    const end = start + count;
    const size = this.type === color ? colorBytes : placeBytes;
    let at = start;
    while (at < end && into.count < readEventsMax && this.kind === undefined) {
      this.kind = this.takeTime(bytes[at]!);
      at += 1;
      if (this.kind === undefined || at + size > end) continue;
      this.place(this.kind, bytes, at, into);
      this.kind = undefined;
      at += size;
    }
    return at - start;
  }

  /** Moves time on; answers what the byte says of its event's polarity, or undefined when it has none. */
  private takeTime(byte: number): number | undefined {
    if (this.type === atis) {
      if ((byte & atisOverflow) === atisOverflow) {
        this.timeUs += atisOverflowUs * (byte & 3);
        return undefined;
      }
      this.timeUs += byte >>> 2;
      return byte & 3;
    }
    if (byte >= nothing) {
      if (byte === overflow) this.timeUs += overflowUs;
      return undefined;
    }
    this.timeUs += byte;
    return 0;
  }

  private place(kind: number, bytes: Uint8Array, at: number, into: Packet): void {
    const { width, height } = this.geometry!;
    const x = bytes[at]! | (bytes[at + 1]! << 8);
    const y = height - 1 - (bytes[at + 2]! | (bytes[at + 3]! << 8));
    if (x >= width || y < 0) this.leaveOut(0);
    else if (this.type === atis && (kind & 1) === 1) this.countExposure();
    else {
      let on = kind;
      if (this.type === atis) on = kind >>> 1;
      else if (this.type === color) {
        const place = y * width + x;
        const sum = bytes[at + 4]! + bytes[at + 5]! + bytes[at + 6]!;
        on = sum > (this.lightness.get(place) ?? 0) ? 1 : 0;
        this.lightness.set(place, sum);
      }
      into.push(this.timeUs, ((y << 16) | (x << 1) | on) >>> 0);
    }
  }

  /** `byte` counts from the end of the bytes that were taken. */
  private leaveOut(byte: number): void {
    this.seen.leaveOut("event outside the sensor, left out", this.feed.offset + byte - 1 - placeBytes);
  }

  private countExposure(): void {
    const stream = this.streams[1] ?? { id: 1, type: "other", count: 0 };
    stream.count += 1;
    this.streams[1] = stream;
  }

  private readGeneric(): boolean {
    const { feed } = this;
    if (this.toSkip > 0) {
      this.toSkip -= feed.skip(this.toSkip);
      if (this.toSkip > 0) return false;
      this.endGeneric();
      return true;
    }
    if (!feed.take(1)) return false;
    const byte = feed.bytes[feed.start]!;
    if (this.kind === undefined) this.kind = this.takeTime(byte);
    else {
      this.length |= (byte >>> 1) << (7 * this.lengthBytes);
      this.lengthBytes += 1;
      if ((byte & 1) === 0) {
        this.toSkip = this.length;
        if (this.length === 0) this.endGeneric();
      } else if (this.lengthBytes === lengthBytesMax)
        this.seen.stop("a generic event claims too large a size", feed.offset - lengthBytesMax);
    }
    return true;
  }

  private endGeneric(): void {
    this.streams[0]!.count += 1;
    this.kind = undefined;
    this.length = 0;
    this.lengthBytes = 0;
  }
}

/** A silence is one byte for each 127 us: 28 MB for an hour. */
const gapUsMax = 3_600_000_000;

class EsEncoder implements Encoder {
  private readonly width: number;
  private readonly height: number;
  private readonly left = new Problems();
  private offset = 0;
  /** Subtracted from all times. */
  private originUs: number | undefined;
  private lastUs = 0;

  constructor(geometry: Geometry) {
    this.width = Math.min(geometry.width, pixelWidthMax);
    this.height = Math.min(geometry.height, 0xffff);
  }

  get leftOut() {
    return this.left.list;
  }

  start(): Uint8Array {
    const head = Uint8Array.of(...magic, ...version, dvs, 0, 0, 0, 0);
    new DataView(head.buffer).setUint16(headBytes, this.width, true);
    new DataView(head.buffer).setUint16(headBytes + 2, this.height, true);
    this.offset = head.length;
    return head;
  }

  push({ count, times, addresses }: Packet): Uint8Array {
    let out = new Uint8Array(count * 2 * (1 + placeBytes));
    if (count > 0) this.originUs ??= this.originFrom(times[0]!);
    let n = 0;
    for (let i = 0; i < count; i++) {
      const atUs = times[i]! - this.originUs!;
      const stepUs = atUs - this.lastUs;
      const x = (addresses[i]! >>> 1) & 0x7fff;
      const y = this.height - 1 - (addresses[i]! >>> 16);
      if (x >= this.width || y < 0 || stepUs < 0 || stepUs > gapUsMax) {
        this.left.leaveOut("event outside the sensor, or not within an hour after the last", this.offset + n);
        continue;
      }
      const overflows = Math.floor(stepUs / dvsOverflowUs);
      if (n + overflows + 1 + placeBytes > out.length) out = grown(out, n + overflows + 1 + placeBytes);
      out.fill(overflow, n, n + overflows);
      n += overflows;
      out[n++] = ((stepUs - overflows * dvsOverflowUs) << 1) | (addresses[i]! & 1);
      out[n++] = x & 255;
      out[n++] = x >>> 8;
      out[n++] = y & 255;
      out[n++] = y >>> 8;
      this.lastUs = atUs;
    }
    this.offset += n;
    return out.subarray(0, n);
  }

  end(): Uint8Array {
    return new Uint8Array(0);
  }

  patches(): readonly Patch[] {
    return [];
  }

  /** The format counts from 0: a first event in Unix time is where time starts. */
  private originFrom(firstUs: number): number {
    if (firstUs <= gapUsMax) return 0;
    this.left.note("the time of the first event: times count from it", this.offset);
    return firstUs;
  }
}

function grown(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(size, 2 * bytes.length));
  larger.set(bytes);
  return larger;
}
