/** What a network asks of a chip, span by span of its populations: memory, axons, and the limits that hold anywhere. */

import type { Chip } from "../chips/index.ts";
import type { Network, Projection } from "../network/index.ts";
import { isRelay, type Link, linksOf, placedPopulations } from "./links.ts";
import { type CountInto, countAlong } from "./rows.ts";

/** Neurons `first` to `end - 1` of a population. */
export interface Span {
  readonly population: number;
  readonly first: number;
  readonly end: number;
}

/** A limit of the chip that the network is above. */
export interface Refusal {
  /** The limit in words, for example "input axons a core". */
  readonly limit: string;
  /** A population by its name, or a core by its number. */
  readonly where: string;
  readonly needed: number;
  readonly allowed: number;
}

type CoreKind = Chip["cores"][number];

/** A network on its way to a chip: what is counted once is remembered. */
export class Ground {
  readonly network: Network;
  readonly chip: Chip;
  readonly links: readonly Link[];
  /** Indices of the populations that take neurons. */
  readonly placed: readonly number[];
  /** The kind of each core. */
  readonly kinds: readonly CoreKind[];
  /** Length of a step, in microseconds. */
  readonly stepUs: number;
  /** Links that end at each population, and those that begin there. */
  readonly into: readonly (readonly Link[])[];
  readonly outOf: readonly (readonly Link[])[];
  readonly counts: ReadonlyMap<Link, CountInto>;
  readonly #memory = new Map<string, number>();
  readonly #reaching = new Map<string, number>();

  constructor(network: Network, chip: Chip, stepUs?: number) {
    this.network = network;
    this.chip = chip;
    this.stepUs = stepUs ?? network.stepUs ?? chip.timing.stepUs.value;
    this.links = linksOf(network);
    this.placed = placedPopulations(network);
    this.kinds = chip.cores.flatMap((kind) => Array.from({ length: kind.count.value }, () => kind));
    this.into = network.populations.map((_, p) => this.links.filter(({ to }) => to === p));
    this.outOf = network.populations.map((_, p) => this.links.filter(({ from }) => from === p));
    this.counts = new Map(this.links.map((link) => [link, countAlong(network, link.path)]));
  }

  nameOf(population: number): string {
    return this.network.populations[population]!.name;
  }

  /** Part `index` of a population in `parts` equal ones. */
  part(population: number, index: number, parts: number): Span {
    const { size } = this.network.populations[population]!;
    return {
      population,
      first: Math.floor((index * size) / parts),
      end: Math.floor(((index + 1) * size) / parts),
    };
  }

  /** Bits of weights that a core keeps for a span. */
  synapseBits(span: Span): number {
    return remembered(this.#memory, keyOf(span), () => {
      let bits = 0;
      const kept = new Set<Projection>();
      for (const link of this.into[span.population]!) {
        if (this.chip.synapses.kernels === "unrolled") {
          bits += this.#synapses(link, span) * this.#bitsEach(link.path.at(-1)!);
          continue;
        }
        for (const projection of link.path) {
          if (kept.has(projection)) continue;
          kept.add(projection);
          const last = projection === link.path.at(-1);
          bits += last ? this.#bitsOf(projection, span) : projection.weights.values.length * this.#weightBits;
        }
      }
      return bits;
    });
  }

  /** How many of the neurons of a span reach some neuron of the targets. */
  reaching(source: Span, targets: readonly Span[]): number {
    const reached = targets.filter(({ population }) =>
      this.outOf[source.population]!.some(({ to }) => to === population),
    );
    if (reached.length === 0) return 0;
    return remembered(this.#reaching, `${keyOf(source)}>${reached.map(keyOf).join()}`, () => {
      let count = 0;
      for (let id = source.first; id < source.end; id++)
        if (this.reaches(source.population, id, reached)) count += 1;
      return count;
    });
  }

  reaches(population: number, id: number, targets: readonly Span[]): boolean {
    for (const link of this.outOf[population]!) {
      const count = this.counts.get(link)!;
      for (const { population: to, first, end } of targets)
        if (to === link.to && count(id, first, end) > 0) return true;
    }
    return false;
  }

  /** Synapses from one neuron into a span. */
  synapsesInto(population: number, id: number, target: Span): number {
    let sum = 0;
    for (const link of this.outOf[population]!)
      if (link.to === target.population) sum += this.counts.get(link)!(id, target.first, target.end);
    return sum;
  }

  /** Different neurons that reach some of the spans on one core. */
  axonsIn(spans: readonly Span[]): number {
    const sources = new Set(
      spans.flatMap(({ population }) => this.into[population]!.map(({ from }) => from)),
    );
    let sum = 0;
    for (const population of sources) sum += this.reaching(this.whole(population), spans);
    return sum;
  }

  whole(population: number): Span {
    return { population, first: 0, end: this.network.populations[population]!.size };
  }

  /** What a core of a kind can't hold of the spans. */
  tooMuch(kind: CoreKind, spans: readonly Span[], where: string): Refusal[] {
    const refusals: Refusal[] = [];
    const test = (limit: string, needed: number, allowed: number | undefined) => {
      if (allowed !== undefined && needed > allowed) refusals.push({ limit, where, needed, allowed });
    };
    const neurons = spans.reduce((sum, { first, end }) => sum + end - first, 0);
    test("neurons a core", neurons, kind.neurons.value);
    test(
      "populations a core",
      new Set(spans.map(({ population }) => population)).size,
      kind.populations?.value,
    );
    test(
      "synaptic memory a core, in bits",
      spans.reduce((sum, span) => sum + this.synapseBits(span), 0),
      kind.synapseBits.value,
    );
    if (kind.axonsIn) test("input axons a core", this.axonsIn(spans), kind.axonsIn.value);
    return refusals;
  }

  /** Limits that no placing can mend. */
  anywhere(): Refusal[] {
    const { network, chip } = this;
    const { limits, synapses } = chip;
    const refusals: Refusal[] = [];
    const test = (limit: string, p: number, needed: number, allowed: number | undefined) => {
      if (allowed !== undefined && needed > allowed)
        refusals.push({ limit, where: this.nameOf(p), needed, allowed });
    };
    const { input, output } = network;
    test("inputs", input, network.populations[input]!.size, limits.inputs?.value);
    test("outputs", output, network.populations[output]!.size, limits.outputs?.value);
    for (const { from, to, delayUs } of this.links) {
      // A spike arrives in the next step anyway: a delay is what comes on top.
      const steps = Math.max(0, Math.round(delayUs / this.stepUs) - 1);
      test(
        `delay from "${this.nameOf(from)}", in steps of ${this.stepUs} us beyond the first,`,
        to,
        steps,
        synapses.delaySteps.value,
      );
    }
    for (const p of this.placed) {
      const fanIn = this.into[p]!.reduce((sum, link) => sum + link.fanIn, 0);
      test("fan-in", p, fanIn, limits.fanIn?.value);
      const taught = network.projections.filter(({ to, plasticity }) => to === p && plasticity);
      const synapsesTaught = taught.reduce((sum, { weights }) => sum + weights.values.length, 0);
      test("synapses that learn", p, synapsesTaught, chip.energyPj.weightUpdate ? undefined : 0);
      if (limits.fanOut) test("fan-out", p, this.#fanOut(p), limits.fanOut.value);
    }
    return refusals;
  }

  #fanOut(population: number): number {
    let most = 0;
    const { size } = this.network.populations[population]!;
    for (let id = 0; id < size; id++) {
      let sum = 0;
      for (const link of this.outOf[population]!)
        sum += this.counts.get(link)!(id, 0, this.network.populations[link.to]!.size);
      most = Math.max(most, sum);
    }
    return most;
  }

  /** Tile of a core: its column and row. On a crossbar each core has a place of its own in one row. */
  tileOf(core: number): { x: number; y: number } {
    const { fabric } = this.chip;
    if (fabric.kind === "crossbar") return { x: core, y: 0 };
    const tile = Math.floor(core / fabric.coresPerTile);
    return { x: tile % fabric.width, y: Math.floor(tile / fabric.width) };
  }

  get #weightBits(): number {
    return this.chip.synapses.weightBits.value;
  }

  #bitsEach(projection: Projection): number {
    const index = projection.pattern === "sparse" ? (this.chip.synapses.indexBits?.value ?? 0) : 0;
    return this.#weightBits + index;
  }

  #synapses(link: Link, { first, end }: Span): number {
    const count = this.counts.get(link)!;
    const { size } = this.network.populations[link.from]!;
    let sum = 0;
    for (let id = 0; id < size; id++) sum += count(id, first, end);
    return sum;
  }

  /** Of the projection that ends at the span, where kernels are kept as such. */
  #bitsOf(projection: Projection, span: Span): number {
    const from = this.network.populations[projection.from]!;
    const { geometry } = this.network.populations[span.population]!;
    const neurons = span.end - span.first;
    const rounded = this.chip.synapses.kernels === "power-of-two";
    const up = (count: number) => (rounded ? 2 ** Math.ceil(Math.log2(count)) : count);
    switch (projection.pattern) {
      case "dense": {
        const { channels, height, width } = from.geometry;
        return channels * up(height * width) * up(neurons) * this.#weightBits;
      }
      case "convolution": {
        const plane = geometry.height * geometry.width;
        const channels = Math.floor((span.end - 1) / plane) - Math.floor(span.first / plane) + 1;
        const area = projection.kernel[0] * projection.kernel[1];
        const channelsIn = from.geometry.channels / (projection.groups ?? 1);
        return channelsIn * up(area) * up(channels) * this.#weightBits;
      }
      case "sparse": {
        const { targets } = projection;
        let count = 0;
        for (const target of targets) if (target >= span.first && target < span.end) count += 1;
        return count * this.#bitsEach(projection);
      }
      case "window":
      case "one-to-one":
      case "pool":
        return Math.min(projection.weights.values.length, isRelay(from) ? 1 : Infinity) * this.#weightBits;
    }
  }
}

export function keyOf({ population, first, end }: Span): string {
  return `${population}:${first}-${end}`;
}

function remembered(memory: Map<string, number>, key: string, make: () => number): number {
  const known = memory.get(key);
  if (known !== undefined) return known;
  const made = make();
  memory.set(key, made);
  return made;
}
