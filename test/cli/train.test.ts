/** `train` from outside: a network from a table of recordings, the same after a kill and for any number of threads. */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { readHdf5File } from "../../drivers/hdf5.ts";
import { cutSamples, readTrainSamples } from "../../src/cli/train-samples.ts";
import { networkFromTree, TreeReader } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";
import { cli } from "../support/cli.ts";
import { root } from "../support/world.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-train-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

/** N-MNIST files of bars: class 0 lies, class 1 stands, somewhere. */
const random = seededRandom(3);
const rows = Array.from({ length: 60 }, (_, n) => {
  const place = 6 + Math.floor(22 * random());
  const bytes = new Uint8Array(200 * 5);
  for (let k = 0; k < 200; k++) {
    const along = Math.floor(34 * random());
    const timeUs = k * 300;
    const [x, y] = n % 2 === 0 ? [along, place] : [place, along];
    bytes.set([x, y, (random() < 0.5 ? 0x80 : 0) | (timeUs >> 16), (timeUs >> 8) & 255, timeUs & 255], k * 5);
  }
  writeFileSync(at(`${n}.bin`), bytes);
  return `${n}.bin,${n % 2}`;
});
writeFileSync(at("labels.csv"), `file,label\n${rows.join("\n")}\n`);

const stages = `
stages:
  - { id: eye, use: recording, file: sample.bin }
  - { id: grid, use: polarity-grid, columns: 12, rows: 12, polarity: merge }
`;
const network = `
network:
  stepUs: 10000
  steps: 6
  input: [1, 12, 12]
  layers:
    - { kind: convolution, name: bars, channels: 4, kernel: [5, 5], stride: [3, 3], neuron: { model: lif, tauMs: 30 }, gain: 1.5 }
    - { kind: dense, name: side, neurons: 2, neuron: { model: lif, tauMs: 100 }, gain: 3, surrogateWidth: 3 }
`;
writeFileSync(
  at("bars.yaml"),
  `about: Does the bar lie or stand?${stages}${network}training: { epochs: 40, batch: 8, rate: 0.02 }\n`,
);
writeFileSync(
  at("run.yaml"),
  `about: The bars run.${stages}  - { id: brain, use: core, network: bars.nir, engine: stepped }
  - { id: choice, use: winner-take-all, command: side, values: [45, 135] }
  - { id: pointer, use: dry-run, limits: { minDeg: 30, maxDeg: 150, slewDegPerS: 300 } }
`,
);
const data = ["--data", folder, "--labels", at("labels.csv")];
const trainTo = (out: string, ...more: string[]) => [
  "train",
  at("bars.yaml"),
  ...data,
  "--out",
  at(out),
  ...more,
];

test("folds, the network, its record, and `evaluate` tells the same accuracy", async () => {
  const { code, stdout, stderr } = await cli(trainTo("bars.nir", "--folds", "3", "--json"));
  expect([code, stderr]).toEqual([0, ""]);
  const told = JSON.parse(stdout) as { folds: number[]; accuracy: number; trainingAccuracy: number };
  expect(told.folds).toHaveLength(3);
  expect(told.accuracy).toBeGreaterThan(0.75);
  expect(existsSync(at("bars.nir.checkpoint"))).toBe(false);

  const tree = readHdf5File(at("bars.nir"));
  expect(networkFromTree(tree, "bars.nir").stepUs).toBe(10_000);
  const record = new TreeReader(tree, "bars.nir").group("node").group("metadata");
  expect(record.number("training_accuracy")).toBe(told.trainingAccuracy);
  expect(record.number("cross_validation_accuracy")).toBe(told.accuracy);
  expect(record.text("training_document")).toBe(readFileSync(at("bars.yaml"), "utf8"));
  expect(record.text("data_sha256")).toMatch(/^[0-9a-f]{64}$/);

  const judged = await cli(["evaluate", at("run.yaml"), ...data, "--json"]);
  expect(judged.code).toBe(0);
  expect((JSON.parse(judged.stdout) as { accuracy: number }).accuracy).toBe(told.trainingAccuracy);
}, 300_000);

test("a column's values are folds, and rows that are only to judge are never learned from", async () => {
  writeFileSync(at("short.yaml"), readFileSync(at("bars.yaml"), "utf8").replace("epochs: 40", "epochs: 3"));
  // Two painters with 20 bars each; the last 20 bars are by nobody and only for judging.
  const table = rows.map(
    (row, n) => `${row},${["ann", "bob", ""][Math.floor(n / 20)]},${n < 40 ? "" : "judge"}`,
  );
  writeFileSync(at("painters.csv"), `file,label,painter,use\n${table.join("\n")}\n`);
  const args = [
    "train",
    at("short.yaml"),
    "--data",
    folder,
    "--labels",
    at("painters.csv"),
    "--by",
    "painter",
  ];
  const { code, stdout, stderr } = await cli([...args, "--out", at("painters.nir")]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/fold ann: \d+ of 20 right[\s\S]*fold bob: \d+ of 20 right/);
  expect(stdout).toMatch(/of 40 of its training samples right[\s\S]*\d+ of 20 right that it never saw/);
  const record = new TreeReader(readHdf5File(at("painters.nir")), "painters.nir")
    .group("node")
    .group("metadata");
  expect(record.text("cross_validation_fold_names")).toBe("ann,bob");
  expect(record.number("held_out_accuracy")).toBeGreaterThanOrEqual(0);

  const refusal = (text: string, by: string) => {
    writeFileSync(at("refused.csv"), text);
    return () =>
      cutSamples(readTrainSamples({ labels: at("refused.csv"), by }), [], { by, count: undefined, seed: 1 });
  };
  expect(refusal("file,label\na.bin,0\n", "painter")).toThrow('no column "painter"');
  expect(refusal("file,label,use\na.bin,0,never\n", "use")).toThrow('of use "never"');
  expect(refusal("file,label,painter\na.bin,0,ann\n", "painter")).toThrow("it has 1 values");
  expect(refusal("file,label,painter,use\na.bin,0,ann,train\nb.bin,1,bob,\n", "painter")).toThrow(
    'fold "ann" has nothing',
  );
}, 300_000);

test("killed and started again with other threads, it ends in the same bits; another seed doesn't", async () => {
  const whole = await cli(trainTo("whole.nir", "--threads", "1"));
  expect([whole.code, whole.stderr]).toEqual([0, ""]);
  await cli(trainTo("other.nir", "--seed", "9"));
  const main = join(root, "dist/src/cli/main.js");
  const killed = spawn(process.execPath, [main, ...trainTo("killed.nir")], { stdio: "ignore" });
  const over = new Promise((ended) => killed.on("close", ended));
  while (!existsSync(at("killed.nir.checkpoint")) && killed.exitCode === null) await sleep(2);
  killed.kill("SIGKILL");
  await over;
  expect(killed.signalCode).toBe("SIGKILL");
  expect(existsSync(at("killed.nir"))).toBe(false);
  const again = await cli(trainTo("killed.nir", "--threads", "3"));
  expect([again.code, again.stderr]).toEqual([0, ""]);
  // HDF5 notes when each array was written; all that is in the arrays is the same.
  expect(readHdf5File(at("killed.nir"))).toEqual(readHdf5File(at("whole.nir")));
  expect(readHdf5File(at("other.nir"))).not.toEqual(readHdf5File(at("whole.nir")));
  expect(existsSync(at("killed.nir.checkpoint"))).toBe(false);
}, 300_000);

test("a checkpoint of another training is refused, and so are mistakes, with their place", async () => {
  writeFileSync(at("stale.nir.checkpoint"), "nothing");
  const stale = await cli(trainTo("stale.nir"));
  expect([stale.code, stale.stderr]).toEqual([2, expect.stringContaining("this is no checkpoint")]);
  const nothing = await cli(["train", at("bars.yaml"), ...data]);
  expect([nothing.code, nothing.stderr]).toEqual([
    2,
    expect.stringContaining("nothing to write or to judge"),
  ]);
  writeFileSync(at("wrong.yaml"), readFileSync(at("bars.yaml"), "utf8").replace("neurons: 2", "neurons: 3"));
  const wrong = await cli(["train", at("wrong.yaml"), ...data, "--out", at("wrong.nir")]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("2 classes")]);
  writeFileSync(at("typo.yaml"), readFileSync(at("bars.yaml"), "utf8").replace("epochs: 40", "epochs: ten"));
  const typo = await cli(["train", at("typo.yaml"), ...data, "--out", at("typo.nir")]);
  expect([typo.code, typo.stderr]).toEqual([2, expect.stringMatching(/typo\.yaml:\d+/)]);
}, 300_000);
