/** What a camera records beside its events: triggers, samples of its inertial sensor, frames. Single records, since they are few. */

/** An edge on an input of the camera, or a mark that its own logic made. */
export interface Trigger {
  readonly type: "triggers";
  readonly timeUs: number;
  readonly mark: TriggerMark;
  /** Which input, where a camera has several. */
  readonly channel: number;
}

/** Named and numbered as iniVation's `trigger.fbs` does; an external signal is what Prophesee calls a trigger. */
export const triggerMarks = [
  "timestamp-reset",
  "signal-rising",
  "signal-falling",
  "signal-pulse",
  "generator-rising",
  "generator-falling",
  "frame-start",
  "frame-end",
  "exposure-start",
  "exposure-end",
] as const;
export type TriggerMark = (typeof triggerMarks)[number];

export interface ImuSample {
  readonly type: "imu";
  readonly timeUs: number;
  /** 0 where it isn't told. */
  readonly temperatureC: number;
  /** Along x, y and z, in g. */
  readonly acceleration: Triple;
  /** Around x, y and z, degrees a second. */
  readonly rotation: Triple;
  /** Along x, y and z, microtesla; all 0 where there is no compass. */
  readonly magneticField: Triple;
}
type Triple = readonly [x: number, y: number, z: number];

export interface Frame {
  readonly type: "frames";
  /** The time that stands for the frame, then those of its reading and of its exposure, microseconds. */
  readonly timeUs: number;
  readonly fromUs: number;
  readonly toUs: number;
  readonly exposureFromUs: number;
  readonly exposureToUs: number;
  /** Its upper left corner on the sensor, pixels. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Bytes a pixel: gray, blue-green-red, or the same with alpha. */
  readonly channels: 1 | 3 | 4;
  /** Row after row, `width * height * channels` bytes; the record owns them. */
  readonly pixels: Uint8Array;
}

export type Beside = Trigger | ImuSample | Frame;
export type BesideType = Beside["type"];
