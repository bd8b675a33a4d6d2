/**
 * MCAP, the recordings of ROS 2, with events as `event_camera_msgs/msg/EventPacket` or `dvs_msgs/msg/EventArray`.
 *
 * Layout (mcap.dev/spec, version 0), little-endian: 8 bytes of magic, records of a byte of type, a 64-bit length and
 * content, and the magic again. Types: 2 the footer, 3 a schema, 4 a channel, 5 a message, 6 a chunk of such records,
 * maybe compressed; all others are passed over. A text is a 32-bit length and UTF-8. Messages are in CDR, or as in ROS 1.
 */

import { Damage, type DecodeOptions, type Format } from "./format.ts";
import { latin1 } from "./header-lines.ts";
import { crc32 } from "./inflate.ts";
import { RecordsDecoder } from "./ros-records.ts";
import type { Serialisation } from "./ros-topics.ts";

export const mcap: Format = {
  name: "mcap",
  about: "MCAP of ROS 2 with event_camera_msgs or dvs_msgs: none, LZ4 and Zstandard compression",
  extensions: ["mcap"],
  readsBeside: ["frames", "imu", "triggers"],
  sniff: (head) => (latin1(head, 0, magic.length) === magic ? "sure" : "no"),
  decoder: (options) => new McapDecoder(options),
};

const magic = "\x89MCAP0\r\n";
const type = { header: 1, footer: 2, schema: 3, channel: 4, message: 5, chunk: 6 } as const;
const recordHeadBytes = 9;
/** Channel, sequence number, and two times. */
const messageHeadBytes = 22;
/** Two times, the size and checksum unpacked, and the length of the compression's name. */
const chunkHeadBytes = 32;
const compressionBytesMax = 64;
const schemasMax = 65_536;
const serialisations: Readonly<Record<string, Serialisation>> = { cdr: "cdr", ros1: "ros1" };

type State =
  | "magic"
  | "record"
  | "description"
  | "message head"
  | "message"
  | "chunk head"
  | "chunk names"
  | "packed"
  | "last magic"
  | "done";

class McapDecoder extends RecordsDecoder {
  private state: State = "magic";
  private recordType = 0;
  /** Of the record's content, what has not been taken. */
  private size = 0;
  private channel = 0;
  private readonly schemas = new Map<number, string>();
  private chunk = { plainBytes: 0, checksum: 0, compression: "", namesBytes: 0 };

  constructor(options: DecodeOptions) {
    super(options);
  }

  protected get isBetween(): boolean {
    return this.state === "record" || this.state === "done";
  }

  protected missing(): string | undefined {
    return this.state === "done" ? undefined : "it ends before its footer";
  }

  protected advance(): boolean {
    const { source } = this;
    switch (this.state) {
      case "magic":
      case "last magic":
        return this.readMagic();
      case "record":
        return this.readHead();
      case "description":
        if (!this.take(this.size)) return false;
        this.describe(new Fields(source.bytes, source.start, this.size));
        return this.next("record");
      case "message head":
        if (!this.takePart(messageHeadBytes)) return false;
        this.channel = uint(source.bytes, source.start, 2);
        if (this.topics.wants(this.channel)) return this.next("message");
        this.skip(this.size);
        return this.next("record");
      case "message":
        if (!this.take(this.size)) return false;
        this.beginMessage(this.channel, this.size);
        return this.next("record");
      case "chunk head":
      case "chunk names":
        return this.readChunkHead();
      case "packed":
        return this.readPacked();
      default:
        this.feed.skip(this.feed.available);
        return false;
    }
  }

  private next(state: State): true {
    this.state = state;
    return true;
  }

  private readMagic(): boolean {
    if (!this.take(magic.length)) return false;
    const { bytes, start } = this.source;
    if (latin1(bytes, start, start + magic.length) !== magic)
      throw new Damage(this.state === "magic" ? "not an MCAP file" : "the end of the file is damaged");
    return this.next(this.state === "magic" ? "record" : "done");
  }

  private readHead(): boolean {
    this.beginRecord();
    if (!this.take(recordHeadBytes)) return false;
    const { bytes, start } = this.source;
    this.recordType = bytes[start]!;
    this.size = uint(bytes, start + 1, 8);
    if (this.recordType === 0 || !Number.isSafeInteger(this.size)) throw damaged();
    if (this.recordType === type.schema || this.recordType === type.channel) return this.next("description");
    if (this.recordType === type.message) return this.next("message head");
    if (this.recordType === type.chunk) return this.next("chunk head");
    this.skip(this.size);
    return this.next(this.recordType === type.footer ? "last magic" : "record");
  }

  /** Takes the first `size` bytes of the record's rest. */
  private takePart(size: number): boolean {
    if (this.size < size) throw damaged();
    if (!this.take(size)) return false;
    this.size -= size;
    return true;
  }

  private describe(fields: Fields): void {
    const id = fields.uint(2);
    if (this.recordType === type.schema) {
      if (this.schemas.size === schemasMax) throw damaged();
      this.schemas.set(id, fields.text());
      return;
    }
    const schema = this.schemas.get(fields.uint(2)) ?? "";
    fields.text();
    const encoding = fields.text();
    const known = Object.hasOwn(serialisations, encoding) ? serialisations[encoding] : undefined;
    this.topics.add(id, schema, known);
  }

  private readChunkHead(): boolean {
    const { source, chunk } = this;
    if (this.state === "chunk head") {
      if (!this.takePart(chunkHeadBytes)) return false;
      const { bytes, start } = source;
      chunk.plainBytes = uint(bytes, start + 16, 8);
      chunk.checksum = uint(bytes, start + 24, 4);
      chunk.namesBytes = uint(bytes, start + 28, 4);
      if (chunk.namesBytes > compressionBytesMax) throw damaged();
      return this.next("chunk names");
    }
    if (!this.takePart(chunk.namesBytes + 8)) return false;
    const { bytes, start } = source;
    chunk.compression = latin1(bytes, start, start + chunk.namesBytes);
    if (uint(bytes, start + chunk.namesBytes, 8) !== this.size) throw damaged();
    // The records of a chunk that is not packed are read as if they were in the file itself.
    return this.next(chunk.compression === "" ? "record" : "packed");
  }

  private readPacked(): boolean {
    if (!this.take(this.size)) return false;
    const { compression, plainBytes, checksum } = this.chunk;
    const plain = this.unpack(compression, this.size, plainBytes);
    if (checksum !== 0 && crc32(plain) !== checksum) throw new Damage("a chunk's checksum is wrong");
    return this.next("record");
  }
}

function damaged(): Damage {
  return new Damage("the header of a record is damaged");
}

/** Numbers and texts, one after the other. */
class Fields {
  private at: number;
  private readonly end: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, from: number, size: number) {
    this.bytes = bytes;
    this.at = from;
    this.end = from + size;
  }

  uint(size: number): number {
    if (size > this.end - this.at) throw damaged();
    this.at += size;
    return uint(this.bytes, this.at - size, size);
  }

  text(): string {
    const size = this.uint(4);
    if (size > this.end - this.at) throw damaged();
    this.at += size;
    return latin1(this.bytes, this.at - size, this.at);
  }
}

function uint(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}
