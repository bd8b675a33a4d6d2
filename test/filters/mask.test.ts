/** Mask: lists, bitmaps and files mark pixels; a bitmap of another size is refused. */

import { expect, test } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { mask } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check, create, packetFrom } from "../support/check-stage.ts";
import { eventsOf } from "../support/packets.ts";

const input = "1@0,0+ 2@2,0- 3@1,1+ 4@2,1-";
const small = pixels(3, 2);
const bitmap = "#..\n.1 0";

test("a list", () => {
  const step = check(anyOptions(mask), { pixels: [[2, 1]] }, input, "1@0,0+ 2@2,0- 3@1,1+", small);
  expect(step.counts?.()).toEqual({ "dropped from marked pixels": 1 });
});

test("a bitmap, and what is left", () => {
  check(anyOptions(mask), { bitmap }, input, "2@2,0- 4@2,1-", small);
  const step = check(anyOptions(mask), { bitmap, keep: "marked" }, input, "1@0,0+ 3@1,1+", small);
  expect(step.counts?.()).toEqual({ "dropped from unmarked pixels": 2 });
});

test("without a mark, all pass", () => check(anyOptions(mask), {}, input, input, small));

function withFile(text: string) {
  const readText = (path: string) => (path === "dead.pbm" ? text : "");
  return mask.create(mask.options.parse({ file: "dead.pbm", pixels: [[2, 1]] }), {
    id: "mask",
    geometry: small,
    seed: 1,
    readText,
  });
}

test.each([bitmap, "P1\n# dead pixels\n3 2\n1 0 0\n0 1 0\n", "P1 3 2\n100010"])(
  "the file %j, and a list",
  (text) => {
    const out = withFile(text).step(packetFrom(input, small));
    expect(eventsOf(out).map(([timeUs]) => timeUs)).toEqual([2]);
  },
);

test.each([
  ["#..", '"dead.pbm" has 3 pixels, but there are 3x2 pixels'],
  ["P1 2 3\n100010", '"dead.pbm" is a PBM that is not of 3x2 pixels'],
  ["P1", '"dead.pbm" has the character "P"'],
  ["###...x", '"dead.pbm" has the character "x"'],
])("the file %j is refused", (text, what) => {
  expect(() => withFile(text)).toThrow(`[mask] ${what}`);
});

test("a pixel beside the sensor is refused", () => {
  expect(() => create(anyOptions(mask), { pixels: [[3, 0]] }, small)).toThrow("there is no pixel (3, 0)");
});
