import fc from "fast-check";
import { expect, test } from "vitest";
import { EcfDecoder } from "../../src/formats/ecf.ts";
import { Damage } from "../../src/formats/format.ts";
import { ecfChunk, type Row } from "../support/hdf5-files.ts";
import { mutate } from "../support/mutate.ts";
import { words } from "../support/raw.ts";

const decoder = new EcfDecoder();

function rowsOf(chunk: Uint8Array): Row[] {
  const bytes = decoder.decode(chunk);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 16 }, (_, i) => [
    Number(view.getBigInt64(16 * i + 8, true)),
    view.getUint16(16 * i, true),
    view.getUint16(16 * i + 2, true),
    view.getInt16(16 * i + 4, true),
  ]);
}

const bits = (size: number, ...values: (number | bigint)[]) => words(size, values);
const chunk = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

test("chunks by hand, as the codec's own tests have them", () => {
  // One event, all packed: header, time, a run of one, and three words of which the first holds it.
  const one = chunk(
    bits(4, (1 << 2) | 2),
    bits(8, 4),
    bits(1, 0x01),
    bits(4, ((2 << 12) | (1 << 1)) << 8, 0, 0),
  );
  expect(rowsOf(one)).toEqual([[4, 1, 2, 0]]);
  // Four events of one time and row at x 0, 10, 20 and 30, ON; x and p packed.
  const [a, b, c, d] = [0, 10, 20, 30].map((x) => (x << 1) | 1) as [number, number, number, number];
  const four = chunk(
    bits(4, (4 << 2) | 1),
    bits(8, 10_000),
    bits(1, 0x04),
    bits(2, (23 << 5) | 4),
    bits(2, (a << 4) | (b & 0xf), ((b >> 4) << 8) | (c & 0xff), ((c >> 8) << 12) | d),
  );
  expect(rowsOf(four)).toEqual([0, 10, 20, 30].map((x) => [10_000, x, 23, 1]));
  // Runs and masks; a step of 0x123 us in groups of four bits, the lowest first.
  const runs = chunk(
    bits(4, 3 << 2),
    bits(8, 5),
    bits(1, 0x01, 0xf3, 0xf2, 0xf1, 0x02),
    bits(2, (7 << 5) | 3),
    bits(2, (40 << 5) | 0b10001),
    bits(1, 0x80 | 1, 0x02),
  );
  expect(rowsOf(runs)).toEqual([
    [5, 40, 7, 1],
    [5 + 0x123, 41, 7, 0],
    [5 + 0x123, 45, 7, 0],
  ]);
});

const events = fc
  .array(
    fc.tuple(
      fc.oneof(fc.constant(0), fc.nat(14), fc.nat(300), fc.nat(2 ** 40)),
      fc.oneof(fc.nat(3), fc.nat(2047)),
      fc.oneof(fc.constant(5), fc.nat(2047)),
      fc.nat(1),
    ),
    { maxLength: 300 },
  )
  .map((list) => {
    let timeUs = 0;
    return list.map(([step, x, y, p]): Row => {
      timeUs += step;
      return [timeUs, x, y, p];
    });
  });

test("what is packed is unpacked, in each style", () => {
  fc.assert(
    fc.property(events, fc.nat(2), (rows, style) => {
      expect(rowsOf(ecfChunk(rows, style))).toEqual(rows);
    }),
  );
});

test("long runs and many events", () => {
  const rows = Array.from(
    { length: 65_535 },
    (_, i): Row => [i < 40_000 ? 7 : 9, i % 2048, i < 30_000 ? 3 : 4, 1],
  );
  for (const style of [0, 1, 2]) expect(rowsOf(ecfChunk(rows, style))).toEqual(rows);
});

test("damage is refused, and never more than a chunk comes out", () => {
  expect(() => rowsOf(bits(4, 65_536 << 2))).toThrow("too many events");
  expect(() => rowsOf(bits(4, 4))).toThrow("cut");
  expect(() => rowsOf(chunk(bits(4, 4), bits(8, 0), bits(1, 0x00), new Uint8Array(20)))).toThrow("damaged");
  const rows = Array.from({ length: 200 }, (_, i): Row => [i * 9, (i * 3) % 2000, i >> 3, i & 1]);
  for (let index = 0; index < 2000; index++) {
    try {
      expect(rowsOf(mutate(ecfChunk(rows, index % 3), 4, index)).length).toBeLessThanOrEqual(65_535);
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
    }
  }
});
