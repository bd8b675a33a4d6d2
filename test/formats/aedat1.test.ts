import { describe, expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { aedat1 } from "../../src/formats/aedat1.ts";
import { readerKeepsTheLaws } from "../support/format-contract.ts";
import { rawFile } from "../support/raw.ts";
import { decodeAll } from "../support/recordings.ts";

/** A record: address, then time, big-endian. */
function record(address: number, timeUs: number): number[] {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(address);
  bytes.writeInt32BE(timeUs | 0, 2);
  return [...bytes];
}

const address = (x: number, y: number, on: number) => (y << 8) | (x << 1) | on;
const at = (timeUs: number, x: number, y: number, on: number) => [timeUs, pixelAddress(x, y, on)] as const;
const steady = Array.from({ length: 500 }, (_, i) =>
  record(address(i % 128, (i * 7) % 128, i & 1), i * 20),
).flat();

describe("a file with a header", () => {
  const header = "#!AER-DAT1.0\r\n# This is a raw AE data file\r\n";
  const bytes = rawFile(header, Uint8Array.from(steady));
  readerKeepsTheLaws(aedat1, bytes, {
    isBorder: (_, byte) =>
      byte < header.length ? byte === 0 || bytes[byte - 1] === 0x0a : (byte - header.length) % 6 === 0,
  });
  test("is recognised", () => expect(aedat1.sniff(bytes, "x")).toBe("sure"));
});

test("records by hand: both axes are turned over, external events are counted", () => {
  const data = [
    record(address(0, 0, 1), 5),
    record(address(127, 1, 0), 6),
    record(0x8001, 7),
    record(address(1, 1, 1), 0x7fffffff),
    record(address(1, 1, 1), 0x80000001),
    record(address(1, 1, 1), 0x7ffffffe),
  ];
  const { events, decoder } = decodeAll(aedat1, Uint8Array.from(data.flat()));
  expect(events).toEqual([
    at(5, 127, 127, 1),
    at(6, 0, 126, 0),
    at(2 ** 31 - 1, 126, 126, 1),
    at(2 ** 31 + 1, 126, 126, 1),
    at(2 ** 31 - 2, 126, 126, 1),
  ]);
  expect(decoder.geometry).toEqual(pixels(128, 128));
  expect(decoder.streams).toEqual([
    { id: 0, type: "events", count: 5 },
    { id: 1, type: "triggers", count: 1 },
  ]);
});

test("a file without a header is a guess by name and bytes", () => {
  const bytes = Uint8Array.from(steady);
  expect(aedat1.sniff(bytes, "old.dat")).toBe("guess");
  expect(aedat1.sniff(bytes, "old.bin")).toBe("no");
  expect(
    aedat1.sniff(
      bytes.map((byte, i) => (byte * 31 + i * 7) & 255),
      "old.dat",
    ),
  ).toBe("no");
  expect(decodeAll(aedat1, bytes).events).toHaveLength(500);
});

test("a newer version is refused", () => {
  expect(decodeAll(aedat1, rawFile("#!AER-DAT2.0\r\n", Uint8Array.from(steady))).cut).toBe(true);
  expect(aedat1.sniff(rawFile("#!AER-DAT2.0\r\n"), "x.aedat")).toBe("no");
});
