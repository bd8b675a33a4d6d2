/** A training by equilibrium propagation, and its network as one that fires: rates settle where potentials did. */

import { z } from "zod";
import { neurons } from "../events/geometry.ts";
import type { Network, Population, Projection } from "../network/index.ts";
import { seededRandom, seedFor } from "../random.ts";
import { type Adam, adamStep, createAdam } from "./adam.ts";
import { sampleReader } from "./augment.ts";
import { type EquilibriumParameters, equilibriumNetwork, initialEquilibrium } from "./equilibrium.ts";
import { augmentation } from "./specification.ts";
import type { Events, SpikeSet } from "./spike-set.ts";
import type { EpochReport, Trainer } from "./trainer.ts";

const size = z.int().min(1).max(65_536);

export const equilibriumNetworkSpecification = z.strictObject({
  stepUs: z.int().min(1).max(60_000_000).describe("length of a step of the network that fires"),
  steps: z
    .int()
    .min(1)
    .max(100_000)
    .describe("steps of a sample: the more, the closer rates come to potentials"),
  input: z.tuple([size, size, size]).describe("input neurons as channels, height, width"),
  spikesMax: z
    .number()
    .positive()
    .describe("spikes of an input neuron in a sample that make its input 1; more count as 1"),
  layers: z.array(size).min(1).max(8).describe("neurons of each layer after the input, output last"),
});

export const equilibriumSettings = z.strictObject({
  epochs: z.int().min(1).max(100_000),
  batch: z.int().min(1).max(4096).default(8),
  rate: z.number().positive().default(0.001).describe("of learning, at its highest"),
  schedule: z.enum(["constant", "cosine"]).default("cosine"),
  decay: z.number().min(0).default(0).describe("of weights, apart from the gradient (AdamW)"),
  freeSteps: z.int().min(1).max(10_000).default(30).describe("until the network has settled"),
  nudgedSteps: z.int().min(1).max(10_000).default(12).describe("for each of the two nudges"),
  stepSize: z.number().positive().max(1).default(0.4).describe("of settling, in time constants"),
  nudge: z
    .number()
    .positive()
    .max(10)
    .default(0.3)
    .describe("how strongly the output is drawn to its target"),
  augmentation: augmentation.prefault({}),
});

/** Part of the usual deviation of initial weights, and the bias of hidden neurons. */
const [initialShare, initialBias] = [0.3, 0.3];

export type EquilibriumNetworkSpecification = z.output<typeof equilibriumNetworkSpecification>;
export type EquilibriumSettings = z.output<typeof equilibriumSettings>;

export interface EquilibriumTask {
  readonly network: EquilibriumNetworkSpecification;
  readonly set: SpikeSet;
  /** Samples of the set to train on. */
  readonly samples: readonly number[];
  readonly settings: EquilibriumSettings;
  readonly seed: number;
}

/** Neurons of all layers, input first. */
function sizesOf({ input, layers }: EquilibriumNetworkSpecification): number[] {
  return [input[0] * input[1] * input[2], ...layers];
}

export function equilibriumParameterCount(network: EquilibriumNetworkSpecification): number {
  return sizesOf(network).reduce((sum, width, l, all) => sum + (l === 0 ? 0 : (all[l - 1]! + 1) * width), 0);
}

/** The parts of one column of parameters: weights of each layer, and its biases behind them. */
function partsOf(network: EquilibriumNetworkSpecification, column: Float32Array): EquilibriumParameters {
  const sizes = sizesOf(network);
  const weights: Float32Array[] = [];
  const biases: Float32Array[] = [];
  let at = 0;
  for (const [l, width] of sizes.slice(1).entries()) {
    const end = at + sizes[l]! * width;
    weights.push(column.subarray(at, end));
    biases.push(column.subarray(end, end + width));
    at = end + width;
  }
  return { weights, biases };
}

/** A training in which every sample settles three times; all of it follows from the seed. */
export function createEquilibriumTrainer({
  network,
  set,
  samples,
  settings,
  seed,
}: EquilibriumTask): Trainer {
  const sizes = sizesOf(network);
  const count = equilibriumParameterCount(network);
  const [parameters, gradient] = [new Float32Array(count), new Float32Array(count)];
  const [own, slopes] = [partsOf(network, parameters), partsOf(network, gradient)];
  for (const [l, weights] of initialEquilibrium(sizes, seedFor(seed, "weights")).weights.entries())
    own.weights[l]!.set(weights.map((weight) => initialShare * weight));
  // Neurons at rest between the edges of their activation are the ones that learn.
  for (const biases of own.biases.slice(0, -1)) biases.fill(initialBias);
  const adam: Adam = createAdam(count);
  const settling = equilibriumNetwork({ ...settings, layers: sizes }, own);
  const [channels, height, width] = network.input;
  const reader = sampleReader(set, { channels, height, width }, settings.augmentation);
  const input = new Float64Array(sizes[0]!);
  const target = new Float64Array(sizes.at(-1)!);
  const batches = Math.ceil(samples.length / settings.batch);
  let reports: EpochReport[] = [];

  function rateOf(batch: number): number {
    if (settings.schedule === "constant") return settings.rate;
    const share = (reports.length + batch / batches) / settings.epochs;
    return 0.5 * settings.rate * (1 + Math.cos(Math.PI * share));
  }

  /** Adds a sample's gradient; answers its loss and whether the rest decides rightly. */
  function learnFrom(index: number): { loss: number; right: boolean } {
    const changed = reader.readChanged(index, seedFor(seed, `epoch ${reports.length}, sample ${index}`));
    inputOf(changed, network.spikesMax, input);
    target.fill(0);
    target[set.labels[index]!] = 1;
    const { loss, output } = settling.addGradient(input, target, slopes);
    return { loss, right: output.indexOf(Math.max(...output)) === set.labels[index] };
  }

  return {
    get done() {
      return reports.length >= settings.epochs;
    },
    get reports() {
      return reports;
    },
    async epoch(progress) {
      const order = shuffled(samples, seedFor(seed, `order ${reports.length}`));
      let [loss, right] = [0, 0];
      for (let batch = 0; batch < batches; batch++) {
        const taken = order.slice(batch * settings.batch, (batch + 1) * settings.batch);
        gradient.fill(0);
        for (const index of taken) {
          const learned = learnFrom(index);
          loss += learned.loss;
          if (learned.right) right += 1;
        }
        for (let k = 0; k < count; k++) gradient[k] = gradient[k]! / taken.length;
        adamStep(adam, parameters, gradient, [
          { offset: 0, count, rate: rateOf(batch), decay: settings.decay },
        ]);
        await progress?.((batch + 1) / batches);
      }
      const report: EpochReport = {
        epoch: reports.length + 1,
        loss: loss / samples.length,
        accuracy: right / samples.length,
        spikeRates: [],
      };
      reports = [...reports, report];
      return report;
    },
    trained: () => parameters.slice(),
    save: () => ({
      ...{ epoch: reports.length, updates: adam.updates, parameters: parameters.slice(), strengths: [] },
      ...{ mean: adam.mean.slice(), square: adam.square.slice(), reports },
    }),
    restore(state) {
      parameters.set(state.parameters);
      adam.updates = state.updates;
      adam.mean.set(state.mean);
      adam.square.set(state.square);
      reports = [...state.reports];
    },
  };
}

/** Each input neuron's spikes in a sample, as a number from 0 to 1. */
function inputOf({ starts, ids, values }: Events, spikesMax: number, into: Float64Array): void {
  into.fill(0);
  for (let k = 0; k < starts.at(-1)!; k++) into[ids[k]!] = into[ids[k]!]! + values[k]!;
  for (let k = 0; k < into.length; k++) into[k] = Math.min(1, into[k]! / spikesMax);
}

function shuffled(samples: readonly number[], seed: number): number[] {
  const random = seededRandom(seed);
  const order = [...samples];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/**
 * The network in spikes. At rest u = W rho(u) + b, cut to 0 ... 1, in each neuron; and an IF neuron that is reset by
 * subtraction, gets x a step in the mean, and has the threshold 1, fires at the rate x, cut to 0 ... 1. So where rates rest,
 * potentials did (after O'Connor, Gavves and Welling, AISTATS 2019). Every projection also leads back, a step later. The
 * first weights are such that `spikesMax` spikes over a sample are an input of 1.
 */
export function networkFromEquilibrium(
  specification: EquilibriumNetworkSpecification,
  trained: Float32Array,
): Network {
  const { input, steps, stepUs, spikesMax } = specification;
  const { weights, biases } = partsOf(specification, trained);
  const sizes = sizesOf(specification);
  const last = sizes.length - 1;
  const populations = sizes.map(
    (width, l): Population => ({
      name: l === 0 ? "input" : l === last ? "output" : `hidden-${l}`,
      geometry: l === 0 ? neurons(...input) : neurons(1, 1, width),
      size: width,
      neuron:
        l === 0
          ? undefined
          : {
              model: "if",
              parameters: {
                r: Float64Array.of(1),
                v_threshold: Float64Array.of(1),
                v_reset: Float64Array.of(0),
              },
            },
    }),
  );
  const projections = weights.flatMap((own, l): Projection[] => {
    const values = Float64Array.from(own, (weight) => (l === 0 ? (weight * steps) / spikesMax : weight));
    const forth: Projection = {
      pattern: "dense",
      from: l,
      to: l + 1,
      weights: { values, scale: 1 },
      bias: Float64Array.from(biases[l]!),
      delayUs: 0,
    };
    if (l === 0) return [forth];
    const [below, above] = [sizes[l]!, sizes[l + 1]!];
    const turned = Float64Array.from(values, (_, k) => values[(k % below) * above + Math.floor(k / below)]!);
    return [
      forth,
      { pattern: "dense", from: l + 1, to: l, weights: { values: turned, scale: 1 }, delayUs: 1 },
    ];
  });
  return { about: undefined, populations, projections, input: 0, output: last, stepUs };
}
