import { describe, expect, test } from "vitest";
import { pixelAddress } from "../../src/events/geometry.ts";
import { evt21 } from "../../src/formats/evt21.ts";
import { readerKeepsTheLaws } from "../support/format-contract.ts";
import { isWordBorder, rawFile, words } from "../support/raw.ts";
import { decodeAll } from "../support/recordings.ts";

const isBorder = isWordBorder(8);
const little = "% evt 2.1\n% endianness little\n% geometry 640x480\n% end\n";
const legacy = "% evt 2.1\n% geometry 640x480\n% end\n";

/** The 64-bit word of an event: type, low bits of time, place and the mask of its pixels. */
function word(type: number, timeUs: number, x: number, y: number, mask: number): bigint {
  const upper = (BigInt(type) << 28n) | (BigInt(timeUs) << 22n) | (BigInt(x) << 11n) | BigInt(y);
  return (upper << 32n) | BigInt(mask >>> 0);
}

const timeHigh = (high: number) => ((8n << 28n) | BigInt(high)) << 32n;
const swapped = (words: readonly bigint[]) => words.map((w) => ((w & 0xffffffffn) << 32n) | (w >> 32n));
const at = (timeUs: number, x: number, y: number, on: number) => [timeUs, pixelAddress(x, y, on)] as const;

const data = [
  timeHigh(3),
  word(1, 5, 10, 4, 0x80000001),
  word(0, 63, 0, 479, 0x6),
  word(10, 0, 0, 0, 1),
  word(14, 0, 0, 0, 0),
];
const expected = [at(197, 10, 4, 1), at(197, 41, 4, 1), at(255, 1, 479, 0), at(255, 2, 479, 0)];

test.each([
  ["little", little, data],
  ["legacy, since the header names none", legacy, swapped(data)],
  ["a named legacy", "% evt 2.1\n% endianness legacy\n% geometry 640x480\n% end\n", swapped(data)],
  ["the format's own field", "% format EVT21;endianness=little;height=480;width=640\n% end\n", data],
  ["a bare stream in little order", "", data],
  ["a bare stream in legacy order", "", swapped(data)],
])("words written by hand: %s", (_, header, list) => {
  const { events, decoder } = decodeAll(evt21, rawFile(header, words(8, list)));
  expect(events).toEqual(expected);
  expect(decoder.streams).toEqual([
    { id: 0, type: "events", count: 4 },
    { id: 1, type: "triggers", count: 1 },
  ]);
  expect(decoder.problems.map(({ lost }) => lost)).toEqual(header === "" ? [false, false, false] : []);
});

test("what lies outside the sensor, or before the first time, is left out and counted", () => {
  const list = [
    word(1, 0, 0, 0, 7),
    timeHigh(0),
    word(1, 0, 630, 1, -1),
    word(0, 0, 1, 480, 3),
    word(5, 0, 0, 0, 0),
  ];
  const { events, decoder } = decodeAll(evt21, rawFile(little, words(8, list)));
  expect(events).toEqual(Array.from({ length: 10 }, (_, i) => at(0, 630 + i, 1, 1)));
  expect(decoder.problems.map(({ what, count }) => [what, count])).toEqual([
    ["event before the first word of time, left out", 3],
    ["event outside the sensor, left out", 24],
    ["word of no known type, left out", 1],
  ]);
});

describe("dense words", () => {
  const list = [timeHigh(0)];
  for (let i = 0; i < 700; i++) list.push(word(i & 1, i % 64, (i * 32) % 640, i % 480, 0xffffffff));
  const file = rawFile(little, words(8, list));
  readerKeepsTheLaws(evt21, file, { isBorder });
  test("all of them come", () => expect(decodeAll(evt21, file).events).toHaveLength(700 * 32));
});
