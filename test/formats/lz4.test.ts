/** LZ4: round trips, the reference tool's frames, and blocks that lie. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Scratch } from "../../src/formats/byte-feed.ts";
import { Damage } from "../../src/formats/format.ts";
import { decodeLz4Frames, encodeLz4Frame } from "../../src/formats/lz4.ts";
import { join } from "../support/aedat4-file.ts";
import { pattern, patternLz4 } from "../support/packed.ts";

const plainMax = 1 << 25;

function unpack(bytes: Uint8Array, max = plainMax): Uint8Array {
  const out = new Scratch();
  const size = decodeLz4Frames(bytes, 0, bytes.length, out, max);
  return out.bytes.slice(0, size);
}

test("what is packed is unpacked", () => {
  const runs = fc
    .array(fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.nat(60)), { maxLength: 30 })
    .map((list) => join(list.flatMap(([bytes, times]) => Array.from({ length: times }, () => bytes))));
  fc.assert(
    fc.property(fc.oneof(runs, fc.uint8Array({ maxLength: 500 })), (plain) => {
      expect(Buffer.compare(unpack(encodeLz4Frame(plain)), plain)).toBe(0);
    }),
  );
});

test("what repeats gets smaller, over several blocks of 4 MiB", () => {
  const plain = new Uint8Array(9_000_000).fill(3);
  const packed = encodeLz4Frame(plain);
  expect(packed.length).toBeLessThan(60_000);
  expect(Buffer.compare(unpack(packed), plain)).toBe(0);
});

test("linked blocks with checksums, two frames, a skippable frame between them", () => {
  expect(Buffer.compare(unpack(patternLz4), pattern)).toBe(0);
  const skippable = Uint8Array.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const twice = unpack(join([patternLz4, skippable, patternLz4]));
  expect(Buffer.compare(twice, join([pattern, pattern]))).toBe(0);
});

describe("refused", () => {
  const frame = (...block: number[]) => Uint8Array.from([4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, ...block]);
  const cases: Record<string, Uint8Array> = {
    "a block that claims 2 GB (F7)": Uint8Array.from([
      4, 0x22, 0x4d, 0x18, 0x64, 0x40, 0xa7, 255, 255, 255, 0x7f,
    ]),
    "another magic": Uint8Array.from([1, 2, 3, 4, 5]),
    "another version": Uint8Array.from([4, 0x22, 0x4d, 0x18, 0xa0, 0x40, 0x82, 0, 0, 0, 0]),
    "no end mark": frame(1, 0, 0, 0x80, 7),
    "a match before the start": frame(4, 0, 0, 0, 0x10, 7, 2, 0, 0, 0, 0, 0),
    "a distance of 0": frame(5, 0, 0, 0, 0x10, 7, 0, 0, 0, 0, 0, 0, 0),
    "literals beyond the block": frame(2, 0, 0, 0, 0xf0, 200, 0, 0, 0, 0),
    "a block without literals at its end": frame(4, 0, 0, 0, 0x10, 7, 1, 0, 0, 0, 0, 0),
    "a stored block above the frame's block size": join([
      frame(1, 0, 1, 0x80),
      new Uint8Array(65537),
      new Uint8Array(4),
    ]),
    "a claimed size that no bytes justify": Uint8Array.from([
      4, 0x22, 0x4d, 0x18, 0x68, 0x40, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,
    ]),
  };
  test.each(Object.entries(cases))("%s", (_, bytes) => {
    expect(() => unpack(bytes)).toThrow(Damage);
  });

  test("more than the caller allows", () => {
    expect(() => unpack(encodeLz4Frame(new Uint8Array(100_000)), 99_999)).toThrow(Damage);
    expect(unpack(encodeLz4Frame(new Uint8Array(100_000)), 100_000)).toHaveLength(100_000);
  });

  test("a frame cut at any byte", () => {
    for (let end = 1; end < patternLz4.length; end++)
      expect(() => unpack(patternLz4.subarray(0, end))).toThrow(Damage);
  });
});
