/** Training by equilibrium propagation: resumed bit for bit, and rates of its network rest where potentials did. */

import { expect, test } from "vitest";
import { createStepped } from "../../src/core/index.ts";
import { equilibriumNetwork } from "../../src/learning/equilibrium.ts";
import {
  createEquilibriumTrainer,
  equilibriumNetworkSpecification,
  equilibriumSettings,
  networkFromEquilibrium,
} from "../../src/learning/equilibrium-trainer.ts";
import { spikeSetBuilder } from "../../src/learning/spike-set.ts";
import { networkFromNir, nirFromNetwork } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";

const steps = 2000;
const builder = spikeSetBuilder({ inputs: 8, steps, stepUs: 1000 });
const random = seededRandom(2);
/** Class 0: neighbours fire alike; class 1: they don't. No single input tells which. */
for (let n = 0; n < 24; n++) {
  const isOn = Array.from({ length: 4 }, () => random() < 0.5);
  const active = isOn.flatMap((on) => (n % 2 === 0 ? [on, on] : [on, !on]));
  const ids = active.flatMap((on, id) => (on ? new Array<number>(400).fill(id) : []));
  const times = ids.map(() => Math.floor(steps * 1000 * random()));
  const order = times.map((_, k) => k).sort((a, b) => times[a]! - times[b]!);
  builder.add(
    n % 2,
    order.map((k) => times[k]!),
    order.map((k) => ids[k]!),
  );
}
const set = builder.build();
const samples = Array.from(set.labels, (_, n) => n);
const network = equilibriumNetworkSpecification.parse({
  ...{ stepUs: 1000, steps, input: [1, 2, 4], spikesMax: 400, layers: [12, 2] },
});
const settings = equilibriumSettings.parse({ epochs: 60, rate: 0.01 });
const trainerOf = () => createEquilibriumTrainer({ network, set, samples, settings, seed: 3 });

test("learns, and goes on from a saved state to the same bits", async () => {
  const whole = trainerOf();
  while (!whole.done) await whole.epoch();
  expect(whole.reports.at(-1)!.loss).toBeLessThan(0.5 * whole.reports[0]!.loss);
  expect(whole.reports.at(-1)!.accuracy).toBeGreaterThan(0.9);

  const before = trainerOf();
  for (let epoch = 0; epoch < 7; epoch++) await before.epoch();
  const state = structuredClone(before.save());
  await before.epoch();
  const after = trainerOf();
  after.restore(state);
  while (!after.done) await after.epoch();
  expect(after.trained()).toEqual(whole.trained());
});

test("spikes settle where potentials do, through NIR too", async () => {
  const trainer = trainerOf();
  for (let epoch = 0; epoch < 20; epoch++) await trainer.epoch();
  const trained = trainer.trained();
  const part = (from: number, count: number) => trained.subarray(from, from + count);
  const settling = equilibriumNetwork(
    { ...settings, layers: [8, 12, 2], freeSteps: 300 },
    { weights: [part(0, 96), part(108, 24)], biases: [part(96, 12), part(132, 2)] },
  );
  const firing = networkFromEquilibrium(network, trained);
  const read = networkFromNir(nirFromNetwork(firing, "x.nir"), "x.nir");
  let largest = 0;
  for (const index of samples.slice(0, 6)) {
    const input = new Float64Array(8);
    for (let k = set.starts[index * steps]!; k < set.starts[(index + 1) * steps]!; k++)
      input[set.ids[k]!]! += set.counts[k]! / 400;
    const potentials = settling.settle(input).map((column) => [...column]);
    const rates = [firing, read].map((each) => ratesOf(each, index));
    expect(rates[1]).toEqual(rates[0]);
    for (const [l, layer] of potentials.entries())
      for (const [n, u] of layer.entries()) largest = Math.max(largest, Math.abs(rates[0]![l]![n]! - u));
  }
  expect(largest).toBeLessThan(0.1);
});

/** Spikes a step of the layers after the input, in the second half of a sample. */
function ratesOf(given: ReturnType<typeof networkFromEquilibrium>, index: number): number[][] {
  const engine = createStepped(given, { reset: "subtract" });
  const counts = given.populations.map(({ size }) => new Array<number>(size).fill(0));
  for (let t = 0; t < steps; t++) {
    const input = new Float64Array(8);
    const at = index * steps + t;
    for (let k = set.starts[at]!; k < set.starts[at + 1]!; k++) input[set.ids[k]!] = set.counts[k]!;
    engine.step(input);
    if (t < steps / 2) continue;
    for (const [p, { count, ids }] of engine.cells.entries())
      for (let k = 0; k < count; k++) counts[p]![ids[k]!]! += 2 / steps;
  }
  return counts.slice(1);
}
