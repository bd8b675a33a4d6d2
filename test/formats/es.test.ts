import { describe, expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { es } from "../../src/formats/es.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { formatKeepsTheLaws, readerKeepsTheLaws } from "../support/format-contract.ts";
import { packetOf } from "../support/packets.ts";
import { rawFile } from "../support/raw.ts";
import { decodeAll } from "../support/recordings.ts";

const geometry = pixels(320, 240);
const at = (timeUs: number, x: number, y: number, on: number) =>
  [timeUs, pixelAddress(x, 239 - y, on)] as const;
const head = (type: number, version = 2) =>
  rawFile("Event Stream", Uint8Array.of(version, 0, 0, type, ...(type === 0 ? [] : [64, 1, 240, 0])));
const file = (type: number, ...data: number[]) => Uint8Array.of(...head(type), ...data);

/** Where an event, or a time byte that stands alone, ends. */
function bordersOf(bytes: Uint8Array, isAlone: (byte: number) => boolean, size: number): Set<number> {
  const borders = new Set<number>();
  for (let byte = 20; byte <= bytes.length; byte += isAlone(bytes[byte]!) ? 1 : size) borders.add(byte);
  return borders;
}

const dvsBorder = (bytes: Uint8Array, byte: number) => bordersOf(bytes, (time) => time >= 254, 5).has(byte);

describe("dvs", () => formatKeepsTheLaws(es, { geometry, isBorder: dvsBorder }));

test("dvs, by hand", () => {
  const bytes = file(1, 255, 254, (3 << 1) | 1, 63, 1, 239, 0, 0, 0, 0, 0, 0);
  const { events, decoder } = decodeAll(es, bytes);
  expect(events).toEqual([at(130, 319, 239, 1), at(130, 0, 0, 0)]);
  expect(decoder.geometry).toEqual(geometry);
  expect(decoder.problems).toEqual([]);
});

describe("atis", () => {
  const data: number[] = [];
  for (let i = 0; i < 300; i++) data.push(0xfd, 0xfe, ((i % 60) << 2) | (i & 3), i & 255, 0, i % 240, 0);
  const bytes = file(2, ...data);
  readerKeepsTheLaws(es, bytes, {
    isBorder: (_, byte) => bordersOf(bytes, (time) => (time & 0xfc) === 0xfc, 5).has(byte),
  });

  test("by hand: exposures are a stream of their own", () => {
    const { events, decoder } = decodeAll(
      es,
      file(2, 0xff, (1 << 2) | 2, 5, 0, 6, 0, 0x00, 5, 0, 6, 0, 0x01, 5, 0, 6, 0, 0x07, 5, 0, 6, 0),
    );
    expect(events).toEqual([at(190, 5, 6, 1), at(190, 5, 6, 0)]);
    expect(decoder.streams).toEqual([
      { id: 0, type: "events", count: 2 },
      { id: 1, type: "other", count: 2 },
    ]);
  });
});

describe("color", () => {
  const data: number[] = [];
  for (let i = 0; i < 300; i++) data.push(255, i % 250, i & 15, 0, i & 7, 0, (i * 7) & 255, i & 255, 3);
  const bytes = file(4, ...data);
  readerKeepsTheLaws(es, bytes, {
    isBorder: (_, byte) => bordersOf(bytes, (time) => time >= 254, 8).has(byte),
  });

  test("by hand: a pixel that gets lighter is ON, and that is told", () => {
    const { events, decoder } = decodeAll(
      es,
      file(4, 255, 1, 5, 0, 6, 0, 1, 2, 3, 0, 5, 0, 6, 0, 1, 1, 3, 2, 5, 0, 6, 0, 9, 9, 9),
    );
    expect(events).toEqual([at(255, 5, 6, 1), at(255, 5, 6, 0), at(257, 5, 6, 1)]);
    expect(decoder.problems).toHaveLength(1);
    expect(decoder.problems[0]).toMatchObject({ fatal: false, lost: false });
  });
});

test("generic events are counted", () => {
  const bytes = file(0, 1, 4, 9, 9, 255, 0, 0, 0, 1 | (1 << 1), 2, ...new Array(129).fill(7));
  for (const lengths of [[65536], [1], [3, 70]]) {
    const { events, decoder, cut } = decodeAll(es, bytes, {}, lengths);
    expect(events).toEqual([]);
    expect(cut).toBe(false);
    expect(decoder.streams).toEqual([{ id: 0, type: "other", count: 3 }]);
    expect(decoder.geometry).toBeNull();
  }
  expect(decodeAll(es, bytes.subarray(0, 60)).cut).toBe(true);
  expect(decodeAll(es, file(0, 1, 255, 255, 255, 255, 255)).cut).toBe(true);
});

test.each([
  ["another version", head(1, 3)],
  ["an unknown type", head(3)],
  ["no width", rawFile("Event Stream", Uint8Array.of(2, 0, 0, 1, 0, 0, 5, 0))],
  ["other bytes", rawFile("Event Steam.....................")],
])("%s is refused", (_, bytes) => {
  const { decoder } = decodeAll(es, bytes);
  expect(decoder.problems.map(({ fatal }) => fatal)).toEqual([true]);
  expect(decoder.geometry).toBeNull();
});

test("an event outside the sensor is left out and counted, its time is kept", () => {
  const bytes = file(1, 2 << 1, 64, 1, 0, 0, 2 << 1, 1, 0, 240, 0, 2 << 1, 1, 0, 0, 0);
  const { events, decoder } = decodeAll(es, bytes);
  expect(events).toEqual([at(6, 1, 0, 0)]);
  expect(decoder.problems).toMatchObject([{ count: 2, firstByte: 20, lost: true }]);
});

test("Unix time is counted from the first event, and a longer silence than an hour is left out", () => {
  const encoder = es.encoder!(geometry, {});
  const file = encodeFile(encoder, [
    packetOf(geometry, [at(1.6e15, 1, 1, 1), at(1.6e15 + 300, 2, 2, 0), at(1.7e15, 3, 3, 0)]),
  ]);
  expect(decodeAll(es, file).events).toEqual([at(0, 1, 1, 1), at(300, 2, 2, 0)]);
  expect(encoder.leftOut.map(({ what, lost }) => [what, lost])).toEqual([
    ["the time of the first event: times count from it", false],
    ["event outside the sensor, or not within an hour after the last", true],
  ]);
});
