/** Weights on a chip's grid stay what they are; others get the nearest level. */

import { describe, expect, test } from "vitest";
import { chips } from "../../src/chips/index.ts";
import { quantise } from "../../src/mapping/index.ts";
import { weightValues } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";
import { dense, networkOf } from "../support/tiny-networks.ts";

const chipOf = (name: string) => chips.find((chip) => chip.name === name)!;

function withWeights(...values: readonly number[]) {
  return networkOf({ in: [1, 1, 1], out: [1, 1, values.length] }, [
    dense("in", "out", { kind: "rows", rows: values.map((value) => [value]) }),
  ]);
}

function quantised(name: string, ...values: readonly number[]) {
  const { network, projections } = quantise(withWeights(...values), chipOf(name));
  return { values: [...weightValues(network.projections[0]!.weights)], ...projections[0]! };
}

describe("on the grid nothing changes, to the bit", () => {
  test.each([
    ["generic", [-127, 3, 0, 126]],
    ["generic", [0.25, -0.5, 31.75]],
    ["loihi", [-254, 2, 128]],
    ["loihi2", [127, -126, 1]],
    ["truenorth", [0.7, 0, -0.7]],
    ["spinnaker2", [15, -7, 1]],
  ])("of %s: %j", (name, values) => {
    expect(quantised(name, ...values)).toMatchObject({ values, exact: true, largestError: 0, lost: 0 });
  });
  test("all of the 8-bit weights that a document stores", () => {
    const random = seededRandom(1);
    const values = Array.from({ length: 200 }, () => random() - 0.5);
    const network = networkOf({ in: [1, 1, 1], out: [1, 1, 200] }, [
      dense("in", "out", { kind: "rows", rows: values.map((value) => [value]) }, { bits: 8 }),
    ]);
    const same = quantise(network, chipOf("loihi"));
    expect(same.projections[0]).toMatchObject({ exact: true, largestError: 0 });
    expect(same.network.projections[0]).toBe(network.projections[0]);
  });
});

test("else the largest weight gets the largest level, and none is further off than half a step", () => {
  const values = Array.from({ length: 500 }, (_, k) => Math.sin(k * k));
  for (const [name, levels] of [
    ["generic", 127],
    ["loihi", 127],
    ["spinnaker2", 15],
  ] as const) {
    const { exact, largestError, values: after } = quantised(name, ...values);
    const step = Math.max(...values.map(Math.abs)) / levels;
    expect(exact).toBe(false);
    expect(largestError).toBeGreaterThan(0);
    expect(largestError).toBeLessThanOrEqual((step / 2) * (1 + 1e-9));
    for (const value of after) expect(Math.abs(value / step - Math.round(value / step))).toBeLessThan(1e-9);
  }
});

test("three levels get the scale of least squared error, found by trying all", () => {
  const values = [0.9, -1.1, 0.05, 0.4, -0.6, 1.3];
  const { values: after, scale, lost } = quantised("truenorth", ...values);
  const errorOf = (s: number) =>
    values.reduce((sum, value) => sum + Math.min(value ** 2, (Math.abs(value) - s) ** 2), 0);
  const least = Math.min(...Array.from({ length: 2000 }, (_, k) => errorOf(k / 1000)));
  const own = values.reduce((sum, value, k) => sum + (value - after[k]!) ** 2, 0);
  expect(own).toBeCloseTo(least, 3);
  expect(new Set(after.map(Math.abs))).toEqual(new Set([0, scale]));
  expect(lost).toBe(after.filter((value) => value === 0).length);
});

test("projections into one population share their scale: what they add to has one unit", () => {
  const network = networkOf({ in: [1, 1, 1], a: [1, 1, 1], out: [1, 1, 1] }, [
    dense("in", "a", 0.3),
    dense("in", "out", Math.PI),
    dense("a", "out", 1 / 3),
  ]);
  const { projections } = quantise(network, chipOf("generic"));
  expect(projections[1]!.scale).toBe(projections[2]!.scale);
  expect(projections[1]!.scale).toBeCloseTo(Math.PI / 127, 12);
  expect(projections[0]).toMatchObject({ exact: true });
});
