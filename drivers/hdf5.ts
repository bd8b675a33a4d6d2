/** HDF5 files (NIR, NetX) to plain trees of arrays and back, through h5wasm, which is loaded only then. */

import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { deserialize } from "node:v8";
import type { Dataset, File, Group } from "h5wasm";
import { ReflexarcError } from "../src/errors.ts";
import type { DataArray, DataTree } from "../src/network/tree.ts";

/** Bounds of a file: whoever is above one is told so. */
export const hdf5Bounds = {
  bytes: 256 << 20,
  /** Numbers in all datasets together, as they stand unpacked. */
  numbers: 1 << 25,
  entries: 100_000,
  depth: 32,
  /** All numbers twice, and what the library keeps of the file. */
  libraryBytes: 3 << 28,
  readMs: 60_000,
} as const;

/**
 * Reads a file in a process of its own: a file that makes the library hang, crash or fill the memory ends that process
 * and nothing else. Throws a ReflexarcError of kind input.
 */
export function readHdf5File(path: string): DataTree {
  let bytes: number;
  try {
    bytes = statSync(path).size;
  } catch {
    throw refused("there is no such file", path);
  }
  if (bytes > hdf5Bounds.bytes)
    throw refused(`the file has ${bytes} bytes, at most ${hdf5Bounds.bytes} are read`, path);
  const { status, signal, stdout, error } = spawnSync(process.execPath, [childFile, path], {
    stdio: ["ignore", "pipe", "ignore"],
    timeout: hdf5Bounds.readMs,
    killSignal: "SIGKILL",
    maxBuffer: 8 * hdf5Bounds.numbers + hdf5Bounds.bytes,
  });
  if (status !== 0 || stdout.length === 0)
    throw refused(`reading it failed (${error?.message ?? signal ?? `exit code ${status}`})`, path);
  const answer = deserialize(stdout) as { tree: DataTree } | { what: string };
  if ("what" in answer) throw refused(answer.what, path);
  return answer.tree;
}

/** The reader's process is plain JavaScript, so that any Node.js runs it; the sources' own tests take the built one. */
const childFile = fileURLToPath(
  new URL(
    import.meta.url.endsWith(".ts") ? "../dist/drivers/hdf5-child.js" : "./hdf5-child.js",
    import.meta.url,
  ),
);

/** Reads the bytes of a file in this process. Rejects with a ReflexarcError of kind input. */
export async function readHdf5(bytes: Uint8Array, name: string): Promise<DataTree> {
  const { library, files } = await load();
  files.writeFile("/in.h5", bytes);
  let file: File | undefined;
  try {
    file = new library.File("/in.h5", "r");
    if (!isValid(file)) throw refused("this is not an HDF5 file, or a damaged one", name);
    return treeOf(file, name, { numbers: 0, entries: 0 }, 0);
  } catch (cause) {
    if (cause instanceof ReflexarcError) throw cause;
    throw refused("this is not an HDF5 file, or a damaged one", name, cause);
  } finally {
    if (file && isValid(file)) file.close();
    files.unlink("/in.h5");
  }
}

/** Makes the bytes of a file: float32 unless an array says otherwise, text in UTF-8 of variable length. */
export async function writeHdf5(tree: DataTree): Promise<Uint8Array> {
  const { library, files } = await load();
  const file = new library.File("/out.h5", "w");
  fill(file, tree);
  file.close();
  const bytes = files.readFile("/out.h5") as Uint8Array;
  files.unlink("/out.h5");
  return bytes;
}

async function load() {
  const library = await import("h5wasm");
  const { FS: files, activate_throwing_error_handler } = await library.ready;
  // Else what the library finds wrong is printed, and goes on.
  activate_throwing_error_handler();
  return { library, files };
}

/** h5wasm doesn't throw on what it can't open: a bad identifier is below 0, or invalid all the same. */
function isValid(file: File): boolean {
  return typeof file.file_id === "bigint" && file.file_id > 0n;
}

function treeOf(
  group: Group,
  name: string,
  used: { numbers: number; entries: number },
  depth: number,
): DataTree {
  const wrong = (what: string) => refused(what, `${name}, ${group.path || "/"}`);
  if (depth > hdf5Bounds.depth) throw wrong(`groups are nested deeper than ${hdf5Bounds.depth}`);
  const tree = new Map<string, DataTree | DataArray>();
  for (const key of group.keys()) {
    used.entries += 1;
    if (used.entries > hdf5Bounds.entries) throw wrong(`there are more than ${hdf5Bounds.entries} entries`);
    // Names with dots are links like any other; a name can't hold a slash.
    const entry = group.get(key) as { type?: string } | null;
    if (entry?.type === "Group") tree.set(key, treeOf(entry as Group, name, used, depth + 1));
    else if (entry?.type === "Dataset") tree.set(key, arrayOf(entry as Dataset, key, used, wrong));
    else throw wrong(`"${key}" is a ${entry?.type ?? "damaged entry"}`);
  }
  return tree;
}

function arrayOf(
  dataset: Dataset,
  key: string,
  used: { numbers: number },
  wrong: (what: string) => ReflexarcError,
): DataArray {
  const { shape, metadata } = dataset;
  if (!Array.isArray(shape)) throw wrong(`"${key}" has no shape`);
  const count = shape.reduce((product, size) => product * size, 1);
  used.numbers += count;
  if (!(used.numbers <= hdf5Bounds.numbers))
    throw wrong(
      `"${key}" brings the file to ${used.numbers} numbers, at most ${hdf5Bounds.numbers} are read`,
    );
  const value: unknown = dataset.value;
  const list = shape.length === 0 ? [value] : value;
  if (typeof list !== "object" || list === null || (list as { length: number }).length !== count)
    throw wrong(`"${key}" can't be read`);
  const items = list as ArrayLike<unknown>;
  if (metadata.type === textClass) {
    const values = Array.from(items, (item) => String(item));
    return { shape, values };
  }
  if (metadata.type !== integerClass && metadata.type !== floatClass && metadata.type !== enumClass)
    throw wrong(`"${key}" holds neither numbers nor text`);
  const type = metadata.type === floatClass ? (metadata.size <= 4 ? "float32" : "float64") : "int64";
  return { shape, type, values: Float64Array.from(items, Number) };
}

/** HDF5 datatype classes (HDF5 file format specification 3.0, IV.A.2.d). */
const integerClass = 0;
const floatClass = 1;
const textClass = 3;
const enumClass = 8;

function fill(group: Group, tree: DataTree): void {
  for (const [name, entry] of tree) {
    if (entry instanceof Map) fill(group.create_group(name), entry);
    else put(group, name, entry as DataArray);
  }
}

/** Numbers of an array from which on it is packed. */
const packedFrom = 256;

function put(group: Group, name: string, { shape, values, type = "float32" }: DataArray): void {
  if (!(values instanceof Float64Array)) {
    const data = shape.length === 0 ? values[0]! : [...values];
    group.create_dataset({ name, data, shape: [...shape], dtype: "S" });
    return;
  }
  const data =
    type === "int64"
      ? BigInt64Array.from(values, BigInt)
      : type === "float64"
        ? values
        : Float32Array.from(values);
  const dtype = { int64: "<q", float64: "<d", float32: "<f" }[type];
  // As `nir.write` has it: gzip, in one chunk. Small arrays would only grow.
  const packed = values.length >= packedFrom ? { chunks: [...shape], compression: 6 } : {};
  group.create_dataset({ name, data, shape: [...shape], dtype, ...packed });
}

function refused(what: string, where: string, cause?: unknown): ReflexarcError {
  return new ReflexarcError(
    {
      kind: "input",
      room: "hdf5",
      what,
      where,
      remedy: "Ask for the file again, or write it anew with `nir.write` or h5py.",
    },
    { cause },
  );
}
