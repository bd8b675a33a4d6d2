/** Crop: the region's edges, its geometry, and regions that can't be. */

import { expect, test } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { crop } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage, create } from "../support/check-stage.ts";

const check = (options: Record<string, number>, input: string, expected: string) =>
  checkStage(anyOptions(crop), options, input, expected);

test("the corners of the region are inside and become the new corners", () => {
  const step = check(
    { x: 2, y: 3, width: 4, height: 2 },
    "1@2,3+ 2@5,4- 3@1,3+ 4@6,4+ 5@2,2+ 6@5,5+ 7@0,0+ 8@7,7-",
    "1@0,0+ 2@3,1-",
  );
  expect(step.geometry).toEqual(pixels(4, 2));
  expect(step.counts?.()).toEqual({ "dropped outside the region": 6 });
});

test("without width and height it reaches the edges", () => {
  expect(check({ x: 5, y: 6 }, "1@7,7+ 2@4,7+ 3@5,6-", "1@2,1+ 3@0,0-").geometry).toEqual(pixels(3, 2));
});

test.each([{ x: 8 }, { y: 9 }, { x: 1, width: 8 }, { height: 9 }])("%j leaves the sensor", (options) => {
  expect(() => create(anyOptions(crop), options, pixels(8, 8))).toThrow(
    /\[crop\] the region of .* 8x8 pixels/,
  );
});
