/** `digit` on real N-MNIST: the shipped network on the samples that it was trained on, and a training judged on others. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readHdf5File } from "../../drivers/hdf5.ts";
import { networkFromTree, weightValues } from "../../src/network/index.ts";
import { cli } from "../support/cli.ts";
import { shared } from "../support/shared.ts";
import { root, runBundled } from "../support/world.ts";

const scratch = mkdtempSync(join(tmpdir(), "reflexarc-digit-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const folder = shared("recordings", "nmnist", "train");
const table = shared("recordings", "nmnist", "train.csv");

test("the shipped network has at most 100,000 weights, each of 8 bits", () => {
  const network = networkFromTree(readHdf5File(join(root, "pipelines/digit.nir")), "digit.nir");
  let count = 0;
  for (const { weights } of network.projections) {
    const values = weightValues(weights);
    count += values.length;
    // Whole numbers times one power of two, 255 of them at most.
    const scale = values.reduce((least, value) => {
      let step = least;
      while (Math.round(value / step) * step !== value) step /= 2;
      return step;
    }, 1);
    for (const value of values) expect(Math.abs(value / scale)).toBeLessThanOrEqual(127);
  }
  expect(count).toBeGreaterThan(10_000);
  expect(count).toBeLessThanOrEqual(100_000);
});

test("training accuracy: the pointer shows the digit of nearly every sample that the network was trained on", async () => {
  const samples = readFileSync(table, "utf8").trim().split("\n").slice(1, 301);
  let right = 0;
  for (const line of samples) {
    const [file, label] = line.split(",");
    const { trace, summary } = await runBundled("digit", {
      overrides: [`eye.file=${JSON.stringify(join(folder, file!))}`],
    });
    expect(summary.exitCode, file).toBe(0);
    const said = trace
      .map((text) => JSON.parse(text) as { stage?: string; value?: number })
      .filter(({ stage, value }) => stage === "choice" && value !== undefined);
    if (said.at(-1)?.value === 45 + 10 * Number(label)) right += 1;
  }
  console.log(`${right} of ${samples.length} training samples are right`);
  expect(right / samples.length).toBeGreaterThan(0.9);
});

test("held out: trained on four fifths for half as long, it is right on most of the fifth that it never saw", async () => {
  const document = readFileSync(join(root, "pipelines/digit.train.yaml"), "utf8").replace(
    "epochs: 8",
    "epochs: 4",
  );
  expect(document).toContain("epochs: 4");
  writeFileSync(join(scratch, "short.yaml"), document);
  const data = ["--data", folder, "--labels", table, "--folds", "5", "--fold", "2"];
  const { code, stdout } = await cli(["train", join(scratch, "short.yaml"), ...data, "--json"]);
  expect(code).toBe(0);
  const { accuracy } = JSON.parse(stdout) as { accuracy: number };
  console.log(`${(100 * accuracy).toFixed(1)} % of 200 samples that it never saw`);
  expect(accuracy).toBeGreaterThan(0.8);
});
