import { describe, expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { aedat31 } from "../../src/formats/aedat31.ts";
import { readerKeepsTheLaws } from "../support/format-contract.ts";
import { rawFile, words } from "../support/raw.ts";
import { decodeAll } from "../support/recordings.ts";

const header =
  "#!AER-DAT3.1\r\n#Format: RAW\r\n#-Source 0: old\r\n#Source 1: DVS128\r\n#Start-Time: 2016-01-01 00:00:00 (TZ+0100)\r\n#!END-HEADER\r\n";

interface Block {
  type?: number;
  source?: number;
  size?: number;
  overflows?: number;
  capacity?: number;
  events: readonly (readonly number[])[];
}

function packet({ type = 1, source = 1, size = 8, overflows = 0, capacity, events }: Block): Uint8Array {
  const head = [size, 4, overflows, capacity ?? events.length, events.length, events.length];
  return Uint8Array.from([
    ...words(2, [type, source]),
    ...words(4, head),
    ...events.flatMap((e) => [...words(4, e)]),
  ]);
}

const polarity = (timeUs: number, x: number, y: number, on: number, valid = 1) => [
  ((x << 17) | (y << 2) | (on << 1) | valid) >>> 0,
  timeUs,
];
const file = (text: string, ...blocks: Block[]) =>
  rawFile(text, Uint8Array.from(blocks.flatMap((b) => [...packet(b)])));
const at = (timeUs: number, x: number, y: number, on: number) => [timeUs, pixelAddress(x, y, on)] as const;

describe("a file of events and frames", () => {
  const blocks: Block[] = Array.from({ length: 8 }, (_, k) => ({
    type: k % 4 === 3 ? 2 : 1,
    events: Array.from({ length: 40 }, (_, i) => polarity(k * 1000 + i, i, k, i & 1)),
  }));
  const bytes = file(header, ...blocks);
  const borders = new Set([header.length]);
  for (let byte = header.length; byte < bytes.length; byte += 28 + 320) borders.add(byte);
  readerKeepsTheLaws(aedat31, bytes, {
    isBorder: (_, byte) =>
      borders.has(byte) || (byte > 0 && byte < header.length && bytes[byte - 1] === 0x0a),
  });
});

test("packets by hand: overflows, other types, the chip's size", () => {
  const { events, decoder } = decodeAll(
    aedat31,
    file(
      header,
      { type: 0, events: [polarity(1, 0, 0, 0)] },
      { events: [polarity(10, 127, 5, 1), polarity(0x7fffffff, 0, 127, 0)] },
      { type: 3, size: 36, events: [new Array(9).fill(0), new Array(9).fill(0)] },
      { overflows: 1, events: [polarity(3, 1, 1, 1), polarity(4, 128, 0, 1), polarity(0x80000000, 1, 1, 1)] },
      { source: 2, events: [polarity(4, 2, 2, 1)] },
      { type: 12, events: [polarity(4, 2, 2, 1)] },
    ),
  );
  expect(events).toEqual([at(10, 127, 5, 1), at(2 ** 31 - 1, 0, 127, 0), at(2 ** 31 + 3, 1, 1, 1)]);
  expect(decoder.geometry).toEqual(pixels(128, 128));
  expect(decoder.streams.map(({ type, count }) => [type, count])).toEqual([
    ["triggers", 1],
    ["events", 3],
    ["imu", 2],
    ["events", 1],
    ["other", 1],
  ]);
  expect(decoder.problems.map(({ what, lost }) => [what, lost])).toEqual([
    ["event outside the sensor, left out", true],
    ["event with an impossible time, left out", true],
  ]);
});

test("another stream of events can be chosen", () => {
  const bytes = file(
    header,
    { events: [polarity(1, 1, 1, 1)] },
    { source: 2, events: [polarity(4, 2, 2, 1)] },
  );
  expect(decodeAll(aedat31, bytes, { stream: 1 }).events).toEqual([at(4, 2, 2, 1)]);
});

test("the valid bit is told, not heeded", () => {
  const { events, decoder } = decodeAll(
    aedat31,
    file(header, { events: [polarity(1, 1, 1, 1), polarity(2, 1, 1, 1, 0), polarity(3, 1, 1, 1, 0)] }),
  );
  expect(events).toHaveLength(3);
  expect(decoder.problems).toEqual([
    {
      what: "events are marked as invalid, and used like the others",
      firstByte: header.length + 28 + 8,
      count: 1,
      fatal: false,
      lost: false,
    },
  ]);
});

test("3.0 has no end of its header; an unknown source tells no geometry", () => {
  const bytes = file("#!AER-DAT3.0\r\n#Format: RAW\r\n#Source 1: Test\r\n", {
    events: [polarity(1, 300, 200, 1)],
  });
  const { events, decoder } = decodeAll(aedat31, bytes);
  expect(events).toEqual([at(1, 300, 200, 1)]);
  expect(decoder.geometry).toBeNull();
  expect(aedat31.sniff(bytes, "x")).toBe("sure");
  expect(decodeAll(aedat31, bytes, { chip: "DAVIS346B" }).decoder.geometry).toEqual(pixels(346, 260));
});

test.each([
  ["another version", "#!AER-DAT2.0\r\n", {}],
  ["no text at all", "", {}],
  ["another encoding", "#!AER-DAT3.1\r\n#Format: Serial-TS\r\n#!END-HEADER\r\n", {}],
  ["events of a wrong size", header, { size: 9 }],
  ["more events than room", header, { capacity: 0 }],
  ["a negative overflow", header, { overflows: -1 }],
  ["an overflow past all whole numbers", header, { overflows: 2 ** 30 }],
])("%s is refused", (_, text, change) => {
  const { events, cut } = decodeAll(aedat31, file(text, { events: [polarity(1, 1, 1, 1)], ...change }));
  expect(events).toEqual([]);
  expect(cut).toBe(true);
});
