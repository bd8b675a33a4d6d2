/** Transpose: x and y change places. */

import { expect, test } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { transpose } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check } from "../support/check-stage.ts";

test("x and y change places, polarity and time stay", () => {
  const step = check(anyOptions(transpose), {}, "1@0,0+ 2@4,0- 3@1,2+", "1@0,0+ 2@0,4- 3@2,1+", pixels(5, 3));
  expect(step.geometry).toEqual(pixels(3, 5));
});
