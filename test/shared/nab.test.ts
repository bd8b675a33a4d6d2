/** NAB itself: the scorer gives the published figures of the windowed Gaussian, and 0 for nothing. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readNabFolder } from "../../src/cli/nab-folder.ts";
import { bestScore, profiles } from "../../src/cli/nab-score.ts";
import { windowedGaussian } from "../../src/cli/windowed-gaussian.ts";
import { cli } from "../support/cli.ts";
import { shared } from "../support/shared.ts";
import { root } from "../support/world.ts";

const corpus = readNabFolder(shared("telemetry", "nab"));
type Published = Record<"standard" | "reward_low_FP_rate" | "reward_low_FN_rate", number>;
const published = JSON.parse(
  readFileSync(shared("telemetry", "nab", "final_results.json"), "utf8"),
) as Record<string, Published>;

test("the corpus is whole", () => {
  expect(corpus.length).toBe(58);
  expect(corpus.reduce((sum, { windows }) => sum + windows.length, 0)).toBe(116);
});

test("the windowed Gaussian's published scores come out in all three profiles, and its rivals' null", () => {
  const scored = corpus.map(({ values, windows }) => ({ scores: windowedGaussian(values), windows }));
  const { standard, reward_low_FP_rate, reward_low_FN_rate } = published.windowedGaussian!;
  for (const [k, figure] of [standard, reward_low_FP_rate, reward_low_FN_rate].entries())
    expect(bestScore(scored, profiles[k]!).score).toBeCloseTo(figure, 1);
  const nothing = corpus.map(({ values, windows }) => ({ scores: new Float64Array(values.length), windows }));
  for (const profile of profiles) expect(bestScore(nothing, profile).score).toBe(0);
});

test("the bundled sentinel is above 60 with one threshold, whichever half of the corpus it is taken from", async () => {
  const { stdout } = await cli([
    ...["evaluate", join(root, "pipelines/night-watch.yaml"), "--nab", shared("telemetry", "nab"), "--json"],
    ...["--set", "odd.threshold=0"],
  ]);
  const { profiles: told } = JSON.parse(stdout) as {
    profiles: { score: number; halves: { own: number; other: number }[] }[];
  };
  const [standard] = told;
  console.log(told.map(({ score, halves }) => JSON.stringify({ score, halves })).join("\n"));
  expect(standard!.score).toBeGreaterThan(65);
  for (const { own, other } of standard!.halves) {
    expect(own).toBeGreaterThan(60);
    expect(other).toBeGreaterThan(60);
  }
});
