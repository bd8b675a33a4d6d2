/** The asynchronous engine: spiking neurons without a global tick, where work is done only when a spike arrives. */

import type { Packet } from "../events/packet.ts";
import type { Learned, Network } from "../network/index.ts";
import { DelayLine } from "./delay-line.ts";
import type { Precision } from "./frame.ts";
import { Layer } from "./layer.ts";
import { createLedger, type Ledger, type SpikeListener } from "./ledger.ts";
import { type LearningGroup, learningGroups, weightsOf } from "./plastic.ts";
import { type EngineState, partOf, restoreInto, restoreLedger } from "./state.ts";
import { type DelayGroup, type Deliver, wireProjection } from "./wiring.ts";
import { wireFloat32 } from "./wiring-float32.ts";

export interface EngineBounds {
  /** Spikes of the network in one millisecond of packet time; those above are dropped and counted. */
  readonly spikesPerMsMax: number;
  /** Spikes of one population that may be on their way at once, a power of two. */
  readonly delayLineMax: number;
}

export const engineBounds: EngineBounds = { spikesPerMsMax: 20_000, delayLineMax: 1 << 20 };

export interface Engine {
  readonly ledger: Readonly<Ledger>;
  /** Takes the input's spikes and writes the output's spikes of the same span, in order of time and then of id. */
  run(input: Packet, output: Packet): void;
  /** Membrane potential of a neuron at a time not before the end of the last packet, if nothing more arrives. */
  potential(population: string, id: number, atUs: number): number;
  /** What it has learnt so far: weights of the projections that learn, and thresholds that spikes have raised. */
  learned(atUs: number): Learned;
  /** All that it remembers, between two packets. */
  save(): EngineState;
  /** Goes on from a state that an engine of the same network saved. Throws a RangeError for another's. */
  restore(state: EngineState): void;
}

/** Synapses that carry the spikes of a source at once. */
interface DirectGroup {
  readonly from: number;
  readonly deliver: Deliver;
}

/** Synapses that carry the spikes of a source later: `cursor` is its place in the source's delay line. */
interface DelayedGroup {
  readonly line: DelayLine;
  readonly cursor: number;
  readonly delayUs: number;
  readonly deliver: Deliver;
}

/**
 * Runs a network, event by event, on whole microseconds:
 *
 * - At each microsecond with an arrival, populations take their turn in the document's order. First all charge that
 *   arrives at a population is summed, then its neurons are tested once: v >= threshold fires (a difference of 1e-12
 *   of the way from rest counts as reached).
 * - A delay of 0 leads only to a later population, which gets the charge in the same microsecond.
 * - A neuron that fires at t ignores what arrives before t + refractoryUs, held at its reset; a charge at
 *   t + refractoryUs counts. Without a refractory period it may fire again in the next microsecond.
 * - Sums are made in one order, whatever the input's order: direct projections as in the document, then delayed ones
 *   by document and delay; in each by source neuron. So the output depends on no cut of the packets, to the bit.
 * - Membranes start at rest.
 * - Where a projection learns, `plastic.ts` says what changes when.
 *
 * `listen` hears all spikes, those of the input too.
 */
export function createEngine(
  network: Network,
  bounds: EngineBounds = engineBounds,
  listen?: SpikeListener,
  precision: Precision = "float64",
): Engine {
  const ledger = createLedger();
  const wireOne = precision === "float64" ? wireProjection : wireFloat32;
  const groups = network.projections.flatMap((projection): (DelayGroup | LearningGroup)[] =>
    projection.plasticity
      ? learningGroups(network, projection, projection.plasticity)
      : wireOne(network, projection),
  );
  const learning = groups.filter((group) => "plastic" in group);
  const plastic = learning.map((group) => group.plastic);
  const layers = network.populations.map((population) => {
    const { name, neuron } = population;
    if (neuron && neuron.model !== "jump") throw new RangeError(`"${name}" is a ${neuron.model}`);
    return neuron ? new Layer(population, neuron, precision) : undefined;
  });
  const direct: DirectGroup[][] = layers.map((_, to) =>
    groups.filter((group) => group.to === to && group.delayUs === 0),
  );
  /** By population: synapses that learn from its spikes as a target, and as a reward. */
  const taught = layers.map((_, to) => learning.flatMap((group) => (group.to === to ? [group.plastic] : [])));
  const rewarded = layers.map((_, from) => plastic.filter(({ rewardFrom }) => rewardFrom === from));
  const lines = layers.map((_, from) => {
    const count = groups.filter((group) => group.from === from && group.delayUs > 0).length;
    return count > 0 ? new DelayLine(count, bounds.delayLineMax) : undefined;
  });
  const cursorsGiven = lines.map(() => 0);
  const delayed: DelayedGroup[] = [];
  /** Groups delayedStarts[p] to delayedStarts[p + 1] of `delayed` lead to population p. */
  const delayedStarts = [0];
  for (const to of layers.keys()) {
    for (const group of groups) {
      if (group.to !== to || group.delayUs === 0) continue;
      const cursor = cursorsGiven[group.from]!++;
      delayed.push({ line: lines[group.from]!, cursor, delayUs: group.delayUs, deliver: group.deliver });
    }
    delayedStarts.push(delayed.length);
  }
  /** Which delayed groups read a line. */
  const readers = new Map(
    lines.flatMap((line) =>
      line ? [[line, [...delayed.keys()].filter((index) => delayed[index]!.line === line)]] : [],
    ),
  );
  /** When each delayed group has its next arrival. */
  const dueUs = new Float64Array(delayed.length).fill(Infinity);
  let nextDueUs = Infinity;
  let windowMs = Number.NaN;
  let windowSpikes = 0;

  const inputSize = network.populations[network.input]!.size;
  let inputIds: Uint32Array = new Uint32Array(0);
  let inputFrom = 0;
  let inputTo = 0;
  let sorted: Uint32Array = new Uint32Array(64);

  /** Points `inputIds` at the spikes `from` to `to` of one microsecond, in order and in range. */
  function takeInput(addresses: Uint32Array, from: number, to: number): void {
    inputIds = addresses;
    inputFrom = from;
    inputTo = to;
    let last = 0;
    for (let k = from; k < to; k++) {
      const id = addresses[k]!;
      if (id < last || id >= inputSize) {
        sortInput(addresses, from, to);
        break;
      }
      last = id;
    }
    ledger.inputSpikes += to - from;
  }

  function sortInput(addresses: Uint32Array, from: number, to: number): void {
    if (sorted.length < to - from) sorted = new Uint32Array(2 * (to - from));
    let kept = 0;
    for (let k = from; k < to; k++) {
      if (addresses[k]! >= inputSize) ledger.outOfRange += 1;
      else sorted[kept++] = addresses[k]!;
    }
    if (kept > insertionSortMax) sorted.subarray(0, kept).sort();
    else insertionSort(sorted, kept);
    inputIds = sorted;
    inputFrom = 0;
    inputTo = kept;
  }

  /** Delivers what group `index` has due at `timeUs` and finds its next arrival. */
  function arrive(index: number, timeUs: number, layer: Layer): number {
    const { line, cursor, delayUs, deliver } = delayed[index]!;
    const { ids, timesUs, mask, written, cursors } = line;
    const sentUs = timeUs - delayUs;
    const first = cursors[cursor]!;
    let end = first;
    while (end < written && timesUs[end & mask] === sentUs) end += 1;
    const from = first & mask;
    const to = from + (end - first);
    // In two parts where the ring wraps around.
    let operations = deliver(ids, from, Math.min(to, mask + 1), layer);
    if (to > mask + 1) operations += deliver(ids, 0, to - mask - 1, layer);
    cursors[cursor] = end;
    dueUs[index] = end < written ? timesUs[end & mask]! + delayUs : Infinity;
    return operations;
  }

  /** Sends spikes of one microsecond on their way. */
  function send(line: DelayLine, timeUs: number, ids: Uint32Array, from: number, to: number): void {
    for (let k = from; k < to; k++) if (!line.push(timeUs, ids[k]!)) ledger.delayLineFull += 1;
    for (const index of readers.get(line)!) {
      if (dueUs[index] !== Infinity) continue;
      const { cursor, delayUs } = delayed[index]!;
      if (line.cursors[cursor] === line.written) continue;
      dueUs[index] = timeUs + delayUs;
      nextDueUs = Math.min(nextDueUs, timeUs + delayUs);
    }
  }

  /** Lets a window of one millisecond have only so many spikes; the highest ids go first. */
  function boundSpikes(layer: Layer, timeUs: number): void {
    const ms = Math.floor(timeUs / 1000);
    if (ms !== windowMs) {
      windowMs = ms;
      windowSpikes = 0;
    }
    const room = bounds.spikesPerMsMax - windowSpikes;
    if (layer.firedCount > room) {
      ledger.runaway += layer.firedCount - room;
      layer.firedCount = room;
    }
    windowSpikes += layer.firedCount;
    ledger.spikes += layer.firedCount;
  }

  /** All that happens at one microsecond. */
  function work(timeUs: number, output: Packet): void {
    const somethingDue = nextDueUs === timeUs;
    if (listen && inputTo > inputFrom) listen(network.input, inputIds, inputFrom, inputTo, timeUs);
    for (const one of plastic) one.moveTo(timeUs);
    const inputLine = lines[network.input];
    if (inputLine && inputTo > inputFrom) send(inputLine, timeUs, inputIds, inputFrom, inputTo);
    for (let p = 0; p < layers.length; p++) {
      const layer = layers[p];
      if (layer === undefined) continue;
      layer.firedCount = 0;
      let moved = false;
      let operations = 0;
      for (const group of direct[p]!) {
        const source = layers[group.from];
        const ids = source ? source.fired : inputIds;
        const from = source ? 0 : inputFrom;
        const to = source ? source.firedCount : inputTo;
        if (from === to) continue;
        if (!moved) layer.moveTo(timeUs);
        moved = true;
        operations += group.deliver(ids, from, to, layer);
      }
      for (let index = delayedStarts[p]!; somethingDue && index < delayedStarts[p + 1]!; index++) {
        if (dueUs[index] !== timeUs) continue;
        if (!moved) layer.moveTo(timeUs);
        moved = true;
        operations += arrive(index, timeUs, layer);
      }
      ledger.synapticOperations += operations;
      ledger.neuronUpdates += Math.min(operations, layer.size);
      if (layer.candidateCount === 0) continue;
      layer.fire(timeUs);
      if (layer.firedCount === 0) continue;
      boundSpikes(layer, timeUs);
      listen?.(p, layer.fired, 0, layer.firedCount, timeUs);
      for (const one of taught[p]!) one.fired(layer.fired, layer.firedCount);
      for (const one of rewarded[p]!) one.rewarded(layer.fired, layer.firedCount);
      const line = lines[p];
      if (line) send(line, timeUs, layer.fired, 0, layer.firedCount);
      if (p === network.output)
        for (let k = 0; k < layer.firedCount; k++) output.push(timeUs, layer.fired[k]!);
    }
    for (const one of plastic) ledger.weightUpdates += one.takeUpdates();
    if (!somethingDue) return;
    nextDueUs = Infinity;
    for (let index = 0; index < dueUs.length; index++)
      if (dueUs[index]! < nextDueUs) nextDueUs = dueUs[index]!;
  }

  return {
    ledger,
    run({ fromUs, toUs, count, times, addresses }, output) {
      output.begin(fromUs, toUs);
      let next = 0;
      for (;;) {
        const inputUs = next < count ? times[next]! : Infinity;
        const timeUs = Math.min(inputUs, nextDueUs);
        if (timeUs >= toUs) break;
        let end = next;
        while (end < count && times[end] === timeUs) end += 1;
        takeInput(addresses, next, end);
        work(timeUs, output);
        next = end;
      }
    },
    potential(population, id, atUs) {
      const layer = layers[network.populations.findIndex(({ name }) => name === population)];
      if (!layer) throw new RangeError(`"${population}" has no membranes`);
      return layer.potential(id, atUs);
    },
    learned(atUs) {
      return {
        projections: network.projections.flatMap((projection) => {
          if (!projection.plasticity) return [];
          const [from, to] = [projection.from, projection.to].map((p) => network.populations[p]!.name);
          const parts = learning.flatMap((group) => (group.projection === projection ? [group.plastic] : []));
          return [{ from: from!, to: to!, weights: weightsOf(projection, parts) }];
        }),
        populations: network.populations.flatMap(({ name }, p) => {
          const raised = layers[p]?.raised(atUs);
          return raised ? [{ name, raised }] : [];
        }),
      };
    },
    save() {
      const state: Record<string, EngineState[string]> = {
        scalars: Float64Array.of(nextDueUs, windowMs, windowSpikes),
        dueUs: dueUs.slice(),
        ledger: Float64Array.from(Object.values(ledger) as number[]),
      };
      for (const [p, layer] of layers.entries()) {
        for (const [name, values] of Object.entries(layer?.save() ?? {})) state[`${p}.${name}`] = values;
        for (const [name, values] of Object.entries(lines[p]?.save() ?? {}))
          state[`${p}.line.${name}`] = values;
      }
      for (const [k, one] of plastic.entries())
        for (const [name, values] of Object.entries(one.save())) state[`plastic${k}.${name}`] = values;
      return state;
    },
    restore(state) {
      const scalars = new Float64Array(3);
      restoreInto(scalars, state, "scalars");
      restoreInto(dueUs, state, "dueUs");
      [nextDueUs = Infinity, windowMs = Number.NaN, windowSpikes = 0] = scalars;
      restoreLedger(ledger, state);
      for (const [p, layer] of layers.entries()) {
        layer?.restore(partOf(state, `${p}.`));
        lines[p]?.restore(partOf(state, `${p}.line.`));
      }
      for (const [k, one] of plastic.entries()) one.restore(partOf(state, `plastic${k}.`));
    },
  };
}

/** Up to here an insertion sort is faster than the built-in one, which allocates besides. */
const insertionSortMax = 32;

function insertionSort(ids: Uint32Array, count: number): void {
  for (let i = 1; i < count; i++) {
    const id = ids[i]!;
    let place = i;
    for (; place > 0 && ids[place - 1]! > id; place--) ids[place] = ids[place - 1]!;
    ids[place] = id;
  }
}
