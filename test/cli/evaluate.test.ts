/** `evaluate` from outside: recordings that are easy to tell apart, by one thread and by several. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cli } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-evaluate-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

writeFileSync(
  at("sides.yaml"),
  `
about: Left or right.
stages:
  - { id: eye, use: recording, file: none.bin }
  - { id: halves, use: polarity-grid, columns: 2, rows: 1, polarity: merge }
  - id: brain
    use: core
    network:
      input: in
      output: side
      populations: { in: { shape: [1, 1, 2] }, side: { shape: [1, 1, 2], neuron: { threshold: 5 } } }
      projections: [{ from: in, to: side, pattern: one-to-one, weights: 1 }]
  - { id: choice, use: winner-take-all, command: side, values: [45, 135] }
  - { id: pointer, use: dry-run, limits: { minDeg: 30, maxDeg: 150, slewDegPerS: 300 } }
`,
);

/** An N-MNIST file of 60 events in one column. */
function recording(name: string, x: number): void {
  const bytes = new Uint8Array(60 * 5);
  for (let k = 0; k < 60; k++) {
    const timeUs = k * 500;
    bytes.set([x, k % 34, 0x80 | (timeUs >> 16), (timeUs >> 8) & 255, timeUs & 255], k * 5);
  }
  writeFileSync(at(name), bytes);
}
for (const [name, x] of [
  ["a", 3],
  ["b", 30],
  ["c", 5],
  ["d", 28],
  ["e", 31],
] as const)
  recording(`${name}.bin`, x);
writeFileSync(at("labels.csv"), "label,file\n0,a.bin\n1,b.bin\n0,c.bin\n1,d.bin\n0,e.bin\n");

test("accuracy, confusion and cost are told, the same by any number of threads", async () => {
  const args = ["evaluate", at("sides.yaml"), "--data", folder, "--labels", at("labels.csv"), "--json"];
  const [one, three] = await Promise.all([cli(args), cli([...args, "--threads", "3"])]);
  expect([one.code, one.stderr]).toEqual([0, ""]);
  expect(three.stdout).toBe(one.stdout);
  expect(JSON.parse(one.stdout)).toMatchObject({
    samples: 5,
    right: 4,
    accuracy: 0.8,
    classes: ["0", "1"],
    confusion: [
      [2, 1, 0],
      [0, 2, 0],
    ],
    perDecision: { spikes: 12, "synaptic operations": 60, "neuron updates": 60 },
    // 60 operations of 23.6 pJ in 30 steps of 1 ms, in each of which two events reach one of two neurons.
    energy: {
      chip: "generic",
      microjoulesByKind: { synapticOperations: expect.closeTo((60 * 23.6) / 1e6, 12) },
    },
  });
  const { energy } = JSON.parse(one.stdout) as { energy: Record<string, unknown> };
  const kinds = Object.values(energy.microjoulesByKind as Record<string, number>);
  expect(energy.microjoules).toBeCloseTo(kinds.reduce((sum, kind) => sum + kind, 0) / 2, 12);
  expect(energy.model).toContain("a synaptic operation 23.6 pJ, assumed: Loihi's figures (Davies");
});

test("what is missing is named", async () => {
  const fails = async (code: number, expected: string, ...args: string[]) => {
    const told = await cli(["evaluate", at("sides.yaml"), "--data", folder, ...args]);
    expect([told.code, told.stderr]).toEqual([code, expect.stringContaining(expected)]);
  };
  writeFileSync(at("bare.csv"), "a.bin,0\n");
  writeFileSync(at("gone.csv"), "file,label\ngone.bin,0\n");
  await fails(2, "[evaluate] there are no columns file and label", "--labels", at("bare.csv"));
  await fails(2, '[evaluate] --threads is "many"', "--labels", at("labels.csv"), "--threads", "many");
  await fails(2, "gone.bin", "--labels", at("gone.csv"));
});
