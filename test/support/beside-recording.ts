/** A small recording with frames, IMU samples and triggers beside its events. */

import type { Beside } from "../../src/events/beside.ts";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { aedat4 } from "../../src/formats/aedat4.ts";
import { join } from "./aedat4-file.ts";
import { type Event, packetOf } from "./packets.ts";

export const besideCamera = pixels(64, 48);
export const besideEvents: readonly Event[] = Array.from({ length: 1000 }, (_, i) => [
  i * 1000,
  pixelAddress(i % 64, i % 48, i & 1),
]);

/** 10 IMU samples, 5 rising and 5 falling edges and 4 exposures of 4 frames, over a second. */
export const besideRecords: readonly Beside[] = [
  ...Array.from(
    { length: 10 },
    (_, i): Beside => ({
      type: "imu",
      timeUs: 100_000 * i + 500,
      temperatureC: 30,
      acceleration: [0, -1, i / 8],
      rotation: [i, 2 * i, 0 - i],
      magneticField: [0, 0, 0],
    }),
  ),
  ...Array.from(
    { length: 10 },
    (_, i): Beside => ({
      type: "triggers",
      timeUs: 100_000 * i + 700,
      mark: i % 2 === 0 ? "signal-rising" : "signal-falling",
      channel: 0,
    }),
  ),
  ...Array.from({ length: 4 }, (_, i): Beside[] => {
    const timeUs = 250_000 * i + 5000;
    return [
      { type: "triggers", timeUs: timeUs - 100, mark: "exposure-start", channel: 0 },
      {
        type: "frames",
        timeUs,
        fromUs: timeUs - 200,
        toUs: timeUs + 200,
        exposureFromUs: timeUs - 100,
        exposureToUs: timeUs + 100,
        x: 0,
        y: 0,
        width: 64,
        height: 48,
        channels: 1,
        pixels: Uint8Array.from(
          { length: 64 * 48 },
          (_, place) => ((place % 64 < 16 * i ? 200 : 40) + i) & 0xff,
        ),
      },
      { type: "triggers", timeUs: timeUs + 100, mark: "exposure-end", channel: 0 },
    ];
  }).flat(),
].toSorted((a, b) => a.timeUs - b.timeUs);

export function besideRecording(): Uint8Array {
  const encoder = aedat4.encoder!(besideCamera, { beside: aedat4.writesBeside! });
  const parts = [encoder.start(), ...besideRecords.map((record) => encoder.pushBeside!(record))];
  parts.push(encoder.push(packetOf(besideCamera, besideEvents)), encoder.end());
  const bytes = join(parts);
  for (const patch of encoder.patches()) bytes.set(patch.bytes, patch.offset);
  return bytes;
}
