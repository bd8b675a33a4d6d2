/** What a layout is expected to carry in a step, from how often each neuron fires. */

import { type Ground, keyOf, type Span } from "./ground.ts";
import { byCore, type Layout } from "./layout.ts";
import { StepLoad } from "./load.ts";
import { port, type Route, routeBetween } from "./routes.ts";

/** Spikes a step of each neuron, by population; the input's too. */
export type Rates = readonly Float64Array[];

/** Expected messages and synaptic operations between spans; what was summed once is remembered. */
export class Traffic {
  readonly ground: Ground;
  readonly #rates: Rates;
  readonly #known = new Map<string, number>();
  readonly #routes = new Map<string, Route>();

  constructor(ground: Ground, rates: Rates) {
    this.ground = ground;
    this.#rates = rates;
  }

  /** Spikes a step of neurons of a span that reach some of the targets, which share a core: one message each. */
  messages(source: Span, targets: readonly Span[]): number {
    const key = `${keyOf(source)}>${targets.map(keyOf).join()}`;
    return this.#sum(key, source, (id) => (this.ground.reaches(source.population, id, targets) ? 1 : 0));
  }

  /** Synaptic operations a step from a span into another. */
  operations(source: Span, target: Span): number {
    const key = `${keyOf(source)}*${keyOf(target)}`;
    return this.#sum(key, source, (id) => this.ground.synapsesInto(source.population, id, target));
  }

  route(from: number, to: number): Route {
    const key = `${from}>${to}`;
    const known = this.#routes.get(key);
    if (known) return known;
    const made = routeBetween(this.ground, from, to);
    this.#routes.set(key, made);
    return made;
  }

  /** The load of a step on a layout, settled. */
  loadOf(layout: Layout): StepLoad {
    const { ground, slices } = layout;
    const contents = [...byCore(slices)];
    const places = new Map(slices.map((slice, place) => [slice, place]));
    const { input } = ground.network;
    const sources = [{ ...ground.whole(input), core: port }, ...slices];
    const routes: Route[] = [];
    const messages: number[] = [];
    const operations = new Float64Array(slices.length);
    for (const source of sources) {
      const led = new Set(ground.outOf[source.population]!.map(({ to }) => to));
      for (const [core, spans] of contents) {
        const targets = spans.filter(({ population }) => led.has(population));
        if (targets.length === 0) continue;
        const sent = this.messages(source, targets);
        if (sent === 0) continue;
        routes.push(this.route(source.core, core));
        messages.push(sent);
        for (const target of targets) operations[places.get(target)!]! += this.operations(source, target);
      }
    }
    const load = new StepLoad(layout, routes);
    load.messages.set(messages);
    load.operations.set(operations);
    load.settle();
    return load;
  }

  #sum(key: string, { population, first, end }: Span, each: (id: number) => number): number {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const rates = this.#rates[population]!;
    let sum = 0;
    for (let id = first; id < end; id++) if (rates[id] !== 0) sum += rates[id]! * each(id);
    this.#known.set(key, sum);
    return sum;
  }
}
