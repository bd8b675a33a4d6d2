/** The refractory filter's rule: from the last event that passed, whatever the polarity. */

import { expect, test } from "vitest";
import { refractory } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage } from "../support/check-stage.ts";

const check = (periodUs: number, input: string, expected: string) =>
  checkStage(anyOptions(refractory), { periodUs }, input, expected);

test("an event passes again after exactly the period, counted from the last that passed", () => {
  const step = check(10, "1@2,3+ 5@2,3+ 11@2,3+ 20@2,3+ 21@2,3+", "1@2,3+ 11@2,3+ 21@2,3+");
  expect(step.counts?.()).toEqual({ "dropped in the refractory period": 2 });
});

test("polarity does not matter, and pixels are deaf each for itself", () => {
  check(10, "1@2,3+ 2@2,3- 3@3,3- 4@2,4+ 9@3,3+", "1@2,3+ 3@3,3- 4@2,4+");
});

test("an event at time 0 passes", () => check(10, "0@0,0+ 0@0,0-", "0@0,0+"));
