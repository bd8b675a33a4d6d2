/** A file of named arrays within groups, as HDF5 has them, without HDF5: what readers of networks are handed. */

import { ReflexarcError } from "../errors.ts";

/** Numbers (integers too, exact up to 2^53) or texts, in C order. */
export interface DataArray {
  readonly shape: readonly number[];
  readonly values: Float64Array | readonly string[];
  /** How numbers are stored in the file; float32 by default. */
  readonly type?: "float32" | "float64" | "int64";
}

export type DataTree = ReadonlyMap<string, DataTree | DataArray>;

export function isTree(entry: DataTree | DataArray | undefined): entry is DataTree {
  return entry instanceof Map;
}

/** Reads entries of a tree, and says where one is missing or not what it should be. */
export class TreeReader {
  readonly tree: DataTree;
  /** Of the tree in its file, for messages. */
  readonly path: string;
  readonly #file: string;

  constructor(tree: DataTree, file: string, path = "") {
    this.tree = tree;
    this.path = path;
    this.#file = file;
  }

  has(name: string): boolean {
    return this.tree.has(name);
  }

  group(name: string): TreeReader {
    const entry = this.tree.get(name);
    if (!isTree(entry)) throw this.wrong(`there is no group "${name}"`);
    return new TreeReader(entry, this.#file, `${this.path}/${name}`);
  }

  /** The groups within, by name. */
  groups(): [name: string, TreeReader][] {
    return [...this.tree.keys()]
      .filter((name) => isTree(this.tree.get(name)))
      .map((name) => [name, this.group(name)]);
  }

  numbers(name: string): { shape: readonly number[]; values: Float64Array } {
    const entry = this.tree.get(name);
    if (entry === undefined || isTree(entry)) throw this.wrong(`"${name}" is missing`);
    const { shape, values } = entry;
    if (!(values instanceof Float64Array)) throw this.wrong(`"${name}" is text instead of numbers`);
    for (let i = 0; i < values.length; i++)
      if (!Number.isFinite(values[i])) throw this.wrong(`number ${i} of "${name}" is ${values[i]}`);
    return { shape, values };
  }

  /** One number, or the first of an array of one; `otherwise` where it is missing. */
  number(name: string, otherwise?: number): number {
    if (otherwise !== undefined && !this.has(name)) return otherwise;
    const { values } = this.numbers(name);
    if (values.length !== 1) throw this.wrong(`"${name}" has ${values.length} numbers instead of one`);
    return values[0]!;
  }

  texts(name: string): { shape: readonly number[]; values: readonly string[] } {
    const entry = this.tree.get(name);
    if (entry === undefined || isTree(entry)) throw this.wrong(`"${name}" is missing`);
    const { shape, values } = entry;
    if (values instanceof Float64Array) throw this.wrong(`"${name}" holds numbers instead of text`);
    return { shape, values };
  }

  text(name: string): string {
    const { values } = this.texts(name);
    if (values.length !== 1) throw this.wrong(`"${name}" has ${values.length} texts instead of one`);
    return values[0]!;
  }

  isText(name: string): boolean {
    const entry = this.tree.get(name);
    return entry !== undefined && !isTree(entry) && !(entry.values instanceof Float64Array);
  }

  wrong(what: string, remedy?: string): ReflexarcError {
    return new ReflexarcError({
      kind: "input",
      room: "network",
      what,
      where: `${this.#file}, ${this.path || "/"}`,
      ...(remedy && { remedy }),
    });
  }
}
