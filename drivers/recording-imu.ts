/** The inertial sensor of a recording's camera as samples: acceleration, rotation, temperature, magnetic field. */

import { z } from "zod";
import type { ImuSample } from "../src/events/beside.ts";
import { channels } from "../src/events/geometry.ts";
import { Samples } from "../src/events/samples.ts";
import { defineSensor } from "../src/stage.ts";
import { besideOptions, openBeside } from "./recording/beside.ts";
import { type ReadPieces, readFilePieces } from "./recording.ts";

const geometry = channels([
  ...["x", "y", "z"].map((axis) => ({ name: `acceleration-${axis}`, unit: "g" })),
  ...["x", "y", "z"].map((axis) => ({ name: `rotation-${axis}`, unit: "deg/s" })),
  { name: "temperature", unit: "C" },
  ...["x", "y", "z"].map((axis) => ({ name: `magnetic-field-${axis}`, unit: "uT" })),
]);

/** The driver with its way to files, so that a test can do without any. */
export function recordingImuFrom(readPieces: ReadPieces) {
  return defineSensor({
    name: "recording-imu",
    about: "The inertial sensor of a recording's camera as samples: acceleration, rotation, temperature.",
    gives: "samples",
    live: false,
    options: z.strictObject(besideOptions),
    async open({ file, format, chip }, { id, resolvePath }) {
      const path = resolvePath(file);
      const given = { ...(format !== undefined && { format }), ...(chip !== undefined && { chip }) };
      const opened = await openBeside(readPieces(path), path, { id, type: "imu", ...given });
      let total = 0;
      let late = 0;
      const out = new Samples(geometry, 64);

      const fill = (records: readonly ImuSample[], fromUs: number | undefined) => {
        const sorted = records.toSorted((a, b) => a.timeUs - b.timeUs);
        const startUs = fromUs ?? sorted[0]!.timeUs;
        out.begin(startUs, Math.max(startUs, sorted.at(-1)!.timeUs) + 1).reserve(sorted.length);
        sorted.forEach(({ timeUs, acceleration, rotation, temperatureC, magneticField }, i) => {
          if (timeUs < startUs) late += 1;
          out.times[i] = Math.max(timeUs, startUs);
          const values = [...acceleration, ...rotation, temperatureC, ...magneticField];
          for (const [channel, column] of out.columns.entries()) column[i] = values[channel]!;
        });
        out.count = sorted.length;
        total += sorted.length;
        return out;
      };
      async function* batches(): AsyncGenerator<Samples, void, undefined> {
        let reachedUs: number | undefined;
        for await (const records of opened.batches) {
          const batch = fill(records, reachedUs);
          reachedUs = batch.toUs;
          yield batch;
        }
      }
      return {
        geometry,
        packets: batches(),
        counts: () => ({ samples: total }),
        lost: () => ({ "sample with a time before the last one, moved after it": late }),
        problems: () =>
          opened.problems.map(
            ({ what, firstByte, count }) => `${what}: ${count}, first at byte ${firstByte}`,
          ),
      };
    },
  });
}

export default recordingImuFrom(readFilePieces);
