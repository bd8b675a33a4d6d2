/** Events in ROS messages: which topics carry them, how a message is laid out, and how its events are coded. */

import type { Beside, BesideType } from "../events/beside.ts";
import { type PixelGeometry, pixelHeightMax, pixels, pixelWidthMax } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { evt3 } from "./evt3.ts";
import {
  Damage,
  type DecodeOptions,
  type Decoder,
  type Problems,
  readEventsMax,
  type StreamInfo,
} from "./format.ts";
import { besideTypeOf, readBeside } from "./ros-beside.ts";
import { MessageReader, uint32 } from "./ros-message.ts";

/** How messages are laid out: ROS 1 packs them, CDR (ROS 2) aligns each number to its size. */
export type Serialisation = "ros1" | "cdr";

/**
 * Types with events, without the `msg/` of ROS 2. A packet holds bytes in an encoding of its own, an array one struct
 * an event (`event_camera_msgs`, once `event_array_msgs`; `dvs_msgs` of rpg_dvs_ros, and Prophesee's copy of it).
 */
const eventTypes: Readonly<Record<string, "packet" | "array">> = {
  "event_camera_msgs/EventPacket": "packet",
  "event_array_msgs/EventPacket": "packet",
  "event_array_msgs/EventArray": "packet",
  "dvs_msgs/EventArray": "array",
  "prophesee_event_msgs/EventArray": "array",
};

const otherTypes: readonly [name: RegExp, type: StreamInfo["type"]][] = [
  [/\/(Compressed)?Image$/, "frames"],
  [/\/Imu$/, "imu"],
];

/** More topics than a robot has: a file that lists thousands is damaged. */
const topicsMax = 4096;
const encodingBytes = { evt3: 2, libcaer: 8, libcaer_cmp: 2, mono: 8 } as const;
type Encoding = keyof typeof encodingBytes;
const vectorBits = 8;
const libcaerTurnUs = 2 ** 31;
/** Later times leave no room for what is added to them. */
const baseUsMax = 2 ** 52;

interface Topic {
  readonly stream: StreamInfo;
  readonly layout: "packet" | "array" | undefined;
  /** What its messages are beside events, where they can be read. */
  readonly beside: BesideType | undefined;
  readonly isCdr: boolean;
  /** From the first message that tells it. */
  size: PixelGeometry | undefined;
  /** Goes on from message to message, as its encoding does. */
  words: Decoder | undefined;
  /** libcaer_cmp: the column, and the row and polarity of a vector. */
  column: number;
  rowBase: number;
  rowOn: number;
}

/** The topics of a file, and the message that is being read. */
export class RosTopics {
  readonly streams: StreamInfo[] = [];
  geometry: PixelGeometry | null | undefined;
  /** There are events of the last message to `read`. */
  busy = false;
  private readonly options: DecodeOptions;
  private readonly seen: Problems;
  private readonly byKey = new Map<number, Topic>();
  private chosen: StreamInfo | undefined;
  /** Of each type beside the events the first topic with a message: records of two cameras are not to be mixed. */
  private readonly chosenBeside = new Map<BesideType, Topic>();
  private readonly unread = new Packet(pixels(1, 1), 0);
  private triggers: StreamInfo | undefined;
  /** The message at hand: its topic, place in the file, encoding, and the bytes that are not yet events. */
  private topic: Topic | undefined;
  private byte = 0;
  private encoding: Encoding | "array" = "array";
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private end = 0;
  /** Array: events to read. The place that numbers are aligned to. */
  private events = 0;
  private origin = 0;
  /** Time base in whole microseconds, and the nanoseconds beyond them. */
  private baseUs = 0;
  private baseRestNs = 0;
  private lastStored = 0;
  private high = 0;
  private low = 0;

  constructor(options: DecodeOptions, seen: Problems) {
    this.options = options;
    this.seen = seen;
    this.geometry = options.geometry;
  }

  /** A topic is told, maybe again; `serialisation` undefined when it is none that we know. Throws a Damage. */
  add(key: number, type: string, serialisation: Serialisation | undefined): void {
    if (this.byKey.has(key)) return;
    if (this.byKey.size === topicsMax) throw new Damage(`more than ${topicsMax} topics`);
    const plain = type.replace("/msg/", "/");
    const known = Object.hasOwn(eventTypes, plain) ? eventTypes[plain] : undefined;
    const layout = serialisation && known;
    const other = otherTypes.find(([name]) => name.test(plain))?.[1] ?? "other";
    const stream: StreamInfo = { id: this.streams.length, type: layout ? "events" : other, count: 0 };
    this.streams.push(stream);
    this.byKey.set(key, {
      stream,
      layout,
      beside: serialisation && besideTypeOf(plain),
      isCdr: serialisation === "cdr",
      size: this.options.geometry,
      words: undefined,
      column: 0,
      rowBase: 0,
      rowOn: 0,
    });
  }

  /** True when a message on this topic is to be begun; one of another kind is counted. */
  wants(key: number): boolean {
    const topic = this.byKey.get(key);
    if (!topic || topic.layout) return topic !== undefined;
    topic.stream.count += 1;
    const { beside } = topic;
    if (!beside || !this.options.beside) return false;
    if (!this.chosenBeside.has(beside)) this.chosenBeside.set(beside, topic);
    return this.chosenBeside.get(beside) === topic;
  }

  /** Lends the bytes of a message, `byte` in the file; then `read` while `busy`. */
  begin(key: number, bytes: Uint8Array, from: number, to: number, byte: number): void {
    const topic = this.byKey.get(key)!;
    this.topic = topic;
    this.byte = byte;
    this.bytes = bytes;
    try {
      const message = new MessageReader(bytes, from, to, topic.isCdr);
      if (topic.beside) this.options.beside?.(readBeside(topic.beside, message));
      else this.busy = this.open(topic, message);
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      this.seen.leaveOut(error.message, byte);
    }
    if (!this.busy) return;
    const wanted = this.options.stream ?? this.chosen?.id ?? topic.stream.id;
    if (topic.stream.id !== wanted) return;
    this.chosen = topic.stream;
    this.geometry ??= topic.size;
  }

  /** Appends events until `into` has no room for those of one more word, or the message is used up. */
  read(into: Packet): void {
    const topic = this.topic!;
    if (topic.stream === this.chosen) {
      this.readSome(topic, into);
      return;
    }
    const { unread } = this;
    while (this.busy) {
      unread.count = 0;
      this.readSome(topic, unread);
    }
  }

  private open(topic: Topic, message: MessageReader): boolean {
    message.header();
    const height = message.uint(4);
    const width = message.uint(4);
    if (width > 0 && height > 0 && width <= pixelWidthMax && height <= pixelHeightMax)
      topic.size ??= pixels(width, height);
    if (!topic.size) throw new Damage("message that doesn't tell the sensor's size, left out");
    this.origin = message.origin;
    this.end = message.end;
    if (topic.layout === "array") {
      this.encoding = "array";
      this.events = message.uint(4);
      this.at = message.at;
      return this.events > 0;
    }
    message.uint(8);
    const baseNs = message.uint64();
    const encoding = message.text().split(";", 1)[0]!;
    const isBigEndian = message.uint(1) !== 0;
    const size = message.uint(4);
    if (size > message.end - message.at) throw new Damage("event packet that is cut, left out");
    if (!Object.hasOwn(encodingBytes, encoding))
      throw new Damage("event packet in an unknown encoding, left out");
    if (isBigEndian) throw new Damage("event packet in big-endian order, left out");
    this.encoding = encoding as Encoding;
    this.baseUs = Number(baseNs / 1000n);
    this.baseRestNs = Number(baseNs % 1000n);
    if (this.baseUs > baseUsMax && encoding !== "evt3")
      throw new Damage("event packet with an impossible time, left out");
    const rest = size % encodingBytes[this.encoding];
    if (rest > 0) this.seen.leaveOut("event packet that ends inside a word, its end left out", this.byte);
    this.at = message.at;
    this.end = message.at + size - rest;
    this.lastStored = 0;
    this.high = 0;
    this.low = 0;
    if (encoding === "evt3" && this.at < this.end)
      this.words(topic).push(this.bytes.subarray(this.at, this.end));
    return this.at < this.end;
  }

  /** EVT3 is read as from a file, one that goes on from message to message. */
  private words(topic: Topic): Decoder {
    if (topic.words) return topic.words;
    const beside = (record: Beside) => topic.stream === this.chosen && this.options.beside?.(record);
    const decoder = evt3.decoder({ geometry: topic.size!, ...(this.options.beside && { beside }) });
    decoder.push(new TextEncoder().encode("% evt 3.0\n% end\n"));
    decoder.read(this.unread);
    topic.words = decoder;
    return decoder;
  }

  private readSome(topic: Topic, into: Packet): void {
    into.reserve(readEventsMax);
    const before = into.count;
    if (this.encoding === "evt3") this.readWords(topic, into);
    else if (this.encoding === "libcaer_cmp") this.readColumns(topic, into);
    else if (this.encoding === "array") this.readStructs(topic, into);
    else this.readRecords(topic, into);
    topic.stream.count += into.count - before;
  }

  private readWords(topic: Topic, into: Packet): void {
    const decoder = topic.words!;
    const before = new Map(decoder.problems.map(({ what, count }) => [what, count]));
    this.busy = decoder.read(into);
    for (const { what, count } of decoder.problems) {
      const more = count - (before.get(what) ?? 0);
      if (more > 0) this.seen.leaveOut(what, this.byte, more);
    }
    const told = decoder.streams.find(({ type }) => type === "triggers");
    if (!told || topic.stream !== this.chosen) return;
    if (!this.triggers) {
      this.triggers = { id: this.streams.length, type: "triggers", count: 0 };
      this.streams.push(this.triggers);
    }
    this.triggers.count = told.count;
  }

  /**
   * Records of 8 bytes. mono: 32 bits of nanoseconds since the time base, 16 of x, 15 of y, 1 of polarity. libcaer: as
   * in AEDAT 3.1 (valid, polarity, 15 bits of y, 15 of x; then 31 bits of microseconds, which may run over once).
   */
  private readRecords(topic: Topic, into: Packet): void {
    const { bytes, end, baseRestNs } = this;
    const isMono = this.encoding === "mono";
    const { width, height } = topic.size!;
    const { times, addresses } = into;
    let { at, baseUs, lastStored } = this;
    let n = into.count;
    let outside = 0;
    for (; at < end && n < readEventsMax; at += 8) {
      const first = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      const last = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      const x = isMono ? last & 0xffff : first >>> 17;
      const y = isMono ? (last >>> 16) & 0x7fff : (first >>> 2) & 0x7fff;
      const on = isMono ? last >>> 31 : (first >>> 1) & 1;
      const stored = (isMono ? first : last) >>> 0;
      if (x >= width || y >= height || (!isMono && stored >= libcaerTurnUs)) {
        outside += 1;
        continue;
      }
      if (!isMono && stored < lastStored) baseUs += libcaerTurnUs;
      lastStored = stored;
      times[n] = baseUs + (isMono ? Math.floor((baseRestNs + stored) / 1000) : stored);
      addresses[n] = (y << 16) | (x << 1) | on;
      n += 1;
    }
    into.count = n;
    this.baseUs = baseUs;
    this.lastStored = lastStored;
    this.endSome(at, outside);
  }

  /**
   * libcaer_cmp (event_camera_codecs `libcaer_cmp_types.h`): words of 16 bits, type at 15 to 12: 0 TIME_HIGH (upper 12
   * of 24 bits of microseconds), 1 TIME_LOW, 2 column, 3 row with polarity at bit 11, 4 first row of a vector, 5 eight
   * rows of it. A message begins at its time base.
   */
  private readColumns(topic: Topic, into: Packet): void {
    const { bytes, end, baseUs } = this;
    const { width, height } = topic.size!;
    const { times, addresses } = into;
    let { at, high, low } = this;
    let { column, rowBase, rowOn } = topic;
    let n = into.count;
    let outside = 0;
    let unknown = 0;
    for (; at < end && n <= readEventsMax - vectorBits; at += 2) {
      const word = bytes[at]! | (bytes[at + 1]! << 8);
      const type = word >>> 12;
      if (type === 3 || type === 5) {
        const isVector = type === 5;
        const first = isVector ? rowBase : word & 0x7ff;
        const on = isVector ? rowOn : (word >>> 11) & 1;
        for (let mask = isVector ? word & 0xff : 1, y = first; mask !== 0; mask >>>= 1, y++) {
          if ((mask & 1) === 0) continue;
          if (column >= width || y >= height) {
            outside += 1;
            continue;
          }
          times[n] = baseUs + high + low;
          addresses[n] = (y << 16) | (column << 1) | on;
          n += 1;
        }
        if (isVector) rowBase += vectorBits;
      } else if (type === 2) column = word & 0x7ff;
      else if (type === 1) low = word & 0xfff;
      else if (type === 0) high = (word & 0xfff) << 12;
      else if (type === 4) {
        rowBase = word & 0x7ff;
        rowOn = (word >>> 11) & 1;
      } else unknown += 1;
    }
    into.count = n;
    this.high = high;
    this.low = low;
    topic.column = column;
    topic.rowBase = rowBase;
    topic.rowOn = rowOn;
    if (unknown > 0) this.seen.leaveOut("word of no known type, left out", this.byte, unknown);
    this.endSome(at, outside);
  }

  /** Structs of 16 bits of x and of y, 32 of seconds and of nanoseconds, and a byte of polarity. */
  private readStructs(topic: Topic, into: Packet): void {
    const { bytes, end, origin } = this;
    const { width, height } = topic.size!;
    const { times, addresses } = into;
    let { at, events } = this;
    let n = into.count;
    let outside = 0;
    for (; events > 0 && n < readEventsMax; events--) {
      if (topic.isCdr) at += (origin - at) & 1;
      let place = at + 4;
      if (topic.isCdr) place += (origin - place) & 3;
      if (place + 9 > end) {
        this.seen.leaveOut("event array that is cut, its end left out", this.byte);
        events = 0;
        break;
      }
      const x = bytes[at]! | (bytes[at + 1]! << 8);
      const y = bytes[at + 2]! | (bytes[at + 3]! << 8);
      at = place + 9;
      if (x >= width || y >= height) {
        outside += 1;
        continue;
      }
      times[n] = uint32(bytes, place) * 1e6 + Math.floor(uint32(bytes, place + 4) / 1000);
      addresses[n] = (y << 16) | (x << 1) | (bytes[place + 8]! & 1);
      n += 1;
    }
    into.count = n;
    this.events = events;
    this.endSome(at, outside);
    this.busy = events > 0;
  }

  private endSome(at: number, outside: number): void {
    this.at = at;
    this.busy = at < this.end;
    if (outside > 0) this.seen.leaveOut("event outside the sensor, left out", this.byte, outside);
  }
}
