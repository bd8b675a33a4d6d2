/** Feed-forward synapses of a layer: events of the layer before become drive, and errors go back through them. */

import type { Events } from "./spike-set.ts";

export type Numbers = Float32Array | Float64Array;

/**
 * `drive` and `error` are steps x neurons. Weights lie as the loops run: those of one source (or place of a kernel)
 * together. `weights` and `gradient` are the whole parameter columns, the layer's own begin at `offset`.
 */
export interface Synapses {
  readonly weightCount: number;
  /** Weights into one neuron. */
  readonly fanIn: number;
  /** drive[t] += weights x events[t] */
  forward(weights: Numbers, offset: number, events: Events, drive: Numbers): void;
  /** gradient += events[t] x error[t] */
  learn(gradient: Numbers, offset: number, events: Events, error: Numbers): void;
  /** What the error of step t is to source neuron `id`: the sum over its synapses of weight times error. */
  errorOf(weights: Numbers, offset: number, error: Numbers, t: number, id: number): number;
  /** Where the weight of a document's or engine's numbering stands here. */
  readonly order: Uint32Array;
}

/** weights[source * size + target]. */
export function denseSynapses(sources: number, size: number): Synapses {
  return {
    weightCount: sources * size,
    fanIn: sources,
    order: Uint32Array.from({ length: sources * size }, (_, k) => k),
    forward(weights, offset, { starts, ids, values }, drive) {
      const steps = starts.length - 1;
      for (let t = 0; t < steps; t++) {
        const at = t * size;
        const end = starts[t + 1]!;
        for (let k = starts[t]!; k < end; k++) {
          const row = offset + ids[k]! * size;
          const value = values[k]!;
          for (let n = 0; n < size; n++) drive[at + n] = drive[at + n]! + value * weights[row + n]!;
        }
      }
    },
    learn(gradient, offset, { starts, ids, values }, error) {
      const steps = starts.length - 1;
      for (let t = 0; t < steps; t++) {
        const at = t * size;
        const end = starts[t + 1]!;
        for (let k = starts[t]!; k < end; k++) {
          const row = offset + ids[k]! * size;
          const value = values[k]!;
          for (let n = 0; n < size; n++) gradient[row + n] = gradient[row + n]! + value * error[at + n]!;
        }
      }
    },
    errorOf(weights, offset, error, t, id) {
      const row = offset + id * size;
      const at = t * size;
      let sum = 0;
      for (let n = 0; n < size; n++) sum += weights[row + n]! * error[at + n]!;
      return sum;
    },
  };
}

/** A layer of neurons as places and channels. */
export interface Planes {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

export interface Window {
  readonly kernel: readonly [height: number, width: number];
  readonly stride: readonly [y: number, x: number];
  readonly padding: readonly [y: number, x: number];
}

/** Planes that a convolution gives. */
export function convolved(from: Planes, channels: number, { kernel, stride, padding }: Window): Planes {
  return {
    channels,
    height: Math.floor((from.height + 2 * padding[0] - kernel[0]) / stride[0]) + 1,
    width: Math.floor((from.width + 2 * padding[1] - kernel[1]) / stride[1]) + 1,
  };
}

/**
 * A cross-correlation. weights[((channel in * height + ky) * width + kx) * channels out + channel out], and targets are
 * numbered by place and then channel, so that the inner loop runs over channels; `placeOf` of sources is as given.
 */
export function convolutionSynapses(
  from: Planes,
  to: Planes,
  { kernel, stride, padding }: Window,
  numbering: "by channel" | "by place",
): Synapses {
  const [kernelHeight, kernelWidth] = kernel;
  const { channels } = to;
  const size = channels * to.height * to.width;
  const taps = kernelHeight * kernelWidth;
  const plane = from.height * from.width;
  // Of each source: the first target place and weight it reaches, as a list of pairs.
  const reachStarts = new Uint32Array(from.channels * plane + 1);
  const reach: number[] = [];
  for (let id = 0; id < from.channels * plane; id++) {
    const channel = numbering === "by channel" ? Math.floor(id / plane) : id % from.channels;
    const place = numbering === "by channel" ? id % plane : Math.floor(id / from.channels);
    const [y, x] = [Math.floor(place / from.width), place % from.width];
    for (let ky = 0; ky < kernelHeight; ky++) {
      const row = (y + padding[0] - ky) / stride[0];
      if (!Number.isInteger(row) || row < 0 || row >= to.height) continue;
      for (let kx = 0; kx < kernelWidth; kx++) {
        const column = (x + padding[1] - kx) / stride[1];
        if (!Number.isInteger(column) || column < 0 || column >= to.width) continue;
        reach.push((row * to.width + column) * channels);
        reach.push((channel * taps + ky * kernelWidth + kx) * channels);
      }
    }
    reachStarts[id + 1] = reach.length;
  }
  const pairs = Uint32Array.from(reach);
  const patch = from.channels * taps;
  return {
    weightCount: patch * channels,
    fanIn: patch,
    // The engine's: [channel out][channel in][ky][kx].
    order: Uint32Array.from(
      { length: patch * channels },
      (_, k) => (k % patch) * channels + Math.floor(k / patch),
    ),
    forward(weights, offset, { starts, ids, values }, drive) {
      const steps = starts.length - 1;
      for (let t = 0; t < steps; t++) {
        const at = t * size;
        const end = starts[t + 1]!;
        for (let k = starts[t]!; k < end; k++) {
          const value = values[k]!;
          const last = reachStarts[ids[k]! + 1]!;
          for (let pair = reachStarts[ids[k]!]!; pair < last; pair += 2) {
            const target = at + pairs[pair]!;
            const weight = offset + pairs[pair + 1]!;
            for (let n = 0; n < channels; n++)
              drive[target + n] = drive[target + n]! + value * weights[weight + n]!;
          }
        }
      }
    },
    learn(gradient, offset, { starts, ids, values }, error) {
      const steps = starts.length - 1;
      for (let t = 0; t < steps; t++) {
        const at = t * size;
        const end = starts[t + 1]!;
        for (let k = starts[t]!; k < end; k++) {
          const value = values[k]!;
          const last = reachStarts[ids[k]! + 1]!;
          for (let pair = reachStarts[ids[k]!]!; pair < last; pair += 2) {
            const target = at + pairs[pair]!;
            const weight = offset + pairs[pair + 1]!;
            for (let n = 0; n < channels; n++)
              gradient[weight + n] = gradient[weight + n]! + value * error[target + n]!;
          }
        }
      }
    },
    errorOf(weights, offset, error, t, id) {
      const at = t * size;
      const last = reachStarts[id + 1]!;
      let sum = 0;
      for (let pair = reachStarts[id]!; pair < last; pair += 2) {
        const target = at + pairs[pair]!;
        const weight = offset + pairs[pair + 1]!;
        for (let n = 0; n < channels; n++) sum += weights[weight + n]! * error[target + n]!;
      }
      return sum;
    },
  };
}
