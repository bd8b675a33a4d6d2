/** Surface threshold: lonely events, dense events, and how liveliness fades. */

import { expect, test } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { surfaceThreshold } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage, create } from "../support/check-stage.ts";

const check = (options: Record<string, unknown>, input: string, expected: string) =>
  checkStage(anyOptions(surfaceThreshold), { tauUs: 1000, radius: 1, min: 0, ...options }, input, expected);

test("one neighbour of eight that fired just now is a mean of 0.125", () => {
  check({ min: 0.125 }, "5@3,3+ 5@4,4-", "5@4,4-");
  const step = check({ min: 0.126 }, "5@3,3+ 5@4,4-", "");
  expect(step.counts?.()).toEqual({ "dropped by their surroundings": 2 });
});

test("it fades: e^-1 of it after tau", () => {
  check({ min: 0.125 * Math.exp(-1) - 1e-9 }, "5@3,3+ 1005@4,4-", "1005@4,4-");
  check({ min: 0.125 * Math.exp(-1) - 1e-9 }, "5@3,3+ 1006@4,4-", "");
});

test("a maximum drops what is dense", () => {
  check({ max: 0.25 }, "5@3,3+ 5@3,4+ 5@3,5+ 5@4,4+", "5@3,3+ 5@3,4+ 5@3,5+");
});

test("a wider radius, and the pixel itself is no company", () => {
  const input = "5@3,3+ 5@5,5+ 5@3,3-";
  check({ radius: 2, min: 1 / 24 }, input, "5@5,5+ 5@3,3-");
  check({ radius: 1, min: 0.01 }, input, "");
});

test("same: the other polarity is no company", () => {
  check({ min: 0.1, polarity: "same" }, "5@3,3+ 5@4,3- 5@4,4+", "5@4,4+");
});

test("the scale begins anew without a change: liveliness is the same after 300 time constants", () => {
  const input = [0, 255_900, 300_000]
    .flatMap((startUs) => [`${startUs}@3,3+`, `${startUs + 200}@3,4+`])
    .join(" ");
  check({ min: 0.125 * Math.exp(-0.2) - 1e-9 }, input, "200@3,4+ 256100@3,4+ 300200@3,4+");
});

test("an empty band is refused", () => {
  expect(() => create(anyOptions(surfaceThreshold), { min: 0.5, max: 0.4 }, pixels(8, 8))).toThrow(
    /between .* and .*\. Give a min/,
  );
});
