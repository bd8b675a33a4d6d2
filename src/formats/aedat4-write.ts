/** Writes AEDAT 4.0: a stream of events, streams of what is beside them, and a data table. The layout is told in `aedat4.ts`. */

import type { Beside, BesideType, ImuSample, Trigger } from "../events/beside.ts";
import type { Geometry } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { frameBuffer, imuBuffer, triggersBuffer } from "./aedat4-beside.ts";
import { setInt64, setRoot, setUint16s } from "./flatbuffer-write.ts";
import { type EncodeOptions, type Encoder, type Patch, Problems } from "./format.ts";
import { encodeLz4Frame } from "./lz4.ts";
import { encodeZstdFrame } from "./zstd.ts";

export const versionLine = new TextEncoder().encode("#!AER-DAT4.0\r\n");

/** `CompressionType` of IOHeader.fbs: the place in the list is the code. */
export const compressions = ["none", "lz4", "lz4_high", "zstd", "zstd_high"] as const;
export type Compression = (typeof compressions)[number];

export const eventBytes = 16;

/** Most events in one packet of a file that is written. */
const writtenEventsMax = 1 << 16;

/** IMU samples or triggers that one packet holds; the next packet of events sends them too. */
const besideMax = 256;

/** What the header says of a stream, and the letters of its packets. */
const described = {
  events: ["EVTS", "events", "Array of events (polarity ON/OFF)."],
  frames: ["FRME", "frames", "Standard frame (8-bit image)."],
  imu: ["IMUS", "imu", "Inertial Measurement Unit data samples."],
  triggers: ["TRIG", "triggers", "External triggers and special signals."],
} as const;

/** Events are stream 0, and what was promised beside them follows; a packet of the file for each packet pushed. */
export class Aedat4Encoder implements Encoder {
  private readonly geometry: Geometry;
  private readonly compression: Compression;
  private readonly streams: readonly (keyof typeof described)[];
  private readonly left = new Problems();
  private readonly entries: TableEntry[] = [];
  /** Records that wait for company. */
  private readonly imu: ImuSample[] = [];
  private readonly triggers: Trigger[] = [];
  /** Whose triggers are written. */
  private channel: number | undefined;
  private offset = 0;
  private tableOffset = -1;

  constructor(geometry: Geometry, options: EncodeOptions) {
    this.geometry = geometry;
    this.compression = options.compression ?? "lz4";
    this.streams = ["events", ...(options.beside ?? [])];
  }

  get leftOut() {
    return this.left.list;
  }

  start(): Uint8Array {
    const nodes = this.streams.map((type, id) => streamNode(id, type, this.geometry, this.compression));
    const parts = [versionLine, headerBuffer(this.compression, `${textStart}${nodes.join("")}${textEnd}`)];
    for (const part of parts) this.offset += part.length;
    return joined(parts);
  }

  push(packet: Packet): Uint8Array {
    const parts = this.waiting();
    for (let from = 0; from < packet.count; from += writtenEventsMax) {
      const to = Math.min(from + writtenEventsMax, packet.count);
      const { buffer, count } = this.eventsBuffer(packet, from, to);
      if (count === 0) continue;
      const [firstUs, lastUs] = [packet.times[from]!, packet.times[to - 1]!];
      parts.push(this.packet("events", buffer, { count, firstUs, lastUs }));
    }
    return joined(parts);
  }

  pushBeside(record: Beside): Uint8Array {
    if (record.type === "frames") {
      const { fromUs, toUs } = record;
      return this.packet("frames", frameBuffer(record), { count: 1, firstUs: fromUs, lastUs: toUs });
    }
    if (record.type === "imu") this.imu.push(record);
    else this.takeTrigger(record);
    return this.imu.length + this.triggers.length < besideMax ? none : joined(this.waiting());
  }

  end(): Uint8Array {
    const parts = this.waiting();
    this.tableOffset = this.offset;
    parts.push(pack(this.compression, tableBuffer(this.entries)));
    return joined(parts);
  }

  patches(): readonly Patch[] {
    const bytes = new Uint8Array(8);
    setInt64(new DataView(bytes.buffer), 0, this.tableOffset);
    return [{ offset: versionLine.length + tableOffsetInHeader, bytes }];
  }

  /** The format names no channel, and edges of two must not become edges of one: the first that comes is written. */
  private takeTrigger(trigger: Trigger): void {
    this.channel ??= trigger.channel;
    if (trigger.channel === this.channel) this.triggers.push(trigger);
    else this.left.leaveOut("trigger of another channel than the first one's", this.offset);
  }

  /** Packets of the records that wait. */
  private waiting(): Uint8Array[] {
    const parts: Uint8Array[] = [];
    const send = <R extends ImuSample | Trigger>(
      records: R[],
      make: (records: readonly R[]) => Uint8Array,
    ) => {
      if (records.length === 0) return;
      const times = records.map(({ timeUs }) => timeUs);
      const span = { count: records.length, firstUs: Math.min(...times), lastUs: Math.max(...times) };
      parts.push(this.packet(records[0]!.type, make(records), span));
      records.length = 0;
    };
    send(this.imu, imuBuffer);
    send(this.triggers, triggersBuffer);
    return parts;
  }

  /** A packet of the file: its header of 8 bytes, then the packed buffer. */
  private packet(
    type: "events" | BesideType,
    buffer: Uint8Array,
    span: Pick<TableEntry, "count" | "firstUs" | "lastUs">,
  ): Uint8Array {
    const stream = this.streams.indexOf(type);
    const payload = pack(this.compression, buffer);
    const bytes = new Uint8Array(8 + payload.length);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, stream, true);
    view.setUint32(4, payload.length, true);
    bytes.set(payload, 8);
    this.entries.push({ stream, offset: this.offset + 8, size: payload.length, ...span });
    this.offset += bytes.length;
    return bytes;
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
}

const none = new Uint8Array(0);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
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
  readonly stream: number;
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
    view.setInt32(at + 36, entry.stream, true);
    view.setInt32(at + 40, entry.size, true);
  });
  return buffer;
}

/** The XML text of the header, as iniVation's software writes it. */
const textStart = `<dv version="2.0">
    <node name="outInfo" path="/outInfo/">
`;
const textEnd = `    </node>
</dv>
`;

function streamNode(
  id: number,
  type: keyof typeof described,
  { width, height }: Geometry,
  compression: Compression,
): string {
  const [letters, output, about] = described[type];
  const hasSize = type === "events" || type === "frames";
  return `        <node name="${id}" path="/outInfo/${id}/">
            <attr key="compression" type="string">${compression.toUpperCase()}</attr>
            <attr key="originalModuleName" type="string">reflexarc</attr>
            <attr key="originalOutputName" type="string">${output}</attr>
            <attr key="typeDescription" type="string">${about}</attr>
            <attr key="typeIdentifier" type="string">${letters}</attr>
            <node name="info" path="/outInfo/${id}/info/">
${
  hasSize
    ? `                <attr key="sizeX" type="int">${width}</attr>
                <attr key="sizeY" type="int">${height}</attr>
`
    : ""
}                <attr key="source" type="string">reflexarc</attr>
            </node>
        </node>
`;
}
