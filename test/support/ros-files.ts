/** ROS bags and MCAP files, made by hand: topics, messages and chunks. */

import { type PixelGeometry, polarityOf, xOf, yOf } from "../../src/events/geometry.ts";
import { evt3 } from "../../src/formats/evt3.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { crc32 } from "../../src/formats/inflate.ts";
import { encodeLz4Frame } from "../../src/formats/lz4.ts";
import { encodeZstdFrame } from "../../src/formats/zstd.ts";
import { join } from "./aedat4-file.ts";
import { type Event, packetOf } from "./packets.ts";
import { words } from "./raw.ts";

export interface Topic {
  readonly type: string;
  readonly messages: readonly Uint8Array[];
}

/** Writes the fields of a message, in CDR aligned to their sizes. */
class Message {
  private readonly bytes: number[] = [];
  private readonly isCdr: boolean;

  constructor(isCdr: boolean) {
    this.isCdr = isCdr;
  }

  uint(size: number, value: number | bigint): this {
    while (this.isCdr && this.bytes.length % size !== 0) this.bytes.push(0);
    this.bytes.push(...words(size, [value]));
    return this;
  }

  text(value: string): this {
    const letters = [...new TextEncoder().encode(value), ...(this.isCdr ? [0] : [])];
    return this.uint(4, letters.length).raw(letters);
  }

  raw(bytes: Iterable<number>): this {
    for (const byte of bytes) this.bytes.push(byte);
    return this;
  }

  header(): this {
    if (!this.isCdr) this.uint(4, 7);
    return this.uint(4, 1_700_000_000).uint(4, 5).text("camera");
  }

  done(): Uint8Array {
    return Uint8Array.from(this.isCdr ? [0, 1, 0, 0, ...this.bytes] : this.bytes);
  }
}

export interface PacketFields {
  readonly geometry: PixelGeometry;
  readonly encoding: string;
  readonly events: Uint8Array;
  readonly baseNs?: bigint;
  readonly isBigEndian?: boolean;
}

/** `event_camera_msgs/EventPacket`. */
export function eventPacket(isCdr: boolean, fields: PacketFields): Uint8Array {
  const { geometry, encoding, events, baseNs = 0n, isBigEndian = false } = fields;
  return new Message(isCdr)
    .header()
    .uint(4, geometry.height)
    .uint(4, geometry.width)
    .uint(8, 3)
    .uint(8, baseNs)
    .text(encoding)
    .uint(1, isBigEndian ? 1 : 0)
    .uint(4, events.length)
    .raw(events)
    .done();
}

/** `dvs_msgs/EventArray`. */
export function eventArray(isCdr: boolean, { width, height }: PixelGeometry, events: readonly Event[]) {
  const message = new Message(isCdr).header().uint(4, height).uint(4, width).uint(4, events.length);
  for (const [timeUs, address] of events)
    message
      .uint(2, xOf(address))
      .uint(2, yOf(address))
      .uint(4, Math.floor(timeUs / 1e6))
      .uint(4, (timeUs % 1e6) * 1000)
      .uint(1, polarityOf(address));
  return message.done();
}

export interface ImageFields {
  readonly width: number;
  readonly height: number;
  readonly encoding: string;
  /** Bytes a row. */
  readonly stride: number;
  readonly data: Uint8Array;
}

/** `sensor_msgs/Image`. */
export function image(isCdr: boolean, { width, height, encoding, stride, data }: ImageFields): Uint8Array {
  const message = new Message(isCdr).header().uint(4, height).uint(4, width).text(encoding).uint(1, 0);
  return message.uint(4, stride).uint(4, data.length).raw(data).done();
}

/** `sensor_msgs/Imu`, in radians a second and m/s2. */
export function imu(
  isCdr: boolean,
  rotation: readonly number[],
  acceleration: readonly number[],
): Uint8Array {
  const message = new Message(isCdr).header();
  const still = new Array<number>(9).fill(0);
  const numbers = [0, 0, 0, 1, ...still, ...rotation, ...still, ...acceleration, ...still];
  for (const bits of new BigUint64Array(Float64Array.from(numbers).buffer)) message.uint(8, bits);
  return message.done();
}

/** The bytes of events in each encoding of a packet; times count from the time base. */
export const encodings = {
  evt3(geometry: PixelGeometry, events: readonly Event[]): Uint8Array {
    const file = encodeFile(evt3.encoder!(geometry, {}), [packetOf(geometry, events)]);
    return file.subarray(Buffer.from(file).indexOf("% end\n") + 6);
  },
  libcaer: (_: PixelGeometry, events: readonly Event[]): Uint8Array =>
    words(
      4,
      events.flatMap(([t, a]) => [((xOf(a) << 17) | (yOf(a) << 2) | (polarityOf(a) << 1) | 1) >>> 0, t]),
    ),
  libcaer_cmp: (_: PixelGeometry, events: readonly Event[]): Uint8Array =>
    words(
      2,
      events.flatMap(([t, a]) => [
        (t >>> 12) & 0xfff,
        (1 << 12) | (t & 0xfff),
        (2 << 12) | xOf(a),
        (3 << 12) | (polarityOf(a) << 11) | yOf(a),
      ]),
    ),
  mono: (_: PixelGeometry, events: readonly Event[]): Uint8Array =>
    words(
      4,
      events.flatMap(([t, a]) => [t * 1000, ((polarityOf(a) << 31) | (yOf(a) << 16) | xOf(a)) >>> 0]),
    ),
} as const;

const u32 = (value: number) => words(4, [value]);
const latin = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

function bagFields(fields: Readonly<Record<string, Uint8Array | string>>): Uint8Array {
  return join(
    Object.entries(fields).flatMap(([name, value]) => {
      const field = join([latin(`${name}=`), typeof value === "string" ? latin(value) : value]);
      return [u32(field.length), field];
    }),
  );
}

function bagRecord(
  op: number,
  fields: Readonly<Record<string, Uint8Array | string>>,
  data: Uint8Array,
): Uint8Array {
  const header = bagFields({ op: Uint8Array.of(op), ...fields });
  return join([u32(header.length), header, u32(data.length), data]);
}

/** The records within a bag's chunk: connections, then the messages of all topics by turns. */
export function bagChunk(topics: readonly Topic[]): Uint8Array {
  const connections = topics.map(({ type }, id) =>
    bagRecord(
      7,
      { conn: u32(id), topic: `/t${id}` },
      bagFields({ topic: `/t${id}`, type, md5sum: "*", message_definition: "" }),
    ),
  );
  return join([
    ...connections,
    ...byTurns(topics, (id, data) => bagRecord(2, { conn: u32(id), time: words(8, [1]) }, data)),
  ]);
}

const packers = {
  none: (bytes: Uint8Array) => bytes,
  lz4: encodeLz4Frame,
  zstd: encodeZstdFrame,
} as const;
export type Packer = keyof typeof packers;

/** A closed bag of one chunk for each group of topics. `packed` are bytes that some other tool has packed. */
export function bagFile(
  groups: readonly (readonly Topic[])[],
  compression: "none" | "lz4" | "bz2" = "none",
  packed?: Uint8Array,
): Uint8Array {
  const chunks = groups.map((topics) => {
    const plain = bagChunk(topics);
    const data = packed ?? (compression === "bz2" ? plain : packers[compression](plain));
    const index = bagRecord(4, { ver: u32(1), conn: u32(0), count: u32(1) }, new Uint8Array(12));
    return join([bagRecord(5, { compression, size: u32(plain.length) }, data), index]);
  });
  const infos = groups.map(() => bagRecord(6, { ver: u32(1), count: u32(1) }, new Uint8Array(8)));
  const head = { index_pos: words(8, [99]), conn_count: u32(1), chunk_count: u32(groups.length) };
  return join([
    latin("#ROSBAG V2.0\n"),
    bagRecord(3, head, new Uint8Array(200).fill(32)),
    ...chunks,
    ...infos,
  ]);
}

const text = (value: string) => join([u32(value.length), latin(value)]);
const mcapRecord = (type: number, ...parts: Uint8Array[]) => {
  const content = join(parts);
  return join([Uint8Array.of(type), words(8, [content.length]), content]);
};

/** An MCAP file of one chunk for each group of topics, or none, and what else recorders write. */
export function mcapFile(
  groups: readonly (readonly Topic[])[],
  compression: Packer | "unchunked" = "none",
  encoding = "cdr",
): Uint8Array {
  const chunks = groups.map((topics) => {
    const told = topics.flatMap(({ type }, id) => [
      mcapRecord(3, words(2, [id + 1]), text(type), text("ros2msg"), text("uint8 x")),
      mcapRecord(4, words(2, [id, id + 1]), text(`/t${id}`), text(encoding), u32(0)),
    ]);
    const messages = byTurns(topics, (id, data) =>
      mcapRecord(5, words(2, [id]), u32(9), words(8, [1, 1]), data),
    );
    const records = join([...told, ...messages]);
    if (compression === "unchunked") return records;
    const packed = packers[compression](records);
    const name = compression === "none" ? "" : compression;
    const head = [
      words(8, [0, 0, records.length]),
      u32(crc32(records)),
      text(name),
      words(8, [packed.length]),
    ];
    return join([mcapRecord(6, ...head, packed), mcapRecord(7, words(2, [0]), u32(0))]);
  });
  const magic = latin("\x89MCAP0\r\n");
  return join([
    magic,
    mcapRecord(1, text("ros2"), text("by hand")),
    mcapRecord(9, new Uint8Array(700)),
    ...chunks,
    mcapRecord(15, u32(0)),
    mcapRecord(2, words(8, [0, 0]), u32(0)),
    magic,
  ]);
}

function byTurns(
  topics: readonly Topic[],
  record: (id: number, data: Uint8Array) => Uint8Array,
): Uint8Array[] {
  const most = Math.max(...topics.map(({ messages }) => messages.length));
  return Array.from({ length: most }, (_, i) =>
    topics.flatMap(({ messages }, id) => (messages[i] ? [record(id, messages[i]!)] : [])),
  ).flat();
}
