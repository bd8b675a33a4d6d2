/** Weights as a chip holds them: whole numbers of few bits, times one scale for all synapses of a population. */

import type { Chip } from "../chips/index.ts";
import { type Network, type Projection, weightValues } from "../network/index.ts";

export interface Quantised {
  readonly network: Network;
  readonly projections: readonly QuantisedProjection[];
}

export interface QuantisedProjection {
  readonly from: number;
  readonly to: number;
  /** A weight on the chip is a whole number times this. */
  readonly scale: number;
  /** Whether every weight was on the chip's grid already. */
  readonly exact: boolean;
  /** Largest difference to the weight that was given. */
  readonly largestError: number;
  /** Weights that became 0. */
  readonly lost: number;
}

/**
 * Rounds the weights of each population's synapses to the levels of the chip (`weightLevels` and `weightMax` of its
 * document), with one scale for all that is summed there: what a threshold is compared to has one unit. Where a scale
 * exists that leaves all weights as they are, it is taken, and nothing changes; else the largest weight gets the largest
 * level, and for ternary weights the scale is the one of least squared error. Biases and neuron parameters stay.
 */
export function quantise(network: Network, chip: Chip): Quantised {
  const values = network.projections.map(({ weights }) => weightValues(weights));
  const told: QuantisedProjection[] = [];
  const scales = network.populations.map((_, p) => {
    const own = values.filter((_, k) => network.projections[k]!.to === p);
    return own.length > 0 ? scaleFor(own, chip) : undefined;
  });
  const projections = network.projections.map((projection, k): Projection => {
    const { scale, exact } = scales[projection.to]!;
    const before = values[k]!;
    const after = exact ? before : before.map((value) => levelOf(value, scale, chip) * scale);
    let largestError = 0;
    let lost = 0;
    for (let i = 0; i < before.length; i++) {
      largestError = Math.max(largestError, Math.abs(after[i]! - before[i]!));
      if (after[i] === 0 && before[i] !== 0) lost += 1;
    }
    told.push({ from: projection.from, to: projection.to, scale, exact, largestError, lost });
    return exact ? projection : { ...projection, weights: { values: after, scale: 1 } };
  });
  return { network: { ...network, projections }, projections: told };
}

/** The whole number that stands for a weight, within the chip's levels. */
function levelOf(value: number, scale: number, { synapses }: Chip): number {
  const spacing = synapses.weightLevels === "even" ? 2 : 1;
  const level = spacing * Math.round(value / scale / spacing);
  const most = spacing * Math.floor(synapses.weightMax / spacing);
  return Math.max(-most, Math.min(most, level));
}

function scaleFor(all: readonly Float64Array[], chip: Chip): { scale: number; exact: boolean } {
  const { weightLevels, weightMax } = chip.synapses;
  const spacing = weightLevels === "even" ? 2 : 1;
  const levels = Math.floor(weightMax / spacing);
  let largest = 0;
  for (const values of all) for (const value of values) largest = Math.max(largest, Math.abs(value));
  if (largest === 0) return { scale: 1, exact: true };
  // The largest weight is one of the levels: which one is tried, from the fewest.
  for (let level = 1; level <= levels; level++) {
    const step = largest / level;
    if (all.every((values) => isOnGrid(values, step))) return { scale: step / spacing, exact: true };
  }
  if (weightLevels === "ternary") return { scale: ternaryScale(all), exact: false };
  return { scale: largest / levels / spacing, exact: false };
}

function isOnGrid(values: Float64Array, step: number): boolean {
  for (const value of values) {
    const level = value / step;
    if (Math.abs(level - Math.round(level)) > 1e-9) return false;
  }
  return true;
}

/**
 * The scale s of weights -s, 0 and s with the least squared error: of the largest k magnitudes their mean, for the k with
 * the largest (sum of k)^2 / k; those above s / 2 are rounded away from 0 (Li et al. 2016, arXiv 1605.04711).
 */
function ternaryScale(all: readonly Float64Array[]): number {
  const magnitudes = Float64Array.from(all.flatMap((values) => Array.from(values, Math.abs)))
    .sort()
    .reverse();
  let sum = 0;
  let best = 0;
  let scale = 1;
  for (let k = 0; k < magnitudes.length; k++) {
    sum += magnitudes[k]!;
    const gain = (sum * sum) / (k + 1);
    if (gain <= best) continue;
    best = gain;
    scale = sum / (k + 1);
  }
  return scale;
}
