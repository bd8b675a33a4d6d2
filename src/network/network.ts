/** What a network is in memory: populations of neurons and the projections between them, kept structured. */

import type { NeuronGeometry } from "../events/geometry.ts";
import type { ModelName } from "./models.ts";
import type { Plasticity } from "./plasticity.ts";

/** Bounds of a network: whoever is above one is told so and by how much. */
export const networkBounds = {
  populations: 256,
  projections: 1024,
  /** Neurons in all populations together. */
  neurons: 1 << 20,
  /** Weights that are stored in all projections together: a convolution stores only its kernel. */
  weights: 1 << 24,
  /** Distinct delays of one projection's synapses. */
  delays: 1024,
  /** Distinct delays times source neurons of one projection: its table of rows. */
  delayRows: 1 << 23,
  delayUs: 60_000_000,
} as const;

export interface Network {
  readonly about: string | undefined;
  /** In the document's order, which is also the order in which one microsecond is worked through. */
  readonly populations: readonly Population[];
  readonly projections: readonly Projection[];
  /** Index of the population whose spikes come in. */
  readonly input: number;
  /** Index of the population whose spikes leave. */
  readonly output: number;
  /** The step that the network was made for, in microseconds, where its file tells one. */
  readonly stepUs?: number;
}

export interface Population {
  readonly name: string;
  readonly geometry: NeuronGeometry;
  readonly size: number;
  /** Undefined for the input, whose neurons only pass on what comes in. */
  readonly neuron: Neuron | undefined;
  /** What its file calls each neuron, where it does. */
  readonly labels?: readonly string[];
}

export type Neuron = JumpNeuron | ModelNeuron;

/**
 * A leaky integrate-and-fire neuron: dv/dt = (rest - v) / tau, and v jumps by the weight when a spike arrives.
 * With tau infinite nothing leaks (integrate-and-fire). It fires when v >= threshold.
 */
export interface JumpNeuron {
  readonly model: "jump";
  readonly tauUs: number;
  readonly threshold: number;
  /** Potential after a spike, below the threshold. */
  readonly reset: number;
  /** Potential without input, below the threshold. */
  readonly rest: number;
  /** A spike at t makes the neuron ignore what arrives before t + refractoryUs; it is held at its reset. */
  readonly refractoryUs: number;
  readonly adapt?: Adaptation;
}

/** A threshold that its neuron's spikes raise: threshold + a; a += step at a spike, da/dt = -a / tauUs. */
export interface Adaptation {
  readonly step: number;
  /** Not below the membrane's: else a threshold would fall onto a potential between two events. */
  readonly tauUs: number;
  /** What earlier spikes raised each neuron's threshold by, where a network begins with what it learnt. */
  readonly raised?: Float64Array;
}

/** A neuron of one of the models of `models.ts`, as files of trained networks have them. */
export interface ModelNeuron {
  readonly model: ModelName;
  /** By the name that `models.ts` gives; one number for all neurons, or one for each. */
  readonly parameters: Readonly<Record<string, Float64Array>>;
}

/** Weights as floats (scale 1), or as 8-bit whole numbers: a synapse weighs `values[i] * scale`. */
export interface Weights {
  readonly values: Float64Array | Int8Array;
  readonly scale: number;
}

interface ProjectionEnds {
  /** Indices of populations. From a later population to itself or an earlier one it is recurrent. */
  readonly from: number;
  readonly to: number;
  /** The node of a file that it was, where it was one. */
  readonly name?: string;
  /** A constant that reaches the target in every step, with or without spikes: one a neuron, or one a channel. */
  readonly bias?: Float64Array;
  /** How its weights learn. What shares weights (a convolution, a window) doesn't. */
  readonly plasticity?: Plasticity;
}

/** Each source neuron reaches each target neuron; weights[source * targets + target]. */
export interface DenseProjection extends ProjectionEnds {
  readonly pattern: "dense";
  readonly weights: Weights;
  readonly delayUs: number;
}

/**
 * Each source neuron reaches the one target neuron at its place; a target sums a window of the source, and all its
 * channels when it has only one. One-to-one is a pool of equal sizes. weights[source].
 */
export interface PoolProjection extends ProjectionEnds {
  readonly pattern: "pool";
  readonly weights: Weights;
  readonly delayUs: number;
}

/** Each source neuron reaches the target neuron with its id; one weight for all, or weights[source]. */
export interface OneToOneProjection extends ProjectionEnds {
  readonly pattern: "one-to-one";
  readonly weights: Weights;
  readonly delayUs: number;
}

/**
 * A cross-correlation with zero padding: target (o, y, x) sums weights[o][c][ky][kx] *
 * source (c, y * strideY + ky * dilationY - paddingY, x * strideX + kx * dilationX - paddingX). With groups, c counts within the group of o. The padding is what stands above and left; what stands below
 * and right follows from the target's size.
 */
export interface ConvolutionProjection extends ProjectionEnds {
  readonly pattern: "convolution";
  readonly weights: Weights;
  readonly kernel: readonly [height: number, width: number];
  readonly stride: readonly [y: number, x: number];
  readonly padding: readonly [y: number, x: number];
  /** 1 where it is left out. */
  readonly dilation?: readonly [y: number, x: number];
  /** 1 where it is left out. */
  readonly groups?: number;
  readonly delayUs: number;
}

/** A window that slides over each channel; its sum times the one weight (a mean counts padding as zeros). */
export interface WindowProjection extends ProjectionEnds {
  readonly pattern: "window";
  readonly weights: Weights;
  readonly kernel: readonly [height: number, width: number];
  readonly stride: readonly [y: number, x: number];
  readonly padding: readonly [y: number, x: number];
  readonly delayUs: number;
}

/** Synapses in rows by source: row s is `rowStarts[s]` to `rowStarts[s + 1]`, in order of delay and then of target. */
export interface SparseProjection extends ProjectionEnds {
  readonly pattern: "sparse";
  readonly rowStarts: Uint32Array;
  readonly targets: Uint32Array;
  readonly delaysUs: Uint32Array;
  readonly weights: Weights;
}

export type Projection =
  | DenseProjection
  | OneToOneProjection
  | PoolProjection
  | ConvolutionProjection
  | WindowProjection
  | SparseProjection;

/** The target neuron of each source neuron of a pool (sizes as `PoolProjection` says). */
export function poolTargets(from: NeuronGeometry, to: NeuronGeometry): Uint32Array {
  const targets = new Uint32Array(from.channels * from.height * from.width);
  let source = 0;
  for (let channel = 0; channel < from.channels; channel++) {
    const targetChannel = to.channels === 1 ? 0 : channel;
    for (let y = 0; y < from.height; y++) {
      const row = (targetChannel * to.height + Math.floor((y * to.height) / from.height)) * to.width;
      for (let x = 0; x < from.width; x++) {
        targets[source] = row + Math.floor((x * to.width) / from.width);
        source += 1;
      }
    }
  }
  return targets;
}

/** Weights as plain numbers, whatever they are stored as. */
export function weightValues({ values, scale }: Weights): Float64Array {
  const weights = new Float64Array(values);
  for (let i = 0; i < weights.length; i++) weights[i] = weights[i]! * scale;
  return weights;
}
