/** `evaluate --nab` from outside: a small folder laid out as NAB is, and folders that aren't. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { seededRandom } from "../../src/random.ts";
import { cli } from "../support/cli.ts";

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
  const table = await cli(["evaluate", document, "--nab", data]);
  expect(table.stdout).toMatch(/3 series, 1800 rows, 2 windows\n.*\n +score +100.00 +100.00 +100.00\n/);
});

test("what is no such folder, and no such document, is named", async () => {
  const fails = async (expected: string, ...args: string[]) => {
    const told = await cli(["evaluate", ...args]);
    expect([told.code, told.stderr]).toEqual([2, expect.stringContaining(expected)]);
  };
  await fails("there is no folder data", document, "--nab", scratch);
  await fails("it isn't told what to evaluate on", document);
  const spikes = { "one.csv": [300] };
  await fails("it has no labels for some/one.csv", document, "--nab", folder("bare", spikes, {}));
  const gone = { "some/one.csv": [], "some/gone.csv": [] };
  await fails("it labels some/gone.csv", document, "--nab", folder("gone", spikes, gone));
  const astray = { "some/one.csv": [window(300, 700)] };
  await fails("no rows are those of", document, "--nab", folder("astray", spikes, astray));
  const twice = { "some/one.csv": [window(300, 320), window(310, 330)] };
  await fails("windows of some/one.csv overlap", document, "--nab", folder("twice", spikes, twice));
  await fails(
    "it has no anomaly detector",
    "pipelines/follow.yaml",
    "--nab",
    folder("fine", spikes, { "some/one.csv": [] }),
  );
});
