/** Optima by other ways than the network's: all assignments one after another, and greedy searches from random starts. */

import { seededRandom } from "../../src/random.ts";
import type { Qubo } from "../../src/solvers/index.ts";

/**
 * The least energy of all 2^size assignments. All variables but the first two go through theirs in the order of a Gray
 * code, which changes one at a time; those two then take their best values.
 */
export function leastEnergy({ size, offset, linear, starts, others, couplings }: Qubo): number {
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let at = starts[i]!; at < starts[i + 1]!; at++) matrix[i * size + others[at]!] = couplings[at]!;
  const x = new Uint8Array(size);
  /** By how much the energy rises when a variable goes from 0 to 1. */
  const rise = linear.slice();
  let energy = offset;
  const together = matrix[1]!;
  const bestOfTwo = () => Math.min(0, rise[0]!, rise[1]!, rise[0]! + rise[1]! + together);
  let least = energy + bestOfTwo();
  const last = 2 ** (size - 2);
  for (let k = 1; k < last; k++) {
    const i = 33 - Math.clz32(k & -k);
    const change = x[i] === 1 ? -1 : 1;
    x[i] = 1 - x[i]!;
    energy += change * rise[i]!;
    for (let j = 0; j < size; j++) rise[j]! += change * matrix[i * size + j]!;
    least = Math.min(least, energy + bestOfTwo());
  }
  return least;
}

export type WeightedEdge = readonly [i: number, j: number, weight: number];

/** Each pair of nodes has an edge of weight 1 with a chance of `density`. */
export function randomGraph(seed: number, nodes: number, density: number): WeightedEdge[] {
  const random = seededRandom(seed);
  const edges: WeightedEdge[] = [];
  for (let i = 0; i < nodes; i++)
    for (let j = i + 1; j < nodes; j++) if (random() < density) edges.push([i, j, 1]);
  return edges;
}

/** The best cut of many greedy runs: from random sides, the node whose move gains most moves, until none gains. */
export function localSearchCut(
  seed: number,
  nodes: number,
  edges: readonly WeightedEdge[],
  restarts: number,
): number {
  const random = seededRandom(seed);
  const near = Array.from({ length: nodes }, (): [number, number][] => []);
  for (const [i, j, weight] of edges) {
    near[i]!.push([j, weight]);
    near[j]!.push([i, weight]);
  }
  let best = 0;
  for (let restart = 0; restart < restarts; restart++) {
    const side = Array.from({ length: nodes }, (): number => (random() < 0.5 ? 1 : -1));
    const gain = near.map((own, i) =>
      own.reduce((sum, [j, weight]) => sum + weight * side[i]! * side[j]!, 0),
    );
    for (;;) {
      const i = gain.reduce((most, value, node) => (value > gain[most]! ? node : most), 0);
      if (gain[i]! <= 0) break;
      side[i] = -side[i]!;
      gain[i] = -gain[i]!;
      for (const [j, weight] of near[i]!) gain[j]! += 2 * weight * side[i]! * side[j]!;
    }
    const cut = edges.reduce((sum, [i, j, weight]) => sum + (side[i] === side[j] ? 0 : weight), 0);
    best = Math.max(best, cut);
  }
  return best;
}

/** The length of the shortest tour, by trying all of them. */
export function shortestTour(distances: readonly (readonly number[])[]): number {
  let shortest = Infinity;
  const goOn = (at: number, rest: readonly number[], length: number) => {
    if (length >= shortest) return;
    if (rest.length === 0) shortest = Math.min(shortest, length + distances[at]![0]!);
    for (const next of rest)
      goOn(
        next,
        rest.filter((city) => city !== next),
        length + distances[at]![next]!,
      );
  };
  goOn(
    0,
    distances.slice(1).map((_, k) => k + 1),
    0,
  );
  return shortest;
}
