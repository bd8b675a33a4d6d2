import { describe, expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { evt2 } from "../../src/formats/evt2.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { formatKeepsTheLaws } from "../support/format-contract.ts";
import { packetOf } from "../support/packets.ts";
import { isWordBorder, rawFile, words } from "../support/raw.ts";
import { decodeAll } from "../support/recordings.ts";

const geometry = pixels(640, 480);
const on = (x: number, y: number) => pixelAddress(x, y, 1);
const off = (x: number, y: number) => pixelAddress(x, y, 0);

describe("files from zero", () => formatKeepsTheLaws(evt2, { geometry, isBorder: isWordBorder(4) }));
describe("files in Unix time", () =>
  formatKeepsTheLaws(evt2, { geometry, startUs: 1_631_717_221_674_515, isBorder: isWordBorder(4) }));

function check(data: readonly number[], header = "% evt 2.0\n% geometry 640x480\n% end\n") {
  const { events, decoder } = decodeAll(evt2, rawFile(header, words(4, data)));
  return { events, problems: decoder.problems.map(({ what }) => what), streams: decoder.streams, decoder };
}

test("words written by hand from the specification", () => {
  const { events, streams, problems } = check([
    0x80000001, // TIME_HIGH 64 us
    0x10005003, // ON, low bits of time 0, x 10, y 3
    0x0fc05003, // OFF, 63
    0xa0400301, // trigger 3 rises
    0xe0000000, // the vendor's own
    0x80000002,
    (1 << 28) | (1 << 22) | (639 << 11) | 479,
  ]);
  expect(events).toEqual([
    [64, on(10, 3)],
    [127, off(10, 3)],
    [129, on(639, 479)],
  ]);
  expect(streams).toEqual([
    { id: 0, type: "events", count: 3 },
    { id: 1, type: "triggers", count: 1 },
  ]);
  expect(problems).toEqual([]);
});

test("an event before the first time, and one outside the sensor, are left out and counted", () => {
  const { events, decoder } = check([
    0x10005003,
    0x80000000,
    (640 << 11) | 1,
    480,
    (5 << 11) | 6,
    0x30000000,
  ]);
  expect(events).toEqual([[0, off(5, 6)]]);
  expect(
    decoder.problems.map(({ what, count, firstByte, lost }) => [what, count, firstByte - 35, lost]),
  ).toEqual([
    ["event before the first word of time, left out", 1, 0, true],
    ["event outside the sensor, left out", 2, 8, true],
    ["word of no known type, left out", 1, 20, true],
  ]);
});

test("time runs over at 2^34 us, and a small step back is only that", () => {
  const { events } = check([0x8fffffff, 0, 0x80000000, 0, 0x80000005, 0, 0x80000004, 0]);
  expect(events.map(([timeUs]) => timeUs)).toEqual([2 ** 34 - 64, 2 ** 34, 2 ** 34 + 320, 2 ** 34 + 256]);
});

test("without a header it is a guess, and told", () => {
  const bytes = rawFile("", words(4, [0x80000000, 0x10005003, 0x80000001, 0x00005003]));
  expect(evt2.sniff(bytes, "swipe.bin")).toBe("guess");
  const { events, decoder } = decodeAll(evt2, bytes);
  expect(events).toHaveLength(2);
  expect(decoder.geometry).toEqual(pixels(640, 480));
  expect(decoder.problems.map(({ what, lost }) => [what, lost])).toEqual([
    ["no header names the encoding, taken for evt2", false],
    ["the file tells no geometry, taken for 640x480", false],
  ]);
});

test("a first word that begins with the byte of % is data", () => {
  const { events } = check([0x80000025, 0x10005003], "% evt 2.0\n% geometry 640x480\n");
  expect(events).toEqual([[0x25 * 64, on(10, 3)]]);
  const { events: again } = check([0x80002025, 0x10005003], "% evt 2.0\n% geometry 640x480\n");
  expect(again).toEqual([[0x2025 * 64, on(10, 3)]]);
});

test("the geometry comes from any of the header's ways, and an option wins", () => {
  const sizes = [
    "% geometry 320x320\n",
    "% format EVT2;height=320;width=320\n",
    "% evt 2.0\n% geometry 320x320\n% end\n",
  ].map((header) => check([], header).decoder.geometry);
  expect(sizes).toEqual([pixels(320, 320), pixels(320, 320), pixels(320, 320)]);
  expect(check([], "% evt 2.0\n% system_ID 31\n").decoder.geometry).toEqual(pixels(1280, 720));
  expect(check([], "% evt 2.0\n% geometry 0x99999\n").decoder.geometry).toEqual(pixels(640, 480));
  const { decoder } = decodeAll(evt2, rawFile("% evt 2.0\n% geometry 640x480\n"), {
    geometry: pixels(10, 10),
  });
  expect(decoder.geometry).toEqual(pixels(10, 10));
});

test("a header of another encoding is refused", () => {
  const { decoder } = check([0x80000000], "% evt 3.0\n");
  expect(decoder.problems.map(({ what, fatal }) => [what, fatal])).toEqual([
    ["the header names another encoding", true],
    ["the file tells no geometry, taken for 640x480", false],
  ]);
  expect(evt2.sniff(rawFile("% evt 3.0\n"), "x.raw")).toBe("no");
  expect(evt2.sniff(rawFile("% evt 2.0\n"), "x")).toBe("sure");
});

test("no written file has a byte of % where readers without % end look for a line", () => {
  const file = encodeFile(evt2.encoder!(geometry, {}), [packetOf(geometry, [[0x25 * 64, on(1, 2)]])]);
  const text = Buffer.from(file).toString("latin1");
  expect(text.slice(text.indexOf("% end\n") + 6)[0]).not.toBe("%");
  expect(decodeAll(evt2, file).events).toEqual([[0x25 * 64, on(1, 2)]]);
});

test("a silence of more than a loop of time is written out", () => {
  const events = [
    [5, on(1, 2)],
    [2 ** 34 + 7, on(1, 2)],
    [3 * 2 ** 34, off(1, 2)],
  ] as const;
  const file = encodeFile(evt2.encoder!(geometry, {}), [packetOf(geometry, events)]);
  expect(decodeAll(evt2, file).events).toEqual(events);
});
