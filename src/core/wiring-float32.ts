/** Projections in float32: the plain loops that the kernel (`engine.kernel.ts`) equals to the bit. */

import type { NeuronGeometry } from "../events/geometry.ts";
import {
  type ConvolutionProjection,
  type Network,
  type Projection,
  poolTargets,
  type WindowProjection,
} from "../network/index.ts";
import { planConvolution } from "./convolution-plan.ts";
import { type DelayGroup, type Deliver, type Membranes, rowsByDelay } from "./wiring.ts";

/** Weights as they are multiplied: 8-bit whole numbers or float32, each worth `scale`. */
export interface Weights32 {
  readonly values: Int8Array | Float32Array;
  readonly scale: number;
}

export function weights32({ weights: { values, scale } }: Projection): Weights32 {
  return { values: values instanceof Int8Array ? values : Float32Array.from(values), scale };
}

/** One projection by delay, as `wireProjection`, with each operation in float32. */
export function wireFloat32(network: Network, projection: Projection): DelayGroup[] {
  const { from, to } = projection;
  return loopsOf(network, projection).map(([delayUs, deliver]) => ({ from, to, delayUs, deliver }));
}

function loopsOf(network: Network, projection: Projection): [delayUs: number, Deliver][] {
  const from = network.populations[projection.from]!;
  const to = network.populations[projection.to]!;
  const weights = weights32(projection);
  const each = weights.values.length === 1 ? 0 : 1;
  switch (projection.pattern) {
    case "dense":
      return [[projection.delayUs, dense(weights, to.size)]];
    case "one-to-one":
      return [[projection.delayUs, toOne(weights, (source) => source, each)]];
    case "pool": {
      const targets = poolTargets(from.geometry, to.geometry);
      return [[projection.delayUs, toOne(weights, (source) => targets[source]!, 1)]];
    }
    case "convolution":
    case "window":
      return [[projection.delayUs, convolution(weights, projection, from.geometry, to.geometry)]];
    case "sparse":
      return rowsByDelay(projection, from.size).map(({ delayUs, starts, synapses }) => [
        delayUs,
        sparse(weights, projection.targets, starts, synapses),
      ]);
  }
}

/** One synaptic operation: a product and a sum, each rounded, and the test. */
function add(target: Membranes, n: number, weight: number, worth: number): void {
  const charged = Math.fround(target.charge[n]! + Math.fround(weight * worth));
  target.charge[n] = charged;
  if (charged < target.ceiling) return;
  if (target.candidateCount < target.size) target.candidates[target.candidateCount] = n;
  target.candidateCount += 1;
}

function dense({ values, scale }: Weights32, size: number): Deliver {
  return (sources, from, to, target) => {
    const worth = Math.fround(target.scale * scale);
    for (let k = from; k < to; k++) {
      const row = sources[k]! * size;
      for (let n = 0; n < size; n++) add(target, n, values[row + n]!, worth);
    }
    return (to - from) * size;
  };
}

function toOne({ values, scale }: Weights32, targetOf: (source: number) => number, each: 0 | 1): Deliver {
  return (sources, from, to, target) => {
    const worth = Math.fround(target.scale * scale);
    for (let k = from; k < to; k++) add(target, targetOf(sources[k]!), values[sources[k]! * each]!, worth);
    return to - from;
  };
}

function sparse(
  { values, scale }: Weights32,
  targets: Uint32Array,
  starts: Uint32Array,
  synapses: Uint32Array,
): Deliver {
  return (sources, from, to, target) => {
    const worth = Math.fround(target.scale * scale);
    let operations = 0;
    for (let k = from; k < to; k++) {
      const first = starts[sources[k]!]!;
      const end = starts[sources[k]! + 1]!;
      for (let s = first; s < end; s++) add(target, targets[synapses[s]!]!, values[synapses[s]!]!, worth);
      operations += end - first;
    }
    return operations;
  };
}

function convolution(
  { values, scale }: Weights32,
  projection: ConvolutionProjection | WindowProjection,
  from: NeuronGeometry,
  to: NeuronGeometry,
): Deliver {
  const { y, x, taps, channelsIn, channelsOut } = planConvolution(projection, from, to);
  const kernelWidth = projection.kernel[1];
  const sourcePlane = from.height * from.width;
  const targetPlane = to.height * to.width;
  const isWindow = projection.pattern === "window";
  return (sources, fromIndex, toIndex, target) => {
    const worth = Math.fround(target.scale * scale);
    let operations = 0;
    for (let k = fromIndex; k < toIndex; k++) {
      const channelIn = Math.floor(sources[k]! / sourcePlane);
      const place = sources[k]! % sourcePlane;
      const row = Math.floor(place / from.width);
      const column = place % from.width;
      const firstOut = Math.floor(channelIn / channelsIn) * channelsOut;
      for (let i = 0; i < y.count[row]!; i++) {
        const targetRow = (y.first[row]! + i * y.step) * to.width;
        const tapRow = (y.tap[row]! - i * y.tapStep) * kernelWidth;
        for (let j = 0; j < x.count[column]!; j++) {
          const targetPlace = targetRow + x.first[column]! + j * x.step;
          const tap = tapRow + x.tap[column]! - j * x.tapStep;
          for (let channel = firstOut; channel < firstOut + channelsOut; channel++) {
            const weight = isWindow ? 0 : (channel * channelsIn + (channelIn % channelsIn)) * taps + tap;
            add(target, channel * targetPlane + targetPlace, values[weight]!, worth);
          }
        }
      }
      operations += y.count[row]! * x.count[column]! * channelsOut;
    }
    return operations;
  };
}
