/** AdamW (Kingma and Ba 2015; Loshchilov and Hutter 2019) on one column of parameters. */

const [firstDecay, secondDecay, epsilon] = [0.9, 0.999, 1e-8];

export interface Adam {
  /** Running means of the gradient and of its square, and the number of updates: all that has to be saved. */
  readonly mean: Float32Array;
  readonly square: Float32Array;
  updates: number;
}

export function createAdam(count: number): Adam {
  return { mean: new Float32Array(count), square: new Float32Array(count), updates: 0 };
}

/** Which parameters move, and how far. */
export interface AdamRange {
  readonly offset: number;
  readonly count: number;
  readonly rate: number;
  /** Part of each parameter that is taken away, times the rate. */
  readonly decay: number;
}

/** Moves parameters against their gradient; `updates` counts once for all ranges. */
export function adamStep(
  adam: Adam,
  parameters: Float32Array,
  gradient: Float32Array,
  ranges: readonly AdamRange[],
): void {
  const { mean, square } = adam;
  adam.updates += 1;
  const firstBias = 1 - firstDecay ** adam.updates;
  const secondBias = 1 - secondDecay ** adam.updates;
  for (const { offset, count, rate, decay } of ranges)
    for (let k = offset; k < offset + count; k++) {
      const slope = gradient[k]!;
      mean[k] = firstDecay * mean[k]! + (1 - firstDecay) * slope;
      square[k] = secondDecay * square[k]! + (1 - secondDecay) * slope * slope;
      const step = mean[k]! / firstBias / (Math.sqrt(square[k]! / secondBias) + epsilon);
      parameters[k] = parameters[k]! - rate * (step + decay * parameters[k]!);
    }
}
