/** A folder laid out as the Numenta Anomaly Benchmark is: series in `data/`, and the windows of what is strange in them. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readTextFile } from "../../drivers/files.ts";
import { ReflexarcError } from "../errors.ts";
import { calendarUs } from "../formats/calendar-time.ts";
import type { Window } from "./nab-score.ts";

/** One series, as its file has it. */
export interface LabelledSeries {
  /** As the labels spell it: below `data/`, with `/`. */
  readonly name: string;
  readonly path: string;
  /** Of each row, microseconds since 1970. */
  readonly timesUs: Float64Array;
  readonly values: Float64Array;
  readonly windows: readonly Window[];
}

/**
 * Reads every CSV below `data/`, in order of its name, and its windows from `combined_windows.json`, which lies in the folder
 * or in its `labels/`. Throws a ReflexarcError for a series without labels, labels without a series, a row or a window
 * that can't be read, and windows that overlap.
 */
export function readNabFolder(folder: string): LabelledSeries[] {
  const data = join(folder, "data");
  if (!existsSync(data)) throw refused("there is no folder data", folder);
  const labels = ["combined_windows.json", "labels/combined_windows.json"]
    .map((name) => join(folder, name))
    .find((path) => existsSync(path));
  if (labels === undefined) throw refused("there is no combined_windows.json", folder);
  const windows = readWindows(labels);
  const names = readdirSync(data, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".csv"))
    .sort();
  const gone = [...windows.keys()].find((name) => !names.includes(name));
  if (gone !== undefined) throw refused(`it labels ${gone}, which isn't in data`, labels);
  if (names.length === 0) throw refused("there is no series", data);
  return names.map((name) => {
    const spans = windows.get(name);
    if (!spans) throw refused(`it has no labels for ${name}`, labels);
    const path = join(data, ...name.split("/"));
    const { timesUs, values } = readSeries(path);
    const rows = spans.map((span) => rowsOf(span, timesUs, `${labels}: ${name}`));
    for (const [k, { first }] of rows.entries())
      if (k > 0 && first <= rows[k - 1]!.last) throw refused(`windows of ${name} overlap`, labels);
    return { name, path, timesUs, values, windows: rows };
  });
}

type Span = readonly [from: string, to: string];

function readWindows(path: string): Map<string, Span[]> {
  let value: unknown;
  try {
    value = JSON.parse(readTextFile(path, "evaluate"));
  } catch (cause) {
    if (cause instanceof ReflexarcError) throw cause;
    throw refused("it is no JSON", path);
  }
  const isSpan = (span: unknown): span is Span =>
    Array.isArray(span) && span.length === 2 && span.every((edge) => typeof edge === "string");
  if (typeof value !== "object" || value === null) throw refused("it is no object of windows", path);
  return new Map(
    Object.entries(value).map(([name, spans]) => {
      if (!Array.isArray(spans) || !spans.every(isSpan))
        throw refused(`the windows of ${name} are no pairs of times`, path);
      return [name, spans];
    }),
  );
}

/** The rows of a window's edges: as NAB does, the first of several that have the time. */
function rowsOf([from, to]: Span, timesUs: Float64Array, where: string): Window {
  const [first, last] = [timesUs.indexOf(calendarUs(from)), timesUs.indexOf(calendarUs(to))];
  if (first < 0 || last <= first) throw refused(`no rows are those of ${from} and ${to}`, where);
  return { first, last };
}

function readSeries(path: string): Pick<LabelledSeries, "timesUs" | "values"> {
  const lines = readTextFile(path, "evaluate").trimEnd().split(/\r?\n/);
  if (lines[0] !== "timestamp,value") throw refused("its first line isn't timestamp,value", path);
  const timesUs = new Float64Array(lines.length - 1);
  const values = new Float64Array(lines.length - 1);
  for (let i = 0; i < values.length; i++) {
    const [time = "", value = ""] = lines[i + 1]!.split(",");
    timesUs[i] = calendarUs(time);
    values[i] = value.trim() === "" ? Number.NaN : Number(value);
    if (Number.isNaN(timesUs[i])) throw refused("the row has no time", `${path}:${i + 2}`);
  }
  return { timesUs, values };
}

function refused(what: string, where: string): ReflexarcError {
  const remedy =
    "Lay it out as NAB is: data/**.csv with timestamp,value, and combined_windows.json with [from, to] of each.";
  return new ReflexarcError({ kind: "usage", room: "evaluate", what, where, remedy });
}
