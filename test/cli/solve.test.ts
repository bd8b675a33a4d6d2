/** The verb `solve`, as a user runs it. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cli } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-solve-"));
const file = (name: string, lines: readonly string[]) => {
  const path = join(folder, name);
  writeFileSync(path, lines.join("\n"));
  return path;
};
/** A ring of seven: six of its edges can be cut. */
const ring = file("ring.mc", ["7 7", ...[1, 2, 3, 4, 5, 6, 7].map((a) => `${a} ${(a % 7) + 1}`)]);

test("solve tells the value, the assignment, operations, energy and time", async () => {
  const { code, stdout } = await cli(["solve", ring, "--seed", "2", "--restarts", "5", "--sweeps", "50"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/max-cut, 7 nodes, 7 edges\n {2}cut 6, in 5 of 5 restarts\n {2}[01]{7}\n/);
  expect(stdout).toMatch(/7 neurons, 14 synapses, 3 turns a sweep, 750 steps\n/);
  expect(stdout).toMatch(
    /spikes, \d+ synaptic operations, 5250 neuron updates\n.* s here; .*s on generic, one step after the other\n/,
  );
});

test("solve gives one JSON object, and the same one again but for the time", async () => {
  const run = async () => {
    const { code, stdout } = await cli(["solve", ring, "--restarts", "3", "--sweeps", "20", "--json"]);
    expect(code).toBe(0);
    const { wallS, ...told } = JSON.parse(stdout);
    expect(wallS).toBeGreaterThan(0);
    return told;
  };
  const told = await run();
  expect(told).toMatchObject({
    problem: "max-cut",
    best: { value: 6, valid: true },
    restarts: { all: 3, valid: 3 },
  });
  const { chip, ledger } = told;
  expect(chip).toMatchObject({ chip: "generic", steps: told.steps, spikes: ledger.spikes });
  expect(chip.synapticOperations).toBe(ledger.synapticOperations);
  expect(chip.activeUpdates + chip.inactiveUpdates).toBe(ledger.neuronUpdates);
  expect(chip.energyPj.synapticOperations).toBeCloseTo(23.6 * ledger.synapticOperations, 6);
  expect(told.energy.microjoules).toBeCloseTo(chip.energyPj.total / 1e6, 12);
  // Each of its steps has a barrier and seven neurons to look after.
  expect(told.chipS).toBeGreaterThan(told.steps * (465e-9 + 7 * 5.3e-9));
  expect(await run()).toEqual(told);
});

test("solve says when nothing that it found is valid, and what is wrong with a file", async () => {
  const triangle = file("triangle.col", ["p edge 3 3", "e 1 2", "e 2 3", "e 1 3"]);
  const few = await cli(["solve", triangle, "--colours", "2", "--restarts", "2", "--sweeps", "20"]);
  expect(few.code).toBe(3);
  expect(few.stdout).toContain("NOT VALID");
  expect((await cli(["solve", triangle, "--restarts", "2", "--sweeps", "20"])).code).toBe(0);
  const wrong = await cli(["solve", file("wrong.mc", ["2 1", "1 2 heavy"])]);
  expect(wrong.code).toBe(3);
  expect(wrong.stderr).toContain('the weight "heavy" is not a finite number');
  expect(wrong.stderr).toContain("wrong.mc:2");
  const usage = await cli(["solve", ring, "--restarts", "none"]);
  expect(usage).toMatchObject({ code: 2, stderr: expect.stringContaining('--restarts is "none"') });
});
