/** The polarity filter's three ways. */

import { expect, test } from "vitest";
import { polarity } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage } from "../support/check-stage.ts";

const check = (keep: string, expected: string) =>
  checkStage(anyOptions(polarity), { keep }, "1@2,3+ 2@2,3- 3@7,7- 4@0,0+", expected);

test("on", () => {
  expect(check("on", "1@2,3+ 4@0,0+").counts?.()).toEqual({ "dropped for their polarity": 2 });
});

test("off", () => {
  check("off", "2@2,3- 3@7,7-");
});

test("merged", () => {
  expect(check("merged", "1@2,3+ 2@2,3+ 3@7,7+ 4@0,0+").counts?.()).toEqual({
    "dropped for their polarity": 0,
  });
});
