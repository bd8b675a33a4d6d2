/** The engine in float32 by its kernel: `engine.ts` with `wiring-float32.ts`, to the bit of every state. */

import type { Packet } from "../events/packet.ts";
import type { Network } from "../network/index.ts";
import type { Engine, EngineBounds } from "./engine.ts";
import { createKernel, type Kernel, KernelFull } from "./kernel.ts";
import { layOut, type PlacedLayer } from "./kernel-layout.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { type EngineState, partOf, restoreInto, restoreLedger } from "./state.ts";

/** Undefined where there is no kernel, or for a network that learns or adapts, or that is too large for its memory. */
export function createKernelEngine(network: Network, bounds: EngineBounds): Engine | undefined {
  const changes =
    network.projections.some(({ plasticity }) => plasticity) ||
    network.populations.some(({ neuron }) => neuron?.model === "jump" && neuron.adapt);
  const kernel = changes ? null : createKernel();
  if (!kernel) return undefined;
  try {
    return new KernelEngine(kernel, network, bounds);
  } catch (error) {
    if (error instanceof KernelFull || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Numbers that the kernel hands over at once. */
const registerCount = 16;

class KernelEngine implements Engine {
  readonly ledger: Ledger = createLedger();
  readonly #kernel: Kernel;
  readonly #layers: readonly PlacedLayer[];
  readonly #delayedCount: number;
  /** Spikes of one packet for which there is room, and views of the memory that it has now. */
  #inputMax = 0;
  #inputTimesAt = 0;
  #inputIdsAt = 0;
  #buffer: ArrayBuffer | undefined;
  #inputTimes!: Float64Array;
  #inputIds!: Uint32Array;
  #outputTimes!: Float64Array;
  #outputIds!: Uint32Array;
  #registers!: Float64Array;

  constructor(kernel: Kernel, network: Network, bounds: EngineBounds) {
    this.#kernel = kernel;
    const { layers, delayedCount } = layOut(kernel, network, bounds);
    this.#layers = layers;
    this.#delayedCount = delayedCount;
    this.#reserve(4096);
  }

  run({ fromUs, toUs, count, times, addresses }: Packet, output: Packet): void {
    const { call } = this.#kernel;
    output.begin(fromUs, toUs);
    if (count > this.#inputMax) this.#reserve(2 * count);
    this.#look();
    copyInto(this.#inputTimes, 0, times, count);
    copyInto(this.#inputIds, 0, addresses, count);
    call.begin(count);
    for (let isDone = 0; isDone === 0; ) {
      isDone = call.run(toUs);
      const given = call.outputCount();
      if (given === 0) continue;
      this.#look();
      output.reserve(output.count + given);
      copyInto(output.times, output.count, this.#outputTimes, given);
      copyInto(output.addresses, output.count, this.#outputIds, given);
      output.count += given;
    }
    this.#takeLedger();
  }

  potential(population: string, id: number, atUs: number): number {
    const layer = this.#layers.find((one) => one.population.name === population);
    const neuron = layer?.population.neuron;
    if (!layer || neuron?.model !== "jump") throw new RangeError(`"${population}" has no membranes`);
    const { charge, readySlots, readyUs, scalars } = this.#view(layer);
    const { rest, reset, tauUs } = neuron;
    const slot = layer.slots.of(id);
    if (charge[slot] !== -Infinity) return rest + charge[slot]! * Math.exp((scalars[2]! - atUs) / tauUs);
    let k = scalars[3]!;
    while (readySlots[k] !== slot) k = (k + 1) % readySlots.length;
    return rest + (reset - rest) * Math.exp(Math.min(0, readyUs[k]! - atUs) / tauUs);
  }

  learned() {
    return { projections: [], populations: [] };
  }

  save(): EngineState {
    const engine = this.#registersOf(this.#kernel.call.readEngine());
    const state: Record<string, EngineState[string]> = {
      scalars: engine.slice(8, 11),
      dueUs: new Float64Array(this.#kernel.buffer, engine[11]!, this.#delayedCount).slice(),
      ledger: Float64Array.from(Object.values(this.ledger) as number[]),
    };
    for (const [p, layer] of this.#layers.entries()) {
      if (layer.frame)
        for (const [name, values] of Object.entries(this.#saveLayer(layer))) state[`${p}.${name}`] = values;
      if (layer.line)
        for (const [name, values] of Object.entries(this.#saveLine(layer.line)))
          state[`${p}.line.${name}`] = values;
    }
    return state;
  }

  restore(state: EngineState): void {
    const { call, buffer } = this.#kernel;
    const scalars = new Float64Array(3);
    restoreInto(scalars, state, "scalars");
    restoreLedger(this.ledger, state);
    const engine = this.#registersOf(call.readEngine());
    restoreInto(new Float64Array(buffer, engine[11]!, this.#delayedCount), state, "dueUs");
    engine.set(Object.values(this.ledger) as number[]);
    engine.set(scalars, 8);
    call.writeEngine();
    for (const [p, layer] of this.#layers.entries()) {
      if (layer.frame) this.#restoreLayer(layer, partOf(state, `${p}.`));
      if (layer.line) this.#restoreLine(layer.line, partOf(state, `${p}.line.`));
    }
  }

  #takeLedger(): void {
    const { ledger } = this;
    this.#kernel.call.readEngine();
    this.#look();
    const counts = this.#registers;
    ledger.inputSpikes = counts[0]!;
    ledger.spikes = counts[1]!;
    ledger.synapticOperations = counts[2]!;
    ledger.neuronUpdates = counts[3]!;
    ledger.outOfRange = counts[5]!;
    ledger.runaway = counts[6]!;
    ledger.delayLineFull = counts[7]!;
  }

  /** Room for packets of so many spikes. */
  #reserve(count: number): void {
    const kernel = this.#kernel;
    this.#inputMax = count;
    this.#inputTimesAt = kernel.allocate(count * 8);
    this.#inputIdsAt = kernel.allocate(count * 4);
    kernel.call.setInput(this.#inputTimesAt, this.#inputIdsAt, kernel.allocate(count * 4));
    this.#buffer = undefined;
  }

  /** Memory that has grown is seen anew. */
  #look(): void {
    const { buffer, call } = this.#kernel;
    if (buffer === this.#buffer) return;
    this.#buffer = buffer;
    this.#inputTimes = new Float64Array(buffer, this.#inputTimesAt, this.#inputMax);
    this.#inputIds = new Uint32Array(buffer, this.#inputIdsAt, this.#inputMax);
    this.#registers = this.#registersOf(call.readEngine());
    const [timesAt, idsAt, length] = this.#registers.subarray(12, 15);
    this.#outputTimes = new Float64Array(buffer, timesAt, length);
    this.#outputIds = new Uint32Array(buffer, idsAt, length);
  }

  #registersOf(at: number): Float64Array {
    return new Float64Array(this.#kernel.buffer, at, registerCount);
  }

  #view({ at, slots, population: { size, neuron } }: PlacedLayer) {
    const { buffer, call } = this.#kernel;
    const scalars = this.#registersOf(call.readLayer(at));
    const refractory = neuron?.model === "jump" && neuron.refractoryUs > 0 ? size : 0;
    return {
      scalars,
      charge: new Float32Array(buffer, scalars[6]!, slots.count),
      readySlots: new Uint32Array(buffer, scalars[7]!, refractory),
      readyUs: new Float64Array(buffer, scalars[8]!, refractory),
    };
  }

  #saveLayer(layer: PlacedLayer): EngineState {
    const { charge, readySlots, readyUs, scalars } = this.#view(layer);
    const { size } = layer.population;
    const { of } = layer.slots;
    const idAt = new Map(Array.from({ length: size }, (_, id) => [of(id), id]));
    return {
      charge: Float32Array.from({ length: size }, (_, id) => charge[of(id)]!),
      scalars: scalars.slice(0, 6),
      readyIds: readySlots.map((slot) => idAt.get(slot)!),
      readyUs: readyUs.slice(),
    };
  }

  #restoreLayer(layer: PlacedLayer, state: EngineState): void {
    const { charge, readySlots, readyUs, scalars } = this.#view(layer);
    const { of } = layer.slots;
    const charges = new Float32Array(layer.population.size);
    const readyIds = new Uint32Array(readySlots.length);
    restoreInto(scalars.subarray(0, 6), state, "scalars");
    this.#kernel.call.writeLayer(layer.at);
    restoreInto(charges, state, "charge");
    restoreInto(readyIds, state, "readyIds");
    restoreInto(readyUs, state, "readyUs");
    for (const [id, value] of charges.entries()) charge[of(id)] = value;
    for (const [k, id] of readyIds.entries()) readySlots[k] = of(id);
  }

  #viewLine(at: number) {
    const { buffer, call } = this.#kernel;
    const registers = this.#registersOf(call.readLine(at));
    const [slowest, written, mask, idsAt, timesAt, cursorsAt, cursorCount] = registers as unknown as number[];
    return {
      registers,
      slowest: slowest!,
      written: written!,
      mask: mask!,
      ids: new Uint32Array(buffer, idsAt, mask! + 1),
      timesUs: new Float64Array(buffer, timesAt, mask! + 1),
      cursors: new BigInt64Array(buffer, cursorsAt, cursorCount),
    };
  }

  #saveLine(at: number): EngineState {
    const { written, mask, ids, timesUs, cursors } = this.#viewLine(at);
    const read = Float64Array.from(cursors, Number);
    const first = Math.min(written, ...read);
    const length = written - first;
    return {
      written: Float64Array.of(written),
      cursors: read,
      ids: Uint32Array.from({ length }, (_, k) => ids[(first + k) & mask]!),
      timesUs: Float64Array.from({ length }, (_, k) => timesUs[(first + k) & mask]!),
    };
  }

  #restoreLine(at: number, state: EngineState): void {
    const written = new Float64Array(1);
    const cursors = new Float64Array(this.#viewLine(at).cursors.length);
    restoreInto(written, state, "written");
    restoreInto(cursors, state, "cursors");
    const { ids, timesUs } = state as { ids: Uint32Array; timesUs: Float64Array };
    const first = written[0]! - ids.length;
    this.#viewLine(at).registers.set([first, written[0]!]);
    if (this.#kernel.call.writeLine(at) === 0) throw new KernelFull();
    const line = this.#viewLine(at);
    line.cursors.set(BigInt64Array.from(cursors, BigInt));
    for (let k = 0; k < ids.length; k++) {
      line.ids[(first + k) & line.mask] = ids[k]!;
      line.timesUs[(first + k) & line.mask] = timesUs[k]!;
    }
  }
}

/** A view would be made for each `set`: few numbers are faster one by one. */
const loopMax = 64;

function copyInto<T extends Float64Array | Uint32Array>(
  target: T,
  at: number,
  source: T,
  count: number,
): void {
  if (count > loopMax) target.set(source.subarray(0, count), at);
  else for (let k = 0; k < count; k++) target[at + k] = source[k]!;
}
