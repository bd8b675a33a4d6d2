import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { crc32 } from "../../src/formats/inflate.ts";
import { npy } from "../../src/formats/npy.ts";
import { formatKeepsTheLaws, readerKeepsTheLaws } from "../support/format-contract.ts";
import type { Event } from "../support/packets.ts";
import { packetOf } from "../support/packets.ts";
import { decodeAll } from "../support/recordings.ts";

const geometry = pixels(346, 260);
const at = (timeUs: number, x: number, y: number, on: number): Event => [timeUs, pixelAddress(x, y, on)];
const events = Array.from({ length: 700 }, (_, i) =>
  at(1000 + i * 7, (i * 3) % 346, (i * 5) % 260, (i >> 1) & 1),
);
const rows = events.map(([t, a]) => [t, (a >>> 1) & 0x7fff, a >>> 16, a & 1]);

const never = () => false;
describe("written files", () => formatKeepsTheLaws(npy, { geometry, isBorder: never }));
describe("written files in Unix time", () =>
  formatKeepsTheLaws(npy, { geometry, startUs: 1_631_717_221_674_515, isBorder: never }));

/** An array's bytes as numpy writes them. */
function array(descr: string, shape: string, data: Uint8Array, order = "False", version = 1): Uint8Array {
  const dictionary = `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': (${shape}), }`;
  const text = `${dictionary.padEnd(117 + 64 * Math.floor(dictionary.length / 64))}\n`;
  const size =
    version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.from([0x93, ...Buffer.from("NUMPY"), version, 0, ...size, ...Buffer.from(text), ...data]);
}

const setters: Record<string, (view: DataView, value: number, little: boolean) => void> = {
  u1: (view, value) => view.setUint8(0, value),
  b1: (view, value) => view.setUint8(0, value),
  i1: (view, value) => view.setInt8(0, value),
  u2: (view, value, little) => view.setUint16(0, value, little),
  i2: (view, value, little) => view.setInt16(0, value, little),
  u4: (view, value, little) => view.setUint32(0, value, little),
  i4: (view, value, little) => view.setInt32(0, value, little),
  u8: (view, value, little) => view.setBigUint64(0, BigInt(value), little),
  i8: (view, value, little) => view.setBigInt64(0, BigInt(value), little),
  f4: (view, value, little) => view.setFloat32(0, value, little),
  f8: (view, value, little) => view.setFloat64(0, value, little),
};

function number(type: string, value: number): number[] {
  const bytes = new Uint8Array(Number(type.at(-1)));
  setters[type.slice(1)]!(new DataView(bytes.buffer), value, type[0] !== ">");
  return [...bytes];
}

/** Values row by row, or column by column. */
function data(types: readonly string[], list: readonly (readonly number[])[], byColumn = false): Uint8Array {
  if (byColumn)
    return Uint8Array.from(types.flatMap((type, k) => list.flatMap((row) => number(type, row[k]!))));
  return Uint8Array.from(list.flatMap((row) => types.flatMap((type, k) => number(type, row[k]!))));
}

const same = (type: string) => [type, type, type, type];
const swap = (order: readonly number[]) => rows.map((row) => order.map((place) => row[place]!));

test.each<[string, Uint8Array]>([
  [
    "expelliarmus' structure",
    array(
      "[('t', '<i8'), ('x', '<i2'), ('y', '<i2'), ('p', '|u1')]",
      "700,",
      data(["<i8", "<i2", "<i2", "|u1"], rows),
    ),
  ],
  [
    "OpenEB's structure",
    array(
      "[('x', '<u2'), ('y', '<u2'), ('p', '<i2'), ('t', '<i8')]",
      "700,",
      data(["<u2", "<u2", "<i2", "<i8"], swap([1, 2, 3, 0])),
    ),
  ],
  [
    "faery's structure",
    array(
      "[('t', '<u8'), ('x', '<u2'), ('y', '<u2'), ('on', '|b1')]",
      "700,",
      data(["<u8", "<u2", "<u2", "|b1"], rows),
    ),
  ],
  [
    "big-endian, with padding",
    array(
      "[('timestamp', '>u4'), ('', '|V4'), ('x', '>i4'), ('y', '>f4'), ('polarity', '>u2')]",
      "700,",
      data(
        [">u4", ">u4", ">i4", ">f4", ">u2"],
        rows.map(([t, x, y, p]) => [t!, 9, x!, y!, p!]),
      ),
    ),
  ],
  ["a table of int64", array("'<i8'", "700, 4", data(same("<i8"), rows))],
  ["a table x y t p of float64", array("'<f8'", "700, 4", data(same("<f8"), swap([1, 2, 0, 3])))],
  [
    "a table x y p t of int32, version 2",
    array("'<i4'", "700, 4", data(same("<i4"), swap([1, 2, 3, 0])), "False", 2),
  ],
  ["a Fortran table", array("'<i8'", "700, 4", data(same("<i8"), rows, true), "True")],
  ["four rows of columns", array("'<u4'", "4, 700", data(same("<u4"), rows, true))],
  [
    "seconds",
    array(
      "'<f8'",
      "700, 4",
      data(
        same("<f8"),
        rows.map(([t, ...rest]) => [t! / 1e6, ...rest]),
      ),
    ),
  ],
  [
    "signs for polarity",
    array(
      "'<i4'",
      "700, 4",
      data(
        same("<i4"),
        rows.map(([t, x, y, p]) => [t!, x!, y!, p! * 2 - 1]),
      ),
    ),
  ],
  [
    "a zip of columns",
    zip({
      t: column("<i8", 0),
      x: column("<i2", 1),
      y: column("<u2", 2),
      p: column("|b1", 3),
      note: array("'<U4'", "", new Uint8Array(16)),
    }),
  ],
  [
    "a packed zip of columns",
    zip({ p: column("|i1", 3), x: column("|u1", 1, 256), y: column("<f4", 2), t: column("<u4", 0) }, true),
  ],
  [
    "a zip of one structure",
    zip(
      {
        arr_0: array(
          "[('t', '<i8'), ('x', '<i2'), ('y', '<i2'), ('p', '|u1')]",
          "700,",
          data(["<i8", "<i2", "<i2", "|u1"], rows),
        ),
      },
      true,
    ),
  ],
])("%s", (name, file) => {
  const expected =
    name === "a packed zip of columns" ? rows.map(([t, x, y, p]) => at(t!, x! & 255, y!, p!)) : events;
  for (const lengths of [[65536], [7], [1, 300]]) {
    const { events: found, cut, decoder } = decodeAll(npy, file, {}, lengths);
    expect(found).toEqual(expected);
    expect(cut).toBe(false);
    expect(decoder.problems.filter(({ lost }) => lost)).toEqual([]);
  }
  expect(npy.sniff(file, "x")).toBe("sure");
});

function column(type: string, place: number, modulo = Number.POSITIVE_INFINITY): Uint8Array {
  return array(
    `'${type}'`,
    "700,",
    data(
      [type],
      rows.map((row) => [row[place]! % modulo]),
    ),
  );
}

/** A zip as numpy writes it: Zip64 sizes in each member's extra field. */
function zip(
  members: Record<string, Uint8Array>,
  isPacked = false,
  change: { size?: number; flags?: number; checksum?: number } = {},
): Uint8Array {
  const parts: number[] = [];
  for (const [name, bytes] of Object.entries(members)) {
    const packed = isPacked ? deflateRawSync(bytes) : bytes;
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50, 0);
    head.writeUInt16LE(change.flags ?? 0, 6);
    head.writeUInt16LE(isPacked ? 8 : 0, 8);
    head.writeUInt32LE(((change.checksum ?? 0) ^ crc32(bytes)) >>> 0, 14);
    head.writeUInt32LE(0xffffffff, 18);
    head.writeUInt32LE(0xffffffff, 22);
    head.writeUInt16LE(name.length + 4, 26);
    head.writeUInt16LE(20, 28);
    const extra = Buffer.alloc(20);
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(16, 2);
    extra.writeBigUInt64LE(BigInt(change.size ?? bytes.length), 4);
    extra.writeBigUInt64LE(BigInt(packed.length), 12);
    parts.push(...head, ...Buffer.from(`${name}.npy`), ...extra, ...packed);
  }
  return Uint8Array.from([...parts, 0x50, 0x4b, 1, 2, ...new Array(42).fill(0)]);
}

describe("a packed zip", () => {
  const file = zip(
    { t: column("<i8", 0), x: column("<i2", 1), y: column("<u2", 2), p: column("|b1", 3) },
    true,
  );
  readerKeepsTheLaws(npy, file, { isBorder: (_, byte) => byte > file.length - 43 });
});

describe("a Fortran table in any pieces", () =>
  readerKeepsTheLaws(npy, array("'<i8'", "700, 4", data(same("<i8"), rows, true), "True"), {
    isBorder: never,
  }));

test("what was guessed is told", () => {
  const table = (list: number[][]) => array("'<f8'", `${list.length}, 4`, data(same("<f8"), list));
  const { decoder } = decodeAll(npy, table(rows.map(([t, x, y, p]) => [x!, y!, t! / 1e6, p!])));
  expect(decoder.problems.map(({ what, lost, fatal }) => [what, lost, fatal])).toEqual([
    ["no names tell the columns, taken for x y t p", false, false],
    ["no name tells the unit of time, taken for seconds", false, false],
  ]);
  const named = array(
    "[('x', '<u2'), ('y', '<u2'), ('p', '<i2'), ('t_ns', '<i8')]",
    "1,",
    data(["<u2", "<u2", "<i2", "<i8"], [[1, 2, 1, 5_000]]),
  );
  expect(decodeAll(npy, named)).toMatchObject({ events: [at(5, 1, 2, 1)], decoder: { problems: [] } });
});

test("values that no event can have are left out and counted", () => {
  const list = [
    [0, 1, 1, 1],
    [1, -1, 1, 1],
    [2, 1, 260, 0],
    [Number.NaN, 1, 1, 0],
    [1e300, 1, 1, 0],
    [9, Number.NaN, 1, 0],
    [9, 345, 259, 0],
  ];
  const file = array(
    "[('t', '<f8'), ('x', '<f8'), ('y', '<f8'), ('p', '<f8')]",
    "7,",
    data(same("<f8"), list),
  );
  const { events: found, decoder } = decodeAll(npy, file, { geometry });
  expect(found.map(([, address]) => address)).toEqual([at(0, 1, 1, 1)[1], at(0, 345, 259, 0)[1]]);
  expect(decoder.problems.filter(({ lost }) => lost).map(({ count }) => count)).toEqual([3, 2]);
});

test.each([
  ["objects", array("'|O'", "700, 4", new Uint8Array(99))],
  ["text", array("'<U3'", "3,", new Uint8Array(99))],
  ["three columns", array("'<i8'", "3, 3", new Uint8Array(99))],
  [
    "a nested structure",
    array("[('a', [('t', '<i8')]), ('x', '<i2'), ('y', '<i2'), ('p', '<i2')]", "3,", new Uint8Array(99)),
  ],
  [
    "no polarity",
    array(
      "'<i8'",
      "2, 4",
      data(same("<i8"), [
        [5, 6, 7, 8],
        [9, 10, 11, 12],
      ]),
    ),
  ],
  [
    "complex numbers",
    array("[('t', '<c8'), ('x', '<i2'), ('y', '<i2'), ('p', '<i2')]", "3,", new Uint8Array(99)),
  ],
  ["a Fortran table that claims terabytes", array("'<i8'", "99999999999, 4", new Uint8Array(99), "True")],
  ["a zip without events", zip({ a: column("<i8", 0) })],
  ["a zip that claims terabytes", zip({ t: column("<i8", 0) }, true, { size: 2 ** 41 })],
  ["a zip with a wrong size", zip({ t: column("<i8", 0) }, true, { size: 10_000 })],
  ["a zip with a wrong checksum", zip({ t: column("<i8", 0) }, true, { checksum: 1 })],
  ["a locked zip", zip({ t: column("<i8", 0) }, false, { flags: 1 })],
])("%s: refused", (_, file) => {
  const { events: found, cut } = decodeAll(npy, file);
  expect(found).toEqual([]);
  expect(cut).toBe(true);
});

test("a file that was never completed is a valid array of no events", () => {
  const encoder = npy.encoder!(geometry, {});
  const bytes = Uint8Array.from([...encoder.start(), ...encoder.push(packetOf(geometry, events))]);
  expect(decodeAll(npy, bytes)).toMatchObject({ events: [], cut: false });
  expect(encodeFile(npy.encoder!(geometry, {}), []).length % 64).toBe(0);
});
