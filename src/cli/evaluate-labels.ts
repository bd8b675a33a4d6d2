/** Tables of labels: a label for each recording, or one for each stretch of a recording. */

import { readTextFile } from "../../drivers/files.ts";
import { ReflexarcError } from "../errors.ts";

export interface LabelledFile {
  readonly file: string;
  readonly label: string;
}

/** A row with all its columns, by name. */
export interface LabelledRow extends LabelledFile {
  readonly cells: Readonly<Record<string, string>>;
}

/** Where something is in a recording; times as the recording has them, from its first sample or event on its own clock. */
export interface LabelledStretch extends LabelledFile {
  readonly startUs: number;
  readonly endUs: number;
}

export interface LabelOptions {
  /** The table's path. */
  readonly labels: string;
  /** Only so many of its recordings. */
  readonly limit?: string;
}

/** Whether a table tells of stretches: it has the columns startUs and endUs. */
export type LabelTable =
  | { readonly of: "files"; readonly rows: readonly LabelledFile[] }
  | { readonly of: "stretches"; readonly rows: readonly LabelledStretch[] };

/** Reads a table with the columns file and label. Throws a ReflexarcError that names the line. */
export function readLabels(options: LabelOptions): LabelledFile[] {
  return readLabelRows(options).map(({ file, label }) => ({ file, label }));
}

/** As `readLabels`, with the other columns of each row. */
export function readLabelRows(options: LabelOptions): LabelledRow[] {
  const { names, rows } = readTable(options);
  const samples = rows.map(({ cells, line }) => ({
    ...labelOf(options.labels, names, cells, line),
    cells: Object.fromEntries(names.map((name, k) => [name, cells[k] ?? ""])),
  }));
  return samples.slice(0, limitOf(options, samples.length));
}

/** Reads a table of either kind. Throws a ReflexarcError that names the line. */
export function readLabelTable(options: LabelOptions): LabelTable {
  const { names, rows } = readTable(options);
  const [startAt, endAt] = [names.indexOf("startUs"), names.indexOf("endUs")];
  if (startAt < 0 && endAt < 0) return { of: "files", rows: readLabels(options) };
  if (startAt < 0 || endAt < 0)
    throw refused(options.labels, "there is only one of the columns startUs and endUs", 1);
  const stretches = rows.map(({ cells, line }): LabelledStretch => {
    const [startUs, endUs] = [Number(cells[startAt] || Number.NaN), Number(cells[endAt] || Number.NaN)];
    if (!(startUs <= endUs))
      throw refused(options.labels, "startUs and endUs are not two times in order", line);
    return { ...labelOf(options.labels, names, cells, line), startUs, endUs };
  });
  const files = [...new Set(stretches.map(({ file }) => file))];
  const taken = new Set(files.slice(0, limitOf(options, files.length)));
  return { of: "stretches", rows: stretches.filter(({ file }) => taken.has(file)) };
}

/** Numbers are neurons; names stand for neurons in order of the alphabet. At least `neurons` of them. */
export function classNames(labels: readonly string[], neurons: number): string[] {
  const sorted = [...new Set(labels)].sort();
  if (!sorted.every((label) => /^\d+$/.test(label)))
    return Array.from({ length: Math.max(neurons, sorted.length) }, (_, id) => sorted[id] ?? `neuron ${id}`);
  return Array.from(
    { length: Math.max(neurons, ...sorted.map((label) => Number(label) + 1)) },
    (_, id) => `${id}`,
  );
}

function readTable({ labels }: LabelOptions) {
  const [head = "", ...lines] = readTextFile(labels, "evaluate").split(/\r?\n/);
  const cellsOf = (text: string) => text.split(",").map((cell) => cell.trim());
  const names = cellsOf(head);
  if (!names.includes("file") || !names.includes("label"))
    throw refused(labels, "there are no columns file and label", 1);
  const rows = lines.flatMap((text, k) =>
    text.trim() === "" ? [] : [{ cells: cellsOf(text), line: k + 2 }],
  );
  return { names, rows };
}

function labelOf(
  table: string,
  names: readonly string[],
  cells: readonly string[],
  line: number,
): LabelledFile {
  const [file, label] = [cells[names.indexOf("file")], cells[names.indexOf("label")]];
  if (!file || !label) throw refused(table, "a file or a label is missing", line);
  return { file, label };
}

function limitOf({ labels, limit }: LabelOptions, count: number): number {
  const most = limit === undefined ? count : Number(limit);
  if (!(most >= 1)) throw refused(labels, "there is nothing to evaluate", 1);
  return most;
}

function refused(table: string, what: string, line: number): ReflexarcError {
  return new ReflexarcError({
    kind: "usage",
    room: "evaluate",
    what,
    where: `${table}:${line}`,
    remedy:
      "The table has a first line with the columns file and label, apart by commas, and startUs and endUs where it tells of stretches.",
  });
}
