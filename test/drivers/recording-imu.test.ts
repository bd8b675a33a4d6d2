/** The IMU of a recording as samples. */

import { expect, test } from "vitest";
import { recordingImuFrom } from "../../drivers/recording-imu.ts";
import { besideRecording } from "../support/beside-recording.ts";
import { liveContext } from "../support/live.ts";
import { asyncPieces } from "../support/recordings.ts";

test("samples come as they were taken, each value in its channel, in any pieces of the file", async () => {
  for (const lengths of [[65536], [997], [100]]) {
    const driver = recordingImuFrom(() => asyncPieces(besideRecording(), lengths));
    const sensor = await driver.open(driver.options.parse({ file: "x.aedat4" }), liveContext());
    const { channels } = sensor.geometry;
    expect(channels.map(({ name, unit }) => `${name} ${unit}`)).toEqual([
      "acceleration-x g",
      "acceleration-y g",
      "acceleration-z g",
      "rotation-x deg/s",
      "rotation-y deg/s",
      "rotation-z deg/s",
      "temperature C",
      "magnetic-field-x uT",
      "magnetic-field-y uT",
      "magnetic-field-z uT",
    ]);
    const rows: number[][] = [];
    for await (const samples of sensor.packets)
      for (let i = 0; i < samples.count; i++)
        rows.push([samples.timeUs(i), ...samples.columns.map((column) => column[i]!)]);
    expect(rows).toEqual(
      Array.from({ length: 10 }, (_, i) => [100_000 * i + 500, 0, -1, i / 8, i, 2 * i, 0 - i, 30, 0, 0, 0]),
    );
    expect(sensor.counts!()).toEqual({ samples: 10 });
  }
});
