/** `evaluate --nab` from outside: a small folder laid out as NAB is, and folders that aren't. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readNabFolder } from "../../src/cli/nab-folder.ts";
import { chosenOn, readGrid } from "../../src/cli/nab-search.ts";
import { seededRandom } from "../../src/random.ts";
import { cli } from "../support/cli.ts";
import { root } from "../support/world.ts";

const scratch = mkdtempSync(join(tmpdir(), "reflexarc-nab-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const document = join(scratch, "sentinel.yaml");
writeFileSync(
  document,
  `
about: Tells what is strange.
stages:
  - { id: meter, use: series, file: none.csv }
  - { id: code, use: population }
  - { id: odd, use: anomaly, threshold: 0 }
  - { id: lamp, use: winner-take-all, command: lamp, values: [${Array(256).fill(1)}], tauUs: 1000 }
  - { id: pointer, use: dry-run, limits: { minDeg: 0, maxDeg: 180, slewDegPerS: 300 } }
`,
);

const timeOf = (row: number) =>
  new Date(Date.UTC(2024, 0, 1) + row * 300_000).toISOString().slice(0, 19).replace("T", " ");

/** 600 rows of noise with a spike at each of the rows. */
function folder(name: string, spikes: Record<string, readonly number[]>, windows: object): string {
  for (const [file, rows] of Object.entries(spikes)) {
    const random = seededRandom(file.length);
    const lines = Array.from(
      { length: 600 },
      (_, i) => `${timeOf(i)},${rows.includes(i) ? 50 : random().toFixed(3)}`,
    );
    mkdirSync(join(scratch, name, "data", "some"), { recursive: true });
    writeFileSync(join(scratch, name, "data", "some", file), `timestamp,value\n${lines.join("\n")}\n`);
  }
  writeFileSync(join(scratch, name, "combined_windows.json"), JSON.stringify(windows));
  return join(scratch, name);
}
const window = (first: number, last: number) => [`${timeOf(first)}.000000`, timeOf(last)];

test("a spike at the left edge of each window is found, and nothing else is a detection", async () => {
  const data = folder(
    "good",
    { "one.csv": [300], "two.csv": [400], "quiet.csv": [] },
    { "some/one.csv": [window(300, 360)], "some/two.csv": [window(400, 460)], "some/quiet.csv": [] },
  );
  const { code, stderr, stdout } = await cli(["evaluate", document, "--nab", data, "--json"]);
  expect([code, stderr]).toEqual([0, ""]);
  const told = JSON.parse(stdout) as { profiles: Record<string, unknown>[] };
  expect(told).toMatchObject({
    rows: 1800,
    series: [
      { name: "some/one.csv", found: 1, windows: 1, falseAlarms: 0 },
      { name: "some/quiet.csv", found: 0, windows: 0, falseAlarms: 0 },
      { name: "some/two.csv", found: 1, windows: 1, falseAlarms: 0 },
    ],
  });
  expect(told.profiles.map(({ profile, score }) => [profile, score])).toEqual([
    ["standard", 100],
    ["low-FP", 100],
    ["low-FN", 100],
  ]);
});

test("what is wrong with a folder is named", () => {
  const spikes = { "one.csv": [300] };
  const refuses = (expected: string, data: string) => expect(() => readNabFolder(data)).toThrow(expected);
  refuses("there is no folder data", scratch);
  refuses("it has no labels for some/one.csv", folder("bare", spikes, {}));
  refuses("it labels some/gone.csv", folder("gone", spikes, { "some/one.csv": [], "some/gone.csv": [] }));
  refuses("no rows are those of", folder("astray", spikes, { "some/one.csv": [window(300, 700)] }));
  const twice = { "some/one.csv": [window(300, 320), window(310, 330)] };
  refuses("windows of some/one.csv overlap", folder("twice", spikes, twice));
});

test("a document without an anomaly detector is refused, and so is one that isn't told what to do", async () => {
  const data = folder("fine", { "one.csv": [] }, { "some/one.csv": [] });
  const told = await Promise.all([
    cli(["evaluate", join(root, "pipelines/follow.yaml"), "--nab", data]),
    cli(["evaluate", document]),
  ]);
  expect(told.map(({ code }) => code)).toEqual([2, 2]);
  expect(told[0]!.stderr).toContain("it has no anomaly detector");
  expect(told[1]!.stderr).toContain("it isn't told what to evaluate on");
});

test("settings are chosen on one half and told on the other, both ways", async () => {
  const quiet = Array.from({ length: 4 }, (_, k) => `${k}.csv`);
  const data = folder(
    "searched",
    Object.fromEntries(quiet.map((file, k) => [file, [300 + 20 * k]])),
    Object.fromEntries(quiet.map((file, k) => [`some/${file}`, [window(300 + 20 * k, 360 + 20 * k)]])),
  );
  const search = join(scratch, "search.yaml");
  writeFileSync(
    search,
    "odd.fall: [0, 5]\nwidths:\n  - { code.cells: 2, code.range: 20 }\n  - { code.cells: 20 }\n",
  );
  expect(readGrid(search)).toHaveLength(4);
  const { code, stderr, stdout } = await cli([
    ...["evaluate", document, "--nab", data, "--search", search, "--cuts", "2", "--json"],
  ]);
  expect([code, stderr]).toEqual([0, ""]);
  type Choice = { setting: { label: string; overrides: string[] }; own: number[]; other: number[] };
  const told = JSON.parse(stdout) as { settings: number; halves: Choice[]; randomHalves: Choice[] };
  expect(told.settings).toBe(4);
  for (const { setting, own, other } of [...told.halves, ...told.randomHalves]) {
    // With two cells a spike is nothing but a high value: only the other width can be chosen.
    expect(setting).toEqual({ label: "odd.fall=0, widths 2", overrides: ["odd.fall=0", "code.cells=20"] });
    expect(own).toEqual([100, 100, 100]);
    for (const score of other) expect(score).toBeGreaterThanOrEqual(50);
  }
  expect([told.halves.length, told.randomHalves.length]).toEqual([2, 4]);
});

test("the best on its own half is chosen, and told with the threshold that this half chose", () => {
  const series = (score: number, alarm: number) => {
    const scores = new Uint8Array(100);
    [scores[20], scores[55]] = [alarm, score];
    return { scores, windows: [{ first: 50, last: 60 }] };
  };
  // The first setting is right on the first series and wrong on the second, the second the other way round.
  const scored = [
    [series(9, 1), series(1, 9)],
    [series(1, 9), series(9, 1)],
  ];
  const grid = ["a=1", "a=2"].map((label) => ({ label, overrides: [label] }));
  const { setting, own, other } = chosenOn(grid, scored, [false, true]);
  expect(setting).toBe(grid[1]);
  expect(own[0]).toBeGreaterThan(other[0]!);
  expect(chosenOn(grid, scored, [true, false]).setting).toBe(grid[0]);
});

test("a search of nothing, or of what no stage has, is refused at its line", () => {
  const refusal = (text: string) => {
    const path = join(scratch, "wrong.yaml");
    writeFileSync(path, text);
    return () => readGrid(path);
  };
  expect(refusal("odd.fall: 3\n")).toThrow(/odd\.fall is no list.*wrong\.yaml:1/);
  expect(refusal("odd.fall: [3]\nfall: [1, 2]\n")).toThrow(/fall is no option of a stage.*wrong\.yaml:2/);
  expect(refusal("")).toThrow("names no settings");
  expect(refusal(`a.b: [${Array(40).fill(1)}]\nc.d: [${Array(40).fill(1)}]\n`)).toThrow("more than 1000");
});
