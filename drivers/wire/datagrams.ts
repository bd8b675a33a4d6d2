/** Events in UDP datagrams, as others send them and as we do: each datagram stands by itself. */

import type { PixelGeometry } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { aedat2 } from "../../src/formats/aedat2.ts";
import type { Counts } from "../../src/stage.ts";
import { EventFrames, EventFrameWriter, frameEventsMax, frameEventsUsual } from "./event-frame.ts";
import { Unwrap } from "./unwrap.ts";

export const datagramFormats = ["frames", "spif", "faery-t64", "faery-t32", "jaer"] as const;
export type DatagramFormat = (typeof datagramFormats)[number];

export interface DatagramReader {
  /** Appends a datagram's events, those inside the geometry; times as the sender has them. */
  decode(datagram: Uint8Array, into: Packet): void;
  /** The last datagram had no times. */
  readonly untimed: boolean;
  /** Sequence numbers tell what is lost on the way. */
  readonly numbered: boolean;
  counts(): Counts;
  lost(): Counts;
}

export interface DatagramWriter {
  readonly eventsMax: number;
  readonly eventsUsual: number;
  /** A heartbeat without events, where the format knows one. */
  readonly beats: boolean;
  /** The events `from` to `to` of a packet. */
  encode(packet: Packet, from: number, to: number): Uint8Array;
}

export interface DatagramSetup {
  readonly geometry: PixelGeometry;
  /** jAER: the chip that the addresses are of; the one of that size by default. */
  readonly chip?: string | undefined;
  /** jAER: whether a datagram begins with a sequence number. */
  readonly sequenceNumbers?: boolean | undefined;
  /** Our own frames: any number that a restarted sender changes. */
  readonly session?: number | undefined;
}

export function datagramReader(format: DatagramFormat, setup: DatagramSetup): DatagramReader {
  if (format === "frames") return new FrameReader(setup.geometry);
  if (format === "jaer") return new JaerReader(setup);
  return new PlainReader(setup.geometry, format);
}

export function datagramWriter(format: DatagramFormat, setup: DatagramSetup): DatagramWriter {
  if (format === "frames") {
    const frames = new EventFrameWriter(setup.geometry, setup.session ?? 0);
    return {
      eventsMax: frameEventsMax,
      eventsUsual: frameEventsUsual,
      beats: true,
      encode: (packet, from, to) => frames.frame(packet, from, to),
    };
  }
  if (format === "jaer") return jaerWriter(setup);
  return plainWriter(format);
}

const datagramBytesMax = 65_507;
const two32 = 2 ** 32;

class FrameReader implements DatagramReader {
  readonly untimed = false;
  readonly numbered = true;
  readonly #frames: EventFrames;

  constructor(geometry: PixelGeometry) {
    this.#frames = new EventFrames(geometry);
  }

  decode(datagram: Uint8Array, into: Packet): void {
    this.#frames.decode(datagram, into);
    // A frame lies in one datagram: what is unfinished now stays so.
    this.#frames.reset();
  }

  counts(): Counts {
    return {
      frames: this.#frames.frames,
      ...named("frames that came late, left out", this.#frames.framesLate),
    };
  }

  lost(): Counts {
    return lostFrames(this.#frames);
  }
}

/** What a reader of our frames misses, for `lost`. */
export function lostFrames(frames: EventFrames): Counts {
  return {
    ...named("frames lost on the way", frames.framesLost),
    ...named("events lost on the way", frames.eventsLost),
    ...named("bytes that are no frame", frames.bytesSkipped),
    ...named("events outside the sensor", frames.eventsOutside),
  };
}

/** How many bytes an event has; SPIF's word has its time behind it when its bit 31 is 0. */
const plainBytes = { spif: 4, "faery-t64": 13, "faery-t32": 8 } as const;

/**
 * Little-endian. SPIF, as AEStream sends it (`dvs_to_udp.cpp`): u32 with y in bits 0 to 14, polarity in bit 15, x in bits
 * 16 to 30; bit 31 says that no u32 time follows. faery (`udp_encoder.py`): u64 t, u16 x, u16 y, u8 on; or u32 t, u16 x,
 * u16 with y above the polarity in bit 0.
 */
class PlainReader implements DatagramReader {
  untimed = false;
  readonly numbered = false;
  readonly #geometry: PixelGeometry;
  readonly #format: keyof typeof plainBytes;
  readonly #unwrap = new Unwrap(two32);
  #outside = 0;
  #cut = 0;

  constructor(geometry: PixelGeometry, format: keyof typeof plainBytes) {
    this.#geometry = geometry;
    this.#format = format;
  }

  decode(datagram: Uint8Array, into: Packet): void {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
    const used = this.#format === "spif" ? this.#spif(view, into) : this.#faery(view, into);
    if (used < datagram.length) this.#cut += 1;
  }

  counts(): Counts {
    return {};
  }

  lost(): Counts {
    return {
      ...named("datagrams that end inside an event", this.#cut),
      ...named("events outside the sensor", this.#outside),
    };
  }

  #spif(view: DataView, into: Packet): number {
    this.untimed = view.byteLength >= 4 && view.getUint32(0, true) >>> 31 === 1;
    let at = 0;
    while (at + 4 <= view.byteLength) {
      const word = view.getUint32(at, true);
      const timed = word >>> 31 === 0;
      if (timed && at + 8 > view.byteLength) break;
      const timeUs = timed ? this.#unwrap.of(view.getUint32(at + 4, true)) : 0;
      this.#keep((word >>> 16) & 0x7fff, word & 0x7fff, (word >>> 15) & 1, timeUs, into);
      at += timed ? 8 : 4;
    }
    return at;
  }

  #faery(view: DataView, into: Packet): number {
    const long = this.#format === "faery-t64";
    const size = plainBytes[this.#format];
    let at = 0;
    for (; at + size <= view.byteLength; at += size) {
      const low = view.getUint32(at, true);
      if (long) {
        const timeUs = low + view.getUint32(at + 4, true) * two32;
        if (timeUs > Number.MAX_SAFE_INTEGER) this.#outside += 1;
        else
          this.#keep(
            view.getUint16(at + 8, true),
            view.getUint16(at + 10, true),
            view.getUint8(at + 12) & 1,
            timeUs,
            into,
          );
      } else {
        const row = view.getUint16(at + 6, true);
        this.#keep(view.getUint16(at + 4, true), row >>> 1, row & 1, this.#unwrap.of(low), into);
      }
    }
    return at;
  }

  #keep(x: number, y: number, on: number, timeUs: number, into: Packet): void {
    const { width, height } = this.#geometry;
    if (x >= width || y >= height) this.#outside += 1;
    else into.push(timeUs, ((y << 16) | (x << 1) | on) >>> 0);
  }
}

function plainWriter(format: keyof typeof plainBytes): DatagramWriter {
  const size = format === "spif" ? 8 : plainBytes[format];
  return {
    eventsMax: Math.floor(datagramBytesMax / size),
    // AEStream sends 1,024 bytes, faery 100 events.
    eventsUsual: format === "spif" ? 128 : 100,
    beats: false,
    encode(packet, from, to) {
      const view = new DataView(new ArrayBuffer((to - from) * size));
      for (let i = from, at = 0; i < to; i++, at += size) {
        const timeUs = packet.times[i]!;
        const address = packet.addresses[i]!;
        const [x, y, on] = [(address >>> 1) & 0x7fff, address >>> 16, address & 1];
        if (format === "spif") {
          view.setUint32(at, (x << 16) | (on << 15) | (y & 0x7fff), true);
          view.setUint32(at + 4, timeUs % two32, true);
          continue;
        }
        view.setUint32(at, timeUs % two32, true);
        if (format === "faery-t64") {
          view.setUint32(at + 4, Math.floor(timeUs / two32), true);
          view.setUint16(at + 8, x, true);
          view.setUint16(at + 10, y, true);
          view.setUint8(at + 12, on);
        } else {
          view.setUint16(at + 4, x, true);
          view.setUint16(at + 6, (y << 1) | on, true);
        }
      }
      return new Uint8Array(view.buffer);
    },
  };
}

/**
 * jAER (`AEUnicastOutput.java`, its defaults): big-endian, an int32 sequence number that begins with 1 and goes from
 * 2^31 - 1 to 0, then an int32 address and an int32 time an event, as in its AEDAT 2 files.
 */
class JaerReader implements DatagramReader {
  readonly untimed = false;
  readonly numbered: boolean;
  readonly #decoder;
  #expected: number | undefined;
  #datagramsLost = 0;
  #late = 0;
  #cut = 0;

  constructor({ geometry, chip, sequenceNumbers = true }: DatagramSetup) {
    this.numbered = sequenceNumbers;
    this.#decoder = aedat2.decoder({ geometry, ...(chip !== undefined && { chip }) });
    this.#decoder.push(new TextEncoder().encode(jaerHeader));
    this.#decoder.read(new Packet(geometry, 1));
  }

  decode(datagram: Uint8Array, into: Packet): void {
    const at = this.numbered ? 4 : 0;
    const whole = datagram.length - ((datagram.length - at) & 7);
    if (whole < at || whole !== datagram.length) this.#cut += 1;
    if (whole < at) return;
    if (this.numbered && !this.#follows(new DataView(datagram.buffer, datagram.byteOffset, 4).getInt32(0)))
      return;
    this.#decoder.push(datagram.subarray(at, whole));
    while (this.#decoder.read(into));
  }

  counts(): Counts {
    return named("datagrams that came late, left out", this.#late);
  }

  lost(): Counts {
    return {
      ...named("datagrams lost on the way", this.#datagramsLost),
      ...named("datagrams that end inside an event", this.#cut),
      ...Object.fromEntries(
        this.#decoder.problems.filter(({ lost }) => lost).map(({ what, count }) => [what, count]),
      ),
    };
  }

  #follows(sequence: number): boolean {
    const expected = this.#expected ?? sequence;
    const missing = (sequence - expected) & 0x7fffffff;
    if (sequence === 1 || missing < 2 ** 30) {
      // A sender that starts anew begins with 1.
      if (sequence !== 1) this.#datagramsLost += missing;
      this.#expected = sequence === 2 ** 31 - 1 ? 0 : sequence + 1;
      return true;
    }
    this.#late += 1;
    return false;
  }
}

const jaerHeader = "#!AER-DAT2.0\r\n#End Of ASCII Header\r\n";

function jaerWriter({ geometry, chip, sequenceNumbers = true }: DatagramSetup): DatagramWriter {
  const encoder = aedat2.encoder!(geometry, { ...(chip !== undefined && { chip }) });
  encoder.start();
  let sequence = 0;
  return {
    eventsMax: Math.floor((datagramBytesMax - 4) / 8),
    eventsUsual: 180,
    beats: sequenceNumbers,
    encode(packet, from, to) {
      const events = encoder.push(partOf(packet, from, to));
      if (!sequenceNumbers) return events;
      sequence = sequence === 2 ** 31 - 1 ? 0 : sequence + 1;
      const datagram = new Uint8Array(4 + events.length);
      new DataView(datagram.buffer).setInt32(0, sequence);
      datagram.set(events, 4);
      return datagram;
    },
  };
}

/** A view of some events, for who takes whole packets only. */
function partOf(packet: Packet, from: number, to: number): Packet {
  const part = Object.create(packet) as Packet;
  part.times = packet.times.subarray(from, to);
  part.addresses = packet.addresses.subarray(from, to);
  part.count = to - from;
  return part;
}

function named(what: string, count: number): Record<string, number> {
  return count > 0 ? { [what]: count } : {};
}
