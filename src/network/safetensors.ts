/** safetensors: a JSON header that names arrays, and their bytes after it. */

import { ReflexarcError } from "../errors.ts";
import type { NumberArray } from "./npy.ts";

/** Bounds of a file: whoever is above one is told so. */
const headerBytesMax = 16 << 20;
const numbersMax = 1 << 25;

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [from: number, to: number];
}

type Reader = (view: DataView, at: number) => number;

/** Bytes and reader of each type that stands for real numbers. */
const types: Readonly<Record<string, readonly [bytes: number, read: Reader]>> = {
  F64: [8, (view, at) => view.getFloat64(at, true)],
  F32: [4, (view, at) => view.getFloat32(at, true)],
  F16: [2, (view, at) => half(view.getUint16(at, true))],
  BF16: [2, (view, at) => brain(view.getUint16(at, true))],
  I64: [8, (view, at) => Number(view.getBigInt64(at, true))],
  I32: [4, (view, at) => view.getInt32(at, true)],
  I16: [2, (view, at) => view.getInt16(at, true)],
  I8: [1, (view, at) => view.getInt8(at)],
  U8: [1, (view, at) => view.getUint8(at)],
};

/**
 * Reads all arrays by name, in the file's order (huggingface/safetensors, README "Format": 8 bytes of header length,
 * little-endian; the header; the bytes that `data_offsets` count from its end). Throws a ReflexarcError of kind input.
 */
export function readSafetensors(bytes: Uint8Array, name: string): ReadonlyMap<string, NumberArray> {
  const wrong = (what: string) =>
    new ReflexarcError({
      kind: "input",
      room: "network",
      what,
      where: name,
      remedy: "Write it anew with the safetensors library.",
    });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8) throw wrong(`${bytes.length} bytes are no safetensors file`);
  const length = Number(view.getBigUint64(0, true));
  if (length > headerBytesMax || 8 + length > bytes.length)
    throw wrong(`the header is said to have ${length} bytes`);
  let header: Record<string, Entry>;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as typeof header;
  } catch {
    throw wrong("the header is not JSON");
  }
  const arrays = new Map<string, NumberArray>();
  let numbers = 0;
  for (const [key, entry] of Object.entries(header ?? {})) {
    if (key === "__metadata__") continue;
    const { dtype, shape, data_offsets: offsets } = entry ?? {};
    const type = Object.hasOwn(types, dtype) ? types[dtype] : undefined;
    if (!type) throw wrong(`"${key}" is of type ${dtype}, which holds no real numbers`);
    if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0))
      throw wrong(`"${key}" has the shape ${JSON.stringify(shape)}`);
    const count = shape.reduce((product, size) => product * size, 1);
    numbers += count;
    if (!(numbers <= numbersMax)) throw wrong(`the file holds more than ${numbersMax} numbers`);
    const [from, to] = Array.isArray(offsets) ? offsets : [];
    const [size, read] = type;
    if (
      !Number.isSafeInteger(from) ||
      from! < 0 ||
      to! - from! !== count * size ||
      8 + length + to! > bytes.length
    )
      throw wrong(`"${key}" is said to lie at ${JSON.stringify(offsets)}`);
    const values = Float64Array.from({ length: count }, (_, k) => read(view, 8 + length + from! + k * size));
    if (!values.every(Number.isFinite)) throw wrong(`"${key}" holds numbers that aren't finite`);
    arrays.set(key, { shape, values });
  }
  return arrays;
}

function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  const size =
    exponent === 0
      ? fraction * 2 ** -14
      : exponent === 31
        ? fraction === 0
          ? Infinity
          : Number.NaN
        : (1 + fraction) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

/** The upper half of a float32. */
function brain(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}
