/** The neurons of one population in the stepped engine: one plain loop a model, over all neurons in every step. */

import { type JumpNeuron, modelOf, type Neuron, type Population, parameterAt } from "../network/index.ts";
import type { Noise } from "./noise.ts";
import type { Membranes } from "./wiring.ts";

/** Choices that files of trained networks leave open: they follow from where a network was trained. */
export interface StepRules {
  /** Length of a step, in microseconds. */
  readonly dtUs: number;
  /** After a spike v becomes v_reset, or goes down by the threshold. */
  readonly reset: "zero" | "subtract";
  /** A spike needs v above the threshold, or v at it. */
  readonly threshold: "above" | "reached";
  /** A neuron fires once a step, or as many times as its potential holds the threshold. */
  readonly spikes: "one" | "many";
  /** No potential goes below this. */
  readonly potentialMin: number;
  /** Each operation rounded as the frameworks do it that networks are trained with, or not. */
  readonly precision: "float32" | "float64";
  /** Added to what arrives at each neuron in each step; none where it is left out. */
  readonly noise?: Noise;
}

/**
 * A population in steps. What arrives is added to `charge` (as `wiring.ts` does it); `step` takes it in, and leaves
 * what goes out in `ids` and `values`.
 */
export interface Cells extends Membranes {
  readonly charge: Float64Array;
  /** Neurons whose output isn't 0, ascending, and what each gives: 1 for a spike. */
  readonly ids: Uint32Array;
  readonly values: Float64Array;
  count: number;
  /** State by variable: v, and i, a, wait where the model has them. All that has to be saved. */
  readonly state: Readonly<Record<string, Float64Array>>;
  step(): void;
}

type Column = (name: string) => Float64Array;

/** The cells of a population; those of an input are written by whoever runs the engine. */
export function createCells(population: Population, rules: StepRules, arrivalsMax: number): Cells {
  const { size, neuron } = population;
  const model = neuron?.model ?? "relay";
  const tested = model === "risp";
  const cells: Cells = {
    // The bound of `candidates`: where arrivals are watched, each has its place.
    size: tested ? arrivalsMax : size,
    charge: new Float64Array(size),
    scale: 1,
    ceiling: tested ? -Infinity : Infinity,
    candidates: new Uint32Array(tested ? arrivalsMax : 0),
    candidateCount: 0,
    ids: new Uint32Array(size),
    values: new Float64Array(size),
    count: 0,
    state: {},
    step: () => {},
  };
  if (!neuron) return cells;
  const state: Record<string, Float64Array> = {};
  const variable: Column = (name) => {
    state[name] ??= new Float64Array(size);
    return state[name];
  };
  const parameter = parametersOf(neuron, size);
  const update = updates[model](parameter, variable, rules, cells, size, neuron);
  const { charge } = cells;
  // A relay has no membrane, and a binary unit asks for noise only in its turn.
  const noise = model === "relay" || model === "binary" ? undefined : rules.noise;
  return Object.assign(cells, {
    state,
    step() {
      cells.count = 0;
      noise?.addTo(charge);
      // Loihi's membranes hold whole numbers only.
      if (noise && model === "loihi") for (let id = 0; id < size; id++) charge[id] = Math.round(charge[id]!);
      update();
      charge.fill(0);
      cells.candidateCount = 0;
    },
  });
}

/** Each parameter spread over the neurons: a loop then reads one column, whatever the file stores. */
function parametersOf(neuron: Neuron, size: number): Column {
  return (name) => {
    if (neuron.model === "jump")
      return new Float64Array(size).fill((neuron as unknown as Record<string, number>)[name]!);
    const values = neuron.parameters[name];
    const fallback = modelOf(neuron.model).parameters[name]?.default;
    if (!values && fallback === undefined) throw new RangeError(`a ${neuron.model} without "${name}"`);
    const column = new Float64Array(size);
    if (!values) return column.fill(fallback!);
    for (let id = 0; id < size; id++) column[id] = parameterAt(values, id);
    return column;
  };
}

type Update = (
  parameter: Column,
  variable: Column,
  rules: StepRules,
  cells: Cells,
  size: number,
  neuron: Neuron,
) => () => void;

/** What a neuron does whose potential passed its limit: notes its spikes and answers its new potential. */
type Fire = (v: number, threshold: number, id: number) => number;

function fire(cells: Cells, rules: StepRules, reset: Float64Array): Fire {
  const { ids, values } = cells;
  const reached = rules.threshold === "reached";
  const subtract = rules.reset === "subtract";
  const many = rules.spikes === "many";
  const f = rounding(rules);
  return (v, threshold, id) => {
    const ratio = v / threshold;
    const held = many && threshold > 0 ? (reached ? Math.floor(ratio) : Math.ceil(ratio) - 1) : 1;
    const spikes = Math.max(1, held);
    ids[cells.count] = id;
    values[cells.count] = spikes;
    cells.count += 1;
    return Math.max(subtract ? f(v - spikes * threshold) : reset[id]!, rules.potentialMin);
  };
}

/** What a potential must be above to fire: just below the threshold where reaching it is enough. */
function limitsOf(threshold: Float64Array, rules: StepRules): Float64Array {
  return rules.threshold === "above" ? threshold : threshold.map(nextBelow);
}

function nextBelow(value: number): number {
  const bits = new BigInt64Array(Float64Array.of(value).buffer);
  if (value === 0) return -Number.MIN_VALUE;
  bits[0] = bits[0]! + (value > 0 ? -1n : 1n);
  return new Float64Array(bits.buffer)[0]!;
}

/** Hands a number on from each neuron: what is 0 needs no place. */
function passOn(cells: Cells, from: Float64Array, size: number): void {
  const { ids, values } = cells;
  let count = 0;
  for (let id = 0; id < size; id++) {
    const value = from[id]!;
    if (value === 0) continue;
    ids[count] = id;
    values[count] = value;
    count += 1;
  }
  cells.count = count;
}

/** The equations of `models.ts` by forward Euler; the current of a step acts in that step. */
const updates: Readonly<Record<Neuron["model"], Update>> = {
  relay: (_, __, ___, cells, size) => () => passOn(cells, cells.charge, size),

  threshold(parameter, _, __, cells, size) {
    const threshold = parameter("threshold");
    const { charge, ids, values } = cells;
    return () => {
      for (let id = 0; id < size; id++) {
        if (!(charge[id]! > threshold[id]!)) continue;
        ids[cells.count] = id;
        values[cells.count] = 1;
        cells.count += 1;
      }
    };
  },

  integrator(parameter, variable, rules, cells, size) {
    const f = rounding(rules);
    const r = parameter("r");
    const v = variable("v");
    const { charge } = cells;
    return () => {
      for (let id = 0; id < size; id++) v[id] = f(v[id]! + f(r[id]! * f(charge[id]!)));
      passOn(cells, v, size);
    };
  },

  if(parameter, variable, rules, cells, size) {
    const f = rounding(rules);
    const r = parameter("r");
    const threshold = parameter("v_threshold");
    const v = variable("v");
    const { charge } = cells;
    const limit = limitsOf(threshold, rules);
    const least = rules.potentialMin;
    const test = fire(cells, rules, parameter("v_reset"));
    return () => {
      for (let id = 0; id < size; id++) {
        const now = f(v[id]! + f(r[id]! * f(charge[id]!)));
        v[id] = now > limit[id]! ? test(now, threshold[id]!, id) : now < least ? least : now;
      }
    };
  },

  "leaky-integrator"(parameter, variable, rules, cells, size) {
    const f = rounding(rules);
    const rate = ratesOf(parameter("tau"), rules);
    const r = parameter("r");
    const leak = parameter("v_leak");
    const v = variable("v");
    const { charge } = cells;
    return () => {
      for (let id = 0; id < size; id++)
        v[id] = towards(v[id]!, rate[id]!, leak[id]!, r[id]! * charge[id]!, f);
      passOn(cells, v, size);
    };
  },

  lif(parameter, variable, rules, cells, size) {
    const f = rounding(rules);
    const rate = ratesOf(parameter("tau"), rules);
    const r = parameter("r");
    const leak = parameter("v_leak");
    const threshold = parameter("v_threshold");
    const v = variable("v");
    const { charge } = cells;
    const limit = limitsOf(threshold, rules);
    const least = rules.potentialMin;
    const test = fire(cells, rules, parameter("v_reset"));
    return () => {
      for (let id = 0; id < size; id++) {
        const now = towards(v[id]!, rate[id]!, leak[id]!, r[id]! * charge[id]!, f);
        v[id] = now > limit[id]! ? test(now, threshold[id]!, id) : now < least ? least : now;
      }
    };
  },

  "cuba-li"(parameter, variable, rules, cells, size) {
    const v = variable("v");
    const current = currentOf(parameter, variable, rules, cells);
    const membrane = membraneOf(parameter, rules);
    return () => {
      for (let id = 0; id < size; id++) v[id] = membrane(v[id]!, current(id), id);
      passOn(cells, v, size);
    };
  },

  "cuba-lif"(parameter, variable, rules, cells, size) {
    const threshold = parameter("v_threshold");
    const v = variable("v");
    const current = currentOf(parameter, variable, rules, cells);
    const membrane = membraneOf(parameter, rules);
    const limit = limitsOf(threshold, rules);
    const least = rules.potentialMin;
    const test = fire(cells, rules, parameter("v_reset"));
    return () => {
      for (let id = 0; id < size; id++) {
        const now = membrane(v[id]!, current(id), id);
        v[id] = now > limit[id]! ? test(now, threshold[id]!, id) : now < least ? least : now;
      }
    };
  },

  alif(parameter, variable, rules, cells, size) {
    const f = rounding(rules);
    const rate = ratesOf(parameter("tau"), rules);
    const keep = ratesOf(parameter("tau_adapt"), rules).map((rate) => 1 - rate);
    const step = parameter("adapt_step");
    const r = parameter("r");
    const leak = parameter("v_leak");
    const threshold = parameter("v_threshold");
    const v = variable("v");
    const a = variable("a");
    const { charge } = cells;
    const reached = rules.threshold === "reached";
    const least = rules.potentialMin;
    const test = fire(cells, rules, parameter("v_reset"));
    return () => {
      for (let id = 0; id < size; id++) {
        const before = cells.count;
        const now = towards(v[id]!, rate[id]!, leak[id]!, r[id]! * charge[id]!, f);
        a[id] = a[id]! * keep[id]!;
        const high = threshold[id]! + a[id]!;
        v[id] = now > high || (reached && now === high) ? test(now, high, id) : now < least ? least : now;
        if (cells.count > before) a[id] = a[id]! + step[id]! * cells.values[before]!;
      }
    };
  },

  lava(parameter, variable, _, cells, size) {
    const [du, dv, bias] = [parameter("du"), parameter("dv"), parameter("bias")];
    const [high, low] = [parameter("v_threshold"), parameter("v_threshold_low")];
    const pause = parameter("refractory_steps");
    const [u, v, wait] = [variable("i"), variable("v"), variable("wait")];
    const { charge, ids, values } = cells;
    return () => {
      for (let id = 0; id < size; id++) {
        u[id] = u[id]! * (1 - du[id]!) + charge[id]!;
        if (wait[id]! > 0) {
          wait[id] = wait[id]! - 1;
          continue;
        }
        v[id] = v[id]! * (1 - dv[id]!) + u[id]! + bias[id]!;
        const spike = v[id]! > high[id]! ? 1 : v[id]! < low[id]! ? -1 : 0;
        if (spike === 0) continue;
        ids[cells.count] = id;
        values[cells.count] = spike;
        cells.count += 1;
        v[id] = 0;
        wait[id] = pause[id]!;
      }
    };
  },

  // lava-nc/lava, `AbstractPyLifModelFixed`: 12-bit decays round towards zero, u wraps and v is clipped at 24 bits.
  loihi(parameter, variable, _, cells, size) {
    const keepU = parameter("du").map((du) => 4096 - (du + 1));
    const keepV = parameter("dv").map((dv) => 4096 - dv);
    const bias = parameter("bias");
    const high = parameter("v_threshold").map((mantissa) => mantissa * 64);
    const low = parameter("v_threshold_low").map((mantissa) => mantissa * 64);
    const [u, v] = [variable("i"), variable("v")];
    const { charge, ids, values } = cells;
    return () => {
      for (let id = 0; id < size; id++) {
        let current = Math.trunc((u[id]! * keepU[id]!) / 4096) + charge[id]! * 64;
        if (current > 8388608) current -= 16777216;
        else if (current <= -8388608) current += 16777216;
        u[id] = current;
        const sum = Math.trunc((v[id]! * keepV[id]!) / 4096) + current + bias[id]!;
        const now = sum > 8388607 ? 8388607 : sum < -8388607 ? -8388607 : sum;
        const spike = now > high[id]! ? 1 : now < low[id]! ? -1 : 0;
        v[id] = spike === 0 ? now : 0;
        if (spike === 0) continue;
        ids[cells.count] = id;
        values[cells.count] = spike;
        cells.count += 1;
      }
    };
  },

  // TENNLab-UTK/framework-open, `risp.cpp`: only who got something is tested, be it a charge of 0.
  risp(parameter, variable, _, cells, size) {
    const threshold = parameter("v_threshold");
    const least = parameter("v_min");
    const leaks = parameter("leak");
    const v = variable("v");
    const touched = new Uint8Array(size);
    const { charge, candidates, ids, values } = cells;
    return () => {
      for (let k = 0; k < cells.candidateCount; k++) touched[candidates[k]!] = 1;
      for (let id = 0; id < size; id++) {
        if (touched[id] === 0) continue;
        touched[id] = 0;
        v[id] = v[id]! + charge[id]!;
        if (v[id]! >= threshold[id]!) {
          ids[cells.count] = id;
          values[cells.count] = 1;
          cells.count += 1;
          v[id] = 0;
        }
        if (leaks[id] !== 0) v[id] = 0;
        else if (v[id]! < least[id]!) v[id] = least[id]!;
      }
    };
  },

  binary(parameter, variable, { noise }, cells, size) {
    const turns = parameter("turns")[0] ?? 1;
    const inTurn = Array.from({ length: turns }, (): number[] => []);
    for (const [id, turn] of parameter("turn").entries()) inTurn[turn % turns]!.push(id);
    const v = variable("v");
    v.set(parameter("bias"));
    const s = variable("s");
    // One clock for all, in the first place of a column: what an engine saves are columns.
    const clock = variable("turn");
    const { charge, ids, values } = cells;
    return () => {
      for (let id = 0; id < size; id++) v[id] = v[id]! + charge[id]!;
      for (const id of inTurn[clock[0]!]!) {
        const now = v[id]! + (noise ? noise.draw() : 0) > 0 ? 1 : 0;
        if (now === s[id]) continue;
        ids[cells.count] = id;
        values[cells.count] = now - s[id]!;
        cells.count += 1;
        s[id] = now;
      }
      clock[0] = (clock[0]! + 1) % turns;
    };
  },

  // A document's neuron: the leak is exact, and what arrives within the step is added at its end.
  jump(parameter, variable, rules, cells, size, neuron) {
    const [rest, reset, threshold] = [parameter("rest"), parameter("reset"), parameter("threshold")];
    const keep = parameter("tauUs").map((tauUs) => Math.exp(-rules.dtUs / tauUs));
    const pause = parameter("refractoryUs").map((us) => Math.ceil(us / rules.dtUs));
    const v = variable("v").fill(rest[0] ?? 0);
    const wait = variable("wait");
    const { charge, ids, values } = cells;
    const { adapt } = neuron as JumpNeuron;
    const keepRaised = adapt ? Math.exp(-rules.dtUs / adapt.tauUs) : 0;
    const raised = adapt ? variable("a") : new Float64Array(size);
    if (adapt?.raised) raised.set(adapt.raised);
    return () => {
      for (let id = 0; id < size; id++) {
        raised[id] = raised[id]! * keepRaised;
        if (wait[id]! > 0) wait[id] = wait[id]! - 1;
        if (wait[id]! > 0) continue;
        const now = rest[id]! + (v[id]! - rest[id]!) * keep[id]! + charge[id]!;
        const high = threshold[id]! + raised[id]!;
        const fires = now >= high - 1e-12 * (high - rest[id]!);
        v[id] = fires ? reset[id]! : now;
        if (!fires) continue;
        if (adapt) raised[id] = raised[id]! + adapt.step;
        ids[cells.count] = id;
        values[cells.count] = 1;
        cells.count += 1;
        wait[id] = pause[id]!;
      }
    };
  },
};

type Round = (value: number) => number;

function rounding({ precision }: StepRules): Round {
  return precision === "float32" ? Math.fround : (value) => value;
}

function ratesOf(tau: Float64Array, rules: StepRules): Float64Array {
  const f = rounding(rules);
  return tau.map((seconds) => f(f(rules.dtUs / 1e6) / f(seconds)));
}

/** One Euler step of a leaky membrane, in the order of Norse's `lif_box_feed_forward_step`. */
function towards(v: number, rate: number, leak: number, drive: number, f: Round): number {
  return f(v + f(rate * f(f(leak - v) + f(drive))));
}

/** The synaptic current, in the order of snnTorch's `Synaptic`: decay times state, plus gain times input. */
function currentOf(parameter: Column, variable: Column, rules: StepRules, { charge }: Cells) {
  const f = rounding(rules);
  const rate = ratesOf(parameter("tau_syn"), rules);
  const decay = rate.map((part) => f(1 - part));
  const weight = parameter("w_in");
  const gain = rate.map((part, id) => f(part * weight[id]!));
  const i = variable("i");
  return (id: number) => {
    const now = f(f(decay[id]! * i[id]!) + f(gain[id]! * f(charge[id]!)));
    i[id] = now;
    return now;
  };
}

function membraneOf(parameter: Column, rules: StepRules) {
  const f = rounding(rules);
  const rate = ratesOf(parameter("tau_mem"), rules);
  const decay = rate.map((part) => f(1 - part));
  const r = parameter("r");
  const gain = rate.map((part, id) => f(part * r[id]!));
  const leak = parameter("v_leak");
  const still = rate.map((part, id) => f(part * leak[id]!));
  return (v: number, current: number, id: number) =>
    f(f(f(decay[id]! * v) + f(gain[id]! * current)) + still[id]!);
}
