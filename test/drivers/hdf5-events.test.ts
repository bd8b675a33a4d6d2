/** HDF5 recordings from files: each layout through the process that reads them, ECF, and damage. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readHdf5Rows } from "../../drivers/hdf5-events.ts";
import { hdf5Rows } from "../../drivers/hdf5-rows.ts";
import { inspectFile } from "../../drivers/recording.ts";
import recordingTriggers from "../../drivers/recording-triggers.ts";
import { ReflexarcError } from "../../src/errors.ts";
import type { Beside } from "../../src/events/beside.ts";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import type { DecodeOptions } from "../../src/formats/format.ts";
import { hdf5 } from "../../src/formats/hdf5.ts";
import { chunksOf } from "../../src/formats/hdf5-chunks.ts";
import { heardContext } from "../support/driver-contract.ts";
import { damageHdf5 } from "../support/hdf5-damage.ts";
import { hdf5File, packAsEcf, putColumns, putStructs, putTriggers, type Row } from "../support/hdf5-files.ts";
import { decodeAll } from "../support/recordings.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-hdf5-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "x.h5");
const rows = Array.from(
  { length: 70_000 },
  (_, i): Row => [i * 3, (i * 5) % 640, (i >> 3) % 480, (i >> 1) & 1],
);
const events = rows.map(([t, x, y, p]) => [t, pixelAddress(x, y, p)] as const);

/** In this process: what the other one writes, decoded. */
function read(stream?: number, options: DecodeOptions = { geometry: pixels(640, 480) }) {
  const parts: Buffer[] = [];
  for (const part of hdf5Rows(path, stream)) parts.push(Buffer.from(part));
  return decodeAll(hdf5, Buffer.concat(parts), options);
}

test("columns, as DSEC and rpg have them, through a process of its own", async () => {
  hdf5File(path, (file) => {
    putColumns(file.create_group("events"), rows);
    file.create_attribute("geometry", "640x480");
  });
  expect(await inspectFile(path)).toMatchObject({
    format: "hdf5",
    geometry: { width: 640, height: 480 },
    events: 70_000,
    firstUs: 0,
    lastUs: 209_997,
    problems: [],
  });
  expect(read().events).toEqual(events);
  hdf5File(path, (file) => {
    const group = file.create_group("events");
    putColumns(group, rows.slice(0, 100), ["timestamp_ns", "xs", "ys", "polarities"], 50);
    group.create_attribute("sensor_resolution", Int32Array.of(480, 640));
  });
  const { events: found, decoder } = read(undefined, {});
  expect(decoder.geometry).toEqual(pixels(640, 480));
  expect(found.slice(0, 3)).toEqual([0, 1, 2].map((i) => [0, events[i]![1]]));
});

test("a table of four columns in seconds, as MVSEC has it", () => {
  const table = Float64Array.from(
    rows.slice(0, 500).flatMap(([t, x, y, p]) => [x, y, t / 1e6 + 1, p * 2 - 1]),
  );
  hdf5File(path, (file) =>
    file.create_group("davis").create_dataset({ name: "events", data: table, shape: [500, 4], dtype: "<d" }),
  );
  expect(read().events).toEqual(events.slice(0, 500).map(([t, a]) => [t + 1_000_000, a]));
});

test("samples of a place and a time an event, one by its number", async () => {
  hdf5File(path, (file) => {
    for (const [i, part] of [rows.slice(0, 3), rows.slice(50, 60)].entries()) {
      const group = file.create_group(`test${i}`);
      group.create_dataset({ name: "time", data: Uint32Array.from(part, (row) => row[0]), dtype: "<I" });
      const pos = Uint16Array.from(part.flatMap(([, x, y, p]) => [x, y, p]));
      group.create_dataset({ name: "pos", data: pos, shape: [part.length, 3], dtype: "<H" });
    }
  });
  expect(read().events).toEqual(events.slice(0, 3));
  expect(read(1).events).toEqual(events.slice(50, 60));
  expect(() => read(2)).toThrow("it holds no list of events number 2: there are 2");
  let size = 0;
  for await (const piece of readHdf5Rows(path, 1)) size += piece.length;
  expect(size).toBeGreaterThan(100);
});

test("Metavision's structs, plain and in ECF", () => {
  const some = rows.slice(0, 5000);
  hdf5File(path, (file) => {
    putStructs(file.create_group("CD"), some, 1024);
    file.create_attribute("geometry", "1280x720");
  });
  expect(read(undefined, {}).events).toEqual(events.slice(0, 5000));
  packAsEcf(path, some, 1024);
  const { events: found, decoder } = read(undefined, {});
  expect(decoder.geometry).toEqual(pixels(1280, 720));
  expect(found).toEqual(events.slice(0, 5000));
});

test("Metavision's triggers are records beside the events, and spikes of a source", async () => {
  const triggers = [
    [5, 0, 1],
    [90, 3, 0],
    [2 ** 40, 0, 0],
  ] as const;
  hdf5File(path, (file) => {
    putStructs(file.create_group("CD"), rows.slice(0, 100), 64);
    putTriggers(file, triggers);
    file.create_attribute("geometry", "640x480");
  });
  const records: Beside[] = [];
  const { events: found, decoder } = read(undefined, { beside: (record) => records.push(record) });
  expect(found).toEqual(events.slice(0, 100));
  expect(decoder.streams.map(({ type, count }) => [type, count])).toEqual([
    ["events", 100],
    ["triggers", 3],
  ]);
  const marks = ["signal-falling", "signal-rising"];
  expect(records).toEqual(
    triggers.map(([timeUs, channel, p]) => ({ type: "triggers", timeUs, mark: marks[p], channel })),
  );

  const options = recordingTriggers.options.parse({ file: path, channels: 4 });
  const source = await recordingTriggers.open(options, heardContext("edges"));
  const spikes: [number, number][] = [];
  for await (const packet of source.packets)
    for (let i = 0; i < packet.count; i++) spikes.push([packet.times[i]!, packet.addresses[i]!]);
  expect(spikes).toEqual([
    [5, 1],
    [90, 6],
    [2 ** 40, 0],
  ]);
});

test("the chunks of a data set are found where they are, through several levels of nodes", () => {
  const bytes = hdf5File(path, (file) => putStructs(file.create_group("CD"), rows.slice(0, 20_000), 16));
  const chunks = [...chunksOf((offset, length) => bytes.slice(offset, offset + length), "/CD/events")];
  expect(chunks.map(({ firstRow }) => firstRow)).toEqual(Array.from({ length: 1250 }, (_, i) => i * 16));
  expect(() => [...chunksOf((at, n) => bytes.slice(at, at + n), "/CD/other")]).toThrow("h5repack");
});

test("what can't be read is refused, and says why", async () => {
  const refusal = async (bytes: Uint8Array) => {
    writeFileSync(path, bytes);
    return inspectFile(path, { format: "hdf5" }).then(
      () => "",
      (error) => (error instanceof ReflexarcError ? error.message : String(error)),
    );
  };
  const good = hdf5File(path, (file) => putColumns(file.create_group("events"), rows.slice(0, 2000)));
  expect(await refusal(good.subarray(0, 500))).toContain("not an HDF5 file, or a damaged one");
  const other = good.slice();
  for (
    let at = Buffer.from(other).indexOf("deflate\0");
    at >= 0;
    at = Buffer.from(other).indexOf("deflate\0", at + 8)
  )
    other.set([0x01, 0x7d], at - 8);
  expect(await refusal(other)).toContain("packed by filter 32001");
  expect(await refusal(hdf5File(path, (file) => file.create_group("nothing")))).toContain(
    "it holds no events",
  );
});

test("damaged files end in events or in an error", async () => {
  const outcomes = await damageHdf5(100, 6);
  expect(outcomes.crashes + outcomes.hangs).toBeLessThan(2);
  expect(outcomes.read).toBeGreaterThan(4);
  expect(outcomes.refused).toBeGreaterThan(4);
});

test("a file that makes the library ask for all memory there is, is refused at once", async () => {
  expect(await damageHdf5(1, 1, 15_094)).toEqual({ read: 0, refused: 1, crashes: 0, hangs: 0 });
});
