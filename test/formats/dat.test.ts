import { describe, expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { dat } from "../../src/formats/dat.ts";
import { formatKeepsTheLaws } from "../support/format-contract.ts";
import { rawFile, words } from "../support/raw.ts";
import { decodeAll } from "../support/recordings.ts";

const geometry = pixels(304, 240);

function isBorder(bytes: Uint8Array, byte: number): boolean {
  const text = Buffer.from(bytes).toString("latin1");
  const end = text.indexOf("\n", text.indexOf("Width")) + 3;
  return byte >= end && (byte - end) % 8 === 0;
}

describe("files from zero", () => formatKeepsTheLaws(dat, { geometry, isBorder }));
describe("files in Unix time", () =>
  formatKeepsTheLaws(dat, { geometry, startUs: 1_631_717_221_674_515, isBorder }));
describe("files whose time runs over", () =>
  formatKeepsTheLaws(dat, { geometry, startUs: 2 ** 32 - 1000, isBorder }));

const on = (timeUs: number, x: number, y: number) => [timeUs, pixelAddress(x, y, 1)] as const;
const off = (timeUs: number, x: number, y: number) => [timeUs, pixelAddress(x, y, 0)] as const;

function check(header: string, type: number, data: readonly number[], size = 8) {
  const bytes = rawFile(header, Uint8Array.from([type, size, ...words(4, data)]));
  return { ...decodeAll(dat, bytes), sniffed: dat.sniff(bytes, "x") };
}

test("version 2, by hand, without a geometry", () => {
  const header =
    "% Data file containing N9Chronocam7Event2dE events.\n% Version 2\n% Date 2017-10-31 11:29:21\n";
  const { events, decoder, sniffed } = check(header, 0, [
    7,
    0x10000000 | (3 << 14) | 5,
    9,
    (3 << 14) | 16383,
  ]);
  expect(sniffed).toBe("sure");
  expect(events).toEqual([on(7, 5, 3), off(9, 16383, 3)]);
  expect(decoder.geometry).toBeNull();
  expect(decoder.problems).toEqual([]);
});

test("version 1, by hand", () => {
  const header = "% Version 1\n% Height 240\n% Width 304\n";
  const { events, decoder } = check(header, 12, [7, (1 << 17) | (239 << 9) | 303, 8, 304]);
  expect(events).toEqual([on(7, 303, 239)]);
  expect(decoder.geometry).toEqual(geometry);
  expect(decoder.problems.map(({ what, count }) => [what, count])).toEqual([
    ["event outside the sensor, left out", 1],
  ]);
});

test("time runs over at 2^32, and an event from just before it keeps its place", () => {
  const { events } = check("% Version 2\n", 12, [0xffffffff, 0, 1, 0, 0xfffffffe, 0, 2, 0]);
  expect(events.map(([timeUs]) => timeUs)).toEqual([2 ** 32 - 1, 2 ** 32 + 1, 2 ** 32 - 2, 2 ** 32 + 2]);
});

test("triggers are counted", () => {
  const { events, decoder } = check("% Version 2\n", 14, [1, 0, 2, 0]);
  expect(events).toEqual([]);
  expect(decoder.streams).toEqual([{ id: 0, type: "triggers", count: 2 }]);
});

test.each([
  ["another size of event", "% Version 2\n", 12, 16],
  ["another type of event", "% Version 2\n", 40, 8],
  ["no header", "", 12, 8],
])("%s is refused", (_, header, type, size) => {
  const { cut, sniffed } = check(header, type, [1, 0], size);
  expect(cut).toBe(true);
  expect(sniffed).toBe("no");
});
