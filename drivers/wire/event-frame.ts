/**
 * Reflexarc's own packet of events for UDP, TCP, MQTT and USB: it tells what was lost, and that what came is whole.
 *
 * Little-endian: `RXEV`; u8 version 1; u8 kind; u16 number of events n; u32 sequence of the frame; u32 session (any
 * number that a restarted sender changes); u64 time of the frame, microseconds; u64 events of this session before this
 * frame; u16 width; u16 height; the events; u32 CRC-32 of all before it. Kind 0 has 8 bytes an event: u32 microseconds
 * after the time of the frame, u32 address (bit 0 polarity, 1 to 15 x, 16 to 31 y). Kind 1 has the 12 bytes of an OpenMV
 * row: u16 type (1 is ON), seconds, milliseconds, microseconds, x, y. A frame without events is a heartbeat.
 */

import type { PixelGeometry } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { crc32 } from "./crc32.ts";
import { type Found, PacketReader } from "./packet-reader.ts";
import { Unwrap } from "./unwrap.ts";

export const frameHeadBytes = 36;
const tailBytes = 4;
/** The longest datagram that UDP over IPv4 carries. */
export const frameBytesMax = 65_507;
/** What fits into one Ethernet frame: 179. */
export const frameEventsUsual = Math.floor((1472 - frameHeadBytes - tailBytes) / 8);
export const frameEventsMax = Math.floor((frameBytesMax - frameHeadBytes - tailBytes) / 8);

const magic = 0x56455852;
const eventBytes = [8, 12] as const;
const two32 = 2 ** 32;
/** OpenMV's seconds are 16 bits. */
const openMvTurnUs = 65_536e6;

/** Reads frames out of bytes in any cut, or out of datagrams, which are cut at a frame. */
export class EventFrames {
  /** Frames and events that the sequence numbers miss. */
  framesLost = 0;
  eventsLost = 0;
  /** Frames that came again, or after a later one. */
  framesLate = 0;
  eventsOutside = 0;
  frames = 0;
  readonly #geometry: PixelGeometry;
  readonly #reader: PacketReader<true>;
  readonly #unwrap = new Unwrap(openMvTurnUs);
  #into: Packet | undefined;
  #session: number | undefined;
  #sequence = 0;
  #events = 0;

  constructor(geometry: PixelGeometry) {
    this.#geometry = geometry;
    this.#reader = new PacketReader(frameBytesMax, (bytes) => this.#find(bytes));
  }

  /** Bytes that belong to no whole frame. */
  get bytesSkipped(): number {
    return this.#reader.skipped;
  }

  /** Appends the events of all frames that these bytes complete. */
  decode(bytes: Uint8Array, into: Packet): void {
    this.#into = into;
    this.#reader.push(bytes);
  }

  /** What has begun ends here: the connection broke, or the datagram was cut. */
  reset(): void {
    this.#reader.reset();
  }

  #find(bytes: Uint8Array): Found<true> {
    const { length } = bytes;
    for (let i = 0; i < Math.min(4, length); i++)
      if (bytes[i] !== ((magic >>> (8 * i)) & 0xff)) return "garbage";
    if (length < frameHeadBytes) return "unfinished";
    const size = eventBytes[bytes[5]!];
    if (bytes[4] !== 1 || size === undefined) return "garbage";
    const count = bytes[6]! | (bytes[7]! << 8);
    const frameBytes = frameHeadBytes + count * size + tailBytes;
    if (frameBytes > frameBytesMax) return "garbage";
    if (length < frameBytes) return "unfinished";
    if (uint32(bytes, frameBytes - tailBytes) !== crc32(bytes, 0, frameBytes - tailBytes)) return "garbage";
    if (this.#follows(bytes, count)) {
      if (size === 8) this.#readEvents(bytes, count);
      else this.#readRows(bytes, count);
    }
    return { packet: true, bytes: frameBytes };
  }

  /** Counts what is missing before this frame; false for one that came too late. */
  #follows(bytes: Uint8Array, count: number): boolean {
    const sequence = uint32(bytes, 8);
    const session = uint32(bytes, 12);
    const before = uint32(bytes, 24) + uint32(bytes, 28) * two32;
    if (session === this.#session) {
      const missing = (sequence - this.#sequence) >>> 0;
      if (missing >= two32 / 2) {
        this.framesLate += 1;
        return false;
      }
      this.framesLost += missing;
      this.eventsLost += Math.max(0, before - this.#events);
    }
    this.#session = session;
    this.#sequence = (sequence + 1) >>> 0;
    this.#events = before + count;
    this.frames += 1;
    return true;
  }

  #readEvents(bytes: Uint8Array, count: number): void {
    const into = this.#into!;
    const { width, height } = this.#geometry;
    const baseUs = uint32(bytes, 16) + uint32(bytes, 20) * two32;
    into.reserve(into.count + count);
    for (let i = 0, at = frameHeadBytes; i < count; i++, at += 8) {
      const address = uint32(bytes, at + 4);
      if (((address >>> 1) & 0x7fff) >= width || address >>> 16 >= height) this.eventsOutside += 1;
      else into.push(baseUs + uint32(bytes, at), address);
    }
  }

  #readRows(bytes: Uint8Array, count: number): void {
    const into = this.#into!;
    const { width, height } = this.#geometry;
    into.reserve(into.count + count);
    for (let i = 0, at = frameHeadBytes; i < count; i++, at += 12) {
      const rawUs = uint16(bytes, at + 2) * 1e6 + uint16(bytes, at + 4) * 1000 + uint16(bytes, at + 6);
      const x = uint16(bytes, at + 8);
      const y = uint16(bytes, at + 10);
      const type = uint16(bytes, at);
      if (x >= width || y >= height || type > 1) this.eventsOutside += 1;
      else into.push(this.#unwrap.of(rawUs), ((y << 16) | (x << 1) | type) >>> 0);
    }
  }
}

/** Writes frames of kind 0. */
export class EventFrameWriter {
  readonly #geometry: PixelGeometry;
  readonly #session: number;
  #sequence = 0;
  #events = 0;

  constructor(geometry: PixelGeometry, session: number) {
    this.#geometry = geometry;
    this.#session = session;
  }

  /** The events `from` to `to` of a packet, `frameEventsMax` at most; none make a heartbeat. */
  frame(packet: Packet, from = 0, to = packet.count): Uint8Array {
    const count = to - from;
    const bytes = new Uint8Array(frameHeadBytes + count * 8 + tailBytes);
    const view = new DataView(bytes.buffer);
    const baseUs = count > 0 ? packet.times[from]! : packet.toUs;
    view.setUint32(0, magic, true);
    view.setUint8(4, 1);
    view.setUint16(6, count, true);
    view.setUint32(8, this.#sequence, true);
    view.setUint32(12, this.#session, true);
    setUint64(view, 16, baseUs);
    setUint64(view, 24, this.#events);
    view.setUint16(32, this.#geometry.width, true);
    view.setUint16(34, this.#geometry.height, true);
    for (let i = from, at = frameHeadBytes; i < to; i++, at += 8) {
      view.setUint32(at, packet.times[i]! - baseUs, true);
      view.setUint32(at + 4, packet.addresses[i]!, true);
    }
    view.setUint32(bytes.length - tailBytes, crc32(bytes, 0, bytes.length - tailBytes), true);
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#events += count;
    return bytes;
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % two32, true);
  view.setUint32(at + 4, Math.floor(value / two32), true);
}
