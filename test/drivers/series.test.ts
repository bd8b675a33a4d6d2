/** The series sensor: rows on packet time, gaps, what was left out. */

import { expect, test } from "vitest";
import series, { openSeries } from "../../drivers/series.ts";
import { virtualClock } from "../../src/clock.ts";
import { rowsOf } from "../support/samples.ts";

async function play(text: string, given: object = {}) {
  const context = {
    id: "meter",
    pipeline: "night-watch",
    clock: virtualClock(),
    signal: new AbortController().signal,
    seed: 1,
    resolvePath: (path: string) => path,
    notice: () => {},
  };
  const sensor = await openSeries(
    series.options.parse({ file: "x.csv", ...given }),
    context,
    async function* () {
      yield new TextEncoder().encode(text);
    },
  );
  const rows: (readonly number[])[] = [];
  const spans: [number, number][] = [];
  for await (const samples of sensor.packets) {
    for (const row of rowsOf(samples)) {
      expect(row[0]! >= samples.fromUs && row[0]! < samples.toUs).toBe(true);
      rows.push(row);
    }
    spans.push([samples.fromUs, samples.toUs]);
  }
  for (const [i, [fromUs, toUs]] of spans.entries()) {
    expect(fromUs).toBe(i === 0 ? 0 : spans[i - 1]![1]);
    expect(toUs).toBeGreaterThan(fromUs);
  }
  return { sensor, rows, spans };
}

test("the first row is at 0, packets end on the grid, and the last one behind the last row", async () => {
  const { sensor, rows, spans } = await play("time,a,b\n100.5,1,2\n101,3,4\n102.6,5,6\n");
  expect(sensor.geometry.channels.map(({ name }) => name)).toEqual(["a", "b"]);
  expect(sensor.geometry.rateHz).toBeUndefined();
  expect(rows).toEqual([
    [0, 1, 2],
    [500_000, 3, 4],
    [2_100_000, 5, 6],
  ]);
  expect(spans).toEqual([
    [0, 1_000_000],
    [1_000_000, 2_000_000],
    [2_000_000, 2_100_001],
  ]);
});

test("another grid changes no row, and a gap is time without rows", async () => {
  const text = `time,v\n${Array.from({ length: 500 }, (_, i) => `${i < 250 ? i : i + 10_000},${i}`).join("\n")}\n`;
  const { rows, sensor } = await play(text);
  expect(rows).toHaveLength(500);
  for (const packetUs of [1000, 333_333, 1e15]) {
    const other = await play(text, { packetUs: Math.max(packetUs, 300_000) });
    expect(other.rows).toEqual(rows);
  }
  expect(sensor.counts!()).toEqual({ rows: 500, "longest gap, ms": 10_001_000 });
  expect(sensor.lost!()).toEqual({});
});

test("many rows leave in several packets even without a grid, those of one time together", async () => {
  const text = `time,v\n${Array.from({ length: 10_000 }, (_, i) => `${Math.floor(i / 7)},${i}`).join("\n")}\n`;
  const { rows, spans } = await play(text, { packetUs: 1e15 });
  expect(rows.map(([, value]) => value)).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
  expect(spans.length).toBe(3);
});

test("what was left out is lost, what is not known is told", async () => {
  const { sensor, rows } = await play("time,v\n1,1\n?,2\n3,x\n2,4\n4,5\n");
  expect(rows).toEqual([
    [0, 1],
    [2e6, Number.NaN],
    [3e6, 5],
  ]);
  expect(sensor.counts!()).toMatchObject({ rows: 3, "values that are no number": 1 });
  expect(sensor.lost!()).toEqual({ "rows that can't be read": 1, "rows that go back in time": 1 });
});

test("a file without a row, and columns that aren't there, are refused", async () => {
  await expect(play("time,v\n")).rejects.toThrow("it holds no row that can be read");
  await expect(play("")).rejects.toThrow("it holds no row that can be read");
  await expect(play("time,v\n1,2\n", { columns: ["w"] })).rejects.toThrow("it has no column w, but time, v");
});
