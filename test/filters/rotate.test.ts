/** Rotate: clockwise, with the geometry. */

import { expect, test } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { rotate } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check, create } from "../support/check-stage.ts";

test.each([
  [90, "1@2,0+ 2@2,4- 3@0,0+ 4@1,3-", pixels(3, 5)],
  [180, "1@4,2+ 2@0,2- 3@4,0+ 4@1,1-", pixels(5, 3)],
  [270, "1@0,4+ 2@0,0- 3@2,4+ 4@1,1-", pixels(3, 5)],
])("by %i degrees", (degrees, expected, geometry) => {
  const step = check(anyOptions(rotate), { degrees }, "1@0,0+ 2@4,0- 3@0,2+ 4@3,1-", expected, pixels(5, 3));
  expect(step.geometry).toEqual(geometry);
});

test("a picture that is too tall for an address can't lie on its side, but can stand on its head", () => {
  const tall = pixels(1, 0x8001);
  expect(() => create(anyOptions(rotate), { degrees: 90 }, tall)).toThrow(
    /\[rotate\] a picture may be 32768/,
  );
  expect(create(anyOptions(rotate), { degrees: 180 }, tall).geometry).toEqual(tall);
});
