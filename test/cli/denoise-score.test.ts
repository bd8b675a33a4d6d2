/** `denoise-score` from outside: the table, the object, the plot, and mistakes. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cli } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-"));
afterAll(() => rmSync(folder, { recursive: true }));

const recording = "recordings/moving-dot.aedat4";
const score = (...args: string[]) => cli(["denoise-score", recording, ...args]);

test("a wider window passes more of both; the plot and the object agree", async () => {
  const svg = join(folder, "roc.svg");
  const { code, stdout, stderr } = await score("--sweep", "windowUs=500,5000,50000", "--svg", svg, "--json");
  expect([code, stderr]).toEqual([0, ""]);
  const told = JSON.parse(stdout);
  expect(told).toMatchObject({ denoiser: "background-activity", sweep: "windowUs", noiseHz: 5, seed: 1 });
  expect(told.points.map(({ value }: { value: string }) => value)).toEqual(["500", "5000", "50000"]);
  const [narrow, middle, wide] = told.points;
  expect(narrow.tpr).toBeLessThan(middle.tpr);
  expect(middle.tpr).toBeLessThan(wide.tpr);
  expect(narrow.fpr).toBeLessThan(middle.fpr);
  expect(middle.fpr).toBeLessThan(wide.fpr);
  for (const { tpr, fpr } of told.points) expect(tpr).toBeGreaterThan(fpr);
  expect(told.auc).toBeGreaterThan(0.6);
  expect(told.auc).toBeLessThanOrEqual(1);
  expect(middle.noisePassed / told.noise).toBe(middle.fpr);
  expect(readFileSync(svg, "utf8").match(/<circle/g)).toHaveLength(3);
});

test("another denoiser, its options, and the table", async () => {
  const args = ["--denoiser", "spatio-temporal-correlation", "--set", "polarity=same", "--noise-hz", "20"];
  const { code, stdout, stderr } = await score(...args, "--sweep", "supporters=1,2,3", "--seed", "2");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/moving-dot\.aedat4: [\d,]+ events, and [\d,]+ of noise at 20 Hz a pixel\n/);
  expect(stdout).toMatch(/\n {2}supporters {5}TPR {5}FPR\n(\s+[123] {2}[01]\.\d{4} {2}[01]\.\d{4}\n){3}/);
  expect(stdout).toMatch(/area under the curve 0\.\d{4}\n$/);
});

test.each([
  [["--denoiser", "spatio-temporal"], 'there is no filter "spatio-temporal"'],
  [["--denoiser", "flip", "--sweep", "exchange=both"], "[flip] it changes events"],
  [["--sweep", "windowUs"], "is not option=value,value,..."],
  [["--sweep", "windowMs=1"], "[background-activity]"],
  [["--sweep", "windowUs=-1"], "[background-activity] windowUs"],
  [["--set", "windowUs"], "is not option=value"],
  [["--noise-hz", "0"], "--noise-hz 0 is not a number that can be used"],
  [["--noise-hz", "1e6"], "million events a second"],
  [["--svg", "no-such-folder/roc.svg"], "the plot can't be written: ENOENT"],
])("%j is a mistake of use", async (args, what) => {
  const { code, stdout, stderr } = await score(...args);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(what);
});

test("a recording that isn't there", async () => {
  const { code, stderr } = await cli(["denoise-score", "no-such.aedat4"]);
  expect(code).toBe(2);
  expect(stderr).toContain("there is no such file");
});
