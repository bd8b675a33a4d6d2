/** Who reaches whom on a chip: projections between populations that have cores, with relays folded into them. */

import type { Network, Population, Projection } from "../network/index.ts";
import { fanInOf } from "./rows.ts";

/** All synapses of one way from a population to another; a relay (pooling, scaling) on the way is part of it. */
export interface Link {
  readonly from: number;
  readonly to: number;
  readonly path: readonly Projection[];
  /** Longest delay, in microseconds. */
  readonly delayUs: number;
  /** Most synapses of one target neuron. */
  readonly fanIn: number;
}

/** A relay passes on what it gets: it takes no neuron of a chip. */
export function isRelay({ neuron }: Population): boolean {
  return neuron?.model === "relay";
}

/** Populations that take neurons of a chip, by index. */
export function placedPopulations({ populations, input }: Network): number[] {
  return [...populations.keys()].filter((p) => p !== input && !isRelay(populations[p]!));
}

/** Ways from populations to populations that take neurons, in the network's order; relays that feed each other end a way. */
export function linksOf(network: Network): Link[] {
  const { populations, projections, input } = network;
  const links: Link[] = [];
  const follow = (from: number, path: readonly Projection[]): void => {
    const { to } = path.at(-1)!;
    if (!isRelay(populations[to]!)) {
      const delayUs = path.reduce((sum, projection) => sum + longestDelay(projection), 0);
      const fanIn = path.reduce((product, projection) => product * fanInOf(network, projection), 1);
      links.push({ from, to, path, delayUs, fanIn });
      return;
    }
    for (const next of projections)
      if (next.from === to && !path.includes(next)) follow(from, [...path, next]);
  };
  for (const projection of projections)
    if (projection.from === input || !isRelay(populations[projection.from]!))
      follow(projection.from, [projection]);
  return links;
}

function longestDelay(projection: Projection): number {
  if (projection.pattern !== "sparse") return projection.delayUs;
  let longest = 0;
  for (const delayUs of projection.delaysUs) longest = Math.max(longest, delayUs);
  return longest;
}
