/** Synapses that learn inside the event-driven engine: work at the spikes that reach them, and none between. */

import {
  type Network,
  type Plasticity,
  type Product,
  type Projection,
  type RuleEvent,
  sourceTraces,
  type TraceName,
  targetTraces,
} from "../network/index.ts";
import { Devices } from "./memristor.ts";
import { type Rows, rowsByDelay } from "./plastic-rows.ts";
import { type EngineState, partOf, restoreInto } from "./state.ts";
import { Traces } from "./traces.ts";
import { type DelayGroup, type Deliver, sparse } from "./wiring.ts";

/** Where a rule finds its variables: a place for each in `#values`. */
const slots = { x1: 0, x2: 1, y1: 2, y2: 3, y3: 4, w: 5, t: 6 } as const;

/** The products of one event, ready to be worked out. */
interface Sum {
  readonly coefficients: Float64Array;
  /** Slots to be multiplied, product by product; product p has those from starts[p] to starts[p + 1]. */
  readonly factors: Uint8Array;
  readonly starts: Uint32Array;
}

/** Traces of one side: where in `#values` each goes, and what a spike does to it. */
interface Side {
  readonly slot: number;
  readonly traces: Traces;
  readonly impulse: number;
  readonly mode: "add" | "set";
}

/**
 * The synapses of a projection that share a delay, and their rule. In the order of one microsecond:
 *
 * - A spike arrives: its weights are delivered, then the products with x0 change them; they see the traces of the
 *   source without this spike, which it then raises.
 * - The target fires, after all arrivals: the products with y0 see the sources' traces with what just arrived (it may
 *   have been the cause), and the target's own without this spike, which it then raises.
 * - A neuron that rewards fires: the products with r0 change all weights by its value.
 *
 * At each, dw comes before dt: a weight sees the tag as it was. A delay is on the source's side: its spike counts
 * when it arrives.
 */
export class PlasticGroup {
  /** As wiring's loops, and the weights learn. */
  readonly deliver: Deliver;
  /** Population whose spikes are rewards, by index; -1 for none. */
  readonly rewardFrom: number;
  readonly weights: Float64Array;
  /** Where each weight stands in the projection's own order. */
  readonly places: Uint32Array;

  readonly #plasticity: Plasticity;
  readonly #starts: Uint32Array;
  readonly #targets: Uint32Array;
  readonly #sources: Uint32Array;
  /** Synapses by target neuron, each row by source. */
  readonly #inbound: Uint32Array;
  readonly #inboundStarts: Uint32Array;
  readonly #dw: Readonly<Record<RuleEvent, Sum>>;
  readonly #dt: Readonly<Record<RuleEvent, Sum>>;
  readonly #sourceSide: readonly Side[];
  readonly #targetSide: readonly Side[];
  readonly #tag: Traces | undefined;
  readonly #devices: Devices | undefined;
  #updates = 0;
  readonly #values = new Float64Array(Object.keys(slots).length);
  #timeUs = 0;

  constructor(
    rows: Rows,
    sizes: { readonly sources: number; readonly targets: number },
    plasticity: Plasticity,
  ) {
    const { dw, dt, traces, tagTauUs, memristor, reward } = plasticity;
    this.#plasticity = plasticity;
    this.weights = rows.weights;
    this.places = rows.places;
    this.#starts = rows.starts;
    this.#targets = rows.targets;
    this.#sources = new Uint32Array(rows.targets.length);
    for (let source = 0; source < sizes.sources; source++)
      this.#sources.fill(source, rows.starts[source], rows.starts[source + 1]);
    this.#inboundStarts = new Uint32Array(sizes.targets + 1);
    for (const target of rows.targets) this.#inboundStarts[target + 1]! += 1;
    for (let target = 0; target < sizes.targets; target++)
      this.#inboundStarts[target + 1]! += this.#inboundStarts[target]!;
    this.#inbound = new Uint32Array(rows.targets.length);
    const next = this.#inboundStarts.slice();
    for (const [k, target] of rows.targets.entries()) this.#inbound[next[target]!++] = k;
    this.rewardFrom = reward?.from ?? -1;
    this.#devices = memristor && new Devices(this.weights, plasticity);
    this.#dw = byEvent(dw);
    this.#dt = byEvent(dt);
    const side = (names: readonly TraceName[], size: number) =>
      names.flatMap((name): Side[] => {
        const settings = traces[name];
        if (!settings) return [];
        const { tauUs, impulse, mode } = settings;
        return [{ slot: slots[name], traces: new Traces(size, tauUs), impulse, mode }];
      });
    this.#sourceSide = side(sourceTraces, sizes.sources);
    this.#targetSide = side(targetTraces, sizes.targets);
    this.#tag = dt.length > 0 ? new Traces(this.weights.length, tagTauUs) : undefined;
    const carry = sparse(rows.starts, rows.targets, this.weights);
    const silent = this.#isSilent("x0");
    this.deliver = (sources, from, to, target) => {
      if (silent) {
        for (let k = from; k < to; k++) this.#raise(this.#sourceSide, sources[k]!);
        return carry(sources, from, to, target);
      }
      let operations = 0;
      for (let k = from; k < to; k++) {
        operations += carry(sources, k, k + 1, target);
        this.#arrived(sources[k]!);
      }
      return operations;
    };
  }

  /** Says what time it is, before anything is delivered or fires there. */
  moveTo(timeUs: number): void {
    this.#timeUs = timeUs;
  }

  /** Neurons of the target fired. */
  fired(ids: Uint32Array, count: number): void {
    const silent = this.#isSilent("y0");
    for (let i = 0; i < count; i++) {
      const target = ids[i]!;
      if (!silent) {
        this.#see(this.#targetSide, target);
        this.#moveSide(this.#sourceSide);
        const end = this.#inboundStarts[target + 1]!;
        for (let place = this.#inboundStarts[target]!; place < end; place++) {
          const k = this.#inbound[place]!;
          const source = this.#sources[k]!;
          for (const { slot, traces } of this.#sourceSide) this.#values[slot] = traces.at(source);
          this.#learn("y0", k, 1);
        }
      }
      if (this.#plasticity.total !== undefined) this.#scaleTo(this.#plasticity.total, target);
      this.#raise(this.#targetSide, target);
    }
  }

  /** Neurons of the population that rewards fired. */
  rewarded(ids: Uint32Array, count: number): void {
    let value = 0;
    for (let i = 0; i < count; i++) value += this.#plasticity.reward!.values[ids[i]!]!;
    if (value === 0) return;
    this.#moveSide(this.#sourceSide);
    this.#moveSide(this.#targetSide);
    for (let k = 0; k < this.weights.length; k++) {
      for (const { slot, traces } of this.#sourceSide) this.#values[slot] = traces.at(this.#sources[k]!);
      for (const { slot, traces } of this.#targetSide) this.#values[slot] = traces.at(this.#targets[k]!);
      this.#learn("r0", k, value);
    }
  }

  /** How many synapses a product was worked out at since this was last asked. */
  takeUpdates(): number {
    const updates = this.#updates;
    this.#updates = 0;
    return updates;
  }

  save(): EngineState {
    const state: Record<string, EngineState[string]> = { weights: this.weights.slice() };
    for (const [part, saved] of this.#parts())
      for (const [name, values] of Object.entries(saved.save())) state[`${part}.${name}`] = values;
    return state;
  }

  restore(state: EngineState): void {
    restoreInto(this.weights, state, "weights");
    for (const [part, saved] of this.#parts()) saved.restore(partOf(state, `${part}.`));
  }

  #parts(): [name: string, part: { save(): EngineState; restore(state: EngineState): void }][] {
    const sides = [...this.#sourceSide, ...this.#targetSide];
    return [
      ...sides.map(({ slot, traces }): [string, Traces] => [`trace${slot}`, traces]),
      ...(this.#tag ? ([["tag", this.#tag]] as [string, Traces][]) : []),
      ...(this.#devices ? ([["devices", this.#devices]] as [string, Devices][]) : []),
    ];
  }

  #isSilent(event: RuleEvent): boolean {
    return this.#dw[event].coefficients.length === 0 && this.#dt[event].coefficients.length === 0;
  }

  /** A spike of a source has been delivered. */
  #arrived(source: number): void {
    this.#see(this.#sourceSide, source);
    this.#moveSide(this.#targetSide);
    const end = this.#starts[source + 1]!;
    for (let k = this.#starts[source]!; k < end; k++) {
      const target = this.#targets[k]!;
      for (const { slot, traces } of this.#targetSide) this.#values[slot] = traces.at(target);
      this.#learn("x0", k, 1);
    }
    this.#raise(this.#sourceSide, source);
  }

  /** Works out the products of an event at synapse k; the traces are in `#values`. */
  #learn(event: RuleEvent, k: number, factor: number): void {
    const values = this.#values;
    values[slots.w] = this.weights[k]!;
    const tag = this.#tag;
    if (tag) {
      tag.moveTo(this.#timeUs);
      values[slots.t] = tag.at(k);
    }
    const dw = factor * sumOf(this.#dw[event], values);
    if (dw !== 0) this.#change(k, dw);
    if (tag) {
      const dt = factor * sumOf(this.#dt[event], values);
      if (dt !== 0) tag.add(k, dt);
    }
    this.#updates += 1;
  }

  #change(k: number, dw: number): void {
    const { min, max } = this.#plasticity;
    this.weights[k] = this.#devices
      ? this.#devices.change(k, dw)
      : Math.min(max, Math.max(min, this.weights[k]! + dw));
  }

  /** Scales the weights into a neuron to a sum; what that would take beyond min or max stays there. */
  #scaleTo(total: number, target: number): void {
    const [first, end] = [this.#inboundStarts[target]!, this.#inboundStarts[target + 1]!];
    let sum = 0;
    for (let place = first; place < end; place++) sum += this.weights[this.#inbound[place]!]!;
    if (!(sum > 0)) return;
    const { min, max } = this.#plasticity;
    for (let place = first; place < end; place++) {
      const k = this.#inbound[place]!;
      this.weights[k] = Math.min(max, Math.max(min, (this.weights[k]! * total) / sum));
    }
  }

  #moveSide(sides: readonly Side[]): void {
    for (const { traces } of sides) traces.moveTo(this.#timeUs);
  }

  /** Puts the traces of one neuron into `#values`. */
  #see(sides: readonly Side[], id: number): void {
    this.#moveSide(sides);
    for (const { slot, traces } of sides) this.#values[slot] = traces.at(id);
  }

  /** A neuron's spike raises its traces. */
  #raise(sides: readonly Side[], id: number): void {
    this.#moveSide(sides);
    for (const { traces, impulse, mode } of sides) {
      if (mode === "add") traces.add(id, impulse);
      else traces.set(id, impulse);
    }
  }
}

/** The synapses that learn, as a group of the engine. */
export interface LearningGroup extends DelayGroup {
  readonly projection: Projection;
  readonly plastic: PlasticGroup;
}

/** A projection that learns, by delay. Throws a RangeError for one whose weights are shared. */
export function learningGroups(
  { populations }: Network,
  projection: Projection,
  plasticity: Plasticity,
): LearningGroup[] {
  const { from, to } = projection;
  const [source, target] = [populations[from]!, populations[to]!];
  return rowsByDelay(projection, source, target).map((rows) => {
    const plastic = new PlasticGroup(rows, { sources: source.size, targets: target.size }, plasticity);
    const { delayUs } = rows;
    return { from, to, delayUs, deliver: plastic.deliver, projection, plastic };
  });
}

/** The weights of a projection in its own order, from its groups. */
export function weightsOf({ weights }: Projection, groups: readonly PlasticGroup[]): Float64Array {
  const all = new Float64Array(weights.values.length);
  for (const { places, weights } of groups)
    for (const [k, place] of places.entries()) all[place] = weights[k]!;
  return all;
}

function byEvent(products: readonly Product[]): Record<RuleEvent, Sum> {
  const of = (wanted: RuleEvent): Sum => {
    const kept = products.filter(({ event }) => event === wanted);
    const starts = new Uint32Array(kept.length + 1);
    for (const [p, { factors }] of kept.entries()) starts[p + 1] = starts[p]! + factors.length;
    return {
      coefficients: Float64Array.from(kept, ({ coefficient }) => coefficient),
      factors: Uint8Array.from(kept.flatMap(({ factors }) => factors.map((name) => slots[name]))),
      starts,
    };
  };
  return { x0: of("x0"), y0: of("y0"), r0: of("r0") };
}

function sumOf({ coefficients, factors, starts }: Sum, values: Float64Array): number {
  let sum = 0;
  for (let p = 0; p < coefficients.length; p++) {
    let product = coefficients[p]!;
    for (let f = starts[p]!; f < starts[p + 1]!; f++) product *= values[factors[f]!]!;
    sum += product;
  }
  return sum;
}
