/** The rate code: evenly spaced spikes, and what a window reads of them, coarse and quick or smooth and late. */

import { expect, test } from "vitest";
import { decodeRate } from "../../src/encoders/decode.ts";
import { rateCode } from "../../src/encoders/index.ts";
import { channels } from "../../src/events/geometry.ts";
import { Samples } from "../../src/events/samples.ts";
import { eventsOf } from "../support/packets.ts";
import { type Row, timedSamples } from "../support/samples.ts";
import { root } from "../support/world.ts";

function code(rows: readonly Row[], options: object, toUs: number) {
  const geometry = channels(rows[0]!.slice(1).map((_, j) => `${j}`));
  const context = { id: "rate", geometry, seed: 0, readText: () => "" };
  const stage = rateCode.create(rateCode.options.parse(options), context);
  return stage.step(timedSamples(geometry, rows, 0, toUs));
}

test("a value that holds fires evenly, at its share of the range", () => {
  const options = { min: 10, max: 20, minHz: 100, maxHz: 300 };
  const rows: Row[] = [[0, 10, 15, 99]];
  const events = eventsOf(code(rows, options, 100_001));
  const times = (id: number) => events.filter(([, neuron]) => neuron === id).map(([timeUs]) => timeUs);
  expect(times(0)).toEqual(Array.from({ length: 10 }, (_, k) => 10_000 * (k + 1)));
  expect(times(1)).toEqual(Array.from({ length: 20 }, (_, k) => 5000 * (k + 1)));
  expect(times(2)).toHaveLength(30);
});

test("a change of rate keeps what was gathered; one that is not known keeps the rate; none is silence", () => {
  const events = (rows: readonly Row[]) =>
    eventsOf(code(rows, { maxHz: 100 }, 50_000)).map(([timeUs]) => timeUs);
  // Half a spike at 100 Hz, then the other half at 50 Hz.
  expect(
    events([
      [0, 1],
      [5000, 0.5],
    ]),
  ).toEqual([15_000, 35_000]);
  expect(
    events([
      [0, 1],
      [5000, Number.NaN],
    ]),
  ).toEqual([10_000, 20_000, 30_000, 40_000]);
  expect(
    events([
      [0, 1],
      [25_000, 0],
    ]),
  ).toEqual([10_000, 20_000]);
  expect(events([[0, Number.NaN]])).toEqual([]);
});

test("decoded, a value that holds comes back to a spike in the window", () => {
  for (const value of [0, 0.123, 0.5, 0.77, 1]) {
    const options = { min: 0, max: 1, minHz: 0, maxHz: 500 };
    const spikes = code([[0, value]], options, 2_000_000);
    const decoded = decodeRate(spikes, { ...options, channel: 0, windowUs: 200_000, everyUs: 10_000 });
    expect(decoded[0]![0]).toBe(200_000);
    expect(decoded.at(-1)![0]).toBe(2_000_000);
    for (const [, read] of decoded) expect(Math.abs(read - value)).toBeLessThanOrEqual(0.01 + 1e-9);
  }
});

interface Script {
  tradeOff(library: object): { windowMs: number; coarse: number; lateMs: number; trace: unknown[] }[];
  svgOf(results: object): string;
}

test("the width of the window: each doubling is less coarse and later, by about half of its width", async () => {
  const script = (await import(new URL("pipelines/window-width.mjs", `file://${root}`).href)) as Script;
  const results = script.tradeOff({ rateCode, decodeRate, channels, Samples });
  expect(results.length).toBeGreaterThan(4);
  for (const [k, { windowMs, coarse, lateMs }] of results.entries()) {
    // One spike more or less of 200 a second: at most 1 / (200 Hz x window).
    expect(coarse).toBeLessThan(1 / (0.2 * windowMs));
    expect(Math.abs(lateMs - windowMs / 2)).toBeLessThan(20 + windowMs / 8);
    if (k === 0) continue;
    expect(coarse).toBeLessThan(results[k - 1]!.coarse);
    expect(lateMs).toBeGreaterThan(results[k - 1]!.lateMs);
  }
  const svg = script.svgOf(results);
  expect(svg.match(/<polyline/g)).toHaveLength(6);
  expect(svg).not.toContain("NaN");
});

test("refuses a range without extent", () => {
  expect(() => code([[0, 1]], { min: 1, max: 1 }, 10)).toThrow("[rate] min 1 must be below max 1");
});
