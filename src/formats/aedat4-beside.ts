/**
 * What AEDAT 4 holds beside events, as FlatBuffers: packets of triggers and of IMU samples, and frames.
 *
 * Layout (dv-processing 1.7 `trigger.fbs`, `imu.fbs`, `frame.fbs`), fields in order. Trigger: int64 timestamp, int8 type.
 * IMU: int64 timestamp, then float32 temperature, accelerometer x y z, gyroscope x y z, magnetometer x y z. Frame: int64
 * timestamp, of its start, end, exposure's start, exposure's end; int8 format (0 gray, 16 BGR, 24 BGRA, as OpenCV has
 * them); int16 sizeX, sizeY, positionX, positionY; a vector of pixels. A field that is left out is 0.
 */

import {
  type Beside,
  type BesideType,
  type Frame,
  type ImuSample,
  type Trigger,
  triggerMarks,
} from "../events/beside.ts";
import type { FlatBuffer } from "./flatbuffer.ts";
import { setInt64, setRoot, setUint16s } from "./flatbuffer-write.ts";
import { Damage } from "./format.ts";

/** Most triggers or IMU samples of one packet; iniVation's software writes one each 10 ms. */
const recordsMax = 1 << 16;

/** The records of an unpacked packet. Throws Damage. */
export function* besideOf(buffer: FlatBuffer, type: BesideType): Generator<Beside> {
  if (type === "frames") {
    yield frameOf(buffer);
    return;
  }
  const { at, count } = buffer.vector(buffer.field(buffer.root, 0, 4), 4);
  // Its slots may all lead to one table: a small packet could claim millions.
  if (count > recordsMax) throw new Damage("a packet of too many records");
  for (let i = 0; i < count; i++) {
    const table = buffer.follow(at + 4 * i);
    yield type === "imu" ? imuOf(buffer, table) : triggerOf(buffer, table);
  }
}

function timeOf(buffer: FlatBuffer, table: number, field: number): number {
  const at = buffer.field(table, field, 8);
  const timeUs = at === 0 ? 0 : buffer.int64(at);
  if (timeUs < 0 || !Number.isSafeInteger(timeUs)) throw new Damage("an impossible time");
  return timeUs;
}

function triggerOf(buffer: FlatBuffer, table: number): Trigger {
  const at = buffer.field(table, 1, 1);
  const mark = triggerMarks[at === 0 ? 0 : buffer.int8(at)];
  if (!mark) throw new Damage("a trigger of no known type");
  return { type: "triggers", timeUs: timeOf(buffer, table, 0), mark, channel: 0 };
}

function imuOf(buffer: FlatBuffer, table: number): ImuSample {
  const value = (field: number) => {
    const at = buffer.field(table, field, 4);
    return at === 0 ? 0 : buffer.float32(at);
  };
  return {
    type: "imu",
    timeUs: timeOf(buffer, table, 0),
    temperatureC: value(1),
    acceleration: [value(2), value(3), value(4)],
    rotation: [value(5), value(6), value(7)],
    magneticField: [value(8), value(9), value(10)],
  };
}

/** Bytes a pixel, by the format's code. */
const channelsOf: Readonly<Record<number, Frame["channels"]>> = { 0: 1, 16: 3, 24: 4 };
const codeOf = { 1: 0, 3: 16, 4: 24 } as const;

function frameOf(buffer: FlatBuffer): Frame {
  const { root } = buffer;
  const short = (field: number) => {
    const at = buffer.field(root, field, 2);
    return at === 0 ? 0 : buffer.int16(at);
  };
  const formatAt = buffer.field(root, 5, 1);
  const channels = channelsOf[formatAt === 0 ? 0 : buffer.int8(formatAt)];
  const [width, height] = [short(6), short(7)];
  const { at, count } = buffer.vector(buffer.field(root, 10, 4), 1);
  if (!channels || width < 0 || height < 0 || count !== width * height * channels)
    throw new Damage("a frame that is not of its size");
  return {
    type: "frames",
    timeUs: timeOf(buffer, root, 0),
    fromUs: timeOf(buffer, root, 1),
    toUs: timeOf(buffer, root, 2),
    exposureFromUs: timeOf(buffer, root, 3),
    exposureToUs: timeOf(buffer, root, 4),
    x: short(8),
    y: short(9),
    width,
    height,
    channels,
    pixels: buffer.bytes(at, count).slice(),
  };
}

export function triggersBuffer(triggers: readonly Trigger[]): Uint8Array {
  const layout = { letters: "TRIG", fields: [4, 12], size: 16 };
  return tablesBuffer(layout, triggers, (view, at, { timeUs, mark }) => {
    setInt64(view, at + 4, timeUs);
    view.setInt8(at + 12, triggerMarks.indexOf(mark));
  });
}

export function imuBuffer(samples: readonly ImuSample[]): Uint8Array {
  const layout = { letters: "IMUS", fields: [4, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48], size: 56 };
  return tablesBuffer(layout, samples, (view, at, sample) => {
    setInt64(view, at + 4, sample.timeUs);
    const values = [sample.temperatureC, ...sample.acceleration, ...sample.rotation, ...sample.magneticField];
    values.forEach((value, i) => {
      view.setFloat32(at + 12 + 4 * i, value, true);
    });
  });
}

interface TableLayout {
  readonly letters: string;
  /** Where each field lies in its table. */
  readonly fields: readonly number[];
  /** Of a table with what is left free behind it, a multiple of 8: an int64 4 bytes into a table is aligned. */
  readonly size: number;
}

/** A size-prefixed packet: its root has a vector of tables that share one vtable. */
function tablesBuffer<R>(
  { letters, fields, size }: TableLayout,
  records: readonly R[],
  fill: (view: DataView, at: number, record: R) => void,
): Uint8Array {
  const root = 20;
  const vector = 28;
  const vtable = vector + 4 + 4 * records.length;
  const vtableBytes = 4 + 2 * fields.length;
  const first = ((vtable + vtableBytes + 3) & ~7) + 4;
  const buffer = new Uint8Array(first + size * records.length);
  const view = new DataView(buffer.buffer);
  setRoot(view, buffer.length, letters, root);
  setUint16s(view, 14, [6, 8, 4]);
  view.setInt32(root, root - 14, true);
  view.setUint32(root + 4, vector - (root + 4), true);
  view.setUint32(vector, records.length, true);
  setUint16s(view, vtable, [vtableBytes, size, ...fields]);
  records.forEach((record, i) => {
    const at = first + i * size;
    const slot = vector + 4 + 4 * i;
    view.setUint32(slot, at - slot, true);
    view.setInt32(at, at - vtable, true);
    fill(view, at, record);
  });
  return buffer;
}

/** A size-prefixed frame: its root table with the pixels behind it. */
export function frameBuffer(frame: Frame): Uint8Array {
  const vtable = 12;
  const root = 44;
  const fields = [4, 12, 20, 28, 36, 56, 48, 50, 52, 54, 44];
  const pixelsAt = 104;
  const buffer = new Uint8Array((pixelsAt + 4 + frame.pixels.length + 7) & ~7);
  const view = new DataView(buffer.buffer);
  setRoot(view, buffer.length, "FRME", root);
  setUint16s(view, vtable, [4 + 2 * fields.length, pixelsAt - root, ...fields]);
  view.setInt32(root, root - vtable, true);
  const times = [frame.timeUs, frame.fromUs, frame.toUs, frame.exposureFromUs, frame.exposureToUs];
  times.forEach((timeUs, i) => {
    setInt64(view, root + 4 + 8 * i, timeUs);
  });
  view.setUint32(root + 44, pixelsAt - (root + 44), true);
  [frame.width, frame.height, frame.x, frame.y].forEach((value, i) => {
    view.setInt16(root + 48 + 2 * i, value, true);
  });
  view.setInt8(root + 56, codeOf[frame.channels]);
  view.setUint32(pixelsAt, frame.pixels.length, true);
  buffer.set(frame.pixels, pixelsAt + 4);
  return buffer;
}
