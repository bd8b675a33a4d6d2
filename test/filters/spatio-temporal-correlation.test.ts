/** STCF: how many supporters, how recent, of which polarity; and times beyond 32 bits. */

import { expect, test } from "vitest";
import { spatioTemporalCorrelation } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage } from "../support/check-stage.ts";

const check = (options: Record<string, unknown>, input: string, expected: string) =>
  checkStage(anyOptions(spatioTemporalCorrelation), { windowUs: 10, ...options }, input, expected);

test("two neighbours support up to exactly the window; one, or the pixel itself, don't", () => {
  const step = check({}, "1@2,2+ 2@4,4- 11@3,3+ 12@3,3+ 12@4,4+ 22@4,3+", "11@3,3+ 22@4,3+");
  expect(step.counts?.()).toEqual({ "dropped without support": 4 });
});

test("one neighbour counts once, however often it fired", () => {
  check({}, "1@2,2+ 2@2,2+ 3@3,3+", "");
});

test("same: the other polarity supports nobody, and hides nobody", () => {
  const input = "1@2,2+ 2@2,3+ 3@2,2- 4@3,3+ 5@3,2-";
  check({ polarity: "same" }, input, "4@3,3+");
  check({ polarity: "any" }, input, "4@3,3+ 5@3,2-");
});

test("all eight neighbours, and no more than those", () => {
  const ring = "1@2,2+ 1@3,2+ 1@4,2+ 1@2,3+ 1@4,3+ 1@2,4+ 1@3,4+";
  check({ supporters: 8 }, `${ring} 2@4,4+ 3@3,3+`, "3@3,3+");
  check({ supporters: 8 }, `${ring} 2@5,4+ 3@3,3+`, "");
});

test("the edges of the sensor do not touch each other", () => {
  check({ supporters: 1 }, "1@7,3+ 2@0,4+ 3@0,0+ 4@7,7+", "");
});

test("after weeks of silence, nothing old supports", () => {
  const weeksUs = 2 ** 41;
  check({ supporters: 1 }, `1@2,2+ ${weeksUs}@3,3+ ${weeksUs + 10}@3,2+`, `${weeksUs + 10}@3,2+`);
  const later = 2 ** 32 + 5;
  check({ supporters: 1 }, `1@2,2+ ${later}@3,3+`, "");
});
