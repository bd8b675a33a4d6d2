/** The picture of the simulated servo: its lines are the run's, and the same run gives the same file. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { servoSvg, servoTracks } from "../../src/cli/picture.ts";
import { readDocument } from "../../src/pipeline/document.ts";
import { cli } from "../support/cli.ts";
import { catalog, root, runBundled } from "../support/world.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function tracksOf(name: string) {
  const { trace } = await runBundled(name);
  const path = join(root, "pipelines", `${name}.yaml`);
  const gathered = servoTracks(readDocument(readFileSync(path, "utf8"), path, catalog));
  for (const line of trace) gathered.hear(line);
  return { tracks: gathered.tracks, trace };
}

const polylines = (svg: string, colour: string) =>
  [...svg.matchAll(/<polyline points="([^"]+)"[^>]*stroke="([^"]+)"/g)]
    .filter(([, , stroke]) => stroke === colour)
    .map(([, points]) => points!.split(" ").map((pair) => pair.split(",").map(Number)));

test("a track is what the trace says: asked, allowed, turned, and the pulses of it", async () => {
  const { tracks, trace } = await tracksOf("dodge");
  const lines = trace.map((line) => JSON.parse(line));
  const [arm] = tracks;
  expect(tracks.map(({ id, use, unit, min, max }) => [id, use, unit, min, max])).toEqual([
    ["arm", "dry-run", "deg", 20, 160],
  ]);
  const of = (stage: string, key: string) => lines.filter((line) => line.stage === stage && key in line);
  expect(arm!.asked).toEqual(of("aim", "command").map(({ atUs, value }) => [atUs, value]));
  expect(arm!.allowed).toEqual(of("arm", "safe").map(({ atUs, value }) => [atUs, value ?? Number.NaN]));
  expect(arm!.angle).toEqual(of("arm", "angleDeg").map(({ atUs, angleDeg }) => [atUs, angleDeg]));
  expect(arm!.pulses.length).toBe(arm!.angle.length);
});

test("the picture goes through the values, between the limits, to scale", async () => {
  const { tracks } = await tracksOf("dodge");
  const svg = servoSvg("dodge", tracks);
  const [angle] = polylines(svg, "#d50");
  // 20 to 160 degrees in ticks of 50: the panel of 220 pixels shows 0 to 200.
  const yOf = (deg: number) => 84 + ((200 - deg) / 200) * 220;
  const at = (points: number[][], x: number) =>
    points.reduce((best, point) => (Math.abs(point[0]! - x) < Math.abs(best[0]! - x) ? point : best))[1]!;
  const xOf = (us: number) => 70 + ((us - tracks[0]!.asked[0]![0]) / (3e6 - tracks[0]!.asked[0]![0])) * 810;
  for (const [us, deg] of tracks[0]!.angle.filter((_, i) => i % 10 === 0))
    expect(Math.abs(at(angle!, xOf(us)) - yOf(deg)), `${us} us`).toBeLessThan(1);
  expect(polylines(svg, "#06c")).toHaveLength(1);
  expect(svg.match(/stroke-dasharray/g)).toHaveLength(2);
  expect(svg).toContain(`y1="${yOf(160).toFixed(1)}"`);
});

test("pulses that end leave a gap, names are escaped, and a long run is no longer file", () => {
  const track = (points: [number, number][]) => ({
    id: "a<b",
    use: "x",
    unit: "deg",
    min: 0,
    max: 10,
    asked: [],
    allowed: points,
    angle: [],
    pulses: [],
  });
  const gap = servoSvg("&", [
    track([
      [0, 1],
      [1e6, 2],
      [2e6, Number.NaN],
      [3e6, 3],
      [4e6, 4],
    ]),
  ]);
  expect(polylines(gap, "#06c")).toHaveLength(2);
  expect(gap).not.toMatch(/a<b|NaN|Infinity/);
  const long = servoSvg("", [track(Array.from({ length: 300_000 }, (_, i) => [i * 20_000, (i * 7) % 10]))]);
  expect(long.length).toBeLessThan(200_000);
  expect(servoSvg("nothing moved", [])).not.toMatch(/NaN|Infinity/);
});

test("run --picture writes it, the same each time, and over nothing but a picture", async () => {
  const folder = mkdtempSync(join(tmpdir(), "reflexarc-"));
  folders.push(folder);
  const file = join(folder, "arm.svg");
  const run = () => cli(["run", "pipelines/dodge.yaml", "--picture", file, "--json"]);
  expect((await run()).code).toBe(0);
  const first = readFileSync(file, "utf8");
  expect(first).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  expect((await run()).code).toBe(0);
  expect(readFileSync(file, "utf8")).toBe(first);
  writeFileSync(file, "my notes\n");
  const refused = await run();
  expect([refused.code, readFileSync(file, "utf8")]).toEqual([2, "my notes\n"]);
});
