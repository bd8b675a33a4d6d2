/** A network of ReLU layers becomes one of integrate-and-fire neurons: their rates are its activations. */

import { z } from "zod";
import { neurons } from "../events/geometry.ts";
import {
  type Network,
  type NumberArray,
  type Population,
  type Projection,
  weightValues,
} from "../network/index.ts";
import { refused } from "./model.ts";
import { percentileOf } from "./percentile.ts";
import type { SpikeSet } from "./spike-set.ts";

const size = z.int().min(1).max(65_536);

export const conversionNetwork = z.strictObject({
  stepUs: z.int().min(1).max(60_000_000).describe("length of a step"),
  steps: z
    .int()
    .min(1)
    .max(100_000)
    .describe("steps of a sample: the more, the closer rates come to activations"),
  input: z.tuple([size, size, size]).describe("input neurons as channels, height, width"),
  relu: z
    .string()
    .min(1)
    .describe(
      "the trained network, relative to this document: .safetensors or .nir, dense layers in a chain",
    ),
  inputPerSpike: z
    .number()
    .positive()
    .default(1)
    .describe("what a spike adds to its number of the input that the trained network takes"),
});

export const conversionSettings = z.strictObject({
  percentile: z
    .number()
    .min(50)
    .max(100)
    .default(99.9)
    .describe("of a layer's activations over the samples: what a neuron shows by firing in every step"),
});

export type ConversionNetwork = z.output<typeof conversionNetwork>;

/** A dense layer: y = relu(W x + b), of the last one W x + b. weights[output * inputs + input]. */
export interface ReluLayer {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: Float64Array;
  readonly bias: Float64Array | undefined;
}

/** Dense layers from arrays named `<layer>.weight` (outputs x inputs) and `<layer>.bias`, in the order of a chain. */
export function reluLayersFromArrays(arrays: ReadonlyMap<string, NumberArray>, file: string): ReluLayer[] {
  const names = [...arrays.keys()].filter((key) => key.endsWith(".weight")).map((key) => key.slice(0, -7));
  // fc2 comes before fc10, as it was meant.
  names.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return chained(
    names.map((name) => {
      const { shape, values } = arrays.get(`${name}.weight`)!;
      const [outputs, inputs, ...more] = shape;
      if (outputs === undefined || inputs === undefined || more.length > 0)
        throw refused(`"${name}.weight" has the shape [${shape}]`, file, "Only dense layers are converted.");
      const bias = arrays.get(`${name}.bias`)?.values;
      if (bias && bias.length !== outputs)
        throw refused(
          `"${name}.bias" has ${bias.length} numbers instead of ${outputs}`,
          file,
          "Check the file.",
        );
      return { name, inputs, outputs, weights: values, bias };
    }),
    file,
  );
}

/** Dense layers from a network that only relays: a NIR graph of Affine and Linear nodes. */
export function reluLayersFromNetwork(
  { populations, projections, input, output }: Network,
  file: string,
): ReluLayer[] {
  const layers: ReluLayer[] = [];
  for (let at = input; at !== output; ) {
    const [next, ...others] = projections.filter(({ from }) => from === at);
    const target = next && populations[next.to]!;
    if (
      !next ||
      !target ||
      others.length > 0 ||
      next.to <= at ||
      (target.neuron && target.neuron.model !== "relay")
    )
      throw refused(
        "the graph is no chain of linear nodes",
        file,
        "Leave neurons out: they are what conversion makes.",
      );
    at = next.to;
    // The output may pass on what the last layer gives.
    if (next.pattern === "one-to-one" && next.weights.values.length === 1 && !next.bias) continue;
    if (next.pattern !== "dense" || next.delayUs !== 0)
      throw refused(
        `"${next.name ?? target.name}" is no dense layer`,
        file,
        "Only dense layers are converted.",
      );
    const { size: inputs } = populations[next.from]!;
    const { size: outputs } = target;
    const values = weightValues(next.weights);
    const weights = Float64Array.from(
      { length: values.length },
      (_, k) => values[(k % inputs) * outputs + Math.floor(k / inputs)]!,
    );
    layers.push({ name: target.name, inputs, outputs, weights, bias: next.bias });
  }
  return chained(layers, file);
}

function chained(layers: ReluLayer[], file: string): ReluLayer[] {
  if (layers.length === 0) throw refused("there is no dense layer", file, "Name arrays <layer>.weight.");
  for (const [k, { name, inputs }] of layers.entries())
    if (k > 0 && inputs !== layers[k - 1]!.outputs)
      throw refused(
        `"${name}" takes ${inputs} numbers, but "${layers[k - 1]!.name}" gives ${layers[k - 1]!.outputs}`,
        file,
        "Name the layers in their order.",
      );
  return layers;
}

/** What each layer gives for an input; the last one without its ReLU. */
export function reluActivations(layers: readonly ReluLayer[], input: ArrayLike<number>): Float64Array[] {
  let before = input;
  return layers.map(({ inputs, outputs, weights, bias }, l) => {
    const given = Float64Array.from({ length: outputs }, (_, o) => {
      let sum = bias?.[o] ?? 0;
      for (let i = 0; i < inputs; i++) sum += weights[o * inputs + i]! * before[i]!;
      return l < layers.length - 1 ? Math.max(0, sum) : sum;
    });
    before = given;
    return given;
  });
}

/**
 * Threshold balancing (Diehl et al., IJCNN 2015; Rueckauer et al., Frontiers in Neuroscience 11:682, 2017): of each layer
 * the given percentile of its activations over the calibration inputs becomes the activation that a neuron shows by
 * firing in every step. Weights stay as they are; a layer's threshold is its own scale over that of the layer before,
 * and biases become constants. Reset by subtraction keeps what is above the threshold, so rates come ever closer to
 * activations: run it in steps, with the input as a current in every step, and the reset "subtract".
 */
export function spikingFromRelu(
  layers: readonly ReluLayer[],
  calibration: readonly ArrayLike<number>[],
  percentile: number,
): { readonly network: Network; readonly scales: readonly number[] } {
  const seen = calibration.map((input) => reluActivations(layers, input));
  const scales = layers.map((_, l) =>
    percentileOf(
      seen.flatMap((activations) => [...activations[l]!]),
      percentile,
    ),
  );
  const row = (name: string, width: number): Population => ({
    name,
    geometry: neurons(1, 1, width),
    size: width,
    neuron: undefined,
  });
  const populations: Population[] = [row("input", layers[0]!.inputs)];
  const projections: Projection[] = [];
  for (const [l, { name, inputs, outputs, weights, bias }] of layers.entries()) {
    const before = l === 0 ? 1 : scales[l - 1]!;
    const threshold = scales[l]! / before;
    const parameters = { r: [1], v_threshold: [threshold], v_reset: [0] };
    populations.push({
      ...row(name, outputs),
      neuron: {
        model: "if",
        parameters: Object.fromEntries(
          Object.entries(parameters).map(([key, value]) => [key, Float64Array.from(value)]),
        ),
      },
    });
    projections.push({
      ...{ pattern: "dense", from: l, to: l + 1, delayUs: 0 },
      weights: {
        values: Float64Array.from(
          weights,
          (_, k) => weights[(k % outputs) * inputs + Math.floor(k / outputs)]!,
        ),
        scale: 1,
      },
      ...(bias && { bias: bias.map((value) => value / before) }),
    });
  }
  return { network: { about: undefined, populations, projections, input: 0, output: layers.length }, scales };
}

/** What a ReLU network takes of a sample: its spikes, counted by input neuron. */
export function reluInput(set: SpikeSet, index: number, inputPerSpike: number): Float64Array {
  const input = new Float64Array(set.inputs);
  const [from, to] = [set.starts[index * set.steps]!, set.starts[(index + 1) * set.steps]!];
  for (let k = from; k < to; k++) input[set.ids[k]!] = input[set.ids[k]!]! + inputPerSpike * set.counts[k]!;
  return input;
}

/**
 * The spiking network that hears a sample's spikes in the place of their counts. ReLU layers whose biases are divided by the
 * steps give a share of their activations in each step, so each step's input is what comes in it; a spike's worth lies in
 * the first weights. Thresholds are balanced on the samples.
 */
export function spikingForSamples(
  layers: readonly ReluLayer[],
  { inputPerSpike, steps, stepUs, input }: ConversionNetwork,
  set: SpikeSet,
  samples: readonly number[],
  percentile: number,
): Network {
  const perStep = layers.map(
    (layer, l): ReluLayer => ({
      ...layer,
      weights: l === 0 ? layer.weights.map((weight) => weight * inputPerSpike) : layer.weights,
      bias: layer.bias?.map((value) => value / steps),
    }),
  );
  const calibration = samples.map((index) => reluInput(set, index, 1 / steps));
  const { network } = spikingFromRelu(perStep, calibration, percentile);
  const [first, ...others] = network.populations;
  return { ...network, populations: [{ ...first!, geometry: neurons(...input) }, ...others], stepUs };
}
