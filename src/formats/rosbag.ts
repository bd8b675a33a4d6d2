/**
 * ROS 1 bags, version 2.0, with events as `event_camera_msgs/EventPacket` or `dvs_msgs/EventArray`.
 *
 * Layout (ros.org `Bags/Format/2.0`), little-endian: the line `#ROSBAG V2.0`, then records of a header and data, each
 * after its 32-bit length. A header is fields `name=value`, each after its length; `op` says what the record is: 3 the
 * bag, 5 a chunk (of connections and messages, `compression` none, bz2 or lz4), 7 a connection, 2 a message, 4 and 6
 * the index, which is not needed. A bag that its recorder didn't close has no index and is read all the same.
 */

import { Damage, type DecodeOptions, type Format } from "./format.ts";
import { latin1 } from "./header-lines.ts";
import { RecordsDecoder } from "./ros-records.ts";

export const rosbag: Format = {
  name: "rosbag",
  about: "ROS 1 bags with event_camera_msgs or dvs_msgs: none, LZ4 and bzip2 compression",
  extensions: ["bag"],
  readsBeside: ["frames", "imu", "triggers"],
  sniff: (head) => (latin1(head, 0, magic.length) === magic ? "sure" : "no"),
  decoder: (options) => new RosbagDecoder(options),
};

const magic = "#ROSBAG V2.0\n";
const op = { message: 2, bag: 3, index: 4, chunk: 5, chunkInfo: 6, connection: 7 } as const;
const headerBytesMax = 1 << 20;

type State = "magic" | "header size" | "header" | "data size" | "data";
type Fields = ReadonlyMap<string, Uint8Array>;

class RosbagDecoder extends RecordsDecoder {
  private state: State = "magic";
  private size = 0;
  private fields: Fields = new Map();
  private opCode = 0;
  /** As the bag's first record has it; 0 in a bag that wasn't closed. */
  private chunks = 0;
  private chunkInfos = 0;
  private chunkEnd = 0;
  private sawBag = false;

  constructor(options: DecodeOptions) {
    super(options);
  }

  protected get isBetween(): boolean {
    return this.state === "header size";
  }

  protected missing(): string | undefined {
    if (!this.sawBag) return "it ends before its first record";
    if (this.feed.offset < this.chunkEnd) return "it ends inside a chunk";
    if (this.chunks === 0)
      this.seen.note("the bag was not closed by its recorder, and may be cut", this.feed.offset);
    return this.chunkInfos < this.chunks ? "it ends before its index" : undefined;
  }

  protected advance(): boolean {
    const { state } = this;
    if (state === "header size") this.beginRecord();
    if (state === "magic") return this.readMagic();
    if (state === "header size" || state === "data size") {
      if (!this.take(4)) return false;
      this.size = uint(this.source.bytes, this.source.start, 4);
      if (state === "header size" && this.size > headerBytesMax) throw damaged();
      this.state = state === "header size" ? "header" : "data";
      if (state === "data size") this.beginData();
      return true;
    }
    if (!this.take(this.size)) return false;
    const { bytes, start } = this.source;
    if (state === "header") this.useHeader(fieldsOf(bytes, start, start + this.size));
    else this.useData(bytes, start);
    return true;
  }

  private readMagic(): boolean {
    if (!this.take(magic.length)) return false;
    const { bytes, start } = this.feed;
    if (latin1(bytes, start, start + magic.length) !== magic) throw new Damage("not a ROS bag");
    this.state = "header size";
    return true;
  }

  private useHeader(fields: Fields): void {
    this.fields = fields;
    this.opCode = this.number("op", 1);
    this.state = "data size";
  }

  /** Passes over data that is not needed, and goes into a chunk that is not packed. */
  private beginData(): void {
    const { opCode } = this;
    const isPlainChunk = opCode === op.chunk && this.text("compression") === "none";
    const isWanted =
      opCode === op.connection ||
      (opCode === op.chunk && !isPlainChunk) ||
      (opCode === op.message && this.topics.wants(this.number("conn", 4)));
    if (opCode === op.bag) {
      this.chunks = this.number("chunk_count", 4);
      this.sawBag = true;
    } else if (!this.sawBag || opCode < op.message || opCode > op.connection) throw damaged();
    else if (opCode === op.chunkInfo) this.chunkInfos += 1;
    if (isWanted) return;
    this.state = "header size";
    if (isPlainChunk) this.chunkEnd = this.feed.offset + this.size;
    else this.skip(this.size);
  }

  private useData(bytes: Uint8Array, start: number): void {
    this.state = "header size";
    if (this.opCode === op.connection) {
      const about = fieldsOf(bytes, start, start + this.size);
      this.topics.add(this.number("conn", 4), textOf(about.get("type")), "ros1");
    } else if (this.opCode === op.message) this.beginMessage(this.number("conn", 4), this.size);
    else this.unpack(this.text("compression"), this.size, this.number("size", 4));
  }

  private number(name: string, size: number): number {
    const value = this.fields.get(name);
    if (value?.length !== size) throw damaged();
    return uint(value, 0, size);
  }

  private text(name: string): string {
    return textOf(this.fields.get(name));
  }
}

function damaged(): Damage {
  return new Damage("the header of a record is damaged");
}

function fieldsOf(bytes: Uint8Array, from: number, to: number): Fields {
  const fields = new Map<string, Uint8Array>();
  for (let at = from; at < to; ) {
    const size = to - at < 4 ? 0 : uint(bytes, at, 4);
    const end = at + 4 + size;
    const equals = bytes.indexOf(0x3d, at + 4);
    if (size === 0 || end > to || equals < 0 || equals >= end) throw damaged();
    fields.set(latin1(bytes, at + 4, equals), bytes.slice(equals + 1, end));
    at = end;
  }
  return fields;
}

function textOf(value: Uint8Array | undefined): string {
  return value ? latin1(value, 0, value.length) : "";
}

function uint(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}
