/**
 * AEDAT 1.0, the first recordings of the Tmpdiff128 and DVS128: 6 bytes an event, big-endian.
 *
 * Layout (iniVation `AEDAT_file_formats.md`): lines that begin with `#`, or none, then 16 bits of address and 32 of
 * microseconds. Address: bit 15 external, y at 14 to 8, x at 7 to 1, bit 0 polarity. As in AEDAT 2 the stored origin
 * is the lower right corner as the image is shown, and a stored polarity bit of 1 is ON. Times may step back.
 */

import { type PixelGeometry, pixels } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { ByteFeed } from "./byte-feed.ts";
import {
  type DecodeOptions,
  type Decoder,
  extensionOf,
  type Format,
  Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";
import { HeaderLines, latin1 } from "./header-lines.ts";

export const aedat1: Format = {
  name: "aedat1",
  about: "AEDAT 1.0, DVS128, 6 bytes an event",
  extensions: ["aedat", "dat"],
  sniff: (head, fileName) => {
    if (latin1(head, 0, versionLine.length) === versionLine) return "sure";
    if (latin1(head, 0, anyVersion.length) === anyVersion) return "no";
    return aedat1.extensions.includes(extensionOf(fileName)) && suits(head) ? "guess" : "no";
  },
  decoder: (options) => new Aedat1Decoder(options),
};

const versionLine = "#!AER-DAT1.";
const anyVersion = "#!AER-DAT";
const recordBytes = 6;
const sniffBytes = 1 << 16;
const turnUs = 2 ** 32;
const halfTurnUs = 2 ** 31;

/** No version makes it version 1: events inside 128x128 at times that hardly ever step back or jump. */
function suits(head: Uint8Array): boolean {
  const feed = new ByteFeed();
  feed.push(head.subarray(0, sniffBytes));
  new HeaderLines("#", () => false).read(feed);
  let lastUs = 0;
  let wrong = 0;
  const first = feed.offset;
  const records = Math.floor((Math.min(head.length, sniffBytes) - first) / recordBytes);
  for (let i = 0, at = first; i < records; i++, at += recordBytes) {
    const timeUs = int32(head, at + 2);
    if (i > 0 && (timeUs < lastUs || timeUs - lastUs > 10_000_000)) wrong += 1;
    else if (head[at]! > 127) wrong += 1;
    lastUs = timeUs;
  }
  return records > 0 && wrong * 20 <= records;
}

function int32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

class Aedat1Decoder implements Decoder {
  readonly geometry: PixelGeometry;
  readonly streams: StreamInfo[] = [{ id: 0, type: "events", count: 0 }];
  private readonly seen = new Problems();
  private readonly feed = new ByteFeed();
  private readonly header = new HeaderLines("#", (line) => this.takeLine(line));
  /** 2^32 for each time that the 32 bits ran over. */
  private baseUs = 0;
  private lastStored = 0;

  constructor(options: DecodeOptions) {
    this.geometry = options.geometry ?? pixels(128, 128);
  }

  get problems() {
    return this.seen.list;
  }

  push(bytes: Uint8Array): void {
    this.feed.push(bytes);
  }

  read(into: Packet): boolean {
    into.reserve(readEventsMax);
    if (!this.header.read(this.feed)) return false;
    while (into.count < readEventsMax && !this.seen.over) {
      const records = this.feed.takeRecords(recordBytes, readEventsMax - into.count);
      if (records === 0) return false;
      this.decode(records, into);
    }
    return !this.seen.over;
  }

  end(): void {
    if (this.header.cut) this.seen.stop("the file is cut: it ends inside its header", this.feed.offset);
    else if (this.feed.available > 0)
      this.seen.stop("the file is cut: it ends inside an event", this.feed.offset);
  }

  private takeLine(line: string): boolean {
    if (line.startsWith(anyVersion) && !line.startsWith(versionLine)) this.seen.stop("not AEDAT 1", 0);
    return line.startsWith("#End Of ASCII Header");
  }

  private decode(records: number, into: Packet): void {
    const { bytes, start, offset } = this.feed;
    const { width, height } = this.geometry;
    const { times, addresses } = into;
    let n = into.count;
    let triggers = 0;
    for (let i = 0, at = start; i < records; i++, at += recordBytes) {
      const upper = bytes[at]!;
      const lower = bytes[at + 1]!;
      const stored = int32(bytes, at + 2);
      let timeUs = this.baseUs + stored;
      const step = stored - this.lastStored;
      if (step < -halfTurnUs) {
        this.baseUs += turnUs;
        timeUs += turnUs;
        this.lastStored = stored;
      } else if (step > halfTurnUs && this.baseUs > 0) timeUs -= turnUs;
      else this.lastStored = stored;
      const x = width - 1 - (lower >>> 1);
      const y = height - 1 - (upper & 0x7f);
      if (upper > 127) triggers += 1;
      else if (x < 0 || y < 0)
        this.seen.leaveOut("event outside the sensor, left out", offset - (records - i) * recordBytes);
      else {
        times[n] = timeUs;
        addresses[n] = (y << 16) | (x << 1) | (lower & 1);
        n += 1;
      }
    }
    this.streams[0]!.count += n - into.count;
    into.count = n;
    if (triggers === 0) return;
    const stream = this.streams[1] ?? { id: 1, type: "triggers", count: 0 };
    stream.count += triggers;
    this.streams[1] = stream;
  }
}
