/** Downsample: where a block's pixels go, and how large what is left is. */

import { expect, test } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { downsample } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage } from "../support/check-stage.ts";

const check = (factor: number, input: string, expected: string) =>
  checkStage(anyOptions(downsample), { factor }, input, expected);

test("a block of pixels is one pixel, polarity and time stay", () => {
  const step = check(3, "1@2,2+ 2@3,2- 3@2,3+ 4@7,7-", "1@0,0+ 2@1,0- 3@0,1+ 4@2,2-");
  expect(step.geometry).toEqual(pixels(3, 3));
});

test("factor 1 changes nothing", () => {
  expect(check(1, "1@7,0+ 1@0,7-", "1@7,0+ 1@0,7-").geometry).toEqual(pixels(8, 8));
});

test("a factor beyond the sensor leaves one pixel", () => {
  expect(check(100, "1@7,7+", "1@0,0+").geometry).toEqual(pixels(1, 1));
});
