/** What neurons that learnt without labels stand for: samples are split, neurons assigned, and spikes counted as votes. */

import { seededRandom, seedFor } from "../random.ts";

/** Three parts of the samples that share none. */
export interface Split<T> {
  /** Shown without labels. */
  readonly exposure: T[];
  /** Their labels tell what each neuron stands for. */
  readonly assignment: T[];
  /** Served for neither. */
  readonly judged: T[];
}

/** Splits each label's samples in the same shares, which sum to 1; seeded, each part in random order. */
export function splitSamples<T extends { readonly label: string }>(
  samples: readonly T[],
  [exposed, assigned]: readonly [exposed: number, assigned: number, judged: number],
  seed: number,
): Split<T> {
  const split: Split<T> = { exposure: [], assignment: [], judged: [] };
  for (const label of [...new Set(samples.map(({ label }) => label))].sort()) {
    const same = shuffled(
      samples.filter((sample) => sample.label === label),
      seedFor(seed, label),
    );
    const first = Math.round(same.length * exposed);
    const second = Math.round(same.length * (exposed + assigned));
    split.exposure.push(...same.slice(0, first));
    split.assignment.push(...same.slice(first, second));
    split.judged.push(...same.slice(second));
  }
  return {
    exposure: shuffled(split.exposure, seedFor(seed, "exposure")),
    assignment: shuffled(split.assignment, seedFor(seed, "assignment")),
    judged: shuffled(split.judged, seedFor(seed, "judged")),
  };
}

/** In random order (Fisher and Yates), always the same for a seed. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = seededRandom(seed);
  const order = [...items];
  for (let k = order.length - 1; k > 0; k--) {
    const other = Math.floor(random() * (k + 1));
    [order[k], order[other]] = [order[other]!, order[k]!];
  }
  return order;
}

/** Spikes of each neuron while a sample was shown, and the sample's class by number. */
export interface Response {
  readonly counts: Float64Array;
  readonly label: number;
}

/** What each neuron stands for. */
export interface Assignment {
  readonly classes: number;
  /** shares[neuron * classes + class]: of a neuron's spikes, if each class were shown equally often; 0 where it never fired. */
  readonly shares: Float64Array;
  /** The class of each neuron's largest share; -1 for a neuron that never fired. */
  readonly labelOf: Int32Array;
}

/** From what neurons did while labelled samples were shown. */
export function assign(responses: readonly Response[], classes: number): Assignment {
  const neurons = responses[0]?.counts.length ?? 0;
  const shown = new Float64Array(classes);
  const shares = new Float64Array(neurons * classes);
  for (const { counts, label } of responses) {
    shown[label]! += 1;
    for (let id = 0; id < neurons; id++) shares[id * classes + label]! += counts[id]!;
  }
  const labelOf = new Int32Array(neurons).fill(-1);
  for (let id = 0; id < neurons; id++) {
    const own = shares.subarray(id * classes, (id + 1) * classes);
    for (let label = 0; label < classes; label++)
      own[label] = shown[label]! > 0 ? own[label]! / shown[label]! : 0;
    const sum = own.reduce((total, mean) => total + mean, 0);
    if (sum === 0) continue;
    for (let label = 0; label < classes; label++) own[label]! /= sum;
    labelOf[id] = largest(own);
  }
  return { classes, shares, labelOf };
}

/** The class that a sample's spikes vote for, each by its neuron's shares; -1 where no neuron fired that stands for one. */
export function decide(counts: Float64Array, { classes, shares }: Assignment): number {
  const votes = new Float64Array(classes);
  for (const [id, count] of counts.entries())
    for (let label = 0; label < classes; label++) votes[label]! += count * shares[id * classes + label]!;
  return votes.some((vote) => vote > 0) ? largest(votes) : -1;
}

/** Of equals the first. */
function largest(values: Float64Array): number {
  return values.reduce((best, value, index) => (value > values[best]! ? index : best), 0);
}
