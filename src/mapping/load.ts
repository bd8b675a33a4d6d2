/** The work of one step on a chip, core by core and link by link, and how long it takes. */

import type { Ground } from "./ground.ts";
import { byCore, type Layout, type Slice } from "./layout.ts";
import { isAlongX, port, type Route, routeBetween } from "./routes.ts";

/**
 * Filled with what one step asks for (messages by route, synaptic operations by slice), then settled. The time of a
 * step is a bound from below, after Timcheck et al. 2026 (arXiv 2601.10035): cores and links work at the same time, so
 * the slowest of them decides,
 *
 * - barrier: max(slowest core, busiest link) + the longest way + the barrier;
 * - tick: the same without a barrier, but not less than the tick;
 * - asynchronous: a spike's way through the longest chain of populations + what the slowest core or link makes it wait.
 *
 * A core's time is its synaptic operations, updates and messages sent, one after the other. A link carries one message a
 * hop time: that is congestion. A neuron is active when an operation reached it; operations of a slice that overlap count
 * for several neurons, at most all.
 */
export class StepLoad {
  readonly slices: readonly Slice[];
  readonly routes: readonly Route[];
  /** Messages of the step by route. */
  readonly messages: Float64Array;
  /** Synaptic operations of the step by slice. */
  readonly operations: Float64Array;
  /** Time that each used core takes, in nanoseconds, by its place in `cores`. */
  readonly coreNs: Float64Array;
  readonly cores: readonly number[];
  /** Messages by link, by its place in `links`. */
  readonly linkMessages: Float64Array;
  readonly links: readonly number[];
  /** Set by `settle`. The longest way is that of a spike which nothing makes wait. */
  wayNs = 0;
  sent = 0;
  operated = 0;
  active = 0;
  hopsX = 0;
  hopsY = 0;
  latencyNs = 0;

  /** Whether neurons that nothing reached are updated too. */
  readonly everyStep: boolean;

  readonly #ground: Ground;
  /** Without a barrier spikes go on through all populations: this long, whatever the step has. */
  readonly #chainNs: number;
  readonly #routeNs: Float64Array;
  readonly #coreOfSlice: Uint32Array;
  readonly #senderOfRoute: Int32Array;
  /** Links of each route, as places in `links`. */
  readonly #ways: readonly Uint32Array[];
  readonly #neurons: Float64Array;

  constructor({ ground, slices }: Layout, routes: readonly Route[]) {
    this.#ground = ground;
    this.everyStep = ground.chip.timing.updates === "every-step";
    this.slices = slices;
    this.routes = routes;
    this.messages = new Float64Array(routes.length);
    this.operations = new Float64Array(slices.length);
    this.cores = [...byCore(slices).keys()].sort((a, b) => a - b);
    this.coreNs = new Float64Array(this.cores.length);
    const placeOfCore = new Map(this.cores.map((core, place) => [core, place]));
    this.#coreOfSlice = Uint32Array.from(slices, ({ core }) => placeOfCore.get(core)!);
    this.#senderOfRoute = Int32Array.from(routes, ({ from }) => placeOfCore.get(from) ?? -1);
    this.#neurons = Float64Array.from(slices, ({ first, end }) => end - first);
    this.links = [...new Set(routes.flatMap((route) => route.links))].sort((a, b) => a - b);
    this.linkMessages = new Float64Array(this.links.length);
    const placeOfLink = new Map(this.links.map((link, place) => [link, place]));
    this.#ways = routes.map((route) => Uint32Array.from(route.links, (link) => placeOfLink.get(link)!));
    this.#routeNs = Float64Array.from(routes, (route) => timeOf(ground, route));
    this.#chainNs = ground.chip.timing.kind === "asynchronous" ? chainOf(ground, slices) : 0;
  }

  /** Adds up `active`, `operated`, `sent`, `hopsX`, `hopsY`, `wayNs`, `latencyNs`, `coreNs` and `linkMessages` of what was filled in. */
  settle(): void {
    const { timeNs } = this.#ground.chip;
    this.coreNs.fill(0);
    this.linkMessages.fill(0);
    this.active = 0;
    this.operated = 0;
    this.sent = 0;
    this.hopsX = 0;
    this.hopsY = 0;
    this.wayNs = this.#chainNs;
    for (let s = 0; s < this.operations.length; s++) {
      const operations = this.operations[s]!;
      const active = Math.min(operations, this.#neurons[s]!);
      const inactive = this.everyStep ? this.#neurons[s]! - active : 0;
      this.active += active;
      this.operated += operations;
      this.coreNs[this.#coreOfSlice[s]!]! +=
        operations * timeNs.synapticOperation.value +
        active * timeNs.activeUpdate.value +
        inactive * timeNs.inactiveUpdate.value;
    }
    for (let r = 0; r < this.messages.length; r++) {
      const messages = this.messages[r]!;
      if (messages === 0) continue;
      const { hopsX, hopsY } = this.routes[r]!;
      this.sent += messages;
      this.hopsX += messages * hopsX;
      this.hopsY += messages * hopsY;
      this.wayNs = Math.max(this.wayNs, this.#routeNs[r]!);
      const sender = this.#senderOfRoute[r]!;
      if (sender >= 0) this.coreNs[sender]! += messages * timeNs.spike.value;
      for (const link of this.#ways[r]!) this.linkMessages[link]! += messages;
    }
    let slowest = 0;
    for (const time of this.coreNs) slowest = Math.max(slowest, time);
    for (let link = 0; link < this.linkMessages.length; link++)
      slowest = Math.max(slowest, this.linkMessages[link]! * this.hopNs(this.links[link]!));
    this.latencyNs = this.#latency(slowest);
  }

  clear(): void {
    this.messages.fill(0);
    this.operations.fill(0);
  }

  hopNs(link: number): number {
    const { timeNs, fabric } = this.#ground.chip;
    return fabric.kind === "crossbar" || isAlongX(link) ? timeNs.hopX.value : timeNs.hopY.value;
  }

  #latency(slowestNs: number): number {
    const { timeNs, timing } = this.#ground.chip;
    switch (timing.kind) {
      case "barrier":
        return slowestNs + this.wayNs + timeNs.barrier.value;
      case "tick":
        return Math.max(this.#ground.stepUs * 1000, slowestNs + this.wayNs);
      case "asynchronous":
        return this.wayNs + Math.max(0, slowestNs - timeNs.spike.value);
    }
  }
}

function timeOf({ chip: { timeNs } }: Ground, { hopsX, hopsY }: Route): number {
  return hopsX * timeNs.hopX.value + hopsY * timeNs.hopY.value;
}

/** From the input through the longest chain of populations, each a spike and the hops to it. */
function chainOf(ground: Ground, slices: readonly Slice[]): number {
  const { input } = ground.network;
  const coresOf = (population: number) =>
    population === input
      ? [port]
      : [...new Set(slices.filter((slice) => slice.population === population).map(({ core }) => core))];
  const reached = new Map([[input, 0]]);
  for (const to of ground.placed)
    for (const { from } of ground.into[to]!) {
      const before = reached.get(from);
      // What leads back makes no chain longer.
      if (before === undefined || (from >= to && from !== input)) continue;
      const hops = coresOf(from).flatMap((a) =>
        coresOf(to).map((b) => timeOf(ground, routeBetween(ground, a, b))),
      );
      const ns = before + ground.chip.timeNs.spike.value + Math.max(...hops);
      reached.set(to, Math.max(reached.get(to) ?? 0, ns));
    }
  return Math.max(...reached.values());
}
