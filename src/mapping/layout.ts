/** Which neurons lie on which core: the greedy layout, the check of any layout, and the error for what does not fit. */

import type { Chip } from "../chips/index.ts";
import { ReflexarcError } from "../errors.ts";
import type { Network } from "../network/index.ts";
import { Ground, type Refusal, type Span } from "./ground.ts";

/** A span on its core. */
export interface Slice extends Span {
  readonly core: number;
}

export interface Layout {
  readonly ground: Ground;
  readonly slices: readonly Slice[];
}

/** A layout, or every limit that is in the way of one. */
export type Fit = { readonly layout: Layout } | { readonly refusals: readonly Refusal[] };

/**
 * Cuts each population into as few equal parts as cores can hold, and puts part after part on the first core with
 * room. On chips whose cores take one population each, parts and cores are matched (Kuhn's augmenting paths).
 */
export function layoutGreedily(ground: Ground): Fit {
  const refusals = ground.anywhere();
  const parts: Span[] = [];
  for (const p of ground.placed) {
    const cut = cutIntoParts(ground, p);
    if ("refusals" in cut) refusals.push(...cut.refusals);
    else parts.push(...cut.parts);
  }
  if (refusals.length > 0) return { refusals };
  const single = ground.kinds.every(({ populations }) => populations?.value === 1);
  const cores = single ? matchCores(ground, parts) : fillCores(ground, parts);
  if (cores === undefined)
    return {
      refusals: [
        { limit: "cores", where: "the network", needed: parts.length, allowed: ground.kinds.length },
      ],
    };
  const layout = { ground, slices: parts.map((span, k) => ({ ...span, core: cores[k]! })) };
  const wrong = refusalsOf(layout);
  return wrong.length > 0 ? { refusals: wrong } : { layout };
}

/** What is wrong with a layout, core by core and neuron by neuron. */
export function refusalsOf({ ground, slices }: Layout): Refusal[] {
  const refusals: Refusal[] = [];
  const contents = byCore(slices);
  for (const [core, spans] of contents) {
    refusals.push(...ground.tooMuch(ground.kinds[core]!, spans, `core ${core}`));
    const allowed = ground.kinds[core]!.axonsOut?.value;
    if (allowed === undefined) continue;
    let needed = 0;
    for (const span of spans)
      for (const targets of contents.values()) needed += ground.reaching(span, targets);
    if (needed > allowed)
      refusals.push({ limit: "output axons a core", where: `core ${core}`, needed, allowed });
  }
  const reachable = ground.chip.limits.coresReached?.value;
  if (reachable !== undefined)
    for (const p of ground.placed) {
      const needed = mostCoresReached(ground, p, contents);
      if (needed > reachable)
        refusals.push({
          limit: "cores reached by a neuron",
          where: ground.nameOf(p),
          needed,
          allowed: reachable,
        });
    }
  return refusals;
}

/** Slices of each core that has any. */
export function byCore(slices: readonly Slice[]): Map<number, Slice[]> {
  const contents = new Map<number, Slice[]>();
  for (const slice of slices) {
    const there = contents.get(slice.core);
    if (there) there.push(slice);
    else contents.set(slice.core, [slice]);
  }
  return contents;
}

function mostCoresReached(ground: Ground, p: number, contents: ReadonlyMap<number, readonly Span[]>): number {
  const linked = [...contents.values()].filter((spans) =>
    spans.some(({ population }) => ground.outOf[p]!.some(({ to }) => to === population)),
  );
  let most = 0;
  const { size } = ground.network.populations[p]!;
  // Fewer cores than this can't be too many: no need to look at each neuron.
  if (linked.length <= ground.chip.limits.coresReached!.value) return linked.length;
  for (let id = 0; id < size; id++) {
    let reached = 0;
    for (const spans of linked) if (ground.reaches(p, id, spans)) reached += 1;
    most = Math.max(most, reached);
  }
  return most;
}

/** The fewest equal parts of a population that cores can hold each. */
function cutIntoParts(ground: Ground, p: number): { parts: Span[] } | { refusals: Refusal[] } {
  const name = ground.nameOf(p);
  const { size } = ground.network.populations[p]!;
  const kinds = ground.chip.cores;
  const holds = (span: Span) => kinds.some((kind) => ground.tooMuch(kind, [span], name).length === 0);
  // Of the kinds the one with the least in the way tells what that is.
  const refuse = (span: Span) =>
    kinds.map((kind) => ground.tooMuch(kind, [span], name)).reduce((a, b) => (b.length < a.length ? b : a));
  if (!ground.chip.limits.split) {
    const whole = ground.whole(p);
    return holds(whole) ? { parts: [whole] } : { refusals: refuse(whole) };
  }
  const most = Math.min(size, ground.kinds.length);
  const neurons = Math.max(...kinds.map((kind) => kind.neurons.value));
  const partsOf = (count: number) => Array.from({ length: count }, (_, k) => ground.part(p, k, count));
  for (let count = Math.ceil(size / neurons); count <= most; count += Math.max(1, count >> 4)) {
    const parts = partsOf(count);
    if (parts.every(holds)) return { parts };
  }
  const least = partsOf(most).find((part) => !holds(part));
  if (least && least.end - least.first === 1) return { refusals: refuse(least) };
  return {
    refusals: [
      {
        limit: "cores",
        where: name,
        needed: Math.max(most + 1, Math.ceil(size / neurons)),
        allowed: ground.kinds.length,
      },
    ],
  };
}

/** The first core with room for each part, going on from where the last one went. */
function fillCores(ground: Ground, parts: readonly Span[]): number[] | undefined {
  const { kinds } = ground;
  const contents = kinds.map((): Span[] => []);
  const cores: number[] = [];
  let cursor = 0;
  for (const part of parts) {
    let core = cursor;
    for (let tried = 0; ; tried++, core = (core + 1) % kinds.length) {
      if (tried === kinds.length) return undefined;
      if (ground.tooMuch(kinds[core]!, [...contents[core]!, part], "").length === 0) break;
    }
    contents[core]!.push(part);
    cores.push(core);
    cursor = core;
  }
  return cores;
}

function matchCores(ground: Ground, parts: readonly Span[]): number[] | undefined {
  const owner = ground.kinds.map(() => -1);
  const fits = parts.map((part) => ground.kinds.map((kind) => ground.tooMuch(kind, [part], "").length === 0));
  const claim = (part: number, seen: boolean[]): boolean =>
    fits[part]!.some((possible, core) => {
      if (!possible || seen[core]) return false;
      seen[core] = true;
      if (owner[core]! >= 0 && !claim(owner[core]!, seen)) return false;
      owner[core] = part;
      return true;
    });
  for (const part of parts.keys()) if (!claim(part, [])) return undefined;
  return parts.map((_, part) => owner.indexOf(part));
}

/** The layout of a network on a chip, or an error that tells each limit, by how much, and which chip would do. */
export function mapNetwork(
  network: Network,
  chip: Chip,
  {
    name,
    stepUs,
    others,
  }: { readonly name: string; readonly stepUs?: number; readonly others: readonly Chip[] },
): Layout {
  const fit = layoutGreedily(new Ground(network, chip, stepUs));
  if ("layout" in fit) return fit.layout;
  throw refusedBy(chip, fit.refusals, name, holdersOf(network, others, chip, stepUs));
}

/** Which of some chips would hold a network. */
export function holdersOf(network: Network, chips: readonly Chip[], but: Chip, stepUs?: number): string[] {
  return chips
    .filter((chip) => chip.name !== but.name && "layout" in layoutGreedily(new Ground(network, chip, stepUs)))
    .map((chip) => chip.name);
}

function refusedBy(
  chip: Chip,
  refusals: readonly Refusal[],
  name: string,
  holders: readonly string[],
): ReflexarcError {
  const told = refusals.slice(0, 4).map(tellRefusal);
  const more = refusals.length > told.length ? `; and ${refusals.length - told.length} more` : "";
  return new ReflexarcError({
    kind: "usage",
    room: "chip",
    what: `the network does not fit on ${chip.name}: ${told.join("; ")}${more}`,
    where: name,
    remedy:
      holders.length > 0
        ? `It would fit on ${holders.join(", ")}.`
        : "No bundled chip would hold it: make it smaller, or describe a larger chip.",
  });
}

export function tellRefusal({ limit, where, needed, allowed }: Refusal): string {
  const number = (value: number) => value.toLocaleString("en");
  return `"${where}": ${limit} ${number(needed)}, at most ${number(allowed)} (${number(needed - allowed)} too many)`;
}
