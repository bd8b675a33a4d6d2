import { constants, deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Damage } from "../../src/formats/format.ts";
import { crc32, inflate } from "../../src/formats/inflate.ts";
import { seededRandom } from "../../src/random.ts";

const someBytes = fc.oneof(
  fc.uint8Array({ maxLength: 5000 }),
  fc.array(fc.constantFrom(1, 2, 3, 250), { maxLength: 20_000 }).map((list) => Uint8Array.from(list)),
);

test("what zlib packs comes back, at every level and strategy", () => {
  const strategies = [
    constants.Z_DEFAULT_STRATEGY,
    constants.Z_FIXED,
    constants.Z_HUFFMAN_ONLY,
    constants.Z_RLE,
  ];
  fc.assert(
    fc.property(someBytes, fc.nat(9), fc.constantFrom(...strategies), (bytes, level, strategy) => {
      const packed = deflateRawSync(bytes, { level, strategy });
      expect(inflate(packed, bytes.length)).toEqual(bytes);
    }),
  );
  // Noise between patterns: blocks that are stored follow ones that are packed.
  const random = seededRandom(1);
  const long = Uint8Array.from({ length: 900_000 }, (_, i) =>
    (i / 150_000) & 1 ? random() * 256 : ((i % 371) ** 2 * 7) & 255,
  );
  expect(Buffer.compare(inflate(deflateRawSync(long), long.length), long)).toBe(0);
});

test("a lying size is refused without the room for it", () => {
  const packed = deflateRawSync(new Uint8Array(10_000_000));
  expect(() => inflate(packed, 9_999_999)).toThrow(Damage);
  expect(() => inflate(deflateRawSync(new Uint8Array(10)), 2 ** 40)).toThrow("shorter");
});

test("damage is a Damage", () => {
  fc.assert(
    fc.property(someBytes, fc.nat(), fc.nat(7), (bytes, place, bit) => {
      const packed = Uint8Array.from(deflateRawSync(bytes));
      packed[place % packed.length]! ^= 1 << bit;
      try {
        expect(inflate(packed, bytes.length)).toHaveLength(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(Damage);
      }
    }),
  );
  const packed = deflateRawSync(Uint8Array.from({ length: 999 }, (_, i) => i & 255));
  for (let cut = 0; cut < packed.length; cut++)
    expect(() => inflate(packed.subarray(0, cut), 999)).toThrow(Damage);
});

test("the checksum of the digits is the one that every CRC-32 has", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  // As Python's zlib has it.
  expect(crc32(Uint8Array.from({ length: 1003 }, (_, i) => (i * i) & 255))).toBe(182161842);
});
