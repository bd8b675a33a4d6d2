/** How many synapses a neuron has into a span of targets, told from a projection's structure and not synapse by synapse. */

import type { NeuronGeometry } from "../events/geometry.ts";
import { type Network, type Projection, poolTargets } from "../network/index.ts";

/** Synapses from neuron `source` to the targets `first` to `end - 1`. */
export type CountInto = (source: number, first: number, end: number) => number;

/** Counts along a way through relays; of several projections the synapses are those of all paths. */
export function countAlong(network: Network, path: readonly Projection[]): CountInto {
  const [head, ...rest] = path;
  if (rest.length === 0) return countOf(network, head!);
  const each = targetsOf(network, head!);
  const behind = countAlong(network, rest);
  return (source, first, end) => {
    let count = 0;
    each(source, (target) => {
      count += behind(target, first, end);
    });
    return count;
  };
}

function countOf(network: Network, projection: Projection): CountInto {
  switch (projection.pattern) {
    case "dense":
      return (_, first, end) => end - first;
    case "one-to-one":
      return (source, first, end) => (source >= first && source < end ? 1 : 0);
    case "pool": {
      const targets = poolTargets(
        network.populations[projection.from]!.geometry,
        network.populations[projection.to]!.geometry,
      );
      return (source, first, end) => (targets[source]! >= first && targets[source]! < end ? 1 : 0);
    }
    case "sparse": {
      const { rowStarts, targets } = projection;
      return (source, first, end) => {
        let count = 0;
        for (let k = rowStarts[source]!; k < rowStarts[source + 1]!; k++)
          if (targets[k]! >= first && targets[k]! < end) count += 1;
        return count;
      };
    }
    case "convolution":
    case "window":
      return countCovered(network, projection);
  }
}

/** Calls back with each target of a neuron, once a synapse. */
function targetsOf(
  network: Network,
  projection: Projection,
): (source: number, visit: (target: number) => void) => void {
  const to = network.populations[projection.to]!;
  switch (projection.pattern) {
    case "dense":
      return (_, visit) => {
        for (let target = 0; target < to.size; target++) visit(target);
      };
    case "one-to-one":
      return (source, visit) => visit(source);
    case "pool": {
      const targets = poolTargets(network.populations[projection.from]!.geometry, to.geometry);
      return (source, visit) => visit(targets[source]!);
    }
    case "sparse": {
      const { rowStarts, targets } = projection;
      return (source, visit) => {
        for (let k = rowStarts[source]!; k < rowStarts[source + 1]!; k++) visit(targets[k]!);
      };
    }
    case "convolution":
    case "window": {
      const cover = coverOf(network, projection);
      const { width, height } = to.geometry;
      return (source, visit) => {
        const { channel, channels, ys, xs } = cover(source);
        for (let c = channel; c < channel + channels; c++)
          for (const y of ys) for (const x of xs) visit((c * height + y) * width + x);
      };
    }
  }
}

type Kernel = Extract<Projection, { pattern: "convolution" | "window" }>;

/** The targets of a neuron of a convolution: some channels, and in each the same rows and columns. */
interface Cover {
  channel: number;
  channels: number;
  ys: readonly number[];
  xs: readonly number[];
}

function coverOf(network: Network, projection: Kernel): (source: number) => Cover {
  const from = network.populations[projection.from]!.geometry;
  const to = network.populations[projection.to]!.geometry;
  const groups = groupsOf(projection, from);
  const [dilationY, dilationX] = (projection.pattern === "convolution" && projection.dilation) || [1, 1];
  const axis = (size: number, count: number, a: 0 | 1, dilation: number) =>
    Array.from({ length: size }, (_, place) =>
      placesOn(place + projection.padding[a], projection.kernel[a], projection.stride[a], dilation, count),
    );
  const rows = axis(from.height, to.height, 0, dilationY);
  const columns = axis(from.width, to.width, 1, dilationX);
  const plane = from.height * from.width;
  const channelsIn = from.channels / groups;
  const channels = to.channels / groups;
  const cover: Cover = { channel: 0, channels, ys: [], xs: [] };
  return (source) => {
    const channelIn = Math.floor(source / plane);
    const place = source - channelIn * plane;
    const row = Math.floor(place / from.width);
    cover.channel = Math.floor(channelIn / channelsIn) * channels;
    cover.ys = rows[row]!;
    cover.xs = columns[place - row * from.width]!;
    return cover;
  };
}

/** A window is a convolution of one channel each. */
function groupsOf(projection: Kernel, from: NeuronGeometry): number {
  return projection.pattern === "window" ? from.channels : (projection.groups ?? 1);
}

/** Places of the target, 0 to count - 1, whose window covers one padded place of the source. */
function placesOn(padded: number, kernel: number, stride: number, dilation: number, count: number): number[] {
  const places: number[] = [];
  const first = Math.max(0, Math.ceil((padded - (kernel - 1) * dilation) / stride));
  const last = Math.min(count - 1, Math.floor(padded / stride));
  for (let place = first; place <= last; place++)
    if ((padded - place * stride) % dilation === 0) places.push(place);
  return places;
}

function countCovered(network: Network, projection: Kernel): CountInto {
  const cover = coverOf(network, projection);
  const { size, geometry } = network.populations[projection.to]!;
  const { width, height } = geometry;
  const plane = width * height;
  return (source, first, end) => {
    const { channel, channels, ys, xs } = cover(source);
    if (first === 0 && end === size) return channels * ys.length * xs.length;
    let count = 0;
    for (let c = channel; c < channel + channels; c++) {
      const base = c * plane;
      if (base >= end || base + plane <= first) continue;
      if (base >= first && base + plane <= end) {
        count += ys.length * xs.length;
        continue;
      }
      for (const y of ys)
        for (const x of xs) {
          const target = base + y * width + x;
          if (target >= first && target < end) count += 1;
        }
    }
    return count;
  };
}

/** Most synapses that one target neuron of a projection has. */
export function fanInOf(network: Network, projection: Projection): number {
  const from = network.populations[projection.from]!;
  const to = network.populations[projection.to]!;
  switch (projection.pattern) {
    case "dense":
      return from.size;
    case "one-to-one":
      return 1;
    case "pool":
      return most(poolTargets(from.geometry, to.geometry), to.size);
    case "sparse":
      return most(projection.targets, to.size);
    case "convolution":
    case "window":
      return (
        projection.kernel[0] *
        projection.kernel[1] *
        (from.geometry.channels / groupsOf(projection, from.geometry))
      );
  }
}

/** How often the most frequent of the numbers below `size` stands in a list. */
function most(ids: Uint32Array, size: number): number {
  const counts = new Uint32Array(size);
  for (const id of ids) counts[id]! += 1;
  return counts.reduce((largest, count) => Math.max(largest, count), 0);
}
