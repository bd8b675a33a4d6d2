/** Arrays of numbers as NumPy stores them: one as .npy (read and write), several as .npz (write). */

import { ReflexarcError } from "../errors.ts";

export interface NumberArray {
  readonly shape: readonly number[];
  /** In C order. */
  readonly values: Float64Array;
}

/** Most numbers of one array. */
const numbersMax = 1 << 27;

type Reader = (view: DataView, at: number, little: boolean) => number;
const readers: Readonly<Record<string, readonly [bytes: number, Reader]>> = {
  f2: [2, (view, at, little) => half(view.getUint16(at, little))],
  f4: [4, (view, at, little) => view.getFloat32(at, little)],
  f8: [8, (view, at, little) => view.getFloat64(at, little)],
  i1: [1, (view, at) => view.getInt8(at)],
  i2: [2, (view, at, little) => view.getInt16(at, little)],
  i4: [4, (view, at, little) => view.getInt32(at, little)],
  i8: [8, (view, at, little) => Number(view.getBigInt64(at, little))],
  u1: [1, (view, at) => view.getUint8(at)],
  u2: [2, (view, at, little) => view.getUint16(at, little)],
  u4: [4, (view, at, little) => view.getUint32(at, little)],
  u8: [8, (view, at, little) => Number(view.getBigUint64(at, little))],
  b1: [1, (view, at) => view.getUint8(at)],
};

/** Reads a .npy file, versions 1 to 3 (NumPy Enhancement Proposal 1). Throws a ReflexarcError of kind input. */
export function readNpy(bytes: Uint8Array, name: string): NumberArray {
  const wrong = (what: string) =>
    new ReflexarcError({
      kind: "input",
      room: "npy",
      what,
      where: name,
      remedy: "Write it with numpy.save.",
    });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const latin = new TextDecoder("latin1");
  if (bytes.length < 12 || latin.decode(bytes.subarray(0, 6)) !== "\x93NUMPY")
    throw wrong("this is not a .npy file");
  const long = bytes[6]! >= 2;
  const start = long ? 12 : 10;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  if (start + length > bytes.length) throw wrong("the header is cut");
  const header = latin.decode(bytes.subarray(start, start + length));
  const type = /'descr'\s*:\s*'([<>|=])(\w\d+)'/.exec(header);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header);
  const sizes = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(header);
  const reader = type && readers[type[2]!];
  if (!reader || !order || !sizes)
    throw wrong(`its header is not one of plain numbers: ${header.slice(0, 60)}`);
  const shape = sizes[1]!.split(",").flatMap((size) => (size.trim() === "" ? [] : [Number(size)]));
  const count = shape.reduce((product, size) => product * size, 1);
  const [width, read] = reader;
  if (count > numbersMax) throw wrong(`it has ${count} numbers, at most ${numbersMax} are read`);
  if (bytes.length - start - length < count * width) throw wrong(`it is cut: ${count} numbers don't fit in`);
  const values = new Float64Array(count);
  for (let k = 0; k < count; k++) values[k] = read(view, start + length + k * width, type[1] !== ">");
  return { shape, values: order[1] === "True" ? fromFortran(values, shape) : values };
}

/** Makes a .npy file of float64. */
export function writeNpy({ shape, values }: NumberArray): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '<f8', 'fortran_order': False, 'shape': (${sizes}), }`;
  // The whole header ends on a multiple of 64 bytes, with a line feed.
  const header = text.padEnd(Math.ceil((10 + text.length + 1) / 64) * 64 - 11) + "\n";
  const bytes = new Uint8Array(10 + header.length + values.length * 8);
  const view = new DataView(bytes.buffer);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  view.setUint16(8, header.length, true);
  for (let k = 0; k < header.length; k++) bytes[10 + k] = header.charCodeAt(k);
  for (let k = 0; k < values.length; k++) view.setFloat64(10 + header.length + k * 8, values[k]!, true);
  return bytes;
}

/** Makes a .npz file: a ZIP archive of .npy files, stored and not packed (APPNOTE 6.3.10, 4.3.7 to 4.3.16). */
export function writeNpz(arrays: ReadonlyMap<string, NumberArray>): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, array] of arrays) {
    const content = writeNpy(array);
    const path = new TextEncoder().encode(`${name}.npy`);
    // Version 2.0; bit 11: names are UTF-8; 1980-01-01, so that the same arrays give the same bytes.
    const shared = [20, 0x800, 0, 0, 0x21];
    const sizes = [crc32(content), content.length, content.length];
    const local = record(0x04034b50, shared, sizes, [path.length, 0], path);
    directory.push(record(0x02014b50, [20, ...shared], sizes, [path.length, 0, 0, 0, 0], path, [0, offset]));
    parts.push(local, content);
    offset += local.length + content.length;
  }
  if (offset > 0xfffffffe)
    throw new ReflexarcError({
      kind: "usage",
      room: "npz",
      what: "the archive is larger than 4 GB",
      remedy: "Record fewer variables.",
    });
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, directory.length, true);
  view.setUint16(10, directory.length, true);
  view.setUint32(12, size, true);
  view.setUint32(16, offset, true);
  return joinBytes([...parts, ...directory, end]);
}

/** A ZIP record: a signature, 16-bit numbers, 32-bit ones, 16-bit ones, 32-bit ones, and the name at the end. */
function record(
  signature: number,
  first: readonly number[],
  second: readonly number[],
  third: readonly number[],
  path: Uint8Array,
  fourth: readonly number[] = [],
): Uint8Array {
  const length = 4 + first.length * 2 + second.length * 4 + third.length * 2 + fourth.length * 4;
  const bytes = new Uint8Array(length + path.length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const put32 = (value: number) => {
    view.setUint32(at, value, true);
    at += 4;
  };
  const put16 = (value: number) => {
    view.setUint16(at, value, true);
    at += 2;
  };
  put32(signature);
  first.forEach(put16);
  second.forEach(put32);
  third.forEach(put16);
  fourth.forEach(put32);
  bytes.set(path, at);
  return bytes;
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let k = 0; k < bytes.length; k++) crc = (crc >>> 8) ^ crcTable[(crc ^ bytes[k]!) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

function fromFortran(values: Float64Array, shape: readonly number[]): Float64Array {
  const sorted = new Float64Array(values.length);
  for (let k = 0; k < values.length; k++) {
    let rest = k;
    let place = 0;
    for (const [axis, size] of shape.entries()) {
      const at = rest % size;
      rest = Math.floor(rest / size);
      place += at * shape.slice(axis + 1).reduce((product, next) => product * next, 1);
    }
    sorted[place] = values[k]!;
  }
  return sorted;
}

function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  const size =
    exponent === 0
      ? fraction * 2 ** -14
      : exponent === 31
        ? fraction
          ? NaN
          : Infinity
        : (1 + fraction) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}
