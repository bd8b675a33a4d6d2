/**
 * What an AEDAT 2 file holds beside events: edges on the camera's input, IMU samples, and the pixel reads of frames.
 *
 * Layout (iniVation `AEDAT_file_formats.md`; jAER `DavisChip.java`, `DavisBaseCamera.java`, `IMUSample.java`). A DAVIS
 * marks an edge by bit 10 of an event's address, a DVS128 by bit 15. An IMU sample is seven words in a row, the kind at
 * bits 30 to 28 (acceleration x y z, temperature, rotation x y z), the 16-bit value at 27 to 12. A frame's word is one
 * read of one pixel (y at 30 to 22, x at 21 to 12 from the left, rows from below): of its reset level (bits 11 and 10
 * are 0) or of its signal (bit 10 is 1), 10 bits; their difference is the light.
 */

import type { Beside, Frame, Trigger } from "../events/beside.ts";
import type { PixelGeometry } from "../events/geometry.ts";

/** What the sensor's 16 bits reach, as jAER's settings in the header tell; else what `IMUSample.java` starts with. */
export interface ImuScale {
  g: number;
  degPerS: number;
}
export const usualImuScale: ImuScale = { g: 4, degPerS: 500 };

/** Of the MPU-6100: 131 a degree a second where it reaches 250. */
const degPerSPerLsb = (reach: number) => reach / 250 / 131;
const celsiusPerLsb = 1 / 340;
const celsiusAtZero = 35;
const imuWords = 7;
/** No DAVIS has as many. */
const framePixelsMax = 1 << 20;

export class Aedat2Beside {
  private readonly geometry: PixelGeometry;
  private readonly scale: ImuScale;
  /** Values of the sample that is coming, in the order of their kinds. */
  private readonly imu: number[] = [];
  /** What was read of the frame that is coming; made when the first word of one comes. */
  private frame: FrameReads | undefined;

  constructor(geometry: PixelGeometry, scale: ImuScale) {
    this.geometry = geometry;
    this.scale = scale;
  }

  /** A word of a DVS128 that is no event. */
  dvs128(timeUs: number): Trigger {
    return pulseAt(timeUs);
  }

  /** A word of a DAVIS that is no event; the record that it completes, if it does. */
  davis(address: number, timeUs: number): Beside | undefined {
    if (address >>> 31 === 0) return pulseAt(timeUs);
    const kind = (address >>> 10) & 3;
    if (kind === 3) return this.takeImu((address >>> 28) & 7, (address << 4) >> 16, timeUs);
    if (this.geometry.width * this.geometry.height > framePixelsMax) return undefined;
    this.frame ??= new FrameReads(this.geometry);
    const x = (address >>> 12) & 0x3ff;
    const y = this.geometry.height - 1 - ((address >>> 22) & 0x1ff);
    if (kind > 1 || x >= this.geometry.width || y < 0) return undefined;
    return this.frame.take(y * this.geometry.width + x, kind === 0, address & 0x3ff, timeUs);
  }

  private takeImu(kind: number, value: number, timeUs: number): Beside | undefined {
    // After a lost word the sample is given up, and the next one begins with its first.
    if (kind !== this.imu.length) this.imu.length = 0;
    if (kind !== this.imu.length) return undefined;
    this.imu.push(value);
    if (this.imu.length < imuWords) return undefined;
    const [ax, ay, az, temperature, gx, gy, gz] = this.imu.splice(0) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const g = this.scale.g / 32768;
    const turn = degPerSPerLsb(this.scale.degPerS);
    return {
      type: "imu",
      timeUs,
      temperatureC: temperature * celsiusPerLsb + celsiusAtZero,
      acceleration: [ax * g, ay * g, az * g],
      rotation: [gx * turn, gy * turn, gz * turn],
      magneticField: [0, 0, 0],
    };
  }
}

function pulseAt(timeUs: number): Trigger {
  return { type: "triggers", timeUs, mark: "signal-pulse", channel: 0 };
}

const unread = 0xffff;

/** The reads of one frame: each pixel's reset level, then its signal. */
class FrameReads {
  private readonly geometry: PixelGeometry;
  private readonly resets: Uint16Array;
  private readonly gray: Uint8Array;
  private resetCount = 0;
  private signalCount = 0;
  private fromUs = 0;
  private lastResetUs = 0;
  private exposureFromUs = 0;
  private exposureToUs = 0;

  constructor(geometry: PixelGeometry) {
    this.geometry = geometry;
    this.resets = new Uint16Array(geometry.width * geometry.height).fill(unread);
    this.gray = new Uint8Array(this.resets.length);
  }

  take(pixel: number, isReset: boolean, value: number, timeUs: number): Frame | undefined {
    if (isReset) {
      // The pixel waits for its signal already: the frame before was cut short.
      if (this.resets[pixel] !== unread) this.forget();
      if (this.resetCount === 0) this.fromUs = timeUs;
      this.resets[pixel] = value;
      this.resetCount += 1;
      this.lastResetUs = timeUs;
      return undefined;
    }
    const reset = this.resets[pixel]!;
    if (reset === unread) return undefined;
    if (this.signalCount === 0) {
      // All pixels are reset at once where the shutter is global, and a column after the other where it rolls.
      this.exposureFromUs = this.resetCount === this.gray.length ? this.lastResetUs : this.fromUs;
      this.exposureToUs = timeUs;
    }
    this.resets[pixel] = unread;
    this.gray[pixel] = Math.max(0, reset - value) >>> 2;
    this.signalCount += 1;
    if (this.signalCount < this.gray.length) return undefined;
    const { width, height } = this.geometry;
    const { fromUs, exposureFromUs, exposureToUs } = this;
    const frame: Frame = {
      type: "frames",
      timeUs: Math.floor((exposureFromUs + exposureToUs) / 2),
      fromUs,
      toUs: timeUs,
      exposureFromUs,
      exposureToUs,
      x: 0,
      y: 0,
      width,
      height,
      channels: 1,
      pixels: this.gray.slice(),
    };
    this.forget();
    return frame;
  }

  private forget(): void {
    this.resets.fill(unread);
    this.resetCount = 0;
    this.signalCount = 0;
  }
}
