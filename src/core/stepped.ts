/** The stepped engine: every neuron once a step of chosen length, for networks that were trained in steps. */

import { modelOf, type Network, type Projection } from "../network/index.ts";
import { type Cells, createCells, type StepRules } from "./cells.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { type EngineState, restoreInto, restoreLedger } from "./state.ts";
import { type Deliver, wire } from "./wiring.ts";

export const stepRules: StepRules = {
  dtUs: 1000,
  reset: "zero",
  threshold: "above",
  spikes: "one",
  potentialMin: -Infinity,
  precision: "float32",
};

/** Longest delay, in steps. */
export const delayStepsMax = 65_536;

export interface SteppedEngine {
  readonly ledger: Ledger;
  /** Cells by population, in the network's order: their `ids`, `values` and `state` are those of the last step. */
  readonly cells: readonly Cells[];
  /** Steps done. */
  readonly steps: number;
  /** One step, with what comes in: one number an input neuron, spikes as counts. */
  step(input: Float64Array): void;
  save(): EngineState;
  restore(state: EngineState): void;
}

/** What a population gave in the last steps, for those who get it later. */
interface History {
  readonly ids: Uint32Array[];
  readonly values: Float64Array[];
  readonly counts: Uint32Array;
}

interface Route {
  readonly from: number;
  readonly deliver: Deliver;
  readonly delaySteps: number;
}

/**
 * In a step, populations take their turn in the network's order. What a population gives reaches later ones in the
 * same step, and itself and earlier ones in the next; a delay is rounded to whole steps, at least 1 where it leads
 * back. The sum that arrives is then taken in by all neurons at once. Sums are made in one order: constants, then
 * projections as the network has them, each by source neuron.
 */
export function createStepped(network: Network, rules: Partial<StepRules> = {}): SteppedEngine {
  const chosen = { ...stepRules, ...(network.stepUs && { dtUs: network.stepUs }), ...rules };
  const ledger = createLedger();
  const routes = network.populations.map((): Route[] => []);
  const arrivalsMax = network.populations.map(() => 0);
  for (const group of wire(network)) {
    const back = group.from >= group.to ? 1 : 0;
    const delaySteps = Math.max(back, Math.round(group.delayUs / chosen.dtUs));
    if (delaySteps > delayStepsMax)
      throw new RangeError(`a delay of ${delaySteps} steps, at most ${delayStepsMax} are possible`);
    routes[group.to]!.push({ from: group.from, deliver: group.deliver, delaySteps });
  }
  for (const projection of network.projections)
    arrivalsMax[projection.to]! += synapsesOf(projection, network);
  const cells = network.populations.map((population, p) => createCells(population, chosen, arrivalsMax[p]!));
  const constants = constantsOf(network);
  const kinds = network.populations.map(({ neuron }) =>
    neuron === undefined || neuron.model === "relay"
      ? "passive"
      : neuron.model === "jump" || modelOf(neuron.model).spikes
        ? "spiking"
        : "graded",
  );
  const depths = cells.map((_, p) =>
    Math.max(0, ...routes.flat().map((route) => (route.from === p ? route.delaySteps : 0))),
  );
  const histories = depths.map(
    (depth): History => ({
      ids: Array.from({ length: depth }, () => new Uint32Array(0)),
      values: Array.from({ length: depth }, () => new Float64Array(0)),
      counts: new Uint32Array(depth),
    }),
  );
  const input = cells[network.input]!;
  let steps = 0;

  function takeInput(given: Float64Array): void {
    let count = 0;
    for (let id = 0; id < given.length; id++) {
      const value = given[id]!;
      if (value === 0) continue;
      input.ids[count] = id;
      input.values[count] = value;
      count += 1;
      ledger.inputSpikes += 1;
    }
    input.count = count;
  }

  /** Adds what `from` gave `delaySteps` ago to the cells of a target. */
  function arrive({ from, deliver, delaySteps }: Route, target: Cells): number {
    if (delaySteps > steps) return 0;
    const source = cells[from]!;
    const history = histories[from]!;
    const slot = delaySteps === 0 ? 0 : (steps - delaySteps) % history.counts.length;
    const ids = delaySteps === 0 ? source.ids : history.ids[slot]!;
    const values = delaySteps === 0 ? source.values : history.values[slot]!;
    const count = delaySteps === 0 ? source.count : history.counts[slot]!;
    let operations = 0;
    // Runs of one value go at once: spikes are all 1.
    for (let k = 0; k < count; ) {
      const value = values[k]!;
      let end = k + 1;
      while (end < count && values[end] === value) end += 1;
      target.scale = value;
      operations += deliver(ids, k, end, target);
      k = end;
    }
    return operations;
  }

  function remember(p: number): void {
    const history = histories[p]!;
    if (history.counts.length === 0) return;
    const { ids, values, count } = cells[p]!;
    const slot = steps % history.counts.length;
    if (history.ids[slot]!.length < count) {
      history.ids[slot] = new Uint32Array(Math.min(ids.length, 2 * count));
      history.values[slot] = new Float64Array(Math.min(ids.length, 2 * count));
    }
    const keptIds = history.ids[slot]!;
    const keptValues = history.values[slot]!;
    for (let k = 0; k < count; k++) {
      keptIds[k] = ids[k]!;
      keptValues[k] = values[k]!;
    }
    history.counts[slot] = count;
  }

  return {
    ledger,
    cells,
    get steps() {
      return steps;
    },
    step(given) {
      for (let p = 0; p < cells.length; p++) {
        const own = cells[p]!;
        if (p === network.input) takeInput(given);
        else {
          const constant = constants[p];
          if (constant) for (let id = 0; id < constant.length; id++) own.charge[id]! += constant[id]!;
          for (const route of routes[p]!) ledger.synapticOperations += arrive(route, own);
          own.step();
          if (kinds[p] !== "passive") ledger.neuronUpdates += own.charge.length;
          if (kinds[p] === "spiking")
            for (let k = 0; k < own.count; k++) ledger.spikes += Math.abs(own.values[k]!);
        }
      }
      for (let p = 0; p < cells.length; p++) remember(p);
      steps += 1;
    },
    save() {
      const state: Record<string, Float64Array | Uint32Array> = {
        steps: Float64Array.of(steps),
        ledger: Float64Array.from(Object.values(ledger) as number[]),
        ...(chosen.noise && { noise: chosen.noise.save() }),
      };
      for (const [p, own] of cells.entries()) {
        for (const [name, values] of Object.entries(own.state)) state[`${p}.${name}`] = values.slice();
        const { ids, values, counts } = histories[p]!;
        state[`${p}.counts`] = counts.slice();
        state[`${p}.ids`] = joined(Uint32Array, ids, counts);
        state[`${p}.values`] = joined(Float64Array, values, counts);
      }
      return state;
    },
    restore(state) {
      restoreLedger(ledger, state);
      const done = new Float64Array(1);
      restoreInto(done, state, "steps");
      steps = done[0]!;
      chosen.noise?.restore(state);
      for (const [p, own] of cells.entries()) {
        for (const [name, values] of Object.entries(own.state)) restoreInto(values, state, `${p}.${name}`);
        const history = histories[p]!;
        restoreInto(history.counts, state, `${p}.counts`);
        let from = 0;
        for (const [slot, count] of history.counts.entries()) {
          history.ids[slot] = (state[`${p}.ids`] as Uint32Array).slice(from, from + count);
          history.values[slot] = (state[`${p}.values`] as Float64Array).slice(from, from + count);
          from += count;
        }
      }
    },
  };
}

/** What each population receives in every step: the biases of the projections that lead to it. */
function constantsOf({ populations, projections }: Network): (Float64Array | undefined)[] {
  const constants: (Float64Array | undefined)[] = populations.map(() => undefined);
  for (const projection of projections) {
    if (!projection.bias) continue;
    const { size } = populations[projection.to]!;
    const { bias } = projection;
    constants[projection.to] ??= new Float64Array(size);
    // One a neuron, or one a channel.
    const span = size / bias.length;
    for (let id = 0; id < size; id++) constants[projection.to]![id]! += bias[Math.floor(id / span)]!;
  }
  return constants;
}

/** The most arrivals that a projection can make in one step: its synapses, or some more. */
export function synapsesOf(projection: Projection, { populations }: Network): number {
  const sources = populations[projection.from]!.size;
  switch (projection.pattern) {
    case "dense":
    case "sparse":
      return projection.weights.values.length;
    case "one-to-one":
    case "pool":
      return sources;
    case "convolution":
    case "window":
      return (
        sources * projection.kernel[0] * projection.kernel[1] * populations[projection.to]!.geometry.channels
      );
  }
}

function joined<T extends Uint32Array | Float64Array>(
  kind: new (length: number) => T,
  slots: readonly T[],
  counts: Uint32Array,
): T {
  const all = new kind(counts.reduce((sum, count) => sum + count, 0));
  let at = 0;
  for (const [slot, count] of counts.entries()) {
    all.set(slots[slot]!.subarray(0, count), at);
    at += count;
  }
  return all;
}
