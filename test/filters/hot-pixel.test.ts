/** The hot-pixel filter: whom it learns, when, and when it forgets. */

import { expect, test } from "vitest";
import { hotPixel } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage } from "../support/check-stage.ts";

const check = (input: string, expected: string, options: Record<string, number> = {}) =>
  checkStage(anyOptions(hotPixel), { windowMs: 1, minHz: 3000, factor: 3, ...options }, input, expected);

const thrice = (startUs: number, pixel: string) =>
  [0, 10, 20].map((after) => `${startUs + after}@${pixel}`).join(" ");

test("a lonely busy pixel passes in the first window, and no more in the next", () => {
  const first = thrice(100, "3,3+");
  const step = check(`${first} 1099@3,3- 1100@3,3+ 1101@5,5+ 2099@3,3-`, `${first} 1099@3,3- 1101@5,5+`);
  expect(step.counts?.()).toEqual({ "dropped from hot pixels": 2, "hot pixels at the end": 1 });
});

test("a pixel below the rate is never hot", () => {
  const input = "100@3,3+ 200@3,3- 1150@3,3+";
  check(input, input);
});

test("busy neighbours excuse it, even on one side", () => {
  const input = `${thrice(100, "3,3+")} ${thrice(200, "4,4+")} ${thrice(300, "4,3+")} ${thrice(400, "4,2+")} 1150@3,3+`;
  check(input, input, { factor: 8 / 3 });
});

test("two defects side by side are both hot", () => {
  const first = `${thrice(100, "3,3+")} ${thrice(200, "4,3+")}`;
  check(`${first} 1150@3,3+ 1160@4,3+`, first);
});

test("a pixel that recovers is heard again", () => {
  const first = thrice(100, "3,3+");
  check(`${first} 1150@3,3+ 2150@3,3+`, `${first} 2150@3,3+`);
});

test("a silent window forgets", () => {
  const first = thrice(100, "3,3+");
  expect(check(`${first} 2100@3,3+`, `${first} 2100@3,3+`).counts?.()).toMatchObject({
    "hot pixels at the end": 0,
  });
});

test("a corner can be hot", () => {
  const first = thrice(100, "7,7-");
  check(`${first} 1150@7,7- 1160@0,0+`, `${first} 1160@0,0+`);
});
