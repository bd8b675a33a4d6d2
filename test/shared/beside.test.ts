/** Triggers, IMU samples and frames of real recordings: as many as independent readers found, plausible, and kept by a conversion. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Beside } from "../../src/events/beside.ts";
import { pixels } from "../../src/events/geometry.ts";
import type { Format } from "../../src/formats/format.ts";
import { formatNamed, sniffFormat } from "../../src/formats/index.ts";
import { decodeAll } from "../support/recordings.ts";
import { expectedRecordings, shared } from "../support/shared.ts";

const letters = { FRME: "frames", IMUS: "imu", TRIG: "triggers" } as const;

function read(format: Format, bytes: Uint8Array) {
  const records: Beside[] = [];
  const { decoder } = decodeAll(format, bytes, { beside: (record) => records.push(record) });
  return { records, decoder };
}
const ofType = <T extends Beside["type"]>(records: readonly Beside[], type: T) =>
  records.filter((one): one is Extract<Beside, { type: T }> => one.type === type);

const files = expectedRecordings().flatMap(({ path, extra }) => {
  const counts: Partial<Record<Beside["type"], number>> = {};
  for (const [id, name] of Object.entries(extra?.stream_ids ?? {})) {
    const type = letters[name as keyof typeof letters];
    const count = extra?.counts?.[id];
    if (type && count !== undefined) counts[type] = count;
  }
  if (extra?.imu_words !== undefined) counts.imu = Math.floor(extra.imu_words / 7);
  return Object.keys(counts).length > 0 ? [{ path, counts }] : [];
});

test("there are recordings with something beside their events", () => {
  expect(files.length).toBeGreaterThan(2);
});

describe.each(files)("$path", ({ path, counts }) => {
  const bytes = new Uint8Array(readFileSync(shared("recordings", path)));
  const { records, decoder } = read(sniffFormat(bytes.subarray(0, 65536), path)!, bytes);

  test("has what others found", () => {
    for (const [type, count] of Object.entries(counts)) {
      const found = ofType(records, type as Beside["type"]).length;
      // A sample that the file's begin or end cuts has fewer words.
      expect(count - found).toBeGreaterThanOrEqual(0);
      expect(count - found).toBeLessThanOrEqual(type === "imu" && path.startsWith("aedat2") ? 2 : 0);
    }
  });

  test("IMU samples show the weight of the camera; frames have a picture", () => {
    const imu = ofType(records, "imu");
    const sizes = imu.map(({ acceleration: [x, y, z] }) => Math.hypot(x, y, z)).sort((a, b) => a - b);
    if (imu.length > 0) {
      expect(sizes[sizes.length >> 1]).toBeGreaterThan(0.8);
      expect(sizes[sizes.length >> 1]).toBeLessThan(1.3);
      for (const { temperatureC } of imu) expect(temperatureC).toBeGreaterThan(10);
      for (const { temperatureC } of imu) expect(temperatureC).toBeLessThan(80);
    }
    for (const { pixels: gray, fromUs, exposureFromUs, exposureToUs, toUs } of ofType(records, "frames")) {
      expect(new Set(gray).size).toBeGreaterThan(20);
      expect(fromUs).toBeLessThanOrEqual(exposureFromUs);
      expect(exposureFromUs).toBeLessThan(exposureToUs);
      expect(exposureToUs).toBeLessThanOrEqual(toUs);
    }
  });

  test("AEDAT 4 keeps all of it", () => {
    const aedat4 = formatNamed("aedat4")!;
    const { width, height } = decoder.geometry ?? pixels(346, 260);
    const encoder = aedat4.encoder!(pixels(width, height), { beside: aedat4.writesBeside! });
    const parts = [encoder.start(), ...records.map((record) => encoder.pushBeside!(record)), encoder.end()];
    const written = new Uint8Array(Buffer.concat(parts));
    for (const patch of encoder.patches()) written.set(patch.bytes, patch.offset);
    const again = read(aedat4, written);
    expect(encoder.leftOut).toEqual([]);
    for (const type of ["frames", "triggers"] as const)
      expect(ofType(again.records, type)).toEqual(ofType(records, type));
    // Its numbers are singles.
    const single = (list: readonly Beside[]) =>
      ofType(list, "imu").map(({ timeUs, temperatureC, acceleration, rotation }) => [
        timeUs,
        ...[temperatureC, ...acceleration, ...rotation].map(Math.fround),
      ]);
    expect(single(again.records)).toEqual(single(records));
  });
});
