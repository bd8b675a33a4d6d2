/** e-prop: the gradient of a recurrent spiking network, summed up while it runs, without a way back through time. */

import { seededNormal, seededRandom, seedFor } from "../random.ts";
import { type Layer, type Model, refused } from "./model.ts";
import type { Events } from "./spike-set.ts";
import { type Surrogate, triangle } from "./surrogate.ts";
import type { Numbers } from "./synapses.ts";

export interface EpropOptions {
  readonly surrogateWidth: number;
  readonly evidenceScale: number;
  /** How errors reach the hidden neurons: over the readout's own weights, or over fixed random ones. */
  readonly feedback: "symmetric" | "random";
  readonly seed: number;
}

/** What a sample gave. */
export interface EpropResult {
  /** Cross-entropy, mean over the steps. */
  readonly loss: number;
  /** The class with the highest mean potential; of equals the first. */
  readonly decided: number;
  readonly spikes: number;
}

/**
 * Eligibility traces of one layer's incoming weights (Bellec et al., Nature Communications 11:3625, 2020, eq. 22 to 24):
 * what a weight did to its neuron's potential, decaying as the membrane does. They need only what is known at the time.
 */
export interface Eligibility {
  clear(): void;
  /** `sources` fired into this step with `values`; `passed[n]` is 0 where the reset wiped the potential before. */
  arrive(ids: Uint32Array, values: Numbers, from: number, to: number, source: number): void;
  decay(passed: Numbers): void;
  /** The trace: sources x neurons. */
  readonly trace: Float64Array;
  /** Sources that have fired since `clear`, in the order of their first spike; `activeCount` of them. Other rows are 0. */
  readonly active: Uint32Array;
  readonly activeCount: number;
}

export function createEligibility(sources: number, decays: Numbers, gains: Numbers): Eligibility {
  const size = decays.length;
  const trace = new Float64Array(sources * size);
  const active = new Uint32Array(sources);
  const isActive = new Uint8Array(sources);
  const factors = new Float64Array(size);
  let activeCount = 0;
  return {
    trace,
    active,
    get activeCount() {
      return activeCount;
    },
    clear() {
      trace.fill(0);
      isActive.fill(0);
      activeCount = 0;
    },
    decay(passed) {
      for (let n = 0; n < size; n++) factors[n] = decays[n]! * passed[n]!;
      for (let k = 0; k < activeCount; k++) {
        const row = active[k]! * size;
        for (let n = 0; n < size; n++) trace[row + n] = trace[row + n]! * factors[n]!;
      }
    },
    arrive(ids, values, from, to, source) {
      for (let k = from; k < to; k++) {
        const own = source + ids[k]!;
        if (isActive[own] === 0) {
          isActive[own] = 1;
          active[activeCount] = own;
          activeCount += 1;
        }
        const row = own * size;
        for (let n = 0; n < size; n++) trace[row + n] = trace[row + n]! + values[k]! * gains[n]!;
      }
    },
  };
}

/** Runs a sample and adds its gradient to `gradient`, step by step as it comes. */
export type Eprop = (
  parameters: Numbers,
  events: Events,
  label: number,
  gradient: Numbers | undefined,
) => EpropResult;

/**
 * For a hidden layer of LIF neurons, recurrent or not, and a readout of integrators. In each step the readout's softmax
 * is compared with the label; the error goes back over the feedback weights alone, so that what a spike does later over
 * recurrent weights is left out (that is the approximation). The gradient of readout weights, and of all weights where
 * nothing is recurrent, is that of back-propagation through time. Throws a ReflexarcError for other networks.
 */
export function createEprop(model: Model, options: EpropOptions): Eprop {
  const [hidden, readout] = layersOf(model);
  const { size, sources, weights, recurrent } = hidden;
  const classes = readout.size;
  const { steps, stepUs, reset } = model.specification;
  const threshold = hidden.neurons.threshold;
  const rates = ratesOf(hidden, stepUs);
  const decays = rates.map((rate) => 1 - rate);
  const gains = rates.map((rate, n) => rate * hidden.neurons.parameters.r![n]!);
  const outRates = ratesOf(readout, stepUs);
  const outGains = outRates.map((rate, k) => rate * readout.neurons.parameters.r![k]!);
  const surrogate: Surrogate = triangle(options.surrogateWidth, "hard");
  const eligibility = createEligibility(sources + (recurrent ? size : 0), decays, gains);
  // The readout decays too: traces filtered as it does are what an error of the present is to blame on.
  const filtered = new Float64Array(eligibility.trace.length);
  const filteredSpikes = new Float64Array(size);
  const feedback = options.feedback === "random" ? randomFeedback(size * classes, options.seed) : undefined;
  const [v, u, drive, passed, slopes, signal] = Array.from({ length: 6 }, () => new Float64Array(size));
  const [y, out, error] = Array.from({ length: 3 }, () => new Float64Array(classes));
  const fired = new Uint32Array(size);
  const ones = new Float64Array(size).fill(1);

  return (parameters, { starts, ids, values }, label, gradient) => {
    for (const column of [v!, y!, filteredSpikes, filtered]) column.fill(0);
    passed!.fill(1);
    eligibility.clear();
    const evidence = new Float64Array(classes);
    let [firedCount, spikes, loss] = [0, 0, 0];
    for (let t = 0; t < steps; t++) {
      drive!.fill(0);
      add(parameters, weights.offset, ids, values, starts[t]!, starts[t + 1]!, drive!);
      if (recurrent) add(parameters, recurrent.offset, fired, ones, 0, firedCount, drive!);
      if (gradient) {
        eligibility.decay(passed!);
        eligibility.arrive(ids, values, starts[t]!, starts[t + 1]!, 0);
        if (recurrent) eligibility.arrive(fired, ones, 0, firedCount, sources);
      }
      firedCount = 0;
      for (let n = 0; n < size; n++) {
        const now = decays[n]! * v![n]! + gains[n]! * drive![n]!;
        u![n] = now;
        slopes![n] = surrogate.slope(now - threshold);
        const spike = now > threshold;
        v![n] = spike ? (reset === "subtract" ? now - threshold : 0) : now;
        passed![n] = spike && reset === "zero" ? 0 : 1;
        if (!spike) continue;
        fired[firedCount] = n;
        firedCount += 1;
      }
      spikes += firedCount;
      out!.fill(0);
      add(parameters, readout.weights.offset, fired, ones, 0, firedCount, out!);
      for (let k = 0; k < classes; k++) {
        y![k] = (1 - outRates[k]!) * y![k]! + outGains[k]! * out![k]!;
        evidence[k] = evidence[k]! + y![k]!;
      }
      loss += softmaxError(y!, label, options.evidenceScale, error!) / steps;
      if (gradient) learn(parameters, gradient, firedCount);
    }
    return { loss, decided: evidence.indexOf(Math.max(...evidence)), spikes };
  };

  function learn(parameters: Numbers, gradient: Numbers, firedCount: number): void {
    const { trace, active, activeCount } = eligibility;
    // One readout time constant: filters of all classes are the same.
    const [keep, gain] = [1 - outRates[0]!, outGains[0]!];
    const out = readout.weights.offset;
    signal!.fill(0);
    for (let n = 0; n < size; n++) {
      filteredSpikes[n] = filteredSpikes[n]! * keep;
      for (let k = 0; k < classes; k++) {
        const back = feedback ? feedback[n * classes + k]! : parameters[out + n * classes + k]!;
        signal![n] = signal![n]! + (back * error![k]!) / steps;
      }
    }
    for (let k = 0; k < firedCount; k++) filteredSpikes[fired[k]!] = filteredSpikes[fired[k]!]! + gain;
    for (let n = 0; n < size; n++)
      for (let k = 0; k < classes; k++) {
        const at = out + n * classes + k;
        gradient[at] = gradient[at]! + (filteredSpikes[n]! * error![k]!) / steps;
      }
    for (let k = 0; k < activeCount; k++) {
      const source = active[k]!;
      const at = source * size;
      const row = source < sources ? weights.offset + at : recurrent!.offset + at - sources * size;
      for (let n = 0; n < size; n++) {
        const now = keep * filtered[at + n]! + gain * slopes![n]! * trace[at + n]!;
        filtered[at + n] = now;
        gradient[row + n] = gradient[row + n]! + signal![n]! * now;
      }
    }
  }
}

function layersOf({ layers }: Model): [Layer, Layer] {
  const [hidden, readout, ...others] = layers;
  const fits =
    hidden?.neurons.model === "lif" &&
    hidden.specification.kind === "dense" &&
    readout?.neurons.model === "leaky-integrator" &&
    others.length === 0 &&
    !hidden.delays &&
    !readout.delays &&
    readout.neurons.parameters.tau!.every((tau) => tau === readout.neurons.parameters.tau![0]);
  if (fits) return [hidden, readout];
  throw refused(
    "e-prop learns one dense layer of LIF neurons and a readout of leaky integrators, without delays",
    "network.layers",
    "Take the rule backpropagation for other networks.",
  );
}

function ratesOf({ neurons }: Layer, stepUs: number): Float64Array {
  return neurons.parameters.tau!.map((tau) => stepUs / 1e6 / tau);
}

/** Of the readout's initial size, and never changed (Lillicrap et al. 2016). */
function randomFeedback(count: number, seed: number): Float64Array {
  const normal = seededNormal(seededRandom(seedFor(seed, "feedback")));
  return Float64Array.from({ length: count }, () => normal());
}

function add(
  weights: Numbers,
  offset: number,
  ids: Uint32Array,
  values: Numbers,
  from: number,
  to: number,
  into: Float64Array,
): void {
  const size = into.length;
  for (let k = from; k < to; k++) {
    const row = offset + ids[k]! * size;
    for (let n = 0; n < size; n++) into[n] = into[n]! + values[k]! * weights[row + n]!;
  }
}

/** Cross-entropy of a softmax; `error` becomes its derivative with respect to the potentials. */
function softmaxError(y: Float64Array, label: number, scale: number, error: Float64Array): number {
  let largest = -Infinity;
  for (let k = 0; k < y.length; k++) largest = Math.max(largest, y[k]!);
  let all = 0;
  for (let k = 0; k < y.length; k++) {
    error[k] = Math.exp(scale * (y[k]! - largest));
    all += error[k]!;
  }
  for (let k = 0; k < y.length; k++) error[k] = (error[k]! / all - (k === label ? 1 : 0)) * scale;
  return Math.log(all) - scale * (y[label]! - largest);
}
