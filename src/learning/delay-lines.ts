/** Learned axonal delays before a layer: each source's spikes come a few steps later, on each of its delay lines. */

import type { LearningCalls } from "./kernel.ts";
import type { Layer } from "./model.ts";
import type { Events } from "./spike-set.ts";
import type { Numbers, Round, SynapseLoops } from "./synapses.ts";

/** Buffers of a layer's delay lines, all in the kernel's memory where there is one. */
export interface LineColumns {
  /** Of the delayed events: steps + 1, and steps x lines. */
  readonly starts: Uint32Array;
  readonly ids: Uint32Array;
  readonly values: Numbers;
  readonly early: Numbers;
  readonly late: Numbers;
  /** As many as the layer has weights. */
  readonly earlyGradient: Numbers;
  readonly lateGradient: Numbers;
  /** Steps x lines: what the error of a step is to a line; only needed for `back`. */
  readonly errors: Numbers;
}

/**
 * Line l is of source l mod `sources`. A delay between two steps divides a spike among both (as the delays of arXiv
 * 2602.09746 and 2509.24852 are while they learn). What leaves the sample is gone.
 */
export interface DelayLines {
  /** Delays the events of a sample; adds what they do to `drive`. */
  forward(parameters: Numbers, input: Events, drive: Numbers): void;
  /** After `forward`: gradients of weights and, if they are learned, of delays, from the error of the drive. */
  learn(parameters: Numbers, gradient: Numbers, error: Numbers, delays: "learned" | "fixed"): void;
  /** into[t, source] += lift times what the error of the drive is to a source's spike in step t. */
  back(parameters: Numbers, error: Numbers, into: Numbers, lift: number): void;
}

export function createDelayLines(
  { delays, sources, size, weights }: Layer,
  steps: number,
  loops: SynapseLoops,
  { starts, ids, values, early, late, earlyGradient, lateGradient, errors }: LineColumns,
  { round: f, calls }: { readonly round: Round; readonly calls: LearningCalls | undefined },
): DelayLines {
  const { offset, count: lines } = delays!;
  const next = new Uint32Array(steps + 1);
  const whole = new Uint32Array(lines);
  const part = new Float64Array(lines);
  const whatCame = { starts, ids, values };
  const whatCameEarly = { starts, ids, values: early };
  const whatCameLate = { starts, ids, values: late };
  let isBetween = false;

  function divide(parameters: Numbers): void {
    isBetween = false;
    for (let line = 0; line < lines; line++) {
      const delay = parameters[offset + line]!;
      whole[line] = Math.floor(delay);
      part[line] = delay - whole[line]!;
      if (part[line] !== 0) isBetween = true;
    }
  }

  return {
    forward(parameters, input, drive) {
      divide(parameters);
      starts.fill(0);
      for (let t = 0; t < steps; t++)
        for (let k = input.starts[t]!; k < input.starts[t + 1]!; k++)
          for (let line = input.ids[k]!; line < lines; line += sources) {
            const at = t + whole[line]!;
            if (at < steps) starts[at + 1] = starts[at + 1]! + 1;
          }
      for (let t = 0; t < steps; t++) starts[t + 1] = starts[t + 1]! + starts[t]!;
      next.set(starts);
      for (let t = 0; t < steps; t++)
        for (let k = input.starts[t]!; k < input.starts[t + 1]!; k++)
          for (let line = input.ids[k]!; line < lines; line += sources) {
            const at = t + whole[line]!;
            if (at >= steps) continue;
            const place = next[at]!;
            next[at] = place + 1;
            const value = input.values[k]!;
            ids[place] = line;
            values[place] = value;
            if (!isBetween) continue;
            early[place] = value * (1 - part[line]!);
            late[place] = value * part[line]!;
          }
      loops.forward(parameters, weights.offset, isBetween ? whatCameEarly : whatCame, 0, steps, drive, 0);
      if (isBetween) loops.forward(parameters, weights.offset, whatCameLate, 0, steps - 1, drive, 1);
    },
    learn(parameters, gradient, error, learned) {
      if (learned === "fixed" && !isBetween) {
        loops.learn(gradient, weights.offset, whatCame, 0, steps, error, 0);
        return;
      }
      // A delay is worth what its spikes would bring a step later, less what they bring.
      earlyGradient.fill(0);
      lateGradient.fill(0);
      loops.learn(earlyGradient, 0, whatCame, 0, steps, error, 0);
      loops.learn(lateGradient, 0, whatCame, 0, steps - 1, error, 1);
      for (let line = 0; line < lines; line++) {
        const row = weights.offset + line * size;
        const slope = calls
          ? calls.lineLearn(
              parameters.byteOffset + 4 * row,
              earlyGradient.byteOffset + 4 * line * size,
              lateGradient.byteOffset + 4 * line * size,
              gradient.byteOffset + 4 * row,
              part[line]!,
              size,
            )
          : lineLearn(parameters, row, earlyGradient, lateGradient, line * size, gradient, part[line]!);
        if (learned === "learned") gradient[offset + line] = gradient[offset + line]! + slope;
      }
    },
    back(parameters, error, into, lift) {
      errors.fill(0);
      for (let t = 0; t < steps; t++)
        loops.back(parameters, weights.offset, error, t, errors, t * lines, 1, () => true);
      for (let t = 0; t < steps; t++)
        for (let line = 0; line < lines; line++) {
          const at = t - whole[line]!;
          if (at < 0) continue;
          const to = at * sources + (line % sources);
          const now = errors[t * lines + line]!;
          into[to] = into[to]! + lift * (1 - part[line]!) * now;
          // A part of the spike of the step before comes in this step too.
          if (at > 0) into[to - sources] = into[to - sources]! + lift * part[line]! * now;
        }
    },
  };

  /** The plain loop of `lineLearn` in `dense.kernel.ts`. */
  function lineLearn(
    parameters: Numbers,
    row: number,
    early: Numbers,
    late: Numbers,
    from: number,
    gradient: Numbers,
    share: number,
  ): number {
    const sums = new Float64Array(4);
    const later = f(share);
    const sooner = f(1 - later);
    for (let n = 0; n < size; n++) {
      const [a, b] = [early[from + n]!, late[from + n]!];
      gradient[row + n] = gradient[row + n]! + f(f(sooner * a) + f(later * b));
      sums[n % 4] = f(sums[n % 4]! + f(parameters[row + n]! * f(b - a)));
    }
    return f(f(sums[0]! + sums[1]!) + f(sums[2]! + sums[3]!));
  }
}
