/** Decoders of populations: a value to half a cell, or how far it lay from the usual. The others are tested beside their codes. */

import { expect, test } from "vitest";
import { decodePlace, decodePopulation } from "../../src/encoders/decode.ts";
import { placeCode, population } from "../../src/encoders/index.ts";
import { channels } from "../../src/events/geometry.ts";
import { type Row, timedSamples } from "../support/samples.ts";

const geometry = channels(["a", "b"]);
const context = { id: "code", geometry, seed: 0, readText: () => "" };

test("a place code comes back to half a cell, each channel by itself", () => {
  const options = { cells: 10, min: -1, max: 1 };
  const rows = Array.from({ length: 41 }, (_, i): Row => [i, -1 + i / 20.5, 1 - i / 20.5]);
  const spikes = placeCode
    .create(placeCode.options.parse(options), context)
    .step(timedSamples(geometry, rows));
  for (const channel of [0, 1]) {
    const decoded = decodePlace(spikes, { ...options, channel });
    expect(decoded).toHaveLength(rows.length);
    for (const [timeUs, value] of decoded)
      expect(Math.abs(value - rows[timeUs]![channel + 1]!)).toBeLessThanOrEqual(0.1 + 1e-9);
  }
});

test("a population with adaptive fields tells deviations, to its cell's width on a logarithmic scale", () => {
  const options = { cells: 40, range: 5, settleRows: 1, features: [{ of: "value", phases: 2 }] };
  // 0, 2, 0, 2 ...: the mean is 1 and the mean distance from it 1, so a deviation is 1.25.
  const usual = Array.from({ length: 4000 }, (_, i): Row => [i, 2 * (i % 2), 0]);
  for (const deviations of [-30, -2, -0.4, 0.4, 2, 30]) {
    const rows: Row[] = [...usual, [4000, 1 + 1.25 * deviations, 0]];
    const spikes = population
      .create(population.options.parse(options), context)
      .step(timedSamples(geometry, rows));
    const [timeUs, read] = decodePopulation(spikes, { cells: 40, range: 5, channel: 0 }).at(-1)!;
    expect(timeUs).toBe(4000);
    const apart =
      Math.log1p(Math.abs(read)) * Math.sign(read) - Math.log1p(Math.abs(deviations)) * Math.sign(deviations);
    expect(Math.abs(apart)).toBeLessThanOrEqual(0.125 + 0.01);
  }
});
