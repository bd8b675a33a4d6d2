import { describe, expect, test } from "vitest";
import { Scratch } from "../../src/formats/byte-feed.ts";
import { decodeBzip2 } from "../../src/formats/bzip2.ts";
import { Damage } from "../../src/formats/format.ts";
import { mutate } from "../support/mutate.ts";
import { pattern, records } from "../support/packed.ts";
import { chunkBzip2, chunkTopics, patternBzip2, recordsBzip2, runsBzip2 } from "../support/packed-bzip2.ts";
import { bagChunk } from "../support/ros-files.ts";

const runs = Uint8Array.from({ length: 5000 }, (_, i) => (i < 4000 ? 7 : i < 4004 ? 8 : (i >> 2) & 255));

function unpack(packed: Uint8Array, plainMax: number): Uint8Array {
  const out = new Scratch();
  const size = decodeBzip2(packed, 0, packed.length, out, plainMax);
  return out.bytes.slice(0, size);
}

describe("what bzip2 has packed", () => {
  test.each([
    ["a pattern, two blocks of 100 kB", patternBzip2, pattern],
    ["records", recordsBzip2, records],
    ["runs", runsBzip2, runs],
    ["a chunk of a bag", chunkBzip2, bagChunk(chunkTopics)],
  ])("%s", (_, packed, plain) => {
    expect(Buffer.from(unpack(packed, plain.length)).equals(plain)).toBe(true);
    expect(() => unpack(packed, plain.length - 1)).toThrow("larger than they claim");
    expect(() => unpack(packed.subarray(0, -1), plain.length)).toThrow("cut");
  });

  test("two streams in a row", () => {
    const twice = Uint8Array.from([...runsBzip2, ...runsBzip2]);
    expect(unpack(twice, 10_000)).toEqual(Uint8Array.from([...runs, ...runs]));
  });

  test("nothing", () => expect(unpack(new Uint8Array(0), 10)).toEqual(new Uint8Array(0)));
});

test("damage is told, and never makes more than was asked for", () => {
  let refused = 0;
  for (let index = 0; index < 300; index++) {
    const damaged = mutate(recordsBzip2, 5, index);
    try {
      expect(unpack(damaged, records.length).length).toBeLessThanOrEqual(records.length);
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(250);
});
