/** Trainings: they learn, the same from the same seed for any workforce, and go on where they were stopped. */

import { expect, test } from "vitest";
import {
  createModel,
  createTrainer,
  judgeSamples,
  localWorkforce,
  networkSpecification,
  type SpikeSet,
  spikeSetBuilder,
  trainingSettings,
  type Workforce,
} from "../../src/learning/index.ts";
import { seededRandom } from "../../src/random.ts";

/** Three classes that differ only in the order in which two groups of neurons fire: time is all that tells them apart. */
function orderTask(samples: number): SpikeSet {
  const random = seededRandom(4);
  const builder = spikeSetBuilder({ inputs: 12, steps: 24, stepUs: 1000 });
  for (let n = 0; n < samples; n++) {
    const label = n % 3;
    const [first, second] = [
      [4, 14],
      [14, 4],
      [9, 9],
    ][label]!;
    const spikes: [number, number][] = [];
    for (let id = 0; id < 12; id++)
      for (let k = 0; k < 3; k++) spikes.push([(id < 6 ? first! : second!) * 1000 + random() * 4000, id]);
    spikes.sort((a, b) => a[0] - b[0]);
    builder.add(
      label,
      spikes.map(([time]) => time),
      spikes.map(([, id]) => id),
    );
  }
  return builder.build();
}

const lif = { model: "lif", tauMs: 4 };
const specification = networkSpecification.parse({
  stepUs: 1000,
  steps: 24,
  input: [1, 1, 12],
  layers: [
    {
      ...{ kind: "dense", name: "hidden", neurons: 20, neuron: lif, recurrence: "all" },
      ...{ delayStepsMax: 10, gain: 1.5, dropout: 0.1, spikesPerStepMax: 0.2 },
    },
    { kind: "dense", name: "out", neurons: 3, neuron: lif, gain: 2 },
  ],
});
const settings = trainingSettings.parse({
  ...{ epochs: 12, batch: 16, rate: 0.02, augmentation: { shiftSteps: 1, drop: 0.05 } },
});
const set = orderTask(96);
const samples = Array.from({ length: 72 }, (_, n) => n);
const heldOut = Array.from({ length: 24 }, (_, n) => 72 + n);
const model = createModel(specification, 1);

function start(workforce: Workforce, seed: number) {
  return createTrainer({ model, set, samples, settings, seed, workforce });
}

test("a recurrent network with delays learns an order in time, and is right on samples it never saw", async () => {
  const workforce = localWorkforce(model, set, settings);
  const trainer = start(workforce, 7);
  while (!trainer.done) await trainer.epoch();
  const verdict = await judgeSamples({ model, set, workforce }, trainer.trained(), heldOut);
  expect(verdict.accuracy).toBeGreaterThan(0.9);
  const delays = model.slots.filter(({ kind }) => kind === "delays");
  const trained = trainer.trained();
  for (const { offset, count } of delays)
    for (let k = offset; k < offset + count; k++) expect(trained[k]! % 1).toBe(0);
});

test("stopped and restored after any epoch, a training ends in the same bits", async () => {
  const whole = start(localWorkforce(model, set, settings), 7);
  while (!whole.done) await whole.epoch();
  for (const stopAfter of [1, 5, 10]) {
    const first = start(localWorkforce(model, set, settings), 7);
    for (let k = 0; k < stopAfter; k++) await first.epoch();
    const state = structuredClone(first.save());
    const second = start(localWorkforce(model, set, settings), 7);
    second.restore(state);
    while (!second.done) await second.epoch();
    expect(second.trained()).toEqual(whole.trained());
    expect(second.reports).toEqual(whole.reports);
  }
});

test("who does which piece of work, and in which order, changes no bit; another seed does", async () => {
  const local = localWorkforce(model, set, settings);
  const two = [localWorkforce(model, set, settings), localWorkforce(model, set, settings)];
  const scattered: Workforce = {
    async run(parameters, pieces) {
      const results = pieces.map((piece, k) => [k, piece] as const).reverse();
      const done = await Promise.all(
        results.map(async ([k, piece]) => [k, (await two[k % 2]!.run(parameters, [piece]))[0]!] as const),
      );
      return done.sort((a, b) => a[0] - b[0]).map(([, result]) => result);
    },
  };
  const trainers = [start(local, 7), start(scattered, 7), start(local, 8)];
  for (const trainer of trainers) for (let k = 0; k < 2; k++) await trainer.epoch();
  expect(trainers[1]!.trained()).toEqual(trainers[0]!.trained());
  expect(trainers[2]!.trained()).not.toEqual(trainers[0]!.trained());
});

test("a budget brings the spikes down", async () => {
  const spikesOf = async (budget: number | undefined) => {
    const [hidden, out] = specification.layers;
    const layers = [{ ...hidden!, spikesPerStepMax: budget }, out!];
    const own = createModel({ ...specification, layers } as typeof specification, 1);
    const workforce = localWorkforce(own, set, settings);
    const trainer = createTrainer({ model: own, set, samples, settings, seed: 7, workforce });
    while (!trainer.done) await trainer.epoch();
    const { spikes, accuracy } = await judgeSamples(
      { model: own, set, workforce },
      trainer.trained(),
      heldOut,
    );
    return { rate: spikes[0]! / (24 * 20), accuracy };
  };
  const [free, held] = [await spikesOf(undefined), await spikesOf(0.03)];
  expect(free.rate).toBeGreaterThan(0.045);
  expect(held.rate).toBeLessThan(0.036);
  expect(held.accuracy).toBeGreaterThan(0.8);
});
