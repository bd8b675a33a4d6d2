/** The population code: features, fields that adapt, phases of a cycle, values that are not known. */

import { expect, test } from "vitest";
import { population } from "../../src/encoders/index.ts";
import { type ChannelGeometry, channels, neurons } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { anyOptions } from "../../src/stage.ts";
import { eventsOf } from "../support/packets.ts";
import { type Row, timedSamples } from "../support/samples.ts";

const one = channels(["value"]);

/** The spikes of rows, each as time, population, phase and cell. */
function code(options: object, rows: readonly Row[], geometry: ChannelGeometry = one) {
  const stage = anyOptions(population);
  const context = { id: "code", geometry, seed: 0, readText: () => "" };
  const step = stage.create(stage.options.parse({ settleRows: 1, ...options }), context);
  const shape = step.geometry as ReturnType<typeof neurons>;
  const out = step.step(timedSamples(geometry, rows) as never) as Packet;
  const spikes = eventsOf(out).map(([timeUs, id]) => {
    const row = Math.floor(id / shape.width);
    return [timeUs, Math.floor(row / shape.height), row % shape.height, id % shape.width];
  });
  return { shape, spikes, cells: spikes.map(([, , , cell]) => cell) };
}

const at = (values: readonly number[]) => values.map((value, i): Row => [i, value]);

test("a cell is where the value lies among those before it, in deviations, on a logarithmic scale", () => {
  // The mean distance of 0, 2, 0, 2 ... from their mean is 1 in the long run: 1.25 is one deviation.
  const usual = Array.from({ length: 4000 }, (_, i) => 2 * (i % 2));
  for (const deviations of [-100, -3, -0.5, 0.5, 3, 100]) {
    const { cells } = code({ cells: 20, range: 5 }, at([...usual, 1 + 1.25 * deviations]));
    const u = Math.sign(deviations) * Math.log1p(Math.abs(deviations));
    expect(cells.at(-1), `${deviations}`).toBe(Math.floor(10 * (u / 5 + 1)));
  }
});

test("the first value, and whatever is as usual, lies in the middle; beyond the range, in the outermost cells", () => {
  expect(code({ cells: 5 }, at([7, 7, 7, 8, -1e9])).cells).toEqual([2, 2, 4, 0]);
  expect(code({ cells: 5, settleRows: 4 }, at([7, 7, 7, 8, -1e9])).spikes).toEqual([[4, 0, 0, 0]]);
});

test("fields forget over adaptRows: what was far off is usual later", () => {
  const step = at([...Array(300).fill(0), 1, ...Array(300).fill(1)]);
  expect(code({ cells: 5, adaptRows: 20 }, step).cells.slice(298)).toContain(4);
  expect(code({ cells: 5, adaptRows: 20 }, step).cells.at(-1)).toBe(2);
});

test("features look back: silent until they can, then each on a population of its own", () => {
  const features = [{ of: "value" }, { of: "change", rows: 2 }, { of: "mean", rows: 3 }, { of: "deviation" }];
  const { shape, spikes } = code({ features, cells: 3 }, at([1, 1, 1, 1, 1]));
  expect(shape).toEqual(neurons(4, 1, 3));
  // Each is silent at the first of its own samples, which shows what is usual.
  expect(spikes.map(([timeUs, feature]) => [timeUs, feature])).toEqual([
    [1, 0],
    [2, 0],
    [2, 3],
    [3, 0],
    [3, 1],
    [3, 3],
    [4, 0],
    [4, 1],
    [4, 2],
    [4, 3],
  ]);
  // A change of -2 after changes of 2: the lowest cell, whatever the values are.
  const rising = Array.from({ length: 50 }, (_, i) => 2 * i);
  const last = code({ features: [{ of: "change" }], cells: 3 }, at([...rising, 96]));
  expect(last.cells).toEqual([...rising.slice(2).map(() => 1), 0]);
});

test("a feature with phases has cells for each part of the cycle", () => {
  const features = [{ of: "value", phases: 4 }, { of: "value" }];
  const rows = [0, 0.24, 0.25, 0.5, 0.99, 1, 5.75].map((s): Row => [s * 1e6, 3]);
  const { shape, spikes } = code({ features, cells: 3, cycleS: 1 }, rows);
  expect(shape).toEqual(neurons(2, 4, 3));
  const phases = (feature: number) => spikes.filter(([, f]) => f === feature).map(([, , phase]) => phase);
  expect(phases(0)).toEqual([0, 1, 2, 3, 0, 3]);
  expect(phases(1)).toEqual([0, 0, 0, 0, 0, 0]);
});

test("channels don't mix, and a value that is not known changes nothing", () => {
  const two = channels(["a", "b"]);
  const rows = (values: readonly number[]) => values.map((value, i): Row => [i, value, 5]);
  const options = { features: [{ of: "change", rows: 1 }], cells: 9 };
  const { spikes } = code(options, rows([1, Number.NaN, 2, 4, 9]), two);
  const whole = code(options, at([1, 2, 4, 9]));
  expect(spikes.filter(([, channel]) => channel === 0).map(([, , , cell]) => cell)).toEqual(whole.cells);
  expect(spikes.filter(([, channel]) => channel === 1).map(([timeUs]) => timeUs)).toEqual([2, 3, 4]);
});

test("a feature of fewer cells has them spread over the columns of the others", () => {
  const rows = at([...Array.from({ length: 200 }, (_, i) => i % 2), -50, 0.5, 50]);
  const features = [{ of: "value" }, { of: "value", cells: 3 }];
  const { shape, spikes } = code({ cells: 12, features }, rows);
  expect(shape).toEqual(neurons(2, 1, 12));
  const last = spikes.slice(-6);
  const own = code({ cells: 3 }, rows).cells.slice(-3);
  expect(own).toEqual([0, 1, 2]);
  expect(last.filter(([, population]) => population === 1).map(([, , , cell]) => cell)).toEqual([2, 6, 10]);
  const wide = code({ cells: 12 }, rows).cells.slice(-3);
  expect(last.filter(([, population]) => population === 0).map(([, , , cell]) => cell)).toEqual(wide);
});
