/** Zstandard: the reference tool's frames, our stored ones, and headers that lie. */

import { describe, expect, test } from "vitest";
import { Scratch } from "../../src/formats/byte-feed.ts";
import { Damage } from "../../src/formats/format.ts";
import { decodeZstdFrames, encodeZstdFrame } from "../../src/formats/zstd.ts";
import { join } from "../support/aedat4-file.ts";
import { pattern, patternZstd, records, recordsZstd } from "../support/packed.ts";

function unpack(bytes: Uint8Array, max = 1 << 25): Uint8Array {
  const out = new Scratch();
  const size = decodeZstdFrames(bytes, 0, bytes.length, out, max);
  return out.bytes.slice(0, size);
}

test("frames with and without their size, one after the other", () => {
  expect(Buffer.compare(unpack(recordsZstd), records)).toBe(0);
  expect(Buffer.compare(unpack(patternZstd), pattern)).toBe(0);
  const skippable = Uint8Array.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]);
  const both = unpack(join([recordsZstd, skippable, patternZstd, encodeZstdFrame(records)]));
  expect(Buffer.compare(both, join([records, pattern, records]))).toBe(0);
});

test.each([0, 1, 131_071, 131_072, 131_073, 400_000])("%i stored bytes", (size) => {
  const plain = Uint8Array.from({ length: size }, (_, i) => (i * 31) >>> 3);
  expect(Buffer.compare(unpack(encodeZstdFrame(plain)), plain)).toBe(0);
});

describe("refused", () => {
  const frame = (...bytes: number[]) => Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes]);
  const cases: Record<string, Uint8Array> = {
    "1.5 GB claimed by 13 bytes (F8)": frame(0xa0, 0x00, 0x00, 0xc0, 0x5d, 1, 0, 0, 0),
    "2^40 bytes claimed by 16 (F8)": frame(0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0),
    "98,047 matches of 65,539 bytes in 22 bytes": frame(
      ...[0x60, 0, 1, 0x65, 0, 0, 0x08, 0x41, 255, 255, 255, 0x54, 0, 0, 52, 1, 1, 1, 1],
    ),
    "another magic": Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
    "a block of the reserved kind": frame(0x20, 0, 7, 0, 0),
    "a dictionary": frame(0x21, 0, 0, 1, 0, 0),
    "a repeated byte, 600 MB": frame(
      0x00,
      0x58,
      ...Array.from({ length: 4600 }, () => [0xfa, 0xff, 0x0f, 7]).flat(),
    ),
  };
  test.each(Object.entries(cases))("%s", (_, bytes) => {
    expect(() => unpack(bytes)).toThrow(Damage);
  });

  test("more than the caller allows", () => {
    expect(() => unpack(recordsZstd, records.length - 1)).toThrow(Damage);
  });

  test("a frame cut at any byte", () => {
    for (let end = 1; end < recordsZstd.length; end++)
      expect(() => unpack(recordsZstd.subarray(0, end)), `cut at ${end}`).toThrow(Damage);
  });
});
