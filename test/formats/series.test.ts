/** Series as text: columns by name, times in any unit, and what is wrong with rows, counted by its rule. */

import { expect, test } from "vitest";
import { calendarUs } from "../../src/formats/calendar-time.ts";
import { SeriesDecoder, type SeriesOptions, telemetryReader } from "../../src/formats/series.ts";

const { NaN: none } = Number;

/** Rows of a text that comes in pieces; each row as its time and values. */
function read(text: string, options: SeriesOptions = {}, pieceBytes = 1e9) {
  const decoder = new SeriesDecoder("x.csv", options);
  const bytes = new TextEncoder().encode(text);
  const rows: number[][] = [];
  const take = (found: Iterable<{ timeUs: number; values: Float64Array }>) => {
    for (const { timeUs, values } of found) rows.push([timeUs, ...values]);
  };
  for (let at = 0; at < bytes.length; at += pieceBytes) take(decoder.push(bytes.slice(at, at + pieceBytes)));
  take(decoder.end());
  return { rows, channels: decoder.channels, tally: decoder.tally };
}

test("CSV: the time's column is found by its name, all others are channels", () => {
  const { rows, channels, tally } = read("load, Time ,temp\n1,10,20.5\n2,11,-3e1\n");
  expect(channels).toEqual(["load", "temp"]);
  expect(rows).toEqual([
    [10e6, 1, 20.5],
    [11e6, 2, -30],
  ]);
  expect(tally).toEqual({ rows: 2, unknown: 0, broken: 0, back: 0 });
});

test("columns are chosen by name, in the order asked for; semicolons, quotes, CRLF, a byte order mark, comments", () => {
  const text = '\uFEFF# a comment\r\n"when";"a";"b"\r\n1;2;3\r\n';
  expect(read(text, { time: "when", columns: ["b", "a"] }).rows).toEqual([[1e6, 3, 2]]);
});

test("JSON lines: fields by name, those of objects with dots; text is no channel", () => {
  const text = '{"t":5,"id":"pump","s":{"temp":1.5,"load":2}}\n{"t":6,"s":{"load":3}}\n';
  const { rows, channels, tally } = read(text);
  expect(channels).toEqual(["s.temp", "s.load"]);
  expect(rows).toEqual([
    [5e6, 1.5, 2],
    [6e6, none, 3],
  ]);
  expect(tally.unknown).toBe(1);
  expect(read(text, { columns: ["s.load"] }).rows).toEqual([
    [5e6, 2],
    [6e6, 3],
  ]);
});

test("a text is read the same however it is cut", () => {
  const text = 'time,température\n1,2\n3,4\nx\n5,"6"';
  for (const bytes of [1, 2, 3, 7]) expect(read(text, {}, bytes)).toEqual(read(text));
  expect(read(text).rows).toHaveLength(3);
});

test.each([
  ["1424986973", undefined, 1424986973e6],
  ["1424986973123", undefined, 1424986973123e3],
  ["1424986973123456", undefined, 1424986973123456],
  ["1424986973123456000", undefined, 1424986973123456],
  ["12.5", undefined, 12.5e6],
  ["12", "ms", 12_000],
  ["2015-02-26 21:42:53", undefined, 1424986973e6],
  ["2015-02-26T21:42:53.25Z", undefined, 1424986973.25e6],
  ["2015-02-26T23:42:53+02:00", undefined, 1424986973e6],
] as const)("time %s in %s", (time, timeUnit, expected) => {
  expect(read(`time,v\n${time},1\n`, { timeUnit }).rows).toEqual([[expected, 1]]);
});

test("no day that isn't in a calendar is taken for one", () => {
  for (const text of ["2015-02-30", "2015-13-01", "2015-01-01 24:00", "15-01-01", "tomorrow", ""])
    expect(calendarUs(text), text).toBeNaN();
  expect(calendarUs("1970-01-02")).toBe(86_400e6);
});

test("values that are no number are NaN and counted; rows without a time or with other cells are left out and counted", () => {
  const { rows, tally } = read("time,v\n1,NaN\n2,\n3,1e999\n4,0x10\nnever,5\n5\n6,7,8\n,9\n7,1\n");
  expect(rows).toEqual([
    [1e6, none],
    [2e6, none],
    [3e6, none],
    [4e6, none],
    [7e6, 1],
  ]);
  expect(tally).toEqual({ rows: 5, unknown: 4, broken: 4, back: 0 });
});

test("a row that goes back in time is left out and counted, one of the same time is kept", () => {
  const { rows, tally } = read("time,v\n10,1\n10,2\n9,3\n11,4\n");
  expect(rows.map(([, value]) => value)).toEqual([1, 2, 4]);
  expect(tally).toMatchObject({ rows: 3, back: 1 });
});

test("what is missing is named, with what there is", () => {
  expect(() => read("time,a\n1,2\n", { columns: ["b"] })).toThrow("it has no column b, but time, a");
  expect(() => read("when,a\n1,2\n")).toThrow("none of when, a is a time");
  expect(() => read("1,2\n3,4\n")).toThrow("its first line names no columns");
  expect(() => read("time\n1\n")).toThrow("0 columns of values");
  expect(() => read('{"broken\n')).toThrow("is a time");
  expect(() => read(`time,v\n${"9".repeat(70_000)}`)).toThrow("too long for a row");
});

test("messages of telemetry: a number, or fields of an object", () => {
  const number = telemetryReader(undefined);
  expect(number(" 21.5\n")).toEqual([21.5]);
  for (const text of ["", "on", "NaN", "Infinity", '{"a":1}']) expect(number(text), text).toBeUndefined();
  const fields = telemetryReader(["a.b", "c"]);
  expect(fields('{"a":{"b":1},"c":"2"}')).toEqual([1, 2]);
  expect(fields('{"c":2}')).toEqual([none, 2]);
  for (const text of ["{}", "[1]", "5", '{"c":null}', '{"c"']) expect(fields(text), text).toBeUndefined();
});
