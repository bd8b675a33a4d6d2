/** Regularize: one in so many, cell by cell. */

import { expect, test } from "vitest";
import { regularize } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage } from "../support/check-stage.ts";

const check = (options: Record<string, unknown>, input: string, expected: string) =>
  checkStage(anyOptions(regularize), options, input, expected);

test("the first of each three of a pixel, polarities apart", () => {
  const input = "1@2,2+ 2@2,2+ 3@2,2- 4@2,2+ 5@3,2+ 6@2,2+ 7@2,2-";
  const step = check({ every: 3 }, input, "1@2,2+ 3@2,2- 5@3,2+ 6@2,2+");
  expect(step.counts?.()).toEqual({ "dropped to thin evenly": 3 });
});

test("polarities together", () => {
  check({ every: 2, polarity: "together" }, "1@2,2+ 2@2,2- 3@2,2- 4@2,2+", "1@2,2+ 3@2,2-");
});

test("cells of three pixels a side, narrower at the edge", () => {
  check(
    { every: 2, size: 3 },
    "1@0,0+ 2@2,2+ 3@3,2+ 4@1,1+ 5@7,7+ 6@6,6+ 7@6,5+",
    "1@0,0+ 3@3,2+ 4@1,1+ 5@7,7+ 7@6,5+",
  );
});

test("every event", () => check({ every: 1 }, "1@0,0+ 1@0,0+", "1@0,0+ 1@0,0+"));
