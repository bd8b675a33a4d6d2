/** The scaled frame of a population's membranes: the constants that take the decay out of their state. */

import type { JumpNeuron } from "../network/index.ts";

/**
 * What charges are kept and summed in. In float32 each product, sum and comparison rounds to float32; times, scales and
 * tables are float64 in both.
 */
export type Precision = "float64" | "float32";

/**
 * A potential this part of the way from rest below its threshold has reached it: else a sum that is equal on paper
 * (five times 0.2 against 1) would fire or not by the last bit of a rounding.
 */
export const thresholdTolerance = 1e-12;
const thresholdToleranceFloat32 = 1e-6;

/** Times of one frame: few enough for exact tables; exp(64), or exp(32) in float32, leaves room for any weight. */
const frameUsMax = 1 << 18;
const frameTausMax = { float64: 64, float32: 32 };

export interface Frame {
  /** From rest to where the neuron fires, and to its reset. */
  readonly threshold: number;
  readonly reset: number;
  readonly leaky: boolean;
  readonly frameLengthUs: number;
  /** exp(i / tau) and exp(1024 i / tau): their product is the scale at any microsecond of a frame. */
  readonly fine: Float64Array;
  readonly coarse: Float64Array;
}

export function scaledFrame(neuron: JumpNeuron, precision: Precision): Frame {
  const { tauUs, threshold, reset, rest } = neuron;
  const tolerance = precision === "float64" ? thresholdTolerance : thresholdToleranceFloat32;
  return {
    threshold: (threshold - rest) * (1 - tolerance),
    reset: reset - rest,
    leaky: tauUs < Infinity,
    frameLengthUs: Math.min(frameUsMax, 2 ** Math.floor(Math.log2(frameTausMax[precision] * tauUs))),
    fine: Float64Array.from({ length: 1024 }, (_, i) => Math.exp(i / tauUs)),
    coarse: Float64Array.from({ length: frameUsMax >> 10 }, (_, i) => Math.exp((i * 1024) / tauUs)),
  };
}
