/** An evolutionary search for a layout that takes less time a step, by the model, and never more than the first one. */

import type { Network } from "../network/index.ts";
import { seededRandom } from "../random.ts";
import { energyOf } from "./bill.ts";
import type { Ground } from "./ground.ts";
import { byCore, type Layout, refusalsOf } from "./layout.ts";
import type { StepLoad } from "./load.ts";
import type { Traffic } from "./traffic.ts";

export interface SearchOptions {
  readonly generations: number;
  readonly seed: number;
}

export interface Found {
  readonly layout: Layout;
  readonly load: StepLoad;
  /** Layouts that were tried, and those of them that a limit forbids. */
  readonly tried: number;
  readonly refused: number;
}

/** Parents that survive a generation, and children that it has. */
const parents = 8;
const children = 24;

/** The cores of each population's parts: how it is cut, and where each part lies. */
type Genome = readonly (readonly number[])[];

interface Candidate {
  readonly genome: Genome;
  readonly layout: Layout;
  readonly load: StepLoad;
  readonly energyPj: number;
}

/**
 * Cuts and places at once, as Pierro et al. 2026 do (arXiv 2602.04717: a population of layouts, selection, crossover and
 * mutation under the limits of the cores), but with the model in the loop where they have the chip. The best of parents
 * and children live on, so that the result is at least as good as `start`; the same seed gives the same layout.
 */
export function searchLayout(start: Layout, traffic: Traffic, { generations, seed }: SearchOptions): Found {
  const { ground } = start;
  const random = seededRandom(seed);
  const below = (count: number) => Math.floor(random() * count);
  const genomeOf = ({ slices }: Layout): Genome =>
    ground.placed.map((p) => slices.filter(({ population }) => population === p).map(({ core }) => core));
  const first = judged(genomeOf(start), start, traffic);
  const seen = new Set([JSON.stringify(first.genome)]);
  let living: Candidate[] = [first];
  let tried = 0;
  let refused = 0;
  for (let generation = 0; generation < generations; generation++) {
    const born: Candidate[] = [];
    for (let child = 0; child < children; child++) {
      const mother = living[below(living.length)]!;
      const father = living[below(living.length)]!;
      let genome: Genome = mother.genome.map((cores, k) => (random() < 0.7 ? cores : father.genome[k]!));
      for (let change = 0; change === 0 || random() < 0.5; change++) genome = mutated(genome, ground, below);
      const key = JSON.stringify(genome);
      if (seen.has(key)) continue;
      seen.add(key);
      tried += 1;
      const layout = layoutFrom(genome, ground);
      if (refusalsOf(layout).length > 0) refused += 1;
      else born.push(judged(genome, layout, traffic));
    }
    // The sort is stable: of equals the older one stays.
    living = [...living, ...born].sort(faster).slice(0, parents);
  }
  const [best] = living;
  return { layout: best!.layout, load: best!.load, tried, refused };
}

function faster(a: Candidate, b: Candidate): number {
  return a.load.latencyNs - b.load.latencyNs || a.energyPj - b.energyPj;
}

function judged(genome: Genome, layout: Layout, traffic: Traffic): Candidate {
  const load = traffic.loadOf(layout);
  return { genome, layout, load, energyPj: energyOf(layout.ground.chip, countsOf(load), 0).total };
}

/** A step's load as counts. */
export function countsOf(load: StepLoad) {
  const neurons = load.slices.reduce((sum, { first, end }) => sum + end - first, 0);
  const inactive = load.everyStep ? neurons - load.active : 0;
  return {
    synapticOperations: load.operated,
    activeUpdates: load.active,
    inactiveUpdates: inactive,
    messages: load.sent,
    hopsX: load.hopsX,
    hopsY: load.hopsY,
    weightUpdates: 0,
  };
}

function layoutFrom(genome: Genome, ground: Ground): Layout {
  const slices = genome.flatMap((cores, k) =>
    cores.map((core, index) => ({ ...ground.part(ground.placed[k]!, index, cores.length), core })),
  );
  return { ground, slices };
}

/** One change: a population cut into more or fewer parts, a part moved, or two cores exchanged. */
function mutated(genome: Genome, ground: Ground, below: (count: number) => number): Genome {
  const k = below(genome.length);
  const cores = genome[k]!;
  const size = sizeOf(ground.network, ground.placed[k]!);
  const somewhere = () => below(ground.kinds.length);
  const replaced = (changed: readonly number[]) => genome.map((old, index) => (index === k ? changed : old));
  switch (below(ground.chip.limits.split ? 5 : 2)) {
    case 0: {
      const part = below(cores.length);
      return replaced(cores.map((core, index) => (index === part ? somewhere() : core)));
    }
    case 1: {
      const used = [...new Set(genome.flat())];
      const a = used[below(used.length)]!;
      const b = below(2) === 0 ? used[below(used.length)]! : somewhere();
      return genome.map((row) => row.map((core) => (core === a ? b : core === b ? a : core)));
    }
    case 2:
      return cores.length < size ? replaced([...cores, somewhere()]) : genome;
    case 3:
      return cores.length > 1 ? replaced(cores.slice(0, -1)) : genome;
    default: {
      // As many cores in a row as a power of two: what halving by hand would try.
      const count = Math.min(size, 2 ** below(6));
      const from = somewhere();
      return replaced(Array.from({ length: count }, (_, index) => (from + index) % ground.kinds.length));
    }
  }
}

function sizeOf({ populations }: Network, population: number): number {
  return populations[population]!.size;
}

/** Cores that a layout uses. */
export function coresUsed({ slices }: Layout): number {
  return byCore(slices).size;
}
