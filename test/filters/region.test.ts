/** Region: inside and outside of rectangles, which may overlap but not leave the sensor. */

import { expect, test } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { region } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check, create } from "../support/check-stage.ts";

const rectangles = [
  { x: 1, y: 1, width: 3, height: 2 },
  { x: 3, y: 2, width: 5, height: 6 },
];
const input = "1@0,1+ 2@1,1+ 3@3,2- 4@4,1+ 5@7,7- 6@2,3+";

test("inside", () => {
  const step = check(anyOptions(region), { rectangles }, input, "2@1,1+ 3@3,2- 5@7,7-");
  expect(step.counts?.()).toEqual({ "dropped outside the region": 3 });
});

test("outside", () => {
  const step = check(anyOptions(region), { rectangles, keep: "outside" }, input, "1@0,1+ 4@4,1+ 6@2,3+");
  expect(step.counts?.()).toEqual({ "dropped inside the region": 3 });
});

test("a rectangle that leaves the sensor is refused", () => {
  const make = () =>
    create(anyOptions(region), { rectangles: [{ x: 4, y: 0, width: 5, height: 1 }] }, pixels(8, 8));
  expect(make).toThrow("[region] the rectangle of 5x1 at (4, 0) leaves the sensor's 8x8 pixels.");
});
