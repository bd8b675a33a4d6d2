/** The events of an HDF5 file as rows, read slice by slice through h5wasm: the part that runs in a process of its own. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type Dataset, File, type Group, ready } from "h5wasm/node";
import { EcfDecoder, ecfEventBytes } from "../src/formats/ecf.ts";
import { Damage } from "../src/formats/format.ts";
import {
  type DatasetShape,
  type EventSource,
  eventSources,
  hdf5RowsHead,
  hdf5TriggerRows,
  triggerSource,
} from "../src/formats/hdf5.ts";
import { chunksOf } from "../src/formats/hdf5-chunks.ts";

/** Only a process that reads such a file loads this module. */
const library = await ready;

const rowsPerSlice = 1 << 15;
const entriesMax = 100_000;
const depthMax = 32;
/** A chunk is unpacked as a whole. */
const chunkBytesMax = 1 << 26;
/** For a chunk unpacked and packed, and what the library keeps of the file. */
export const libraryBytesMax = 3 * chunkBytesMax;
/** Deflate packs at most 1032 bytes in one; what isn't stored at all can't be told from that. */
const packingMax = 1032;
/** Filters that the library has: deflate, shuffle, fletcher32, szip, nbit, scale-offset. */
const filtersKnown = 6;
const ecfFilter = 0x8ecf;
const chunkBytesStoredMax = 1 << 22;
const [integerClass, floatClass, compoundClass, enumClass] = [0, 1, 6, 8];

type Metadata = Dataset["metadata"];

/** Some columns of one data set: where each begins in a row of it, and how many bytes it has there and in ours. */
interface Part {
  readonly dataset: Dataset;
  readonly rowBytes: number;
  readonly columns: readonly { from: number; to: number; size: number }[];
}

/**
 * The bytes that the decoder of `hdf5` takes, of the list of events number `stream`, or of the first that has any.
 * Throws a Damage, and whatever the library throws.
 */
export function* hdf5Rows(path: string, stream: number | undefined): Generator<Uint8Array, void, undefined> {
  const handle = openSync(path, "r");
  const file = new File(path, "r");
  const isOpen = typeof file.file_id === "bigint" && file.file_id > 0n;
  try {
    if (!isOpen) throw new Damage("this is not an HDF5 file, or a damaged one");
    yield* rowsOf(file, handle, stream);
  } finally {
    if (isOpen) file.close();
    closeSync(handle);
  }
}

function* rowsOf(
  file: File,
  handle: number,
  stream: number | undefined,
): Generator<Uint8Array, void, undefined> {
  const datasets = new Map<string, Dataset>();
  collect(file, datasets, 0);
  const shapes = [...datasets.values()].flatMap(shapeOf);
  const source = chosen(eventSources(shapes), stream);
  const bytesMax = fstatSync(handle).size * packingMax;
  const triggers = triggerSource(shapes);
  yield hdf5RowsHead(...sizeOf(file, source), triggers?.shape[0] ?? 0);
  if (triggers) yield* triggerRows(datasets.get(triggers.path)!, triggers.shape[0]!, bytesMax);
  const { header, rowBytes, parts } = plan(source, datasets);
  if (source.rows * rowBytes > bytesMax) throw new Damage("it claims more events than its bytes can hold");
  yield new Uint8Array(Buffer.from(header, "latin1"));
  const first = parts[0]!.dataset;
  const slices = filtersOf(first).includes(ecfFilter)
    ? ecfSlices(handle, first, source.rows)
    : plainSlices(parts, source.rows);
  let rows = new Uint8Array(0);
  for (const { count, bytes } of slices) {
    if (count * rowBytes > rows.length) rows = new Uint8Array(count * rowBytes);
    for (const [i, part] of parts.entries()) interleave(part, bytes[i]!, count, rows, rowBytes);
    yield rows.subarray(0, count * rowBytes);
  }
}

function* triggerRows(
  dataset: Dataset,
  rows: number,
  bytesMax: number,
): Generator<Uint8Array, void, undefined> {
  const { metadata, path } = dataset;
  const rowBytes = metadata.size;
  checkFilters(dataset);
  if (rows * rowBytes > bytesMax) throw new Damage("it claims more triggers than its bytes can hold");
  const fields = ["t", "id", "p"].map((name) => {
    const { type, size, littleEndian, ...field } = metadata.compound_type!.members.find(
      (one) => one.name === name,
    )!;
    if (type !== integerClass || !littleEndian || ![1, 2, 4, 8].includes(size))
      throw new Damage(`"${path}" has numbers of an unknown type`);
    return { at: (field as { offset?: number }).offset!, size };
  });
  for (let from = 0; from < rows; from += rowsPerSlice) {
    const count = Math.min(rowsPerSlice, rows - from);
    const bytes = Buffer.from(rawSlice(dataset, from, count, rowBytes));
    const rowsOut = Array.from({ length: count }, (_, i) => {
      const [time, channel, edge] = fields.map(({ at, size }) => {
        const place = i * rowBytes + at;
        return size === 8 ? bytes.readBigInt64LE(place) : BigInt(bytes.readIntLE(place, size));
      }) as [bigint, bigint, bigint];
      return [time, Number(channel & 0xffffn), Number(edge & 1n)] as const;
    });
    yield hdf5TriggerRows(rowsOut);
  }
}

function chosen(sources: readonly EventSource[], stream: number | undefined): EventSource {
  const source =
    stream === undefined ? (sources.find(({ rows }) => rows > 0) ?? sources[0]) : sources[stream];
  if (source) return source;
  throw new Damage(
    sources.length === 0
      ? "it holds no events: no x, y, t and p, and no table of four columns"
      : `it holds no list of events number ${stream}: there are ${sources.length}`,
  );
}

function collect(group: Group, into: Map<string, Dataset>, depth: number): void {
  if (depth > depthMax) throw new Damage(`groups are nested deeper than ${depthMax}`);
  for (const key of group.keys()) {
    const entry = group.get(key) as { type?: string; path: string } | null;
    if (into.size >= entriesMax) throw new Damage(`there are more than ${entriesMax} data sets`);
    if (entry?.type === "Dataset") into.set(entry.path, entry as Dataset);
    else if (entry?.type === "Group") collect(entry as Group, into, depth + 1);
  }
}

function shapeOf(dataset: Dataset): DatasetShape[] {
  const { shape, metadata, path } = dataset;
  if (!Array.isArray(shape) || !shape.every((side) => Number.isSafeInteger(side) && side >= 0)) return [];
  if (metadata.type === compoundClass)
    return [{ path, shape, members: metadata.compound_type!.members.map(({ name }) => name) }];
  return isNumber(metadata) ? [{ path, shape }] : [];
}

function isNumber({ type }: Metadata): boolean {
  return type === integerClass || type === floatClass || type === enumClass;
}

/** The sensor's size by the attributes that some write: Metavision's `geometry`, rpg's `sensor_resolution`. */
function sizeOf(file: File, source: EventSource): [width: number, height: number] {
  const folder = source.columns[0]!.path.split("/").slice(0, -1).join("/");
  for (const group of [file, folder === "" ? file : (file.get(folder) as Group)]) {
    const { geometry, sensor_resolution: resolution, width, height } = group.attrs;
    const text = /^(\d{1,5})x(\d{1,5})/.exec(String(geometry?.value ?? ""));
    if (text) return [Number(text[1]), Number(text[2])];
    const sides = resolution?.value;
    if (sides && typeof sides === "object" && "length" in sides && sides.length === 2)
      return [Number(sides[1]), Number(sides[0])];
    if (width && height) return [Number(width.value), Number(height.value)];
  }
  return [0, 0];
}

/** Where each column comes from and goes to, and the header of the array of all. */
function plan(
  source: EventSource,
  datasets: ReadonlyMap<string, Dataset>,
): { header: string; rowBytes: number; parts: Part[] } {
  const parts = new Map<
    string,
    { dataset: Dataset; rowBytes: number; columns: { from: number; to: number; size: number }[] }
  >();
  const fields: string[] = [];
  let to = 0;
  for (const { name, path, column = 0, member } of source.columns) {
    const dataset = datasets.get(path)!;
    const { metadata } = dataset;
    checkFilters(dataset);
    const field =
      member === undefined ? metadata : metadata.compound_type!.members.find((one) => one.name === member)!;
    const columns = metadata.type === compoundClass ? 1 : (dataset.shape![1] ?? 1);
    const from = member === undefined ? column * metadata.size : (field as { offset?: number }).offset!;
    const part = parts.get(path) ?? { dataset, rowBytes: metadata.size * columns, columns: [] };
    part.columns.push({ from, to, size: field.size });
    parts.set(path, part);
    fields.push(`('${name.replace(/[^\w ()[\]]/g, "")}', '${typeOf(field)}')`);
    to += field.size;
  }
  const isTable = source.columns.every(({ name }) => name === "");
  const descr = isTable
    ? `'${typeOf(datasets.get(source.columns[0]!.path)!.metadata)}'`
    : `[${fields.join(", ")}]`;
  const shape = isTable ? `(${source.rows}, 4)` : `(${source.rows},)`;
  return {
    header: npyHeader(`{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }`),
    rowBytes: to,
    parts: [...parts.values()],
  };
}

function npyHeader(text: string): string {
  const size = text.length + 1;
  return `\x93NUMPY\x01\0${String.fromCharCode(size & 255, size >> 8)}${text}\n`;
}

function typeOf({ type, size, signed, littleEndian }: Metadata): string {
  const isFloat = type === floatClass;
  if (!(isFloat ? size === 4 || size === 8 : type !== compoundClass && [1, 2, 4, 8].includes(size)))
    throw new Damage("its events are numbers of an unknown type");
  return `${littleEndian ? "<" : ">"}${isFloat ? "f" : signed ? "i" : "u"}${size}`;
}

function filtersOf(dataset: Dataset): number[] {
  return dataset.metadata.chunks ? dataset.filters.map(({ id }) => id) : [];
}

function checkFilters(dataset: Dataset): void {
  const filters = filtersOf(dataset);
  const isEcf = filters.length === 1 && filters[0] === ecfFilter && dataset.metadata.type === compoundClass;
  const unknown = filters.find((id) => id > filtersKnown);
  if (unknown !== undefined && !isEcf)
    throw new Damage(
      `"${dataset.path}" is packed by filter ${unknown}: unpack it where that is installed, h5repack -f NONE`,
    );
  const cells = (dataset.metadata.chunks ?? []).reduce((product, side) => product * side, 1);
  if (!(cells * dataset.metadata.size <= chunkBytesMax))
    throw new Damage(`"${dataset.path}" has chunks above ${chunkBytesMax} bytes`);
}

interface Rows {
  readonly count: number;
  /** Of each part. */
  readonly bytes: readonly Uint8Array[];
}

function* plainSlices(parts: readonly Part[], rows: number): Generator<Rows, void, undefined> {
  for (let from = 0; from < rows; from += rowsPerSlice) {
    const count = Math.min(rowsPerSlice, rows - from);
    const bytes = parts.map(({ dataset, rowBytes }) => rawSlice(dataset, from, count, rowBytes));
    yield { count, bytes };
  }
}

/** Rows as they are stored, packing undone. The library doesn't throw on everything that it can't read. */
function rawSlice(dataset: Dataset, from: number, count: number, rowBytes: number): Uint8Array {
  const { _malloc: allocate, _free: free } = library;
  const size = count * rowBytes;
  const place = allocate(size);
  if (!place) throw new Damage("it needs more memory than there is");
  try {
    const rest = dataset.shape!.slice(1).map(BigInt);
    const counts = [BigInt(count), ...rest];
    const starts = counts.map((_, i) => (i === 0 ? BigInt(from) : 0n));
    const steps = counts.map(() => 1n);
    const status = library.get_dataset_data(
      dataset.file_id,
      dataset.path,
      counts,
      starts,
      steps,
      BigInt(place),
    );
    if (!(status >= 0)) throw new Damage(`"${dataset.path}" can't be read from row ${from} on`);
    return library.HEAPU8.slice(place, place + size);
  } finally {
    free(place);
  }
}

/** Metavision's chunks, which no filter of the library undoes. */
function* ecfSlices(handle: number, dataset: Dataset, rows: number): Generator<Rows, void, undefined> {
  const read = (offset: number, length: number) => {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, readSync(handle, bytes, 0, length, offset));
  };
  const decoder = new EcfDecoder();
  const perChunk = dataset.metadata.chunks![0]!;
  let row = 0;
  if (dataset.metadata.size !== ecfEventBytes) throw new Damage("ECF of other events than x, y, p and t");
  for (const { firstRow, offset, bytes, filterMask } of chunksOf(read, dataset.path)) {
    if (firstRow !== row || bytes > chunkBytesStoredMax || filterMask !== 0) break;
    const plain = decoder.decode(read(offset, bytes));
    const count = Math.min(plain.length / ecfEventBytes, rows - row);
    if (count !== Math.min(perChunk, rows - row)) break;
    yield { count, bytes: [plain] };
    row += count;
  }
  if (row < rows) throw new Damage(`"${dataset.path}" can't be read from row ${row} on`);
}

/** Puts some columns of `count` rows in their places in ours. */
function interleave(
  { rowBytes, columns }: Part,
  bytes: Uint8Array,
  count: number,
  out: Uint8Array,
  outBytes: number,
): void {
  for (const { from, to, size } of columns)
    for (let row = 0, source = from, target = to; row < count; row++, source += rowBytes, target += outBytes)
      for (let i = 0; i < size; i++) out[target + i] = bytes[source + i]!;
}
