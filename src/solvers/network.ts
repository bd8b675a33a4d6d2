/** A QUBO as a recurrent network: a binary unit for each variable, and weights of W = -Q between them. */

import { neurons } from "../events/geometry.ts";
import type { Network, Projection } from "../network/index.ts";
import type { Qubo } from "./qubo.ts";

/** The population of the variables: number 0 is the input, through which nothing comes. */
export const variables = 1;

export interface QuboNetwork {
  readonly network: Network;
  /** Steps in which every unit has had its turn once. */
  readonly turns: number;
}

/**
 * Unit i hears -coupling for each change of a variable it is coupled to, from -linear on, so that its potential is how much
 * the energy falls when x[i] goes from 0 to 1. Coupled units never change in the same step: each would answer a state that
 * is gone, and the pair may swing for ever (Hopfield's argument needs turns; in parallel, Goles and Olivos 1981, a cycle of
 * two is what it comes to). Turns are the colours of a greedy colouring, the busiest first: as few steps as that takes.
 */
export function networkOf(qubo: Qubo): QuboNetwork {
  const { size, linear, starts, others, couplings } = qubo;
  const turn = turnsOf(qubo);
  const turns = Math.max(...turn) + 1;
  const network: Network = {
    about: undefined,
    populations: [
      { name: "input", geometry: neurons(1, 1, 1), size: 1, neuron: undefined },
      {
        name: "variables",
        geometry: neurons(1, 1, size),
        size,
        neuron: {
          model: "binary",
          parameters: { bias: linear.map((value) => -value + 0), turn, turns: Float64Array.of(turns) },
        },
      },
    ],
    projections: couplings.length === 0 ? [] : [recurrence(size, starts, others, couplings)],
    input: 0,
    output: variables,
  };
  return { network, turns };
}

/** Rows by source; where more than half of all pairs are coupled a plain matrix is the shorter way. */
function recurrence(
  size: number,
  starts: Uint32Array,
  others: Uint32Array,
  couplings: Float64Array,
): Projection {
  const ends = { from: variables, to: variables };
  if (couplings.length <= (size * size) / 2)
    return {
      ...{ ...ends, pattern: "sparse", rowStarts: starts, targets: others },
      delaysUs: new Uint32Array(others.length),
      weights: { values: couplings.map((value) => -value), scale: 1 },
    };
  const values = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let k = starts[i]!; k < starts[i + 1]!; k++) values[i * size + others[k]!] = -couplings[k]!;
  return { ...ends, pattern: "dense", delayUs: 0, weights: { values, scale: 1 } };
}

function turnsOf({ size, starts, others }: Qubo): Float64Array {
  const busy = (i: number) => starts[i + 1]! - starts[i]!;
  const order = Array.from({ length: size }, (_, i) => i).sort((a, b) => busy(b) - busy(a) || a - b);
  const turn = new Float64Array(size).fill(-1);
  /** By turn: the last unit that found it taken. */
  const taken = new Float64Array(size + 1).fill(-1);
  for (const i of order) {
    for (let k = starts[i]!; k < starts[i + 1]!; k++)
      if (turn[others[k]!]! >= 0) taken[turn[others[k]!]!] = i;
    let first = 0;
    while (taken[first] === i) first += 1;
    turn[i] = first;
  }
  return turn;
}
