/** `train` by each of its rules: from recordings to a network that a pipeline runs, the same after a kill. */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test, vi } from "vitest";
import { readHdf5File } from "../../drivers/hdf5.ts";
import { train } from "../../src/cli/train.ts";
import { readTrainDocument } from "../../src/cli/train-document.ts";
import { networkFromTree, TreeReader } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";
import { cli } from "../support/cli.ts";
import { root } from "../support/world.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-rules-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

/** N-MNIST files: class 0 is busy above, class 1 below, both in the middle. Every fourth is only for judging. */
const random = seededRandom(3);
const rows = Array.from({ length: 40 }, (_, n) => {
  const bytes = new Uint8Array(200 * 5);
  for (let k = 0; k < 200; k++) {
    const timeUs = k * 300;
    const y = Math.floor((random() < 0.8 ? 17 : 34) * random()) + (n % 2 === 0 || random() < 0.2 ? 0 : 17);
    const x = Math.floor(34 * random());
    bytes.set([x, Math.min(33, y), 0x80 | (timeUs >> 16), (timeUs >> 8) & 255, timeUs & 255], k * 5);
  }
  writeFileSync(at(`${n}.bin`), bytes);
  return `${n}.bin,${n % 2},${n % 4 < 2 ? "train" : "judge"}`;
});
writeFileSync(at("labels.csv"), `file,label,use\n${rows.join("\n")}\n`);

const stages = `
stages:
  - { id: eye, use: recording, file: sample.bin }
  - { id: grid, use: polarity-grid, columns: 6, rows: 6, polarity: merge }
`;
const eProp = `rule: e-prop${stages}
network:
  stepUs: 2000
  steps: 30
  input: [1, 6, 6]
  reset: subtract
  layers:
    - { kind: dense, name: hidden, neurons: 12, neuron: { model: lif, tauMs: 20 }, recurrence: all }
    - { kind: dense, name: side, neurons: 2, neuron: { model: leaky-integrator, tauMs: 20 } }
training: { epochs: 6, rate: 0.01 }
`;
const settling = `rule: equilibrium-propagation${stages}
network: { stepUs: 500, steps: 120, input: [1, 6, 6], spikesMax: 20, layers: [12, 2] }
training: { epochs: 40, rate: 0.01 }
`;
const conversion = `rule: conversion${stages}
network: { stepUs: 1000, steps: 60, input: [1, 6, 6], relu: relu.safetensors, inputPerSpike: 0.05 }
`;
const documents = { "e-prop": eProp, "equilibrium-propagation": settling, conversion };
for (const [name, text] of Object.entries(documents)) writeFileSync(at(`${name}.yaml`), text);

/** Two hidden neurons count the spikes above and below the middle, beyond 20 of them, and each is an output. */
function reluFile(): Uint8Array {
  const half = (k: number, below: number) => (Math.floor(k / 18) === below ? 1 : 0);
  const arrays: [string, number[], number[]][] = [
    ["a.weight", [2, 36], [0, 1].flatMap((below) => Array.from({ length: 36 }, (_, k) => half(k, below)))],
    ["a.bias", [2], [-1, -1]],
    ["b.weight", [2, 2], [1, -0.5, -0.5, 1]],
  ];
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [name, shape, values] of arrays) {
    header[name] = { dtype: "F32", shape, data_offsets: [end, end + 4 * values.length] };
    end += 4 * values.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const bodies = arrays.map(([, , values]) => Buffer.from(Float32Array.from(values).buffer));
  return Buffer.concat([length, text, ...bodies]);
}
writeFileSync(at("relu.safetensors"), reluFile());

/** In this process, which is quicker than one of its own: only e-prop has threads. */
async function trainHere(name: string, out: string, more: { readonly folds?: string } = {}) {
  const written = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    const data = { data: folder, labels: at("labels.csv"), out: at(out), threads: "1" };
    await train(at(`${name}.yaml`), { ...data, json: true, ...more }, version);
    return written.mock.calls.map(([text]) => text).join("");
  } finally {
    written.mockRestore();
  }
}

const trainByCli = (name: string, out: string) => [
  ...["train", at(`${name}.yaml`), "--data", folder, "--labels", at("labels.csv"), "--out", at(out)],
  ...["--threads", "1", "--json"],
];

test.each(Object.keys(documents))(
  "%s: a network with its record, right on what it never saw",
  async (name) => {
    const stdout =
      name === "e-prop"
        ? (await cli(trainByCli(name, `${name}.nir`))).stdout
        : await trainHere(name, `${name}.nir`);
    const told = JSON.parse(stdout) as { rule: string; heldOutAccuracy: number };
    expect(told.rule).toBe(name);
    expect(told.heldOutAccuracy).toBeGreaterThan(0.85);
    expect(existsSync(at(`${name}.nir.checkpoint`))).toBe(false);
    const tree = readHdf5File(at(`${name}.nir`));
    const network = networkFromTree(tree, name);
    expect(network.populations[network.output]!.size).toBe(2);
    const record = new TreeReader(tree, name).group("node").group("metadata");
    expect([record.text("rule"), record.text("reset")]).toEqual([name, "subtract"]);
    expect(record.number("held_out_accuracy")).toBe(told.heldOutAccuracy);
  },
  120_000,
);

test("killed and started again it ends in the same network, with which a pipeline decides as was told", async () => {
  const main = join(root, "dist/src/cli/main.js");
  const command = trainByCli("equilibrium-propagation", "killed.nir");
  const killed = spawn(process.execPath, [main, ...command], { stdio: "ignore" });
  const over = new Promise((ended) => killed.on("close", ended));
  while (!existsSync(at("killed.nir.checkpoint")) && killed.exitCode === null) await sleep(2);
  killed.kill("SIGKILL");
  await over;
  expect(killed.signalCode).toBe("SIGKILL");
  const again = JSON.parse(await trainHere("equilibrium-propagation", "killed.nir")) as {
    heldOutAccuracy: number;
    trainingAccuracy: number;
  };
  const arraysOf = (name: string) => networkFromTree(readHdf5File(at(name)), name);
  expect(arraysOf("killed.nir")).toEqual(arraysOf("equilibrium-propagation.nir"));

  writeFileSync(
    at("run.yaml"),
    `about: Above or below?${stages}  - { id: brain, use: core, network: killed.nir, engine: stepped, reset: subtract }
  - { id: choice, use: winner-take-all, command: side, values: [45, 135] }
  - { id: pointer, use: dry-run, limits: { minDeg: 30, maxDeg: 150, slewDegPerS: 300 } }
`,
  );
  const judged = await cli([
    "evaluate",
    at("run.yaml"),
    "--data",
    folder,
    "--labels",
    at("labels.csv"),
    "--json",
  ]);
  expect(judged.code).toBe(0);
  const both = (again.heldOutAccuracy + again.trainingAccuracy) / 2;
  expect((JSON.parse(judged.stdout) as { accuracy: number }).accuracy).toBeCloseTo(both, 12);
}, 120_000);

test("a network that the rule can't learn is refused at its line, and so are other mistakes", async () => {
  const refusal = (text: string) => {
    writeFileSync(at("wrong.yaml"), text);
    return () => readTrainDocument(at("wrong.yaml"));
  };
  expect(refusal(eProp.replace("rule: e-prop", "rule: magic"))).toThrow(/wrong\.yaml:1/);
  expect(refusal(eProp.replace("recurrence: all", "delayStepsMax: 3"))).toThrow(
    /knows no delays \(\S+wrong\.yaml:12\)/,
  );
  expect(refusal(eProp.replace("model: leaky-integrator", "model: lif"))).toThrow(/leaky integrators/);
  expect(refusal(settling.replace("epochs: 40", "epochs: 40, feedback: random"))).toThrow(/feedback/);

  writeFileSync(at("narrow.yaml"), conversion.replace("columns: 6", "columns: 5").replace("6, 6]", "6, 5]"));
  await expect(trainHere("narrow", "narrow.nir")).rejects.toThrow("takes 36 numbers");
  await expect(trainHere("conversion", "folds.nir", { folds: "3" })).rejects.toThrow(
    "conversion learns nothing",
  );
}, 120_000);
