/** Projections as loops: each pattern adds its weights to the target's membranes in its own structured form. */

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
  readonly charge: Float64Array;
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

/** A network's projections by delay, in order of document and delay. */
export function wire(network: Network): DelayGroup[] {
  return network.projections.flatMap((projection) => {
    const { from, to } = projection;
    return wireProjection(network, projection).map(([delayUs, deliver]) => ({ from, to, delayUs, deliver }));
  });
}

function wireProjection(network: Network, projection: Projection): [delayUs: number, Deliver][] {
  const from = network.populations[projection.from]!;
  const to = network.populations[projection.to]!;
  const weights = weightValues(projection.weights);
  switch (projection.pattern) {
    case "dense":
      return [[projection.delayUs, dense(weights, to.size)]];
    case "pool":
      return [[projection.delayUs, pool(weights, poolTargets(from.geometry, to.geometry))]];
    case "convolution":
      return [[projection.delayUs, convolution(weights, projection, network)]];
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

/** Scatters each spike to the outputs whose kernel covers it; the inner loop runs over output channels. */
function convolution(weights: Float64Array, projection: ConvolutionProjection, network: Network): Deliver {
  const from = network.populations[projection.from]!.geometry;
  const to = network.populations[projection.to]!.geometry;
  const [kernelHeight, kernelWidth] = projection.kernel;
  const [strideY, strideX] = projection.stride;
  const [paddingY, paddingX] = projection.padding;
  const sourcePlane = from.height * from.width;
  const targetPlane = to.height * to.width;
  const { channels } = to;
  const taps = kernelHeight * kernelWidth;
  const patch = from.channels * taps;
  // [channel in][ky][kx][channel out]: what one place of the kernel adds lies together.
  const byTap = new Float64Array(weights.length);
  for (let tap = 0; tap < patch; tap++) {
    for (let channel = 0; channel < channels; channel++) {
      byTap[tap * channels + channel] = weights[channel * patch + tap]!;
    }
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
      const yFirst = Math.max(0, Math.ceil((paddedY - kernelHeight + 1) / strideY));
      const yLast = Math.min(to.height - 1, Math.floor(paddedY / strideY));
      const xFirst = Math.max(0, Math.ceil((paddedX - kernelWidth + 1) / strideX));
      const xLast = Math.min(to.width - 1, Math.floor(paddedX / strideX));
      for (let y = yFirst; y <= yLast; y++) {
        const tapRow = channelIn * taps + (paddedY - y * strideY) * kernelWidth + paddedX;
        for (let x = xFirst; x <= xLast; x++) {
          let weight = (tapRow - x * strideX) * channels;
          const end = weight + channels;
          for (let n = y * to.width + x; weight < end; weight++, n += targetPlane) {
            const charged = charge[n]! + byTap[weight]! * scale;
            charge[n] = charged;
            if (charged >= ceiling) {
              if (found < size) candidates[found] = n;
              found += 1;
            }
          }
        }
      }
      operations += Math.max(0, yLast - yFirst + 1) * Math.max(0, xLast - xFirst + 1) * channels;
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
  const delays = [...new Set(projection.delaysUs)].sort((a, b) => a - b);
  return delays.map((delayUs) => {
    const starts = new Uint32Array(sources + 1);
    const kept: number[] = [];
    for (let source = 0; source < sources; source++) {
      for (let k = projection.rowStarts[source]!; k < projection.rowStarts[source + 1]!; k++) {
        if (projection.delaysUs[k] === delayUs) kept.push(k);
      }
      starts[source + 1] = kept.length;
    }
    const targets = Uint32Array.from(kept, (k) => projection.targets[k]!);
    const groupWeights = Float64Array.from(kept, (k) => weights[k]!);
    return [delayUs, sparse(starts, targets, groupWeights)];
  });
}

function sparse(starts: Uint32Array, targets: Uint32Array, weights: Float64Array): Deliver {
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
