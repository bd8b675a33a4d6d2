/** What the header of a NumPy array says of its columns, and their numbers (numpy `lib/format.py`). */

import { Damage } from "./format.ts";
import { latin1 } from "./header-lines.ts";

export const npyMagic = "\x93NUMPY";
/** Enough to know how long the header is. */
export const npyPrefixBytes = 12;
/** NumPy itself reads no more than 10,000 bytes unasked. */
const headerBytesMax = 1 << 14;
const rowBytesMax = 1 << 12;

/** A number's kind, bytes and order: `<u2`. */
export type NumberType = string;

/** One column of numbers: value i begins at `at + i * stride`. */
export interface Column {
  readonly name: string;
  readonly type: NumberType;
  readonly at: number;
  readonly stride: number;
}

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: number;
  /** Bytes of a row, or 0 where the columns lie one after the other. */
  readonly rowBytes: number;
  /** Of all values. */
  readonly bytes: number;
}

/** Bytes of the header, prefix included. Throws a Damage. */
export function npyHeaderBytes(bytes: Uint8Array, at: number): number {
  const [low, high, upper, top] = bytes.subarray(at + 8, at + npyPrefixBytes) as unknown as [
    number,
    number,
    number,
    number,
  ];
  const isVersion1 = bytes[at + npyMagic.length] === 1;
  const size = isVersion1 ? 10 + low + high * 256 : 12 + low + high * 256 + upper * 65536 + top * 16777216;
  if (latin1(bytes, at, at + npyMagic.length) !== npyMagic || size > headerBytesMax || size < npyPrefixBytes)
    throw new Damage("not a NumPy array, or its header is damaged");
  return size;
}

/** The table behind a header. Throws a Damage when it can't be a list of events or a column of one. */
export function npyTable(header: string): Table {
  const descr = /'descr':\s*(?:'([^']*)'|(\[.*\])),\s*'fortran_order':/s.exec(header);
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (!descr || order === undefined || shape === undefined) throw new Damage("the array's header is damaged");
  const sides = shape.split(",").map((side) => side.trim());
  const [first = 0, second, third] = sides.filter((side) => side !== "").map(Number);
  if (third !== undefined || !Number.isSafeInteger(first * (second ?? 1) * rowBytesMax))
    throw new Damage("the array is no list of events");
  if (descr[2] !== undefined) return structured(descr[2], second === undefined ? first : -1);
  return plain(descr[1]!, first, second, order === "True");
}

function structured(descr: string, rows: number): Table {
  const fields: { name: string; type: string; at: number }[] = [];
  let at = 0;
  // A field may have a title besides: `(('p', 'on'), '|b1')`.
  const field = /\((?:\('[^']*',\s*)?'([^']*)'\)?,\s*'([^']*)'(?:,\s*\(([\d,\s]*)\))?\)/g;
  for (const [, name = "", type = "", shape = ""] of descr.matchAll(field)) {
    const times = shape
      .split(",")
      .reduce((product, side) => product * (side.trim() === "" ? 1 : Number(side)), 1);
    fields.push({ name, type, at });
    at += sizeOf(type) * times;
  }
  if (rows < 0 || at === 0 || at > rowBytesMax || descr.replace(field, "").replace(/[[\],\s]/g, "") !== "")
    throw new Damage("the array is no list of events");
  const columns = fields.map((one) => ({ ...one, stride: at }));
  return { columns, rows, rowBytes: at, bytes: rows * at };
}

/** N numbers, N rows of 4 or 4 columns of N. */
function plain(type: NumberType, first: number, second: number | undefined, isFortran: boolean): Table {
  const size = sizeOf(type);
  if (second === undefined)
    return {
      columns: [{ name: "", type, at: 0, stride: size }],
      rows: first,
      rowBytes: size,
      bytes: first * size,
    };
  const rows = second === 4 ? first : second;
  if (second !== 4 && first !== 4) throw new Damage("the array is no list of events");
  const byRow = (second === 4) !== isFortran;
  const columns = [0, 1, 2, 3].map((place) => ({
    name: "",
    type,
    at: byRow ? place * size : place * rows * size,
    stride: byRow ? 4 * size : size,
  }));
  return { columns, rows, rowBytes: byRow ? 4 * size : 0, bytes: 4 * rows * size };
}

function sizeOf(type: string): number {
  const size = Number(/^[<>|=][a-zA-Z](\d{1,4})$/.exec(type)?.[1]);
  if (!Number.isInteger(size)) throw new Damage("the array holds no plain numbers");
  return size;
}

/** Reads `count` numbers of a column into `out`. One loop a type. Throws a Damage for a type that is no number. */
export function gather(
  { type, stride }: Column,
  bytes: Uint8Array,
  start: number,
  count: number,
  out: Float64Array,
): void {
  const kind = type.slice(1);
  if (kind === "u1" || kind === "b1")
    for (let i = 0, at = start; i < count; i++, at += stride) out[i] = bytes[at]!;
  else if (type === "<u2")
    for (let i = 0, at = start; i < count; i++, at += stride) out[i] = bytes[at]! | (bytes[at + 1]! << 8);
  else if (type === "<i2")
    for (let i = 0, at = start; i < count; i++, at += stride)
      out[i] = ((bytes[at]! << 16) | (bytes[at + 1]! << 24)) >> 16;
  else if (type === "<i8" || type === "<u8" || type === "<u4" || type === "<i4")
    gatherWords(type, stride, bytes, start, count, out);
  else gatherAny(type, stride, bytes, start, count, out);
}

function gatherWords(
  type: NumberType,
  stride: number,
  bytes: Uint8Array,
  start: number,
  count: number,
  out: Float64Array,
): void {
  const isLong = type[2] === "8";
  const isSigned = type[1] === "i";
  for (let i = 0, at = start; i < count; i++, at += stride) {
    const low = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    if (isLong) {
      const high = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      out[i] = (isSigned ? high : high >>> 0) * 4294967296 + (low >>> 0);
    } else out[i] = isSigned ? low : low >>> 0;
  }
}

function gatherAny(
  type: NumberType,
  stride: number,
  bytes: Uint8Array,
  start: number,
  count: number,
  out: Float64Array,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = readers[type.slice(1)];
  if (!read) throw new Damage("the array holds numbers of an unknown type");
  const isLittle = type[0] !== ">";
  for (let i = 0, at = start; i < count; i++, at += stride) out[i] = read(view, at, isLittle);
}

const readers: Record<string, (view: DataView, at: number, isLittle: boolean) => number> = {
  i1: (view, at) => view.getInt8(at),
  i2: (view, at, isLittle) => view.getInt16(at, isLittle),
  u2: (view, at, isLittle) => view.getUint16(at, isLittle),
  i4: (view, at, isLittle) => view.getInt32(at, isLittle),
  u4: (view, at, isLittle) => view.getUint32(at, isLittle),
  i8: (view, at, isLittle) => Number(view.getBigInt64(at, isLittle)),
  u8: (view, at, isLittle) => Number(view.getBigUint64(at, isLittle)),
  f4: (view, at, isLittle) => view.getFloat32(at, isLittle),
  f8: (view, at, isLittle) => view.getFloat64(at, isLittle),
};
