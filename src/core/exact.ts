/** The asynchronous engine for the models of trained networks: exact between events, and no step at all within. */

import { ReflexarcError } from "../errors.ts";
import type { Packet } from "../events/packet.ts";
import { type ModelName, type Network, parameterAt } from "../network/index.ts";
import type { Cells, StepRules } from "./cells.ts";
import { type EngineBounds, engineBounds } from "./engine.ts";
import { ArrivalHeap, DueHeap } from "./event-heap.ts";
import { createLedger, type SpikeListener } from "./ledger.ts";
import { type Course, potentialAfter, timeToThreshold } from "./membrane.ts";
import { type EngineState, restoreInto, restoreLedger } from "./state.ts";
import { type SteppedEngine, stepRules } from "./stepped.ts";
import { type Deliver, type Membranes, wire } from "./wiring.ts";

/** The precision and the number of spikes a step are of no meaning without steps. */
export type ExactRules = Pick<StepRules, "dtUs" | "reset" | "threshold" | "potentialMin"> &
  Pick<EngineBounds, "spikesPerMsMax">;

export interface ExactEngine extends SteppedEngine {
  /** Takes the input's spikes and writes the output's spikes of the same span; a time is rounded up to a whole us. */
  run(input: Packet, output: Packet): void;
}

/** What has a closed form here. Neurons with steps of their own (Loihi, RISP) belong to the stepped engine. */
const models: ReadonlySet<ModelName> = new Set([
  "relay",
  "integrator",
  "if",
  "leaky-integrator",
  "lif",
  "cuba-li",
  "cuba-lif",
]);

interface Route {
  readonly to: number;
  readonly deliver: Deliver;
  readonly delayUs: number;
}

interface Layer {
  readonly model: ModelName;
  readonly size: number;
  /** What arrives now, and what ends now. */
  readonly up: Membranes;
  readonly down: Membranes;
  readonly v: Float64Array;
  readonly i: Float64Array;
  /** The current that flows in. */
  readonly drive: Float64Array;
  /** When v and i were brought up to date. */
  readonly sinceUs: Float64Array;
  readonly touched: Uint32Array;
  readonly isTouched: Uint8Array;
  readonly tau: Float64Array;
  readonly tauSyn: Float64Array;
  readonly r: Float64Array;
  readonly leak: Float64Array;
  readonly weight: Float64Array;
  readonly threshold: Float64Array;
  readonly reset: Float64Array;
  /** Spikes so far in the step at hand (or what a relay passed on). */
  readonly given: Float64Array;
  readonly spikes: boolean;
  /** Whether a spike that arrives lasts: some neuron behind has a current. */
  readonly holds: boolean;
  /** First number in the heap of crossings. */
  readonly first: number;
  touchedCount: number;
}

/**
 * A spike is a current of 1 that flows for `dtUs`; for IF and I, which know no time constant, it is a jump of r. A
 * constant (a bias) flows for ever: in each `dtUs` it brings what it brings in a step. Between such changes potentials
 * have a closed form, and the time at which one rises above its threshold is solved for: a logarithm for IF and LIF, a
 * bisection for CubaLIF (`crossingTolerance`). What leads back takes at least 1 us. All that arrives at one time is
 * summed before neurons are tested, in one order. `listen` hears the spikes of neurons, and those of packets that come in.
 * Throws a ReflexarcError for a model that has no closed form here.
 */
export function createExact(
  network: Network,
  rules: Partial<ExactRules> = {},
  listen?: SpikeListener,
): ExactEngine {
  const {
    dtUs,
    reset,
    potentialMin,
    spikesPerMsMax,
    threshold: rule,
  } = {
    ...stepRules,
    ...(network.stepUs && { dtUs: network.stepUs }),
    spikesPerMsMax: engineBounds.spikesPerMsMax,
    ...rules,
  };
  const reached = rule === "reached";
  const ledger = createLedger();
  const routes: Route[] = [];
  const leaving = network.populations.map((): number[] => []);
  for (const { from, to, delayUs, deliver } of wire(network)) {
    leaving[from]!.push(routes.length);
    routes.push({ to, deliver, delayUs: from >= to ? Math.max(1, delayUs) : delayUs });
  }
  const holds = holdsOf(network, routes, leaving);
  let neurons = 0;
  const layers = network.populations.map((population, p): Layer => {
    const layer = createLayer(network, p, holds[p]!, neurons);
    neurons += population.size;
    return layer;
  });
  const biases = biasesOf(network, layers);
  const crossings = new DueHeap(neurons);
  const layerOf = new Uint32Array(neurons);
  for (const [p, { first, size }] of layers.entries()) layerOf.fill(p, first, first + size);
  const arrivals = new ArrivalHeap();
  const one = new Uint32Array(1);
  const heard = new Uint32Array(1);
  const course: Course = { rest: 0, slow: 0, tauSlow: 1, fast: 0, tauFast: 1, slope: 0 };
  let steps = 0;
  let windowMs = -1;
  let windowSpikes = 0;
  let started = false;
  let output: Packet | undefined;

  /** Sets `course` to how neuron `id` goes on from its state. */
  function follow(layer: Layer, id: number): Course {
    const { model, drive, v, i, tau, tauSyn, r, leak, weight } = layer;
    course.slope = 0;
    course.fast = 0;
    course.slow = 0;
    course.tauSlow = tau[id]!;
    if (model === "if" || model === "integrator") {
      course.rest = v[id]!;
      course.slope = (r[id]! * drive[id]!) / (dtUs / 1e6);
    } else if (model === "lif" || model === "leaky-integrator") {
      course.rest = leak[id]! + r[id]! * drive[id]!;
      course.slow = v[id]! - course.rest;
    } else {
      const current = weight[id]! * drive[id]!;
      course.rest = leak[id]! + r[id]! * current;
      course.tauFast = tauSyn[id]!;
      course.fast = (r[id]! * (i[id]! - current)) / (1 - tau[id]! / tauSyn[id]!);
      course.slow = v[id]! - course.rest - course.fast;
    }
    return course;
  }

  function advance(layer: Layer, id: number, timeUs: number): void {
    const seconds = (timeUs - layer.sinceUs[id]!) / 1e6;
    layer.sinceUs[id] = timeUs;
    if (seconds === 0 || layer.model === "relay") return;
    layer.v[id] = potentialAfter(follow(layer, id), seconds);
    if (layer.model !== "cuba-lif" && layer.model !== "cuba-li") return;
    const current = layer.weight[id]! * layer.drive[id]!;
    layer.i[id] = current + (layer.i[id]! - current) * Math.exp(-seconds / layer.tauSyn[id]!);
  }

  function send(p: number, id: number, value: number, timeUs: number): void {
    for (const index of leaving[p]!) {
      const route = routes[index]!;
      if (route.delayUs === 0) arrive(index, id, value, layers[route.to]!.up);
      else arrivals.push(timeUs + route.delayUs, 2 * index, id, value);
      if (holds[route.to]) arrivals.push(timeUs + route.delayUs + dtUs, 2 * index + 1, id, -value);
    }
  }

  function arrive(index: number, id: number, value: number, into: Membranes): void {
    one[0] = id;
    into.scale = value;
    ledger.synapticOperations += routes[index]!.deliver(one, 0, 1, into);
  }

  /** A relay hands on what began, and what ended, as such. */
  function relay(p: number, id: number, began: number, ended: number, timeUs: number): void {
    layers[p]!.given[id]! += began;
    if (p === network.output) for (let spike = 0; spike < began; spike++) output?.push(Math.ceil(timeUs), id);
    for (const index of leaving[p]!) {
      const { to, delayUs } = routes[index]!;
      const target = layers[to]!;
      if (began !== 0)
        if (delayUs === 0) arrive(index, id, began, target.up);
        else arrivals.push(timeUs + delayUs, 2 * index, id, began);
      if (ended !== 0 && holds[to])
        if (delayUs === 0) arrive(index, id, ended, target.down);
        else arrivals.push(timeUs + delayUs, 2 * index + 1, id, ended);
    }
  }

  function touch(layer: Layer, id: number): void {
    if (layer.isTouched[id] === 1) return;
    layer.isTouched[id] = 1;
    layer.touched[layer.touchedCount] = id;
    layer.touchedCount += 1;
  }

  function touchAll(layer: Layer, by: Membranes): void {
    const all = by.candidateCount > layer.size;
    const count = all ? layer.size : by.candidateCount;
    for (let k = 0; k < count; k++) touch(layer, all ? k : by.candidates[k]!);
    by.candidateCount = 0;
  }

  function tell(p: number, id: number, timeUs: number): void {
    heard[0] = id;
    listen!(p, heard, 0, 1, timeUs);
  }

  function fire(p: number, id: number, timeUs: number): boolean {
    const ms = Math.floor(timeUs / 1000);
    if (ms !== windowMs) {
      windowMs = ms;
      windowSpikes = 0;
    }
    if (windowSpikes >= spikesPerMsMax) {
      ledger.runaway += 1;
      return false;
    }
    windowSpikes += 1;
    ledger.spikes += 1;
    layers[p]!.given[id]! += 1;
    if (listen) tell(p, id, timeUs);
    if (p === network.output) output?.push(Math.ceil(timeUs), id);
    send(p, id, 1, timeUs);
    return true;
  }

  /** Brings a neuron to `timeUs` with all that arrives then, lets it fire, and looks ahead. */
  function update(p: number, id: number, timeUs: number): void {
    const layer = layers[p]!;
    const { up, down, model, v, threshold } = layer;
    const began = up.charge[id]!;
    const ended = down.charge[id]!;
    up.charge[id] = 0;
    down.charge[id] = 0;
    if (model === "relay") {
      relay(p, id, began, ended, timeUs);
      return;
    }
    const crossed = crossings.dueUs[layer.first + id] === timeUs;
    // Without a current a potential without a leak stays where it is: nothing to bring up to date or to foresee.
    const still = layer.drive[id] === 0 && (model === "if" || model === "integrator");
    if (!still) advance(layer, id, timeUs);
    if (crossed) v[id] = threshold[id]!;
    if (model === "if" || model === "integrator") v[id]! += layer.r[id]! * began;
    else layer.drive[id]! += began + ended;
    if (v[id]! < potentialMin) v[id] = potentialMin;
    if (!layer.spikes) return;
    let fires = crossed || (reached ? v[id]! >= threshold[id]! : v[id]! > threshold[id]!);
    while (fires && fire(p, id, timeUs)) {
      v[id] = Math.max(potentialMin, reset === "subtract" ? v[id]! - threshold[id]! : layer.reset[id]!);
      fires = reached ? v[id]! >= threshold[id]! : v[id]! > threshold[id]!;
    }
    if (still && !fires && !crossed) return;
    const dueUs = fires
      ? (Math.floor(timeUs / 1000) + 1) * 1000
      : timeUs + timeToThreshold(follow(layer, id), threshold[id]!) * 1e6;
    crossings.set(layer.first + id, dueUs);
  }

  /** All that happens at one time; the input's spikes have been sent already. */
  function work(timeUs: number): void {
    while (arrivals.nextUs === timeUs) {
      const index = arrivals.route >>> 1;
      const target = layers[routes[index]!.to]!;
      arrive(index, arrivals.id, arrivals.value, (arrivals.route & 1) === 0 ? target.up : target.down);
      arrivals.pop();
    }
    while (crossings.nextUs === timeUs) {
      const layer = layers[layerOf[crossings.next]!]!;
      touch(layer, crossings.next - layer.first);
      // Out of the heap, yet still known as due now.
      const number = crossings.next;
      crossings.set(number, Infinity);
      crossings.dueUs[number] = timeUs;
    }
    for (const [p, layer] of layers.entries()) {
      touchAll(layer, layer.up);
      touchAll(layer, layer.down);
      if (layer.touchedCount === 0) continue;
      const touched = layer.touched.subarray(0, layer.touchedCount).sort();
      layer.touchedCount = 0;
      if (layer.model !== "relay") ledger.neuronUpdates += touched.length;
      for (const id of touched) {
        layer.isTouched[id] = 0;
        update(p, id, timeUs);
      }
    }
  }

  /** Everything before `toUs`. */
  function runTo(toUs: number): void {
    for (let timeUs = nextUs(); timeUs < toUs; timeUs = nextUs()) work(timeUs);
  }

  function nextUs(): number {
    return Math.min(arrivals.nextUs, crossings.nextUs);
  }

  function start(timeUs: number): void {
    if (started) return;
    started = true;
    for (const [p, layer] of layers.entries()) {
      layer.sinceUs.fill(timeUs);
      const bias = biases[p];
      if (!bias || layer.model === "relay") continue;
      layer.drive.set(bias);
      for (let id = 0; id < layer.size; id++) update(p, id, timeUs);
    }
  }

  const cells = layers.map(cellsOf);

  return {
    ledger,
    cells,
    get steps() {
      return steps;
    },
    step(input) {
      const fromUs = steps * dtUs;
      start(fromUs);
      for (const layer of layers) layer.given.fill(0);
      runTo(fromUs);
      let any = false;
      for (let id = 0; id < input.length; id++) {
        if (input[id] === 0) continue;
        any = true;
        ledger.inputSpikes += 1;
        layers[network.input]!.given[id] = input[id]!;
        send(network.input, id, input[id]!, fromUs);
      }
      if (any) work(fromUs);
      steps += 1;
      runTo(steps * dtUs);
      for (const [p, layer] of layers.entries()) show(layer, cells[p]!, steps * dtUs);
    },
    run(packet, out) {
      start(packet.fromUs);
      output = out.begin(packet.fromUs, packet.toUs);
      const { count, times, addresses } = packet;
      const { size } = layers[network.input]!;
      for (let k = 0; k < count; ) {
        const timeUs = times[k]!;
        runTo(timeUs);
        for (; k < count && times[k] === timeUs; k++) {
          ledger.inputSpikes += 1;
          if (addresses[k]! >= size) ledger.outOfRange += 1;
          else {
            if (listen) tell(network.input, addresses[k]!, timeUs);
            send(network.input, addresses[k]!, 1, timeUs);
          }
        }
        work(timeUs);
      }
      // A time between two microseconds is told as the later one, which may be the next packet's first.
      for (let timeUs = nextUs(); timeUs <= packet.toUs - 1; timeUs = nextUs()) work(timeUs);
      output = undefined;
    },
    save() {
      const state: Record<string, EngineState[string]> = {
        scalars: Float64Array.of(steps, windowMs, windowSpikes, started ? 1 : 0),
        ledger: Float64Array.from(Object.values(ledger) as number[]),
        due: crossings.dueUs.slice(),
      };
      for (const [name, values] of Object.entries(arrivals.save())) state[`arrivals.${name}`] = values;
      for (const [p, layer] of layers.entries())
        for (const name of saved) state[`${p}.${name}`] = layer[name].slice();
      return state;
    },
    restore(state) {
      const scalars = new Float64Array(4);
      restoreInto(scalars, state, "scalars");
      [steps = 0, windowMs = -1, windowSpikes = 0] = scalars;
      started = scalars[3] === 1;
      restoreLedger(ledger, state);
      const due = new Float64Array(neurons);
      restoreInto(due, state, "due");
      crossings.restore(due);
      arrivals.restore({
        times: state["arrivals.times"]!,
        routes: state["arrivals.routes"]!,
        ids: state["arrivals.ids"]!,
        values: state["arrivals.values"]!,
      });
      for (const [p, layer] of layers.entries())
        for (const name of saved) restoreInto(layer[name], state, `${p}.${name}`);
    },
  };

  /** What a step gave and where it ended, for those who look at cells. */
  function show(layer: Layer, own: Cells, timeUs: number): void {
    own.count = 0;
    for (let id = 0; id < layer.size; id++) {
      const isInput = layer === layers[network.input];
      if (layer.model !== "relay") {
        own.state.v![id] = potentialAfter(follow(layer, id), (timeUs - layer.sinceUs[id]!) / 1e6);
        if (own.state.i) {
          const current = layer.weight[id]! * layer.drive[id]!;
          const gone = Math.exp((layer.sinceUs[id]! - timeUs) / 1e6 / layer.tauSyn[id]!);
          own.state.i[id] = current + (layer.i[id]! - current) * gone;
        }
      }
      const value = layer.spikes || isInput || layer.model === "relay" ? layer.given[id]! : own.state.v![id]!;
      if (value === 0) continue;
      own.ids[own.count] = id;
      own.values[own.count] = value;
      own.count += 1;
    }
  }
}

const saved = ["v", "i", "drive", "sinceUs", "given"] as const;

function createLayer(network: Network, p: number, holds: boolean, first: number): Layer {
  const { name, size, neuron } = network.populations[p]!;
  const model = neuron?.model ?? "relay";
  if (model === "jump" || !models.has(model))
    throw new ReflexarcError({
      kind: "usage",
      room: "core",
      what: `"${name}" is a ${model}, which the asynchronous engine has no closed form for`,
      remedy: "Use the stepped engine.",
    });
  if (
    (model === "leaky-integrator" || model === "cuba-li" || model === "integrator") &&
    network.projections.some(({ from }) => from === p)
  )
    throw new ReflexarcError({
      kind: "usage",
      room: "core",
      what: `"${name}" is a ${model} that others follow: what it gives changes all the time`,
      remedy: "Use the stepped engine.",
    });
  const parameters = neuron && neuron.model !== "jump" ? neuron.parameters : {};
  const column = (parameter: string, otherwise: number) => {
    const values = parameters[parameter];
    return Float64Array.from({ length: size }, (_, id) => (values ? parameterAt(values, id) : otherwise));
  };
  const tau = column(parameters.tau_mem ? "tau_mem" : "tau", 1);
  const membranes = (): Membranes => ({
    size,
    charge: new Float64Array(size),
    scale: 1,
    ceiling: -Infinity,
    candidates: new Uint32Array(size),
    candidateCount: 0,
  });
  return {
    model,
    size,
    up: membranes(),
    down: membranes(),
    v: new Float64Array(size),
    i: new Float64Array(size),
    drive: new Float64Array(size),
    sinceUs: new Float64Array(size),
    touched: new Uint32Array(size),
    isTouched: new Uint8Array(size),
    tau,
    // Equal time constants have another closed form: this far apart it is the same to 9 digits.
    tauSyn: column("tau_syn", 1).map((value, id) => (value === tau[id] ? value * (1 + 1e-9) : value)),
    r: column("r", 1),
    leak: column("v_leak", 0),
    weight: column("w_in", 1),
    threshold: column("v_threshold", Infinity),
    reset: column("v_reset", 0),
    given: new Float64Array(size),
    spikes: parameters.v_threshold !== undefined,
    holds,
    first,
    touchedCount: 0,
  };
}

/** Which populations have a current, or pass things on to some that have. */
function holdsOf(
  { populations }: Network,
  routes: readonly Route[],
  leaving: readonly number[][],
): boolean[] {
  const holds = populations.map(({ neuron }) =>
    /^(leaky-integrator|lif|cuba-lif?)$/.test(neuron?.model ?? ""),
  );
  for (let again = true; again; ) {
    again = false;
    for (const [p, { neuron }] of populations.entries()) {
      if (holds[p] || neuron?.model !== "relay") continue;
      if (!leaving[p]!.some((index) => holds[routes[index]!.to])) continue;
      holds[p] = true;
      again = true;
    }
  }
  return holds;
}

/** The constant that each neuron receives, relays included: theirs is handed on through what follows them. */
function biasesOf(network: Network, layers: readonly Layer[]): (Float64Array | undefined)[] {
  const biases: (Float64Array | undefined)[] = layers.map(() => undefined);
  for (const { to, bias } of network.projections) {
    if (!bias) continue;
    const { size } = layers[to]!;
    biases[to] ??= new Float64Array(size);
    for (let id = 0; id < size; id++) biases[to]![id]! += bias[Math.floor((id * bias.length) / size)]!;
  }
  const groups = wire(network);
  for (const [p, layer] of layers.entries()) {
    const bias = biases[p];
    if (!bias || layer.model !== "relay") continue;
    for (const { from, to, deliver } of groups) {
      if (from !== p) continue;
      const target = layers[to]!;
      biases[to] ??= new Float64Array(target.size);
      const into: Membranes = { ...target.up, charge: biases[to]!, ceiling: Infinity, candidateCount: 0 };
      for (const [id, value] of bias.entries()) {
        into.scale = value;
        if (value !== 0) deliver(Uint32Array.of(id), 0, 1, into);
      }
    }
  }
  return biases;
}

function cellsOf(layer: Layer): Cells {
  const { size, model } = layer;
  return {
    ...layer.up,
    charge: new Float64Array(size),
    ids: new Uint32Array(size),
    values: new Float64Array(size),
    count: 0,
    state: {
      ...(model !== "relay" && { v: new Float64Array(size) }),
      ...(/^cuba/.test(model) && { i: new Float64Array(size) }),
    },
    step: () => {},
  };
}
