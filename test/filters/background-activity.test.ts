/** The background activity filter: who supports whom, and for how long. */

import { expect, test } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { backgroundActivity } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage } from "../support/check-stage.ts";

const check = (options: { windowUs: number }, input: string, expected: string) =>
  checkStage(anyOptions(backgroundActivity), options, input, expected);

test("a neighbour supports up to exactly the window, with any polarity", () => {
  const step = check({ windowUs: 10 }, "1@3,3+ 11@4,4- 22@5,4+", "11@4,4-");
  expect(step.counts?.()).toEqual({ "dropped as background activity": 2 });
});

test.each(["2,2", "3,2", "4,2", "2,3", "4,3", "2,4", "3,4", "4,4"])(
  "%s is a neighbour of 3,3",
  (neighbour) => {
    check({ windowUs: 10 }, `1@${neighbour}+ 2@3,3+`, "2@3,3+");
  },
);

test.each(["1,3", "5,3", "3,1", "3,5", "3,3"])("%s is none of 3,3", (other) => {
  check({ windowUs: 10 }, `1@${other}+ 2@3,3+`, "");
});

test("the right edge does not touch the left edge of the next row", () => {
  check({ windowUs: 10 }, "1@7,3+ 2@0,4+ 3@0,3+", "3@0,3+");
});

test("at one time, the earlier in the packet supports the later", () => {
  check({ windowUs: 10 }, "5@3,3+ 5@3,4+", "5@3,4+");
});

test("a sensor of one pixel has only noise", () => {
  checkStage(anyOptions(backgroundActivity), {}, "1@0,0+ 2@0,0+", "", pixels(1, 1));
});
