/** Rescale: where pixels go when the picture shrinks or grows. */

import { expect, test } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { rescale } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check } from "../support/check-stage.ts";

test("smaller in one direction, larger in the other", () => {
  const step = check(
    anyOptions(rescale),
    { width: 3, height: 16 },
    "1@0,0+ 2@2,0- 3@3,1+ 4@5,2- 5@6,7+ 6@7,7-",
    "1@0,0+ 2@0,0- 3@1,2+ 4@1,4- 5@2,14+ 6@2,14-",
  );
  expect(step.geometry).toEqual(pixels(3, 16));
});
