/** Splitting samples, assigning neurons, deciding: by hand. */

import { expect, test } from "vitest";
import { assign, decide, splitSamples } from "../../src/cli/clusters.ts";

const samples = Array.from({ length: 100 }, (_, k) => ({ file: `${k}.bin`, label: k < 70 ? "a" : "b" }));

test("a split is of each label, shares no sample, and hangs on the seed", () => {
  const split = splitSamples(samples, [0.6, 0.2, 0.2], 1);
  const parts = [split.exposure, split.assignment, split.judged];
  expect(parts.map(({ length }) => length)).toEqual([60, 20, 20]);
  expect(parts.map((part) => part.filter(({ label }) => label === "a").length)).toEqual([42, 14, 14]);
  expect(new Set(parts.flat().map(({ file }) => file)).size).toBe(100);
  expect(splitSamples(samples, [0.6, 0.2, 0.2], 1)).toEqual(split);
  expect(splitSamples(samples, [0.6, 0.2, 0.2], 2)).not.toEqual(split);
});

const response = (label: number, ...counts: number[]) => ({ label, counts: Float64Array.from(counts) });

test("a neuron stands for what it fires most for, if each class were shown as often", () => {
  // Neuron 0 fires 2 a sample of class 0 and 6 a sample of class 1, which was shown once only.
  const assignment = assign([response(0, 2, 5, 0), response(0, 2, 1, 0), response(1, 6, 0, 0)], 2);
  expect([...assignment.shares]).toEqual([0.25, 0.75, 1, 0, 0, 0]);
  expect([...assignment.labelOf]).toEqual([1, 0, -1]);
  expect(decide(Float64Array.of(4, 0, 0), assignment)).toBe(1);
  expect(decide(Float64Array.of(4, 3, 9), assignment)).toBe(0);
  expect(decide(Float64Array.of(0, 0, 9), assignment)).toBe(-1);
  expect(decide(Float64Array.of(0, 0, 0), assignment)).toBe(-1);
});
