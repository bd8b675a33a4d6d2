/** Synapses of a layer: events of the layer before become drive, and errors go back through them. */

import type { LearningCalls } from "./kernel.ts";
import type { Events } from "./spike-set.ts";

export type Numbers = Float32Array | Float64Array;

/** How numbers are rounded after each operation: to float32 as the engine does it, or not at all. */
export type Round = (value: number) => number;

export interface Synapses {
  readonly weightCount: number;
  /** Weights into one neuron. */
  readonly fanIn: number;
  /** Where the weight of a document's or engine's numbering stands here. */
  readonly order: Uint32Array;
  /** With `calls` all columns that the loops are given lie in the memory of that kernel. */
  loops(round: Round, calls?: LearningCalls): SynapseLoops;
}

/**
 * `drive` and `error` are steps x neurons. Weights lie as the loops run: those of one source (or place of a kernel)
 * together. `weights` and `gradient` are whole columns, the layer's own begin at `offset`. Events of step t reach the
 * neurons in step t + `later`, for t of `from` to `to`.
 */
export interface SynapseLoops {
  /** drive[t + later] += weights x events[t] */
  forward(
    weights: Numbers,
    offset: number,
    events: Events,
    from: number,
    to: number,
    drive: Numbers,
    later: number,
  ): void;
  /** gradient += events[t] x error[t + later] */
  learn(
    gradient: Numbers,
    offset: number,
    events: Events,
    from: number,
    to: number,
    error: Numbers,
    later: number,
  ): void;
  /**
   * into[at + id] += lift times what the error of step t is to source `id`: the sum over its synapses of weight times
   * error. Sources that are not `wanted` may be left out.
   */
  back(
    weights: Numbers,
    offset: number,
    error: Numbers,
    t: number,
    into: Numbers,
    at: number,
    lift: number,
    wanted: (id: number) => boolean,
  ): void;
}

/** weights[source * size + target]. */
export function denseSynapses(sources: number, size: number): Synapses {
  return {
    weightCount: sources * size,
    fanIn: sources,
    order: Uint32Array.from({ length: sources * size }, (_, k) => k),
    loops: (round, calls) => (calls ? denseCalls(calls, sources, size) : denseLoops(round, sources, size)),
  };
}

function denseLoops(f: Round, sources: number, size: number): SynapseLoops {
  return {
    forward(weights, offset, { starts, ids, values }, from, to, drive, later) {
      for (let t = from; t < to; t++) {
        const at = (t + later) * size;
        const end = starts[t + 1]!;
        for (let k = starts[t]!; k < end; k++) {
          const row = offset + ids[k]! * size;
          const value = values[k]!;
          for (let n = 0; n < size; n++) drive[at + n] = drive[at + n]! + f(value * weights[row + n]!);
        }
      }
    },
    learn(gradient, offset, { starts, ids, values }, from, to, error, later) {
      for (let t = from; t < to; t++) {
        const at = (t + later) * size;
        const end = starts[t + 1]!;
        for (let k = starts[t]!; k < end; k++) {
          const row = offset + ids[k]! * size;
          const value = values[k]!;
          for (let n = 0; n < size; n++) gradient[row + n] = gradient[row + n]! + f(value * error[at + n]!);
        }
      }
    },
    back(weights, offset, error, t, into, at, lift) {
      const first = t * size;
      const share = f(lift);
      const sums = new Float64Array(4);
      for (let id = 0; id < sources; id++) {
        const row = offset + id * size;
        sums.fill(0);
        for (let n = 0; n < size; n++)
          sums[n % 4] = f(sums[n % 4]! + f(weights[row + n]! * error[first + n]!));
        const sum = f(f(sums[0]! + sums[1]!) + f(sums[2]! + sums[3]!));
        into[at + id] = into[at + id]! + f(share * sum);
      }
    },
  };
}

/** The same, to the bit, in a kernel. */
function denseCalls(calls: LearningCalls, sources: number, size: number): SynapseLoops {
  return {
    forward(weights, offset, { starts, ids, values }, from, to, drive, later) {
      calls.denseForward(
        weights.byteOffset + 4 * offset,
        starts.byteOffset,
        ids.byteOffset,
        values.byteOffset,
        from,
        to,
        drive.byteOffset,
        later,
        size,
      );
    },
    learn(gradient, offset, { starts, ids, values }, from, to, error, later) {
      calls.denseLearn(
        gradient.byteOffset + 4 * offset,
        starts.byteOffset,
        ids.byteOffset,
        values.byteOffset,
        from,
        to,
        error.byteOffset,
        later,
        size,
      );
    },
    back(weights, offset, error, t, into, at, lift) {
      calls.denseBack(
        weights.byteOffset + 4 * offset,
        error.byteOffset + 4 * t * size,
        into.byteOffset + 4 * at,
        lift,
        sources,
        size,
      );
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
    loops: () => ({
      forward(weights, offset, { starts, ids, values }, first, to, drive, later) {
        for (let t = first; t < to; t++) {
          const at = (t + later) * size;
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
      learn(gradient, offset, { starts, ids, values }, first, to, error, later) {
        for (let t = first; t < to; t++) {
          const at = (t + later) * size;
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
      back(weights, offset, error, t, into, to, lift, wanted) {
        const at = t * size;
        for (let id = 0; id < from.channels * plane; id++) {
          if (!wanted(id)) continue;
          const last = reachStarts[id + 1]!;
          let sum = 0;
          for (let pair = reachStarts[id]!; pair < last; pair += 2) {
            const target = at + pairs[pair]!;
            const weight = offset + pairs[pair + 1]!;
            for (let n = 0; n < channels; n++) sum += weights[weight + n]! * error[target + n]!;
          }
          into[to + id] = into[to + id]! + sum * lift;
        }
      },
    }),
  };
}
