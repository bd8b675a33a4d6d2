import { describe, expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { evt3 } from "../../src/formats/evt3.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { formatKeepsTheLaws, readerKeepsTheLaws } from "../support/format-contract.ts";
import { packetOf } from "../support/packets.ts";
import { isWordBorder, rawFile, words } from "../support/raw.ts";
import { decodeAll } from "../support/recordings.ts";

const geometry = pixels(640, 480);
const isBorder = isWordBorder(2);
const header = "% evt 3.0\n% geometry 640x480\n% end\n";

describe("files from zero", () => formatKeepsTheLaws(evt3, { geometry, isBorder }));
describe("files in Unix time", () =>
  formatKeepsTheLaws(evt3, { geometry, startUs: 1_631_717_221_674_515, isBorder }));
describe("a sensor narrower than a vector", () =>
  formatKeepsTheLaws(evt3, { geometry: pixels(12, 9), isBorder }));

function check(data: readonly number[], text = header) {
  const { events, decoder } = decodeAll(evt3, rawFile(text, words(2, data)));
  return { events, streams: decoder.streams, problems: decoder.problems };
}

const at = (timeUs: number, x: number, y: number, on: number) => [timeUs, pixelAddress(x, y, on)] as const;

test("words written by hand from the specification", () => {
  const { events, streams, problems } = check([
    0x8001, // TIME_HIGH 4096 us
    0x6002, // TIME_LOW 2
    0x0003, // row 3
    0x2804, // ON at x 4
    0x3805, // ON vectors from x 5
    0x4801, // x 5 and 16
    0x4002, // x 18
    0x5081, // x 29 and 36
    0xa301, // trigger 3 rises
    0xe000, // the vendor's own, with its continuations
    0x7001,
    0xf001,
    0x2006, // OFF at x 6
  ]);
  expect(events).toEqual(
    [4, 5, 16, 18, 29, 36].map((x) => at(4098, x, 3, 1)).concat([at(4098, 6, 3, 0)] as never),
  );
  expect(streams).toEqual([
    { id: 0, type: "events", count: 7 },
    { id: 1, type: "triggers", count: 1 },
  ]);
  expect(problems).toEqual([]);
});

test("time: a low part sent again is no overflow, and only a great fall of the high part is one", () => {
  const { events } = check([
    0x8001, 0x6ff0, 0, 0x2001, 0x6fe0, 0x2001, 0x8001, 0x6ff1, 0x2001, 0x8000, 0x2001, 0x8ffd, 0x2001, 0x8001,
    0x2001,
  ]);
  expect(events.map(([timeUs]) => timeUs)).toEqual([
    4096 + 0xff0,
    4096 + 0xfe0,
    4096 + 0xff1,
    0,
    0xffd000,
    2 ** 24 + 4096,
  ]);
});

test("what lies outside the sensor, or before the first time, is left out and counted", () => {
  const { events, problems } = check([
    0x0001,
    0x2001,
    0x8000,
    0x0000 | 480,
    0x2001,
    0x0001,
    0x2000 | 640,
    0x3000 | 632,
    0x4fff,
    0x4fff,
    0x50ff,
    0xb000,
  ]);
  expect(events).toEqual(Array.from({ length: 8 }, (_, i) => at(0, 632 + i, 1, 0)));
  expect(problems.map(({ what, count }) => [what, count])).toEqual([
    ["event before the first word of time, left out", 1],
    ["event outside the sensor, left out", 1 + 1 + 4 + 12 + 8],
    ["word of no known type, left out", 1],
  ]);
});

test("a row of exposure measurements holds no events", () => {
  const { events, streams, problems } = check([0x8000, 0x1005, 0x2001, 0x0005, 0x2002]);
  expect(events).toEqual([at(0, 2, 5, 0)]);
  expect(streams.find(({ type }) => type === "other")?.count).toBe(1);
  expect(problems).toEqual([]);
});

test("a lone VECT_8 is passed over, but read in files of faery, which writes it", () => {
  const data = [0x8000, 0x0001, 0x3001, 0x5003, 0x2005];
  const { events, problems } = check(data);
  expect(events).toEqual([at(0, 5, 1, 0)]);
  expect(problems.map(({ what, count }) => [what, count])).toEqual([
    ["vector of 8 after none of 12, left out", 2],
  ]);
  const faerys = check(data, "% evt 3.0\n% format EVT3;width=640;height=480\n% geometry 640x480\n");
  expect(faerys.events).toEqual([at(0, 1, 1, 0), at(0, 2, 1, 0), at(0, 5, 1, 0)]);
});

test("a bare stream is a guess by its words", () => {
  const bytes = words(2, [0x8001, 0x6001, 0x0003, 0x2004, 0x8001, 0x6002, 0x2005]);
  expect(evt3.sniff(bytes, "capture.raw")).toBe("guess");
  expect(evt3.sniff(words(2, [0x8001, 0x9001, 0xb003]), "capture.raw")).toBe("no");
});

describe("dense vectors that end inside a portion", () => {
  const data = [0x8000, 0x6000];
  for (let y = 0; y < 480; y++) {
    data.push(y, 0x3800);
    for (let group = 0; group < 4; group++) data.push(0x4fff, 0x4fff, 0x50ff);
  }
  const file = rawFile(header, words(2, data));
  readerKeepsTheLaws(evt3, file, { isBorder });
  test("all of them come", () => expect(decodeAll(evt3, file).events).toHaveLength(480 * 128));
});

test("neighbours are written as vectors: less than 2 bytes an event, 4 at the sensor's edge too", () => {
  const events = Array.from({ length: 640 }, (_, x) => at(7, x, 3, 1)).concat(
    Array.from({ length: 20 }, (_, x) => at(7, 620 + x, 4, 0)) as never,
  );
  const file = encodeFile(evt3.encoder!(geometry, {}), [packetOf(geometry, events)]);
  expect(decodeAll(evt3, file).events).toEqual(events);
  expect(file.length).toBeLessThan(640 / 2);
  const data = file.slice(Buffer.from(file).indexOf("% end\n") + 6);
  const bases = Array.from(new Uint16Array(data.buffer))
    .filter((word) => word >>> 12 === 3)
    .map((word) => word & 0x7ff);
  expect(Math.max(...bases)).toBe(640 - 32);
});

test("a silence of more than a loop of time is written out", () => {
  const events = [at(5, 1, 2, 1), at(2 ** 24 + 7, 1, 2, 1), at(5 * 2 ** 24, 3, 2, 0)];
  const file = encodeFile(evt3.encoder!(geometry, {}), [packetOf(geometry, events)]);
  expect(decodeAll(evt3, file).events).toEqual(events);
});
