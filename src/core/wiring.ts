/** Projections as loops: each pattern adds its weights to the target's membranes in its own structured form. */

import { ReflexarcError } from "../errors.ts";
import type { NeuronGeometry } from "../events/geometry.ts";
import {
  type ConvolutionProjection,
  type Network,
  type Projection,
  poolTargets,
  type SparseProjection,
  weightValues,
} from "../network/index.ts";

/** What a loop sees of the target population, in the scaled frame of `layer.ts`. */
export interface Membranes {
  readonly size: number;
  /** Scaled distance from rest; -Infinity while refractory. */
  readonly charge: Float64Array | Float32Array;
  /** What a weight of 1 is worth now. */
  scale: number;
  /** What the threshold is worth now. */
  ceiling: number;
  /** Neurons seen at or above the ceiling, some twice; those from `size` on are counted, not kept. */
  readonly candidates: Uint32Array;
  candidateCount: number;
}

/** Adds the weights of `sources[from]` to `sources[to - 1]` and answers how many synaptic operations that took. */
export type Deliver = (sources: Uint32Array, from: number, to: number, target: Membranes) => number;

/** All synapses of a projection that share a delay. */
export interface DelayGroup {
  readonly from: number;
  readonly to: number;
  readonly delayUs: number;
  readonly deliver: Deliver;
}

/** A network's projections by delay, in order of document and delay. Throws a ReflexarcError for one that learns. */
export function wire(network: Network): DelayGroup[] {
  return network.projections.flatMap((projection) => {
    if (projection.plasticity) throw learnsElsewhere(network, projection);
    return wireProjection(network, projection);
  });
}

/** One projection by delay, with its weights as they are. */
export function wireProjection(network: Network, projection: Projection): DelayGroup[] {
  const { from, to } = projection;
  return loopsOf(network, projection).map(([delayUs, deliver]) => ({ from, to, delayUs, deliver }));
}

function learnsElsewhere({ populations }: Network, { from, to }: Projection): ReflexarcError {
  return new ReflexarcError({
    kind: "usage",
    room: "core",
    what: `the projection from "${populations[from]!.name}" to "${populations[to]!.name}" learns, which this engine doesn't`,
    remedy: "Take the engine async with a network document, or switch its plasticity off.",
  });
}

function loopsOf(network: Network, projection: Projection): [delayUs: number, Deliver][] {
  const from = network.populations[projection.from]!;
  const to = network.populations[projection.to]!;
  const weights = weightValues(projection.weights);
  switch (projection.pattern) {
    case "dense":
      return [[projection.delayUs, dense(weights, to.size)]];
    case "one-to-one":
      return [[projection.delayUs, oneToOne(weights)]];
    case "pool":
      return [[projection.delayUs, pool(weights, poolTargets(from.geometry, to.geometry))]];
    case "convolution":
      return [[projection.delayUs, convolution(weights, projection, from.geometry, to.geometry)]];
    case "window": {
      // A convolution of one channel each.
      const area = projection.kernel[0] * projection.kernel[1];
      const kernels = new Float64Array(from.geometry.channels * area).fill(weights[0]!);
      const grouped = { ...projection, groups: from.geometry.channels };
      return [[projection.delayUs, convolution(kernels, grouped, from.geometry, to.geometry)]];
    }
    case "sparse":
      return sparseByDelay(weights, projection, from.size);
  }
}

function dense(weights: Float64Array, size: number): Deliver {
  return (sources, from, to, target) => {
    const { charge, scale, ceiling, candidates } = target;
    let found = target.candidateCount;
    for (let k = from; k < to; k++) {
      const row = sources[k]! * size;
      for (let n = 0; n < size; n++) {
        const charged = charge[n]! + weights[row + n]! * scale;
        charge[n] = charged;
        if (charged >= ceiling) {
          if (found < size) candidates[found] = n;
          found += 1;
        }
      }
    }
    target.candidateCount = found;
    return (to - from) * size;
  };
}

function pool(weights: Float64Array, targets: Uint32Array): Deliver {
  return (sources, from, to, target) => {
    const { size, charge, scale, ceiling, candidates } = target;
    let found = target.candidateCount;
    for (let k = from; k < to; k++) {
      const source = sources[k]!;
      const n = targets[source]!;
      const charged = charge[n]! + weights[source]! * scale;
      charge[n] = charged;
      if (charged >= ceiling) {
        if (found < size) candidates[found] = n;
        found += 1;
      }
    }
    target.candidateCount = found;
    return to - from;
  };
}

function oneToOne(weights: Float64Array): Deliver {
  const step = weights.length === 1 ? 0 : 1;
  return (sources, from, to, target) => {
    const { size, charge, scale, ceiling, candidates } = target;
    let found = target.candidateCount;
    for (let k = from; k < to; k++) {
      const n = sources[k]!;
      const charged = charge[n]! + weights[n * step]! * scale;
      charge[n] = charged;
      if (charged >= ceiling) {
        if (found < size) candidates[found] = n;
        found += 1;
      }
    }
    target.candidateCount = found;
    return to - from;
  };
}

/** Scatters each spike to the outputs whose kernel covers it; the inner loop runs over output channels of its group. */
function convolution(
  weights: Float64Array,
  projection: Pick<ConvolutionProjection, "kernel" | "stride" | "padding" | "dilation" | "groups">,
  from: NeuronGeometry,
  to: NeuronGeometry,
): Deliver {
  const [kernelHeight, kernelWidth] = projection.kernel;
  const [strideY, strideX] = projection.stride;
  const [paddingY, paddingX] = projection.padding;
  const [dilationY, dilationX] = projection.dilation ?? [1, 1];
  const groups = projection.groups ?? 1;
  const sourcePlane = from.height * from.width;
  const targetPlane = to.height * to.width;
  const channels = to.channels / groups;
  const channelsIn = from.channels / groups;
  const taps = kernelHeight * kernelWidth;
  const patch = channelsIn * taps;
  const reachY = (kernelHeight - 1) * dilationY;
  const reachX = (kernelWidth - 1) * dilationX;
  // [channel in][ky][kx][channel out of the group]: what one place of the kernel adds lies together.
  const byTap = new Float64Array(weights.length);
  for (let channel = 0; channel < to.channels; channel++) {
    const group = Math.floor(channel / channels);
    for (let tap = 0; tap < patch; tap++)
      byTap[(group * patch + tap) * channels + (channel - group * channels)] =
        weights[channel * patch + tap]!;
  }
  return (sources, fromIndex, toIndex, target) => {
    const { size, charge, scale, ceiling, candidates } = target;
    let found = target.candidateCount;
    let operations = 0;
    for (let k = fromIndex; k < toIndex; k++) {
      const source = sources[k]!;
      const channelIn = Math.floor(source / sourcePlane);
      const place = source - channelIn * sourcePlane;
      const row = Math.floor(place / from.width);
      const paddedY = row + paddingY;
      const paddedX = place - row * from.width + paddingX;
      const yFirst = Math.max(0, Math.ceil((paddedY - reachY) / strideY));
      const yLast = Math.min(to.height - 1, Math.floor(paddedY / strideY));
      const xFirst = Math.max(0, Math.ceil((paddedX - reachX) / strideX));
      const xLast = Math.min(to.width - 1, Math.floor(paddedX / strideX));
      const first = Math.floor(channelIn / channelsIn) * channels * targetPlane;
      for (let y = yFirst; y <= yLast; y++) {
        const offY = paddedY - y * strideY;
        if (offY % dilationY !== 0) continue;
        const tapRow = channelIn * taps + (offY / dilationY) * kernelWidth;
        for (let x = xFirst; x <= xLast; x++) {
          const offX = paddedX - x * strideX;
          if (offX % dilationX !== 0) continue;
          let weight = (tapRow + offX / dilationX) * channels;
          const end = weight + channels;
          operations += channels;
          for (let n = first + y * to.width + x; weight < end; weight++, n += targetPlane) {
            const charged = charge[n]! + byTap[weight]! * scale;
            charge[n] = charged;
            if (charged >= ceiling) {
              if (found < size) candidates[found] = n;
              found += 1;
            }
          }
        }
      }
    }
    target.candidateCount = found;
    return operations;
  };
}

/** One loop a delay, each with the part of every row that has this delay. */
function sparseByDelay(
  weights: Float64Array,
  projection: SparseProjection,
  sources: number,
): [number, Deliver][] {
  return rowsByDelay(projection, sources).map(({ delayUs, starts, synapses }) => {
    const targets = synapses.map((k) => projection.targets[k]!);
    const groupWeights = Float64Array.from(synapses, (k) => weights[k]!);
    return [delayUs, sparse(starts, targets, groupWeights)];
  });
}

/** The synapses of a sparse projection that share a delay: those of source s are starts[s] to starts[s + 1] - 1. */
export interface DelayRows {
  readonly delayUs: number;
  readonly starts: Uint32Array;
  /** Where each stands in the projection. */
  readonly synapses: Uint32Array;
}

/** In ascending order of delay. */
export function rowsByDelay({ rowStarts, delaysUs }: SparseProjection, sources: number): DelayRows[] {
  const delays = [...new Set(delaysUs)].sort((a, b) => a - b);
  return delays.map((delayUs) => {
    const starts = new Uint32Array(sources + 1);
    const kept: number[] = [];
    for (let source = 0; source < sources; source++) {
      for (let k = rowStarts[source]!; k < rowStarts[source + 1]!; k++) {
        if (delaysUs[k] === delayUs) kept.push(k);
      }
      starts[source + 1] = kept.length;
    }
    return { delayUs, starts, synapses: Uint32Array.from(kept) };
  });
}

/** Rows by source; the weights may change between two deliveries. */
export function sparse(starts: Uint32Array, targets: Uint32Array, weights: Float64Array): Deliver {
  return (sources, from, to, target) => {
    const { size, charge, scale, ceiling, candidates } = target;
    let found = target.candidateCount;
    let operations = 0;
    for (let k = from; k < to; k++) {
      const source = sources[k]!;
      const first = starts[source]!;
      const end = starts[source + 1]!;
      for (let synapse = first; synapse < end; synapse++) {
        const n = targets[synapse]!;
        const charged = charge[n]! + weights[synapse]! * scale;
        charge[n] = charged;
        if (charged >= ceiling) {
          if (found < size) candidates[found] = n;
          found += 1;
        }
      }
      operations += end - first;
    }
    target.candidateCount = found;
    return operations;
  };
}
