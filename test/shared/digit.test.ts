/** `digit` on real N-MNIST: every sample runs, and far more are right than chance would have it. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { root, runBundled } from "../support/world.ts";

const folder = resolve(root, process.env.REFLEXARC_SHARED ?? "../shared", "recordings/nmnist");
const samples = readFileSync(resolve(folder, "train.csv"), "utf8")
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => {
    const [file, label] = line.split(",");
    return { file: resolve(folder, "train", file!), label: Number(label) };
  });

test("tells real digits apart", async () => {
  expect(samples.length).toBeGreaterThan(100);
  let right = 0;
  for (const { file, label } of samples) {
    const { trace, summary } = await runBundled("digit", { overrides: [`eye.file=${JSON.stringify(file)}`] });
    expect(summary.exitCode, file).toBe(0);
    const said = trace
      .map((line) => JSON.parse(line) as { stage?: string; value?: number })
      .filter(({ stage, value }) => stage === "choice" && value !== undefined);
    if (said.at(-1)?.value === 45 + 10 * label) right += 1;
  }
  console.log(`${right} of ${samples.length} digits are right`);
  expect(right / samples.length).toBeGreaterThan(0.6);
});
