/** The neuron models of trained networks: their parameters, defaults and equations, once for files and engines. */

/** A parameter: its default where a file may leave it out, and what a value must satisfy. */
interface Parameter {
  readonly default?: number;
  readonly positive?: true;
}

interface Model {
  /** The NIR node type of the same equation, where there is one. */
  readonly nir?: string;
  readonly about: string;
  /** Whether it fires; the others pass a number on in every step. */
  readonly spikes: boolean;
  readonly parameters: Readonly<Record<string, Parameter>>;
}

const required = {};
const optional = (value: number): Parameter => ({ default: value });
const time: Parameter = { positive: true };
const fires = { v_threshold: required, v_reset: optional(0) };

/**
 * Models by name. Times are in seconds and the equations are NIR's (Pedersen et al., Nature Communications 15:8122,
 * 2024); x is what arrives, z the spike. A spike counts as 1 for one step of the stepped engine, and as a current of
 * 1 for the length of such a step where time is continuous. IF and I know no time constant: what arrives is added.
 */
export const neuronModels = {
  relay: { about: "y = x", spikes: false, parameters: {} },
  threshold: {
    nir: "Threshold",
    about: "z = x > threshold",
    spikes: true,
    parameters: { threshold: required },
  },
  integrator: { nir: "I", about: "v += r x", spikes: false, parameters: { r: required } },
  if: {
    nir: "IF",
    about: "v += r x; z = v > v_threshold",
    spikes: true,
    parameters: { r: required, ...fires },
  },
  "leaky-integrator": {
    nir: "LI",
    about: "tau v' = v_leak - v + r x",
    spikes: false,
    parameters: { tau: time, r: required, v_leak: required },
  },
  lif: {
    nir: "LIF",
    about: "tau v' = v_leak - v + r x; z = v > v_threshold",
    spikes: true,
    parameters: { tau: time, r: required, v_leak: required, ...fires },
  },
  "cuba-li": {
    nir: "CubaLI",
    about: "tau_syn i' = -i + w_in x; tau_mem v' = v_leak - v + r i",
    spikes: false,
    parameters: { tau_syn: time, tau_mem: time, r: required, v_leak: required, w_in: optional(1) },
  },
  "cuba-lif": {
    nir: "CubaLIF",
    about: "tau_syn i' = -i + w_in x; tau_mem v' = v_leak - v + r i; z = v > v_threshold",
    spikes: true,
    parameters: { tau_syn: time, tau_mem: time, r: required, v_leak: required, w_in: optional(1), ...fires },
  },
  alif: {
    about: "a LIF whose threshold is v_threshold + a; tau_adapt a' = -a, a += adapt_step at each spike",
    spikes: true,
    parameters: {
      tau: time,
      r: required,
      v_leak: required,
      ...fires,
      tau_adapt: time,
      adapt_step: required,
    },
  },
  /** Lava's `LIF` in floats, and its ternary and refractory kin. */
  lava: {
    about: "u = (1 - du) u + x; v = (1 - dv) v + u + bias; z = v > v_threshold, -1 if v < v_threshold_low",
    spikes: true,
    parameters: {
      du: required,
      dv: required,
      bias: optional(0),
      v_threshold: required,
      v_threshold_low: optional(-Infinity),
      refractory_steps: optional(0),
    },
  },
  /** Loihi's own integers: 12-bit decays, 24-bit state; thresholds are mantissas, the bias is shifted already. */
  loihi: {
    about: "u = u (4096 - du - 1) / 4096 + 64 x; v = v (4096 - dv) / 4096 + u + bias; z = v > 64 v_threshold",
    spikes: true,
    parameters: {
      du: required,
      dv: required,
      bias: optional(0),
      v_threshold: required,
      v_threshold_low: optional(-Infinity),
    },
  },
  risp: {
    about: "v += x; z = v >= v_threshold, tested when something arrives; else v is raised to v_min",
    spikes: true,
    parameters: { v_threshold: required, v_min: optional(-Infinity), leak: optional(0) },
  },
  /** A unit with two states, as optimisers have them: it tells changes only, so one that stays as it is costs nothing. */
  binary: {
    about: "v += x, from bias on; s = v > 0 in each of its turns, one step of `turns`; gives the change of s",
    spikes: true,
    parameters: { bias: required, turn: optional(0), turns: optional(1) },
  },
} as const satisfies Readonly<Record<string, Model>>;

export type ModelName = keyof typeof neuronModels;

/** A model of the table with its shape forgotten: for those who go through any of them. */
export function modelOf(name: ModelName): Model {
  return neuronModels[name];
}

/** A parameter of neuron `id`, whether there is one number for all or one for each. */
export function parameterAt(values: Float64Array, id: number): number {
  return values.length === 1 ? values[0]! : values[id]!;
}
