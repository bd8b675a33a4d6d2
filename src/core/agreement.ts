/** How much a network's output changes with its weights: two networks on the same input, spike for spike. */

import type { Network } from "../network/index.ts";
import { seededRandom } from "../random.ts";
import type { StepRules } from "./cells.ts";
import { createStepped } from "./stepped.ts";

/** Input of one sample or several: values[(sample * steps + step) * inputs + id]. */
export interface Stimulus {
  readonly samples: number;
  readonly steps: number;
  readonly values: Float64Array;
}

export interface Agreement {
  readonly samples: number;
  readonly steps: number;
  readonly populations: readonly PopulationAgreement[];
  /** Share of neurons and steps of the output at which both give the same, 0 to 1. */
  readonly sameOutput: number;
  /** Samples in which the same output neuron gave most (of equals the first), or none gave anything. */
  readonly sameWinner: number;
  /** Mean of what each neuron of the first network gave in a step, by population: its rate. */
  readonly rates: readonly Float64Array[];
}

export interface PopulationAgreement {
  readonly name: string;
  /** What it gave in all: spikes, where it spikes. */
  readonly before: number;
  readonly after: number;
  /** Neurons and steps at which the two differ, of all. */
  readonly differ: number;
  readonly cells: number;
}

/** A spike of each input neuron in each step with probability `rate`; the same for the same seed. */
export function seededStimulus(
  inputs: number,
  { samples, steps, rate, seed }: { samples: number; steps: number; rate: number; seed: number },
): Stimulus {
  const random = seededRandom(seed);
  const values = Float64Array.from({ length: samples * steps * inputs }, () => (random() < rate ? 1 : 0));
  return { samples, steps, values };
}

/** Runs both networks in steps over the stimulus, each sample from rest. Both have the same populations. */
export function compareNetworks(
  before: Network,
  after: Network,
  { samples, steps, values }: Stimulus,
  rules: Partial<StepRules>,
): Agreement {
  const engines = [createStepped(before, rules), createStepped(after, rules)] as const;
  const starts = engines.map((engine) => engine.save());
  const { populations, input, output } = before;
  const inputs = populations[input]!.size;
  const row = new Float64Array(inputs);
  const given = populations.map(({ size }) => [new Float64Array(size), new Float64Array(size)] as const);
  const rates = populations.map(({ size }) => new Float64Array(size));
  const sums = populations.map(() => ({ before: 0, after: 0, differ: 0 }));
  let sameWinner = 0;
  for (let sample = 0; sample < samples; sample++) {
    for (const [k, engine] of engines.entries()) engine.restore(starts[k]!);
    const totals = [0, 1].map(() => new Float64Array(populations[output]!.size)) as [
      Float64Array,
      Float64Array,
    ];
    for (let step = 0; step < steps; step++) {
      const at = (sample * steps + step) * inputs;
      row.set(values.subarray(at, at + inputs));
      for (const engine of engines) engine.step(row);
      for (const p of populations.keys()) {
        const both = given[p]!;
        for (const [k, { cells }] of engines.entries()) {
          both[k]!.fill(0);
          const { ids, values: out, count } = cells[p]!;
          for (let i = 0; i < count; i++) both[k]![ids[i]!] = out[i]!;
        }
        const [a, b] = both;
        const sum = sums[p]!;
        for (let id = 0; id < a.length; id++) {
          if (a[id] !== b[id]) sum.differ += 1;
          sum.before += a[id]!;
          sum.after += b[id]!;
          rates[p]![id]! += Math.abs(a[id]!);
          if (p === output) {
            totals[0][id]! += a[id]!;
            totals[1][id]! += b[id]!;
          }
        }
      }
    }
    if (winnerOf(totals[0]) === winnerOf(totals[1])) sameWinner += 1;
  }
  const all = samples * steps;
  for (const rate of rates) for (let id = 0; id < rate.length; id++) rate[id]! /= all;
  const told = populations.map(({ name, size }, p) => ({ name, ...sums[p]!, cells: all * size }));
  const { differ, cells } = told[output]!;
  return { samples, steps, populations: told, sameOutput: 1 - differ / cells, sameWinner, rates };
}

/** The neuron with the most, or -1 where none gave anything. */
function winnerOf(totals: Float64Array): number {
  let winner = -1;
  for (const [id, total] of totals.entries())
    if (total !== 0 && (winner < 0 || total > totals[winner]!)) winner = id;
  return winner;
}
