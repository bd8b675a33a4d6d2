/** Images: PGM in any cut and depth, PNG of every kind, and what is neither. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grayFrames, oneGrayFrame } from "../../../drivers/video/frames.ts";
import { readPng } from "../../../drivers/video/png.ts";
import { pngOf } from "../../support/png.ts";
import { asyncPieces } from "../../support/recordings.ts";

const pgm = (width: number, height: number, values: readonly number[], maxval = 255) =>
  Uint8Array.from([
    ...new TextEncoder().encode(`P5\n# a comment\n${width} ${height}\n${maxval}\n`),
    ...values,
  ]);

async function framesIn(
  bytes: Uint8Array,
  lengths: readonly number[],
  size?: { width: number; height: number },
) {
  const frames: number[][] = [];
  for await (const frame of grayFrames(asyncPieces(bytes, lengths), size)) frames.push([...frame.pixels]);
  return frames;
}

describe("PGM", () => {
  test("comes in any cut, one image after the other", async () => {
    const bytes = Uint8Array.from([...pgm(3, 2, [1, 2, 3, 4, 5, 6]), ...pgm(3, 2, [9, 8, 7, 6, 5, 0x50])]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), async (lengths) => {
        expect(await framesIn(bytes, lengths)).toEqual([
          [1, 2, 3, 4, 5, 6],
          [9, 8, 7, 6, 5, 0x50],
        ]);
      }),
      { numRuns: 30 },
    );
  });

  test("of another depth is scaled to 8 bits", async () => {
    expect([...(await oneGrayFrame(pgm(2, 1, [0, 15], 15))).pixels]).toEqual([0, 255]);
    expect([...(await oneGrayFrame(pgm(2, 1, [0x80, 0, 0xff, 0xff], 65_535))).pixels]).toEqual([128, 255]);
  });

  test("bare frames of a known size need no head", async () => {
    expect(await framesIn(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), [3], { width: 2, height: 2 })).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ]);
  });

  test("what is cut, no image or too large is told", async () => {
    await expect(framesIn(pgm(3, 2, [1, 2]), [5])).rejects.toThrow(/ends inside a frame/);
    await expect(framesIn(new TextEncoder().encode("P6\n1 1\n255\n..."), [5])).rejects.toThrow(/not a PGM/);
    await expect(framesIn(new TextEncoder().encode(`P5 ${"#".repeat(2000)}`), [100])).rejects.toThrow(
      /not a PGM/,
    );
    await expect(framesIn(pgm(9999, 2, []), [100])).rejects.toThrow(/out of bounds/);
  });
});

describe("PNG", () => {
  const values = (count: number, seed: number) =>
    Array.from({ length: count }, (_, i) => (i * 37 + seed * 11) & 0xff);
  const lines = (lineBytes: number) => [0, 1, 2, 3, 4].map((y) => Uint8Array.from(values(lineBytes, y)));

  test.each([0, 1, 2, 3, 4])("filter %i is undone", (filter) => {
    const image = lines(7);
    const read = readPng(pngOf({ width: 7, height: 5, filters: [filter] }, image));
    expect(read).toMatchObject({ width: 7, height: 5 });
    expect([...read.pixels]).toEqual(image.flatMap((line) => [...line]));
  });

  test("colours become gray, palettes and small depths too", () => {
    const all = [0, 1, 2, 3, 4];
    const rgb = readPng(
      pngOf({ width: 2, height: 1, colour: 2, filters: all }, [Uint8Array.of(255, 0, 0, 0, 255, 0)]),
    );
    expect([...rgb.pixels]).toEqual([76, 150]);
    const rgba = readPng(
      pngOf(
        { width: 1, height: 5, colour: 6, filters: all },
        [1, 2, 3, 4, 5].map((v) => Uint8Array.of(v, v, v, 9)),
      ),
    );
    expect([...rgba.pixels]).toEqual([1, 2, 3, 4, 5]);
    const alpha = readPng(pngOf({ width: 2, height: 1, colour: 4 }, [Uint8Array.of(7, 0, 8, 255)]));
    expect([...alpha.pixels]).toEqual([7, 8]);
    const palette = readPng(
      pngOf(
        { width: 4, height: 1, colour: 3, depth: 2, palette: Uint8Array.of(0, 0, 0, 10, 10, 10, 20, 20, 20) },
        [Uint8Array.of(0b00_01_10_01)],
      ),
    );
    expect([...palette.pixels]).toEqual([0, 10, 20, 10]);
    const bits = readPng(pngOf({ width: 9, height: 1, depth: 1 }, [Uint8Array.of(0b10100000, 0b10000000)]));
    expect([...bits.pixels]).toEqual([255, 0, 255, 0, 0, 0, 0, 0, 255]);
    const deep = readPng(
      pngOf({ width: 1, height: 1, depth: 16, colour: 2 }, [Uint8Array.of(100, 1, 100, 2, 100, 3)]),
    );
    expect([...deep.pixels]).toEqual([100]);
  });

  test("damage, lies and kinds that can't be read are told, whatever the bytes", () => {
    const good = pngOf({ width: 7, height: 5 }, lines(7));
    expect(() => readPng(good.subarray(0, 60))).toThrow(/cut|damaged/);
    expect(() => readPng(pngOf({ width: 7, height: 50 }, lines(7)))).toThrow(/damaged/);
    expect(() => readPng(pngOf({ width: 7, height: 2 }, lines(7)))).toThrow(/damaged/);
    expect(() => readPng(pngOf({ width: 7, height: 5, interlace: 1 }, lines(7)))).toThrow(/interlaced/);
    expect(() => readPng(pngOf({ width: 70_000, height: 70_000 }, lines(7)))).toThrow(/out of bounds/);
    expect(() => readPng(pngOf({ width: 1, height: 1, colour: 3 }, [Uint8Array.of(5)]))).toThrow(/palette/);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Uint8Array.from(good);
        bytes[at]! ^= flip;
        try {
          expect(readPng(bytes).pixels.length).toBeLessThan(4096 * 4096 + 1);
        } catch (error) {
          expect((error as Error).name).toBe("Damage");
        }
      }),
    );
  });
});
