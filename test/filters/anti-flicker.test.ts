/** Anti-flicker: when a pixel begins to flicker, and when it stops. */

import { expect, test } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { antiFlicker } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage, create } from "../support/check-stage.ts";

const check = (input: string[], expected: string[], options: Record<string, unknown> = {}) =>
  checkStage(
    anyOptions(antiFlicker),
    { minHz: 90, maxHz: 110, periods: 2, toleranceUs: 200, ...options },
    input.join(" "),
    expected.join(" "),
  );

/** ON, ON and OFF of one lamp's pixel at each of the times. */
const blinks = (...timesUs: number[]) =>
  timesUs.flatMap((timeUs) => [`${timeUs}@3,3+`, `${timeUs + 50}@3,3+`, `${timeUs + 5000}@3,3-`]);
/** The first rise needs an OFF event before it, or darkness from the start. */
const lamp = blinks(1000, 11_000, 21_000, 31_000);

test("the rise that ends the second steady period is the first event that is dropped", () => {
  const step = check(lamp, blinks(1000, 11_000));
  expect(step.counts?.()).toEqual({ "dropped as flicker": 6 });
});

test("or the flicker is what passes", () => {
  const step = check(lamp, blinks(21_000, 31_000), { keep: "flicker" });
  expect(step.counts?.()).toEqual({ "dropped without flicker": 6 });
});

test("events of other pixels pass", () => {
  check([...lamp, "36500@4,3+", "36600@4,3-"], [...blinks(1000, 11_000), "36500@4,3+", "36600@4,3-"]);
});

test("periods beyond the band are none, at its edge they are", () => {
  check(blinks(0, 9000, 18_000, 27_000), blinks(0, 9000, 18_000, 27_000));
  check(blinks(0, 12_000, 24_000, 36_000), blinks(0, 12_000, 24_000, 36_000));
  check(blinks(0, 10_000, 20_000), blinks(0, 10_000), { maxHz: 100, minHz: 100 });
});

test("periods that differ by more than the tolerance are not steady", () => {
  check(blinks(0, 10_000, 20_201, 30_200), blinks(0, 10_000, 20_201, 30_200));
  check(blinks(0, 10_000, 20_200, 30_200), blinks(0, 10_000));
});

test("without a rise for the longest period and the tolerance, the pixel is heard again", () => {
  const stopped = ["42311@3,3-", "42312@3,3-"];
  check([...lamp, ...stopped], [...blinks(1000, 11_000), "42312@3,3-"]);
});

test("a pixel that stays bright does not flicker, however often it fires", () => {
  const input = [0, 10_000, 20_000, 30_000, 40_000].map((timeUs) => `${timeUs}@3,3+`);
  check(input, input);
});

test("a lamp after a year flickers anew", () => {
  const yearUs = 365 * 86_400e6;
  check(blinks(0, 10_000, 20_000, yearUs), blinks(0, 10_000, yearUs));
});

test("an empty band is refused", () => {
  expect(() => create(anyOptions(antiFlicker), { minHz: 20, maxHz: 10 }, pixels(8, 8))).toThrow(
    /between .* and .*\. Give a min/,
  );
});
