/** The recording driver: options, real files in a folder of its own, files that are not there, and a fake disk. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import recording, { inspectFile, readFilePieces, recordingFrom } from "../../drivers/recording.ts";
import { virtualClock } from "../../src/clock.ts";
import { ReflexarcError } from "../../src/errors.ts";
import { pixels } from "../../src/events/geometry.ts";
import { aedat2 } from "../../src/formats/aedat2.ts";
import { aedat4 } from "../../src/formats/aedat4.ts";
import { encodeFile } from "../../src/formats/format.ts";
import type { DriverContext } from "../../src/stage.ts";
import { eventsOf } from "../support/packets.ts";
import { asyncPieces, steadyPackets } from "../support/recordings.ts";

const camera = pixels(128, 128);
const made = steadyPackets(camera, 30_000, 1000);
const bytes = encodeFile(aedat4.encoder!(camera, {}), made);
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "reflexarc-recording-"));
  writeFileSync(join(folder, "whole.aedat4"), bytes);
  writeFileSync(join(folder, "cut.aedat4"), bytes.subarray(0, bytes.length / 2));
  writeFileSync(join(folder, "empty.aedat4"), "");
});
afterAll(() => rmSync(folder, { recursive: true }));

const context: DriverContext = {
  id: "eye",
  pipeline: "test",
  clock: virtualClock(),
  signal: new AbortController().signal,
  seed: 0,
  resolvePath: (path) => join(folder, path),
  notice: () => {},
};
const open = (options: object) => recording.open(recording.options.parse(options), context);

test("a file's events, in lent packets", async () => {
  const sensor = await open({ file: "whole.aedat4" });
  expect(sensor.geometry).toEqual(camera);
  const events = [];
  for await (const packet of sensor.packets) events.push(...eventsOf(packet));
  expect(events).toEqual(made.flatMap(eventsOf));
  expect(sensor.counts!()).toEqual({ "stream 0 (events)": 30_000 });
  expect(sensor.lost!()).toEqual({});
  expect(sensor.problems!()).toEqual([]);
});

test("a file is read in pieces, and let go of when nobody reads on", async () => {
  const pieces = readFilePieces(join(folder, "whole.aedat4"));
  const first = await pieces.next();
  expect((first.value as Uint8Array).length).toBeLessThanOrEqual(1 << 18);
  await pieces.return();
  expect((await pieces.next()).done).toBe(true);
});

test("a cut file gives its good part, then an error with the file's name", async () => {
  const sensor = await open({ file: "cut.aedat4" });
  let events = 0;
  const reading = (async () => {
    for await (const packet of sensor.packets) events += packet.count;
  })();
  await expect(reading).rejects.toThrow(/cut.*cut\.aedat4, byte \d+/);
  expect(events).toBeGreaterThan(1000);
});

test.each([
  ["missing.aedat4", 2, /there is no such file \(.*missing\.aedat4\)\. Check/],
  [".", 2, /this is a folder/],
  ["empty.aedat4", 3, /the file is empty/],
])("%s is an error with exit code %d and a remedy", async (file, exitCode, message) => {
  const opening = open({ file });
  await expect(opening).rejects.toThrow(message);
  await expect(opening).rejects.toBeInstanceOf(ReflexarcError);
  await expect(opening).rejects.toMatchObject({ exitCode, detail: { remedy: expect.any(String) } });
});

test("a fake disk; options for chip, size and format; what was repaired is told as lost", async () => {
  const header = new TextEncoder().encode("#!AER-DAT2.0\r\n");
  const words = encodeFile(aedat2.encoder!(pixels(240, 180), {}), steadyPackets(pixels(240, 180), 2000, 0));
  const body = words.subarray(words.length - 2000 * 8);
  const disk = { "old.aedat": Buffer.concat([header, body, body]) };
  const faked = recordingFrom((path) => asyncPieces(disk[path as keyof typeof disk]));
  const read = async (options: object) => {
    const sensor = await faked.open(faked.options.parse({ file: "old.aedat", ...options }), {
      ...context,
      resolvePath: (path) => path,
    });
    let events = 0;
    for await (const packet of sensor.packets) events += packet.count;
    return { sensor, events };
  };
  const plain = await read({ format: "aedat2", chip: "DAVIS240", packetEvents: 100 });
  expect(plain.events).toBe(4000);
  expect(plain.sensor.lost!()).toMatchObject({
    "event with a time before the last one, moved to it": expect.any(Number),
  });
  const small = await read({ chip: "DAVIS240", geometry: "200x180" });
  expect(small.sensor.geometry).toEqual(pixels(200, 180));
  expect(small.sensor.lost!()).toMatchObject({ "event outside the sensor, left out": expect.any(Number) });
  expect((await read({ geometry: { width: 346, height: 260 } })).sensor.geometry).toEqual(pixels(346, 260));
  expect((await read({})).sensor.problems!()).toEqual(
    expect.arrayContaining(["the header names no chip, taken for a DAVIS240: 1, first at byte 14"]),
  );
});

test.each([
  { file: "" },
  { file: "a", geometry: "346" },
  { file: "a", chip: "DAVIS" },
  { file: "a", format: "aedat5" },
  { file: "a", packetEvents: 0 },
  { file: "a", speed: 1 },
])("%j is refused", (options) => {
  expect(recording.options.safeParse(options).success).toBe(false);
});

test("what a file holds, for info", async () => {
  const path = join(folder, "whole.aedat4");
  expect(await inspectFile(path)).toMatchObject({
    file: path,
    format: "aedat4",
    events: 30_000,
    problems: [],
  });
  await expect(inspectFile(path, { geometry: "346" })).rejects.toThrow('"346" is no size');
  await expect(inspectFile(path, { format: "nothing" })).rejects.toThrow("Known formats");
});
