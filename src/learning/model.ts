/** A network on its way: layers with their constants, and where the parameters of each stand in one column. */

import { ReflexarcError } from "../errors.ts";
import { seededNormal, seededRandom, seedFor } from "../random.ts";
import type { LayerSpecification, NetworkSpecification, NeuronSpecification } from "./specification.ts";
import {
  convolutionSynapses,
  convolved,
  denseSynapses,
  type Numbers,
  type Planes,
  type Synapses,
} from "./synapses.ts";

/** Parameters of one kind that stand together. */
export interface Slot {
  readonly kind: "weights" | "delays";
  /** As a file calls it: `hidden`, `hidden.recurrent`, `hidden.delays`. */
  readonly name: string;
  readonly offset: number;
  readonly count: number;
}

/** Constants of neurons, one a neuron; times in seconds, as `network/models.ts` has them. */
export interface NeuronConstants {
  readonly model: NeuronSpecification["model"];
  readonly threshold: number;
  /** By the name in `neuronModels`; each of the layer's size. */
  readonly parameters: Readonly<Record<string, Float64Array>>;
}

export interface Layer {
  readonly name: string;
  readonly specification: LayerSpecification;
  readonly planes: Planes;
  readonly size: number;
  readonly sources: number;
  readonly synapses: Synapses;
  readonly weights: Slot;
  readonly recurrent: Slot | undefined;
  readonly recurrentSynapses: Synapses | undefined;
  /** Axonal, in steps: one a source neuron and delay line, those of a line together. */
  readonly delays: Slot | undefined;
  readonly neurons: NeuronConstants;
}

export interface Model {
  readonly specification: NetworkSpecification;
  readonly input: Planes;
  readonly inputs: number;
  readonly layers: readonly Layer[];
  readonly slots: readonly Slot[];
  readonly parameterCount: number;
  readonly classes: number;
}

/** Most weights of all layers. */
const weightsMax = 1 << 24;

/** Compiles a specification; `seed` decides what is drawn: time constants of a range. Throws a ReflexarcError. */
export function createModel(specification: NetworkSpecification, seed: number): Model {
  const [channels, height, width] = specification.input;
  const input: Planes = { channels, height, width };
  const slots: Slot[] = [];
  let parameterCount = 0;
  const slot = (kind: Slot["kind"], name: string, count: number): Slot => {
    const made: Slot = { kind, name, offset: parameterCount, count };
    parameterCount += count;
    if (parameterCount > weightsMax)
      throw refused(`the network has more than ${weightsMax} weights`, `layer "${name}"`, "Make it smaller.");
    slots.push(made);
    return made;
  };
  const layers: Layer[] = [];
  let before: Planes = input;
  for (const [index, layer] of specification.layers.entries()) {
    const last = index === specification.layers.length - 1;
    const where = `layer "${layer.name}"`;
    if (layers.some(({ name }) => name === layer.name))
      throw refused("two layers have this name", where, "Rename one.");
    if (layer.neuron.model === "leaky-integrator" && !last)
      throw refused("integrators don't fire", where, "Only the last layer can have them.");
    const sources = sizeOf(before);
    const lines = layer.kind === "dense" ? layer.delayLines : 1;
    if (lines > 1 && layer.kind === "dense" && layer.delayStepsMax === 0)
      throw refused("delay lines without delays are all the same", where, "Set delayStepsMax, or one line.");
    const planes = planesOf(layer, before, where);
    const size = sizeOf(planes);
    const synapses =
      layer.kind === "dense"
        ? denseSynapses(lines * sources, size)
        : convolutionSynapses(before, planes, layer, index === 0 ? "by channel" : "by place");
    layers.push({
      ...{ name: layer.name, specification: layer, planes, size, sources, synapses },
      weights: slot("weights", layer.name, synapses.weightCount),
      recurrent:
        layer.kind === "dense" && layer.recurrence === "all"
          ? slot("weights", `${layer.name}.recurrent`, size * size)
          : undefined,
      recurrentSynapses:
        layer.kind === "dense" && layer.recurrence === "all" ? denseSynapses(size, size) : undefined,
      delays:
        layer.kind === "dense" && layer.delayStepsMax > 0
          ? slot("delays", `${layer.name}.delays`, lines * sources)
          : undefined,
      neurons: constantsOf(layer.neuron, size, specification.stepUs, seedFor(seed, `${layer.name} neurons`)),
    });
    before = planes;
  }
  const classes = sizeOf(before);
  return { specification, input, inputs: sizeOf(input), layers, slots, parameterCount, classes };
}

export function sizeOf({ channels, height, width }: Planes): number {
  return channels * height * width;
}

function planesOf(layer: LayerSpecification, before: Planes, where: string): Planes {
  if (layer.kind === "dense") return { channels: 1, height: 1, width: layer.neurons };
  const planes = convolved(before, layer.channels, layer);
  if (planes.height < 1 || planes.width < 1)
    throw refused("nothing is left of the picture", where, "Make kernel or stride smaller.");
  return planes;
}

/**
 * Gains are such that an input of 1 moves the potential by 1, whatever the time constant: the weight is the jump, as
 * everywhere in this house.
 */
function constantsOf(
  neuron: NeuronSpecification,
  size: number,
  stepUs: number,
  seed: number,
): NeuronConstants {
  const random = seededRandom(seed);
  const draw = (tau: number | { min: number; max: number }) =>
    Float64Array.from({ length: size }, () => {
      const ms = typeof tau === "number" ? tau : tau.min * (tau.max / tau.min) ** random();
      // Shorter than a step means: forgotten in the next.
      return Math.max(ms / 1e3, stepUs / 1e6);
    });
  const gain = (tau: Float64Array) => tau.map((seconds) => seconds / (stepUs / 1e6));
  const zeros = new Float64Array(size);
  if (neuron.model === "cuba-lif") {
    const tauSyn = draw(neuron.tauSynMs);
    const tauMem = draw(neuron.tauMemMs);
    return {
      model: neuron.model,
      threshold: neuron.threshold,
      parameters: {
        ...{ tau_syn: tauSyn, tau_mem: tauMem, r: gain(tauMem), w_in: gain(tauSyn), v_leak: zeros },
        ...{ v_threshold: new Float64Array(size).fill(neuron.threshold), v_reset: zeros },
      },
    };
  }
  const tau = draw(neuron.tauMs);
  if (neuron.model === "leaky-integrator")
    return { model: neuron.model, threshold: Infinity, parameters: { tau, r: gain(tau), v_leak: zeros } };
  return {
    model: neuron.model,
    threshold: neuron.threshold,
    parameters: {
      ...{ tau, r: gain(tau), v_leak: zeros },
      ...{ v_threshold: new Float64Array(size).fill(neuron.threshold), v_reset: zeros },
    },
  };
}

/** Seeded parameters to begin with: normal weights, delays spread evenly over their range. */
export function initialParameters(model: Model, seed: number): Float32Array {
  const parameters = new Float32Array(model.parameterCount);
  for (const { name, specification, synapses, size, weights, recurrent, delays } of model.layers) {
    const normal = seededNormal(seededRandom(seedFor(seed, `${name} weights`)));
    const deviation = specification.gain / Math.sqrt(synapses.fanIn);
    for (let k = 0; k < weights.count; k++) parameters[weights.offset + k] = deviation * normal();
    if (recurrent) {
      const back = specification.gain / Math.sqrt(size) / 2;
      for (let k = 0; k < recurrent.count; k++) parameters[recurrent.offset + k] = back * normal();
    }
    if (delays && specification.kind === "dense") {
      const random = seededRandom(seedFor(seed, `${name} delays`));
      for (let k = 0; k < delays.count; k++)
        parameters[delays.offset + k] = random() * specification.delayStepsMax;
    }
  }
  return parameters;
}

export interface EffectiveOptions {
  readonly weightBits: 8 | 32;
  /** Delays as whole steps, as a chip has them, or between two steps, as they are learned. */
  readonly delays: "whole" | "between";
}

/**
 * What a forward pass calculates with. At 8 bits each slot of weights is rounded to whole numbers from -127 to 127
 * times a power of two, so that any sum of them is exact in 32-bit floats, in whatever order it is made.
 */
export function effectiveParameters(
  model: Model,
  parameters: Numbers,
  { weightBits, delays }: EffectiveOptions,
  into: Numbers,
): void {
  into.set(parameters);
  for (const { kind, offset, count } of model.slots) {
    const own = into.subarray(offset, offset + count);
    if (kind === "delays") {
      if (delays === "whole") for (let k = 0; k < count; k++) own[k] = Math.round(own[k]!);
    } else if (weightBits === 8) {
      const scale = scaleOf(own);
      for (let k = 0; k < count; k++) own[k] = Math.round(own[k]! / scale) * scale;
    }
  }
}

/** The smallest power of two with which all weights fit into 8 bits. */
export function scaleOf(weights: Numbers): number {
  let largest = 0;
  for (let k = 0; k < weights.length; k++) largest = Math.max(largest, Math.abs(weights[k]!));
  if (largest === 0) return 1;
  const scale = 2 ** Math.ceil(Math.log2(largest / 127));
  // Rounding may lift the largest to 128 where the logarithm was rounded down.
  return Math.round(largest / scale) > 127 ? 2 * scale : scale;
}

export function refused(what: string, where: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "learning", what, where, remedy });
}
