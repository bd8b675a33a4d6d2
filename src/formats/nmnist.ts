/**
 * N-MNIST and N-Caltech101 `.bin`: 40 bits an event and no header.
 *
 * Layout (G. Orchard, event-Python `eventvision.py`): x, y, then big-endian a polarity bit and 23 bits of microseconds.
 * An event with y = 240 marks an overflow: 2^13 us are added to all later times, and it is dropped. Origin upper left.
 */

import { type Geometry, type PixelGeometry, pixels } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { ByteFeed } from "./byte-feed.ts";
import {
  type DecodeOptions,
  type Decoder,
  type Encoder,
  extensionOf,
  type Format,
  type Patch,
  Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";
import { inTurns, kernels } from "./kernel.ts";

export const nmnist: Format = {
  name: "nmnist",
  about: "N-MNIST and N-Caltech101 saccades, 5 bytes an event",
  extensions: ["bin", "bs2"],
  sniff: (head, fileName) => (suits(head, fileName) ? "guess" : "no"),
  decoder: (options) => new NmnistDecoder(options),
  encoder: (geometry) => new NmnistEncoder(geometry),
};

const recordBytes = 5;
const overflowRow = 240;
const overflowUs = 8192;
const timeUsEnd = 1 << 23;

/** No signature: the name, and times that hardly ever step back. */
function suits(head: Uint8Array, fileName: string): boolean {
  if (!nmnist.extensions.includes(extensionOf(fileName)) || head.length < recordBytes) return false;
  let lastUs = 0;
  let back = 0;
  const records = Math.floor(head.length / recordBytes);
  for (let at = 0; at < records * recordBytes; at += recordBytes) {
    const timeUs = timeOf(head, at);
    if (timeUs < lastUs && head[at + 1] !== overflowRow) back += 1;
    lastUs = timeUs;
  }
  return back * 20 <= records;
}

function timeOf(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 2]! & 0x7f) << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!;
}

class NmnistDecoder implements Decoder {
  readonly geometry: PixelGeometry;
  readonly streams: readonly StreamInfo[] = [{ id: 0, type: "events", count: 0 }];
  private readonly seen = new Problems();
  private readonly feed = new ByteFeed();
  private baseUs = 0;

  constructor(options: DecodeOptions) {
    this.geometry = options.geometry ?? pixels(34, 34);
  }

  get problems() {
    return this.seen.list;
  }

  push(bytes: Uint8Array): void {
    this.feed.push(bytes);
  }

  read(into: Packet): boolean {
    into.reserve(readEventsMax);
    while (into.count < readEventsMax) {
      const records = this.feed.takeRecords(recordBytes, readEventsMax - into.count);
      if (records === 0) return false;
      this.decode(records, into);
    }
    return true;
  }

  end(): void {
    if (this.feed.available > 0) this.seen.stop("the file is cut: it ends inside an event", this.feed.offset);
  }

  private decode(records: number, into: Packet): void {
    const before = into.count;
    const fast = kernels();
    if (fast) {
      const { width, height } = this.geometry;
      fast.take(this.feed.bytes, this.feed.start, records * recordBytes);
      inTurns(
        records,
        (from) => {
          const done = fast.run.nmnist(from, records, this.baseUs, width, height);
          fast.give(into, done);
          return from + done;
        },
        (from, to) => this.decodePlain(from, to, records, into),
      );
    } else this.decodePlain(0, records, records, into);
    this.streams[0]!.count += into.count - before;
  }

  /** Bytes to columns, as `nmnist.kernel.ts` does where nothing is odd: of `records`, those from `first` to `end`. */
  private decodePlain(first: number, end: number, records: number, into: Packet): number {
    const { bytes, start } = this.feed;
    const { width, height } = this.geometry;
    const { times, addresses } = into;
    const firstByte = this.feed.offset - records * recordBytes;
    let n = into.count;
    for (let i = first, at = start + first * recordBytes; i < end; i++, at += recordBytes) {
      const x = bytes[at]!;
      const y = bytes[at + 1]!;
      if (x >= width || y >= height) {
        if (y === overflowRow) this.baseUs += overflowUs;
        else this.seen.leaveOut("event outside the sensor, left out", firstByte + i * recordBytes);
        continue;
      }
      times[n] = this.baseUs + timeOf(bytes, at);
      addresses[n] = (y << 16) | (x << 1) | (bytes[at + 2]! >>> 7);
      n += 1;
    }
    into.count = n;
    return end;
  }
}

class NmnistEncoder implements Encoder {
  private readonly left = new Problems();
  private readonly width: number;
  private readonly height: number;
  private offset = 0;
  private baseUs = 0;

  constructor(geometry: Geometry) {
    this.width = Math.min(geometry.width, 256);
    this.height = Math.min(geometry.height, overflowRow);
  }

  get leftOut() {
    return this.left.list;
  }

  start(): Uint8Array {
    return new Uint8Array(0);
  }

  push(packet: Packet): Uint8Array {
    let out = new Uint8Array(packet.count * recordBytes);
    let n = 0;
    const add = (x: number, y: number, upper: number, timeUs: number) => {
      if (n + recordBytes > out.length) {
        const grown = new Uint8Array(out.length * 2 + recordBytes);
        grown.set(out);
        out = grown;
      }
      out[n++] = x;
      out[n++] = y;
      out[n++] = (upper << 7) | (timeUs >>> 16);
      out[n++] = (timeUs >>> 8) & 255;
      out[n++] = timeUs & 255;
    };
    for (let i = 0; i < packet.count; i++) {
      const address = packet.addresses[i]!;
      const x = (address >>> 1) & 0x7fff;
      const y = address >>> 16;
      const timeUs = packet.times[i]!;
      // 128 markers a second: a recording of more than an hour is not what this format is for.
      if (x >= this.width || y >= this.height || timeUs < this.baseUs || timeUs >= timeUsMax) {
        this.left.leaveOut("event that 8 bits a side and an hour can't hold", this.offset + n);
        continue;
      }
      for (; timeUs - this.baseUs >= timeUsEnd; this.baseUs += overflowUs) add(0, overflowRow, 0, 0);
      add(x, y, address & 1, timeUs - this.baseUs);
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
}

const timeUsMax = 3_600_000_000;
