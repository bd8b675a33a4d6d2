/** Flip: which sides change places. */

import { expect, test } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { flip } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check } from "../support/check-stage.ts";

const input = "1@0,0+ 2@4,0- 3@1,2+";

test.each([
  ["left-right", "1@4,0+ 2@0,0- 3@3,2+"],
  ["up-down", "1@0,2+ 2@4,2- 3@1,0+"],
  ["both", "1@4,2+ 2@0,2- 3@3,0+"],
])("%s", (exchange, expected) => {
  const step = check(anyOptions(flip), { exchange }, input, expected, pixels(5, 3));
  expect(step.geometry).toEqual(pixels(5, 3));
});
