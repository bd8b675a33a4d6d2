/** The view sink: pictures on a disk, of camera events and of spikes, and what it refuses. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { aedat4 } from "../../src/formats/aedat4.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { readPng } from "../support/read-png.ts";
import { steadyPackets } from "../support/recordings.ts";
import { runText } from "../support/world.ts";

const camera = pixels(128, 96);
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "reflexarc-view-"));
  writeFileSync(
    join(folder, "in.aedat4"),
    encodeFile(aedat4.encoder!(camera, {}), steadyPackets(camera, 30_000, 7)),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (stages: string) =>
  runText(`stages:\n  - { id: eye, use: recording, file: in.aedat4 }\n${stages}\n`, { folder });
const view = (options: string) => run(`  - { id: look, use: view, ${options} }`);
const read = (file: string) => readPng(readFileSync(join(folder, file)));

test("frames of a span each, shown as fast as they were recorded", async () => {
  const { summary } = await view("file: f.png, everyUs: 10000");
  const png = read("f.png");
  expect([png.width, png.height]).toEqual([384, 288 + 12]);
  expect(png.frames).toHaveLength(9);
  expect(new Set(png.shownMs)).toEqual(new Set([10]));
  expect(summary.stages[1]!.counts).toMatchObject({ frames: 9, events: 30_000 });
  await view("file: slow.png, everyUs: 10000, speed: 0.1, scale: 1, framesMax: 2");
  expect([read("slow.png").width, ...read("slow.png").shownMs]).toEqual([128, 100, 100]);
});

test.each(["surface", "rate", "spectrogram"])("a %s, and only of a region", async (kind) => {
  await view(`file: ${kind}.png, kind: ${kind}`);
  const { summary } = await view(`file: part-${kind}.png, kind: ${kind}, region: "10,10,20x30"`);
  expect(summary.stages[1]!.counts.events).toBeLessThan(5000);
  expect(read(`part-${kind}.png`).frames).not.toEqual(read(`${kind}.png`).frames);
});

test("spikes are drawn as a raster", async () => {
  const { summary } = await run(
    "  - { id: grid, use: polarity-grid, columns: 8, rows: 8 }\n  - { id: look, use: view, file: r.png }",
  );
  expect(summary.exitCode).toBe(0);
  expect(read("r.png").frames).toHaveLength(1);
});

test.each([
  ['file: x.png, region: "120,0,20x20"', /leaves the sensor/],
  ['file: x.png, region: "120,0"', /must be a corner and a size/],
  ["file: x.png, samples: 100", /samples/],
  ["file: in.aedat4", /exists already/],
  ["file: no/x.png", /its folder doesn't exist/],
])("%s is refused, and leaves nothing", async (options, message) => {
  const before = readdirSync(folder);
  await expect(view(options)).rejects.toThrow(message);
  expect(readdirSync(folder)).toEqual(before);
});
