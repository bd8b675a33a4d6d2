/** Triggers of a recording as spikes, and files that have none. */

import { expect, test } from "vitest";
import { recordingTriggersFrom } from "../../drivers/recording-triggers.ts";
import { neurons } from "../../src/events/geometry.ts";
import type { Sensor } from "../../src/stage.ts";
import { besideRecording } from "../support/beside-recording.ts";
import { liveContext } from "../support/live.ts";
import { eventsOf } from "../support/packets.ts";
import { asyncPieces } from "../support/recordings.ts";

const bytes = besideRecording();

function open(options: object, file = bytes, lengths = [65536]) {
  const driver = recordingTriggersFrom(() => asyncPieces(file, lengths));
  return driver.open(driver.options.parse({ file: "x.aedat4", ...options }), liveContext());
}

async function spikesOf(sensor: Sensor<"spikes">) {
  const spikes = [];
  let reachedUs = Number.NEGATIVE_INFINITY;
  for await (const packet of sensor.packets) {
    expect(packet.fromUs).toBeGreaterThanOrEqual(reachedUs);
    reachedUs = packet.toUs;
    spikes.push(...eventsOf(packet));
  }
  return spikes;
}

test("edges fire the two neurons of their input, in any pieces of the file", async () => {
  const edges = Array.from({ length: 10 }, (_, i) => [100_000 * i + 700, i % 2 === 0 ? 1 : 0]);
  for (const lengths of [[65536], [997], [100]]) {
    const sensor = await open({}, bytes, lengths);
    expect(sensor.geometry).toEqual(neurons(1, 1, 2));
    expect(await spikesOf(sensor)).toEqual(edges);
    expect(sensor.counts!()).toEqual({ triggers: 10, "of other marks or channels": 8 });
  }
});

test("exposures fire at their begin and end", async () => {
  const spikes = await spikesOf(await open({ marks: "exposure" }));
  expect(spikes).toEqual(
    [0, 1, 2, 3].flatMap((i) => [
      [250_000 * i + 4900, 1],
      [250_000 * i + 5100, 0],
    ]),
  );
});

test("a cut file gives its good part, then says where it ends", async () => {
  const sensor = await open({}, bytes.subarray(0, bytes.length - 3000));
  await expect(spikesOf(sensor)).rejects.toThrow(/the file is cut.*byte \d+/);
  expect(sensor.counts!().triggers).toBe(10);
});

test("a format without triggers is refused, with those that have some", async () => {
  const events = new TextEncoder().encode("1 2 3 1\n2 2 3 0\n");
  await expect(open({ format: "csv" }, events)).rejects.toThrow(/csv files have no triggers.*RAW/);
});
