/** HDF5 files made through h5wasm, and ECF chunks by an encoder of our own, put into them by hand. */

import { readFileSync, writeFileSync } from "node:fs";
import { File, type Group, ready } from "h5wasm/node";
import { chunksOf } from "../../src/formats/hdf5-chunks.ts";
import { words } from "./raw.ts";

await ready;

/** An event as the columns of a file: time, x, y, polarity. */
export type Row = readonly [t: number, x: number, y: number, p: number];

export function hdf5File(path: string, fill: (file: File) => void): Uint8Array {
  const file = new File(path, "w", { libver: ["earliest", "latest"] });
  fill(file);
  file.close();
  return new Uint8Array(readFileSync(path));
}

/** `events/{x,y,t,p}` as DSEC and rpg have them. */
export function putColumns(
  group: Group,
  rows: readonly Row[],
  names = ["t", "x", "y", "p"],
  chunks = 1000,
): void {
  const types = ["<Q", "<H", "<H", "<B"] as const;
  for (const [place, name] of names.entries()) {
    const column = rows.map((row) => row[place]!);
    const data =
      place === 0
        ? BigUint64Array.from(column, BigInt)
        : place === 3
          ? Uint8Array.from(column)
          : Uint16Array.from(column);
    group.create_dataset({ name, data, dtype: types[place]!, chunks: [chunks], compression: 4 });
  }
}

const eventType = [
  ["x", "<H"],
  ["y", "<H"],
  ["p", "<h"],
  ["gap", "<H"],
  ["t", "<q"],
] as const;

/** Structs of 16 bytes with a gap, as Metavision has them. Deflate of level 0 leaves room for chunks in ECF. */
export function putStructs(group: Group, rows: readonly Row[], chunks: number): void {
  const data = new Map<string, unknown>([
    ["x", Uint16Array.from(rows, (row) => row[1])],
    ["y", Uint16Array.from(rows, (row) => row[2])],
    ["p", Int16Array.from(rows, (row) => row[3])],
    ["gap", new Uint16Array(rows.length)],
    ["t", BigInt64Array.from(rows, (row) => BigInt(row[0]))],
  ]);
  group.create_dataset({
    name: "events",
    data: data as Map<string, never>,
    shape: [rows.length],
    dtype: eventType.map(([name, type]) => [name, type]),
    chunks: [chunks],
    compression: "gzip",
    compression_opts: 0,
  });
}

/** `EXT_TRIGGER/events` as Metavision has them: edge, time and channel, with gaps as a C compiler leaves them. */
export function putTriggers(
  file: File,
  rows: readonly (readonly [t: number, id: number, p: number])[],
): void {
  const zeros = () => new Uint16Array(rows.length);
  const data = new Map<string, unknown>([
    ["p", Int16Array.from(rows, (row) => row[2])],
    ...["gap1", "gap2", "gap3"].map((name): [string, unknown] => [name, zeros()]),
    ["t", BigInt64Array.from(rows, (row) => BigInt(row[0]))],
    ["id", Int16Array.from(rows, (row) => row[1])],
  ]);
  file.create_group("EXT_TRIGGER").create_dataset({
    name: "events",
    data: data as Map<string, never>,
    shape: [rows.length],
    dtype: [
      ["p", "<h"],
      ["gap1", "<H"],
      ["gap2", "<H"],
      ["gap3", "<H"],
      ["t", "<q"],
      ["id", "<h"],
    ],
    chunks: [Math.max(1, rows.length >> 1)],
    compression: 4,
  });
}

/** Puts ECF in the place of the chunks of `CD/events`, and names the filter so. */
export function packAsEcf(path: string, rows: readonly Row[], chunkRows: number): Uint8Array {
  const bytes = new Uint8Array(readFileSync(path));
  const read = (offset: number, length: number) => bytes.slice(offset, offset + length);
  for (const { firstRow, offset, bytes: size } of [...chunksOf(read, "/CD/events")]) {
    const chunk = ecfChunk(rows.slice(firstRow, firstRow + chunkRows), firstRow % 3);
    if (chunk.length > size) throw new Error("no room for the chunk");
    bytes.set(chunk, offset);
  }
  const name = Buffer.from(bytes).indexOf("deflate\0");
  bytes.set([0xcf, 0x8e], name - 8);
  writeFileSync(path, bytes);
  return bytes;
}

/** A chunk in ECF: 0 all packed, 1 x and p packed, 2 in runs and masks. */
export function ecfChunk(rows: readonly Row[], style: number): Uint8Array {
  const flags = [2, 1, 0][style]!;
  const out = [...words(4, [rows.length * 4 + flags]), ...words(8, [BigInt(rows[0]?.[0] ?? 0)])];
  let lastUs = rows[0]?.[0] ?? 0;
  const run = (from: number, place: number) => {
    let to = from;
    while (to < rows.length && rows[to]![place] === rows[from]![place]) to += 1;
    return to - from;
  };
  for (let i = 0; i < rows.length; ) {
    let step = rows[i]![0] - lastUs;
    if (step >= 15) {
      for (; step > 0; step = Math.floor(step / 16)) out.push(0xf0 | (step % 16));
    }
    const count = run(i, 0);
    out.push((step << 4) | Math.min(count, 15), ...(count >= 15 ? words(2, [count]) : []));
    lastUs = rows[i]![0];
    i += count;
  }
  const four = (i: number, word: (row: Row) => number) =>
    [0, 1, 2, 3].map((j) => (rows[i + j] ? word(rows[i + j]!) : 0)) as [number, number, number, number];
  if (style === 0) {
    for (let i = 0; i < rows.length; i += 4) {
      const [a, b, c, d] = four(i, ([, x, y, p]) => (y << 12) | (x << 1) | p);
      out.push(...words(4, [((a << 8) | (b & 0xff)) >>> 0, (((b >>> 8) << 16) | (c & 0xffff)) >>> 0]));
      out.push(...words(4, [(((c >>> 16) << 24) | d) >>> 0]));
    }
    return Uint8Array.from(out);
  }
  for (let i = 0; i < rows.length; ) {
    const count = run(i, 2);
    out.push(...words(2, [(rows[i]![2] << 5) | Math.min(count, 31), ...(count >= 31 ? [count] : [])]));
    i += count;
  }
  if (style === 1) {
    for (let i = 0; i < rows.length; i += 4) {
      const [a, b, c, d] = four(i, ([, x, , p]) => (x << 1) | p);
      out.push(...words(2, [(a << 4) | (b & 0xf), ((b >>> 4) << 8) | (c & 0xff), ((c >>> 8) << 12) | d]));
    }
    return Uint8Array.from(out);
  }
  for (let i = 0; i < rows.length; ) {
    const x = rows[i++]![1];
    let mask = 0;
    for (let j = 1; j <= 5; j++) {
      if (rows[i]?.[1] !== x + j) continue;
      mask |= 32 >> j;
      i += 1;
    }
    out.push(...words(2, [(x << 5) | mask]));
  }
  for (let i = 0; i < rows.length; ) {
    const count = run(i, 3);
    out.push((rows[i]![3] << 7) | Math.min(count, 127), ...(count >= 127 ? words(2, [count]) : []));
    i += count;
  }
  return Uint8Array.from(out);
}
