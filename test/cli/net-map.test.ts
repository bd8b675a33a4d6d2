/** `net map`, `net chip` and `run --ledger` from outside. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parse } from "yaml";
import { cli } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "reflexarc-net-map-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

writeFileSync(
  at("net.yaml"),
  `
input: in
output: out
populations:
  in: { shape: [1, 8, 8] }
  hidden: { shape: [8, 8, 8], neuron: { threshold: 1.2, tauMs: 5 } }
  out: { shape: [1, 1, 10], neuron: { threshold: 3, tauMs: 10 } }
projections:
  - { from: in, to: hidden, pattern: convolution, kernel: [3, 3], padding: [1, 1], weights: { kind: normal, mean: 0.5, deviation: 0.3 } }
  - { from: hidden, to: out, pattern: dense, weights: { kind: normal, mean: 0.05, deviation: 0.1 } }
`,
);

test("a network is laid out, searched for a faster layout, measured, and drawn, the same for the same seed", async () => {
  const args = ["net", "map", at("net.yaml"), "--chip", "loihi", "--search", "6", "--steps", "20"];
  const [text, one, two] = [
    await cli([...args, "--svg", at("one.svg")]),
    await cli([...args, "--json"]),
    await cli([...args, "--json"]),
  ];
  expect([text.code, text.stderr, one.code]).toEqual([0, "", 0]);
  expect(two.stdout).toBe(one.stdout);
  const told = JSON.parse(one.stdout);
  expect(told).toMatchObject({ chip: "loihi", neurons: 522, stepUs: 1000, weights: { levels: "even" } });
  expect(told.step.latencyNs).toBeLessThan(told.search.greedy.latencyNs);
  expect(told.cores.used).toBe(told.layout.length);
  const neurons = told.layout.reduce(
    (sum: number, core: { neurons: { used: number } }) => sum + core.neurons.used,
    0,
  );
  expect(neurons).toBe(522);
  expect(told.change.sameOutput).toBeGreaterThan(0.9);
  expect(text.stdout).toContain("it fits, 522 neurons on");
  expect(text.stdout).toContain("published: Davies et al., Loihi, IEEE Micro 38(1), 2018");
  const svg = readFileSync(at("one.svg"), "utf8");
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[\s\S]*<\/svg>\n$/);
  expect(svg.match(/<title>core \d+/g)).toHaveLength(128);
  expect(svg.match(/hidden: neurons/g)!.length).toBeGreaterThan(0);
});

test("a network that does not fit is told why, and where it would", async () => {
  const { code, stderr } = await cli(["net", "map", at("net.yaml"), "--chip", "xylo"]);
  expect(code).toBe(2);
  expect(stderr).toContain(
    '[chip] the network does not fit on xylo: "in": inputs 64, at most 16 (48 too many)',
  );
  expect(stderr).toContain("It would fit on loihi, loihi2, speck,");
});

test("a printed chip is the start of one's own", async () => {
  const { stdout } = await cli(["net", "chip", "loihi"]);
  expect(parse(stdout)).toMatchObject({ name: "loihi", energyPj: { synapticOperation: { value: 23.6 } } });
  writeFileSync(
    at("own.yaml"),
    stdout
      .replace("name: loihi", "name: own")
      .replace("neurons:\n      value: 1024", "neurons:\n      value: 100"),
  );
  const told = await cli(["net", "map", at("net.yaml"), "--chip", at("own.yaml"), "--steps", "2", "--json"]);
  expect(JSON.parse(told.stdout)).toMatchObject({ chip: "own", cores: { used: 6, of: 128 } });
});

test("a run writes its ledger, on the chip generic where the document names none", async () => {
  const { code, stdout } = await cli(["run", "pipelines/digit.yaml", "--ledger", at("ledger.json")]);
  expect(code).toBe(0);
  expect(stdout).toContain("brain on generic, 1 core (a model, not a measurement)");
  const { ledgers } = JSON.parse(readFileSync(at("ledger.json"), "utf8"));
  // On a chip each of several spikes in a step is an operation of its own; the engine adds them up first, and counts one.
  const counted = { inputSpikes: 38_008, spikes: 25_583, synapticOperations: 2_754_480 };
  expect(ledgers).toMatchObject([{ stage: "brain", chip: "generic", ...counted }]);
  const [{ energyPj }] = ledgers;
  expect(energyPj.synapticOperations).toBeCloseTo(2_754_480 * 23.6, 3);
});
