/**
 * What AEDAT 3.1 holds beside events: special events, IMU samples and frames, little-endian.
 *
 * Layout (iniVation `AEDAT_file_formats.md`; libcaer `special.h`, `imu6.h`, `imu9.h`, `frame.h`). Each begins with 32
 * bits of which bit 0 says that it is valid. Special (type 0): the kind at 7 to 1, time. IMU6 (3) and IMU9 (4): time,
 * float32 acceleration x y z (g), rotation x y z (degrees a second), temperature (C), in IMU9 magnetic field x y z (uT).
 * Frame (2): channels at 3 to 1; times of its start, end, exposure's start and end; width, height, x, y of its corner;
 * 16 bits a pixel and channel, of which the upper 8 are kept here; colours are red first.
 */

import { type Beside, type Frame, triggerMarks } from "../events/beside.ts";

export interface BesideLayout {
  readonly type: "special" | "imu6" | "imu9" | "frame";
  /** Of one record. */
  readonly bytes: number;
}

const sizes = { special: 8, imu6: 36, imu9: 48 } as const;
const frameHeaderBytes = 36;
/** Four channels of a picture of four million pixels: more is damage. */
const frameBytesMax = 1 << 25;

/** Of packets of a type with records of `size` bytes; undefined where there is none of that size, or it is unknown. */
export function besideLayout(type: number, size: number): BesideLayout | undefined {
  const name = ({ 0: "special", 2: "frame", 3: "imu6", 4: "imu9" } as const)[type];
  if (!name) return undefined;
  const fits = name === "frame" ? size >= frameHeaderBytes && size <= frameBytesMax : size === sizes[name];
  return fits ? { type: name, bytes: size } : undefined;
}

/** The record at `at`; `baseUs` is added to its times. Undefined when it can't be one, null where it marks nothing. */
export function recordOf(
  layout: BesideLayout,
  bytes: Uint8Array,
  at: number,
  baseUs: number,
): Beside | null | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, layout.bytes);
  if (layout.type === "frame") return frameOf(view, baseUs);
  const storedUs = view.getInt32(4, true);
  if (storedUs < 0) return undefined;
  const timeUs = baseUs + storedUs;
  if (layout.type === "special") {
    const kind = kinds[(view.getUint8(0) >>> 1) & 0x7f];
    return kind ? { type: "triggers", timeUs, ...kind } : kind;
  }
  const value = (field: number) => view.getFloat32(8 + 4 * field, true);
  return {
    type: "imu",
    timeUs,
    temperatureC: value(6),
    acceleration: [value(0), value(1), value(2)],
    rotation: [value(3), value(4), value(5)],
    magneticField: layout.type === "imu9" ? [value(7), value(8), value(9)] : [0, 0, 0],
  };
}

const signals = (channel: number) => [1, 2, 3].map((mark) => ({ mark: triggerMarks[mark]!, channel }));
/** By the number of the kind; 0 and 5 (a wrap of time, a row without events) mark nothing from outside. */
const kinds = [
  null,
  { mark: triggerMarks[0], channel: 0 },
  ...signals(0),
  null,
  ...signals(1),
  ...signals(2),
  ...triggerMarks.slice(4).map((mark) => ({ mark, channel: 0 })),
];

function frameOf(view: DataView, baseUs: number): Frame | undefined {
  const channels = (view.getUint8(0) >>> 1) & 7;
  const [from, to, exposureFrom, exposureTo, width, height, x, y] = [4, 8, 12, 16, 20, 24, 28, 32].map(
    (place) => view.getInt32(place, true),
  ) as [number, number, number, number, number, number, number, number];
  const values = width * height * channels;
  const isSane =
    (channels === 1 || channels === 3 || channels === 4) &&
    [from, to, exposureFrom, exposureTo, width, height, x, y].every((value) => value >= 0) &&
    frameHeaderBytes + 2 * values <= view.byteLength;
  if (!isSane) return undefined;
  const pixels = new Uint8Array(values);
  for (let i = 0; i < values; i++) {
    const channel = i % channels;
    // Stored red, green, blue; kept blue, green, red, as AEDAT 4 has it.
    const kept = channels > 1 && channel < 3 ? i + 2 - 2 * channel : i;
    pixels[kept] = view.getUint8(frameHeaderBytes + 2 * i + 1);
  }
  return {
    type: "frames",
    timeUs: baseUs + Math.floor((exposureFrom + exposureTo) / 2),
    fromUs: baseUs + from,
    toUs: baseUs + to,
    exposureFromUs: baseUs + exposureFrom,
    exposureToUs: baseUs + exposureTo,
    x,
    y,
    width,
    height,
    channels: channels as Frame["channels"],
    pixels,
  };
}
