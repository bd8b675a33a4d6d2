/** `expose` from outside: two kinds of recordings that a small network tells apart without being told that there are two. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cli } from "../support/cli.ts";
import { readPng } from "../support/read-png.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-expose-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const network = (plasticity: string) => `
input: in
output: cells
populations:
  in: { shape: [1, 4, 4] }
  cells: { shape: [1, 1, 4], neuron: { threshold: 4, tauMs: 10, adapt: { step: 0.5, tauMs: 10000 } } }
projections:
  - { from: in, to: cells, pattern: dense, weights: { kind: uniform, min: 0.3, max: 0.5 }${plasticity} }
  - { from: cells, to: cells, pattern: dense, self: false, weights: -8 }
`;
const rule = ", plasticity: { rule: products, dw: 0.1*y0*(x1 - w), x1: { tauMs: 10, mode: set } }";
writeFileSync(at("halves.network.yaml"), network(rule));
writeFileSync(at("still.network.yaml"), network(""));
writeFileSync(
  at("halves.yaml"),
  `
about: Upper and lower halves.
stages:
  - { id: eye, use: recording, file: none.bin }
  - { id: grid, use: polarity-grid, columns: 4, rows: 4, polarity: merge }
  - { id: brain, use: core, network: halves.network.yaml }
`,
);

/** N-MNIST files of 200 events in the upper or the lower half. */
const rows = Array.from({ length: 40 }, (_, k) => {
  const lower = k % 2;
  const bytes = new Uint8Array(200 * 5);
  for (let e = 0; e < 200; e++) {
    const timeUs = 100 + e * 300;
    const [x, y] = [(e * 7 + k * 3) % 34, ((e * 5 + k) % 17) + 17 * lower];
    bytes.set([x, y, 0x80 | (timeUs >> 16), (timeUs >> 8) & 255, timeUs & 255], e * 5);
  }
  writeFileSync(at(`${k}.bin`), bytes);
  return `${k}.bin,${lower ? "lower" : "upper"}`;
});
writeFileSync(at("labels.csv"), `file,label\n${rows.join("\n")}\n`);
const expose = (...more: string[]) =>
  cli(["expose", at("halves.yaml"), "--data", folder, "--labels", at("labels.csv"), ...more]);

test("it learns, judges, draws and keeps, the same each time", async () => {
  const first = await expose("--png", at("a.png"), "--learned", at("a.json"), "--json");
  expect([first.code, first.stderr]).toEqual([0, ""]);
  const told = JSON.parse(first.stdout);
  expect(told).toMatchObject({
    ...{ exposed: 24, assigned: 8, judged: 8, right: 8, accuracy: 1, classes: ["lower", "upper"] },
    confusion: [
      [4, 0, 0],
      [0, 4, 0],
    ],
    perDecision: { "input spikes": 200 },
  });
  // What fires answers to one half alone, and its field shows which.
  const { projections } = JSON.parse(readFileSync(at("a.json"), "utf8"));
  const { weights } = projections[0] as { weights: number[] };
  const half = (cell: number, from: number) =>
    Array.from({ length: 8 }, (_, k) => weights[(from + k) * 4 + cell]!).reduce(
      (sum, weight) => sum + weight,
    );
  const ratios = [0, 1, 2, 3].map((cell) => half(cell, 0) / half(cell, 8));
  expect(Math.max(...ratios)).toBeGreaterThan(3);
  expect(Math.min(...ratios)).toBeLessThan(1 / 3);
  expect(readPng(readFileSync(at("a.png"))).frames.length).toBe(1);

  await expose("--learned", at("b.json"));
  expect(readFileSync(at("b.json"), "utf8")).toBe(readFileSync(at("a.json"), "utf8"));

  // What it keeps is what a core begins with.
  const judged = await cli([
    ...[
      "run",
      at("halves.yaml"),
      "--set",
      `eye.file=${at("1.bin")}`,
      "--set",
      `brain.learned=${at("a.json")}`,
    ],
    ...["--set", "brain.plasticity=off", "--json"],
  ]);
  expect(judged.code).toBe(0);
  const brain = JSON.parse(judged.stdout).stages.find(({ id }: { id: string }) => id === "brain");
  expect(brain.counts.spikes).toBeGreaterThan(0);
  expect(brain.counts["weight updates"]).toBeUndefined();
}, 60_000);

test("a run keeps what its network learns, and goes on from there", async () => {
  const run = (...more: string[]) =>
    cli(["run", at("halves.yaml"), "--set", `eye.file=${at("0.bin")}`, "--json", ...more]);
  const weightsOf = () =>
    JSON.parse(readFileSync(at("kept.json"), "utf8")).projections[0].weights as number[];
  expect((await run("--learned", at("kept.json"))).code).toBe(0);
  const once = weightsOf();
  expect((await run("--learned", at("kept.json"), "--set", `brain.learned=${at("kept.json")}`)).code).toBe(0);
  expect(weightsOf()).not.toEqual(once);
  const still = await run("--learned", at("other.json"), "--set", "brain.plasticity=off");
  expect([still.code, still.stdout]).toEqual([2, expect.stringContaining("nothing in it learnt")]);
  expect(existsSync(at("other.json"))).toBe(false);
  const taken = await run("--learned", at("labels.csv"));
  expect([taken.code, taken.stdout]).toEqual([2, expect.stringContaining("labels.csv")]);
}, 60_000);

test("what is wrong is told before the work, and nothing half done is left", async () => {
  const fails = async (expected: string, ...more: string[]) => {
    const told = await expose(...more);
    expect([told.code, told.stderr]).toEqual([2, expect.stringContaining(expected)]);
  };
  const before = readdirSync(folder).length;
  await fails('--split is "50/50"', "--split", "50/50");
  await fails('--epochs is "0"', "--epochs", "0");
  await fails("nothing in the network learns", "--set", "brain.network=still.network.yaml");
  await fails("no sample is left for", "--limit", "2");
  writeFileSync(at("gone.csv"), "file,label\n0.bin,a\n1.bin,a\n2.bin,a\n3.bin,a\ngone.bin,a\n");
  const gone = await expose("--labels", at("gone.csv"), "--png", at("gone.png"));
  expect([gone.code, gone.stderr]).toEqual([2, expect.stringContaining("gone.bin")]);
  expect(existsSync(at("gone.png"))).toBe(false);
  expect(readdirSync(folder).length).toBe(before + 1);
}, 60_000);
