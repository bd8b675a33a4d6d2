/**
 * Telemetry as text, a row a line: CSV whose first line names the columns, or JSON lines.
 *
 * One column is the time, the others are channels. A value that is no number, or not finite, becomes NaN (it is not known) and is
 * counted. A row is left out, and counted, when it has no time that can be read, when CSV has fewer or more cells than
 * names, when JSON is broken, and when its time lies before that of a row above it: what has been told can't be taken back.
 * Rows of one time are kept in their order. A column that is asked for and isn't there is refused.
 */

import { ReflexarcError } from "../errors.ts";
import { calendarUs } from "./calendar-time.ts";

/** What a number in the time column counts. */
export const timeUnits = ["s", "ms", "us", "ns"] as const;
export type TimeUnit = (typeof timeUnits)[number];

export interface SeriesOptions {
  /** The column of the time; by default the first that is named like one. */
  readonly time?: string | undefined;
  /** Of a time that is a number; by default found by its size. */
  readonly timeUnit?: TimeUnit | undefined;
  /** The columns that become channels; by default all others whose first value is a number. */
  readonly columns?: readonly string[] | undefined;
}

/** Most bytes of a row, most channels, and most rows that wait to be read. */
export const seriesBounds = { lineLettersMax: 65_536, channelsMax: 64 } as const;

const timeNames = ["timestamp", "time", "datetime", "date", "ts", "t"];
const usOf: Record<TimeUnit, number> = { s: 1e6, ms: 1000, us: 1, ns: 0.001 };

/** What was met besides good rows. */
export interface SeriesTally {
  rows: number;
  /** Values that are no number. */
  unknown: number;
  /** Rows without a time, with too few or too many cells, or that are no JSON. */
  broken: number;
  /** Rows whose time lies before that of a row above. */
  back: number;
}

/** A row as it was read; the values are lent until the next one. */
export interface SeriesRow {
  /** Microseconds since 1970, or since whatever the numbers count from. */
  readonly timeUs: number;
  readonly values: Float64Array;
}

/** Reads text as it comes, cut anywhere. Throws a ReflexarcError for columns that aren't there. */
export class SeriesDecoder {
  readonly tally: SeriesTally = { rows: 0, unknown: 0, broken: 0, back: 0 };
  /** The channels, once the first row is known. */
  channels: readonly string[] | undefined;
  readonly #where: string;
  readonly #options: SeriesOptions;
  readonly #text = new TextDecoder();
  #rest = "";
  #line = 0;
  #read: ((line: string) => number) | undefined;
  #values = new Float64Array(0);
  #lastUs = Number.NEGATIVE_INFINITY;

  constructor(where: string, options: SeriesOptions = {}) {
    this.#where = where;
    this.#options = options;
  }

  /** Takes a piece of the file and gives the rows that end in it. */
  *push(bytes: Uint8Array): Generator<SeriesRow, void, undefined> {
    const lines = (this.#rest + this.#text.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) yield* this.#row(line);
    // A line that never ends holds no row.
    if (this.#rest.length > seriesBounds.lineLettersMax) throw this.#refused("a line is too long for a row");
  }

  /** Gives the last row, when no end of a line follows it. */
  *end(): Generator<SeriesRow, void, undefined> {
    const rest = this.#rest + this.#text.decode();
    this.#rest = "";
    yield* this.#row(rest);
  }

  *#row(text: string): Generator<SeriesRow, void, undefined> {
    this.#line += 1;
    const line = text.replace(/^\uFEFF/, "").trim();
    if (line === "" || line.startsWith("#")) return;
    if (!this.#read) {
      this.#read = line.startsWith("{") ? this.#jsonReader(line) : this.#csvReader(line);
      if (!line.startsWith("{")) return;
    }
    const timeUs = this.#read(line);
    if (Number.isNaN(timeUs)) this.tally.broken += 1;
    else if (timeUs < this.#lastUs) this.tally.back += 1;
    else {
      this.#lastUs = timeUs;
      this.tally.rows += 1;
      for (const value of this.#values) if (Number.isNaN(value)) this.tally.unknown += 1;
      yield { timeUs, values: this.#values };
    }
  }

  /** Reads the names of the columns; which of them are channels by default is known with them. */
  #csvReader(head: string): (line: string) => number {
    const separator = [",", ";", "\t"].find((one) => head.includes(one)) ?? ",";
    const cellsOf = (line: string) =>
      line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
    const names = cellsOf(head);
    if (
      names.every((name) => name === "" || !Number.isNaN(numberOf(name)) || !Number.isNaN(calendarUs(name)))
    )
      throw this.#refused("its first line names no columns");
    const { time, channels } = this.#choose(names, () => true);
    const [timeAt, valuesAt] = [names.indexOf(time), channels.map((name) => names.indexOf(name))];
    return (line) => {
      const cells = cellsOf(line);
      if (cells.length !== names.length) return Number.NaN;
      for (const [k, at] of valuesAt.entries()) this.#values[k] = numberOf(cells[at]!);
      return this.#timeOf(cells[timeAt]!);
    };
  }

  #jsonReader(first: string): (line: string) => number {
    const flat = flatten(parse(first) ?? {});
    const { time, channels } = this.#choose([...flat.keys()], (name) => typeof flat.get(name) === "number");
    return (line) => {
      const fields = flatten(parse(line) ?? {});
      for (const [k, name] of channels.entries()) this.#values[k] = numberOf(fields.get(name));
      return this.#timeOf(fields.get(time));
    };
  }

  #choose(names: readonly string[], isNumber: (name: string) => boolean) {
    const { time: named, columns } = this.#options;
    const missing = [...(named === undefined ? [] : [named]), ...(columns ?? [])].find(
      (name) => !names.includes(name),
    );
    if (missing !== undefined)
      throw this.#refused(`it has no column ${missing}, but ${names.slice(0, 20).join(", ") || "none"}`);
    const time =
      named ?? timeNames.map((name) => names.find((one) => one.toLowerCase() === name)).find(Boolean);
    if (time === undefined) throw this.#refused(`none of ${names.slice(0, 20).join(", ")} is a time`);
    const channels = columns ?? names.filter((name) => name !== time && isNumber(name));
    if (channels.length === 0 || channels.length > seriesBounds.channelsMax)
      throw this.#refused(
        `it has ${channels.length} columns of values, not 1 to ${seriesBounds.channelsMax}`,
      );
    this.channels = channels;
    this.#values = new Float64Array(channels.length);
    return { time, channels };
  }

  /** Microseconds of a cell: a number in its unit, or a time of the calendar; NaN for anything else. */
  #timeOf(cell: unknown): number {
    const number = numberOf(cell);
    if (Number.isNaN(number)) return typeof cell === "string" ? calendarUs(cell) : Number.NaN;
    const { timeUnit } = this.#options;
    return Math.round(number * usOf[timeUnit ?? unitBySize(number)]);
  }

  #refused(what: string): ReflexarcError {
    return new ReflexarcError({
      kind: "input",
      room: "series",
      what,
      where: `${this.#where}:${this.#line}`,
      remedy:
        "Give CSV whose first line names the columns, or JSON lines; name the time's column by the option time.",
    });
  }
}

/** Seconds below the year 5138; a thousand times as much are milliseconds, and so on. */
function unitBySize(number: number): TimeUnit {
  const size = Math.abs(number);
  if (size < 1e11) return "s";
  if (size < 1e14) return "ms";
  return size < 1e17 ? "us" : "ns";
}

const numberText = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A finite number, or text that is one; NaN for anything else. */
function numberOf(value: unknown): number {
  if (typeof value === "number") return Number.isFinite(value) ? value : Number.NaN;
  if (typeof value !== "string" || !numberText.test(value)) return Number.NaN;
  const number = Number(value);
  return Number.isFinite(number) ? number : Number.NaN;
}

function parse(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Fields of an object, those of objects in it by names with dots: `{"a":{"b":1}}` has `a.b`. */
export function flatten(value: object, into = new Map<string, unknown>(), before = ""): Map<string, unknown> {
  for (const [key, field] of Object.entries(value)) {
    const name = `${before}${key}`;
    if (typeof field === "object" && field !== null && !Array.isArray(field) && name.length < 256)
      flatten(field, into, `${name}.`);
    else into.set(name, field);
  }
  return into;
}

/**
 * Reads a message of telemetry: by default one number, else the named fields of a JSON object. A field that is no number, or
 * isn't there, is NaN; undefined for a message in which nothing is known.
 */
export function telemetryReader(
  fields: readonly string[] | undefined,
): (text: string) => number[] | undefined {
  const known = (values: number[]) => (values.every(Number.isNaN) ? undefined : values);
  if (!fields) return (text) => known([numberOf(text.trim())]);
  return (text) => {
    const found = flatten(parse(text) ?? {});
    return known(fields.map((name) => numberOf(found.get(name))));
  };
}
