/** The neurons of a layer over the steps of a sample, forwards as the stepped engine has them, and backwards. */

import type { LearningCalls } from "./kernel.ts";
import type { Layer } from "./model.ts";
import { triangle } from "./surrogate.ts";
import type { Numbers, Round } from "./synapses.ts";

/** One step of all neurons. `at` is the first place of the step in the columns. */
export interface Membranes {
  /** Before the first step of a sample. */
  clear(): void;
  /** Takes in drive[at...], leaves the potential before the reset in u[at...] and what goes out in out[at...]. */
  forward(at: number, drive: Numbers, u: Numbers, out: Numbers): void;
  /**
   * The same step backwards, called from the last one down: `errorOut` is the loss's derivative with respect to `out`,
   * and `errorIn`, with respect to the drive, is written.
   */
  backward(at: number, u: Numbers, out: Numbers, errorOut: Numbers, errorIn: Numbers): void;
}

export interface MembraneRules {
  readonly stepUs: number;
  readonly reset: "zero" | "subtract";
  /** Whether the gradient also flows through the reset; usual is not. */
  readonly resetGradient: "kept" | "left out";
  readonly surrogateWidth: number;
  readonly spikes: "hard" | "smooth";
  readonly round: Round;
}

/** Where state and constants of neurons may lie so that a kernel can work on them. */
export interface MembraneKernel {
  readonly calls: LearningCalls;
  readonly v: Float32Array;
  readonly errorV: Float32Array;
  readonly rate: Float32Array;
  readonly gain: Float32Array;
}

/**
 * The equations of `core/cells.ts` in the same order of roundings, so that a trained network fires there as here. Columns
 * are in the kernel's memory where there is one.
 */
export function createMembranes(
  { size, neurons }: Layer,
  rules: MembraneRules,
  kernel?: MembraneKernel,
): Membranes {
  const { model, parameters } = neurons;
  if (model === "cuba-lif") return cubaLif(size, parameters, neurons.threshold, rules);
  if (model === "leaky-integrator") return integrator(size, parameters, rules);
  // A threshold that float32 doesn't hold is rounded at another place there.
  if (kernel && Math.fround(neurons.threshold) === neurons.threshold)
    return lifCalls(size, parameters, neurons.threshold, rules, kernel);
  return lif(size, parameters, neurons.threshold, rules);
}

function rates(tau: Float64Array, { stepUs, round }: MembraneRules): Float64Array {
  return tau.map((seconds) => round(round(stepUs / 1e6) / round(seconds)));
}

function lif(
  size: number,
  { tau, r }: Readonly<Record<string, Float64Array>>,
  threshold: number,
  rules: MembraneRules,
): Membranes {
  const { round: f } = rules;
  const rate = rates(tau!, rules);
  const gain = r!.map(f);
  const v = new Float64Array(size);
  const errorV = new Float64Array(size);
  const spike = spikeRules(threshold, rules);
  return {
    clear() {
      v.fill(0);
      errorV.fill(0);
    },
    forward(at, drive, u, out) {
      for (let n = 0; n < size; n++) {
        const before = v[n]!;
        // Most neurons of a picture's margin are never reached.
        if (before === 0 && drive[at + n] === 0 && spike.silentAtRest) {
          u[at + n] = 0;
          out[at + n] = 0;
          continue;
        }
        const now = f(before + f(rate[n]! * f(f(0 - before) + f(gain[n]! * f(drive[at + n]!)))));
        u[at + n] = now;
        const s = spike.of(now);
        out[at + n] = s;
        v[n] = s === 0 ? now : f(spike.after(now, s));
      }
    },
    backward(at, u, out, errorOut, errorIn) {
      for (let n = 0; n < size; n++) {
        const back = spike.error(u[at + n]!, out[at + n]!, errorOut[at + n]!, errorV[n]!);
        errorIn[at + n] = f(f(back * rate[n]!) * gain[n]!);
        errorV[n] = f(back * f(1 - rate[n]!));
      }
    },
  };
}

/** The same, to the bit, in a kernel: a hard threshold, and no gradient through the reset. */
function lifCalls(
  size: number,
  { tau, r }: Readonly<Record<string, Float64Array>>,
  threshold: number,
  rules: MembraneRules,
  { calls, v, errorV, rate, gain }: MembraneKernel,
): Membranes {
  rate.set(rates(tau!, rules));
  gain.set(r!);
  const subtracts = rules.reset === "subtract" ? 1 : 0;
  const [rateAt, gainAt] = [rate.byteOffset, gain.byteOffset];
  const [vAt, errorVAt] = [v.byteOffset, errorV.byteOffset];
  const inverse = 1 / rules.surrogateWidth;
  return {
    clear() {
      v.fill(0);
      errorV.fill(0);
    },
    forward(at, drive, u, out) {
      calls.lifForward(
        drive.byteOffset + 4 * at,
        u.byteOffset + 4 * at,
        out.byteOffset + 4 * at,
        vAt,
        rateAt,
        gainAt,
        threshold,
        subtracts,
        size,
      );
    },
    backward(at, u, out, errorOut, errorIn) {
      calls.lifBackward(
        u.byteOffset + 4 * at,
        out.byteOffset + 4 * at,
        errorOut.byteOffset + 4 * at,
        errorIn.byteOffset + 4 * at,
        errorVAt,
        rateAt,
        gainAt,
        threshold,
        inverse,
        subtracts,
        size,
      );
    },
  };
}

function cubaLif(
  size: number,
  { tau_syn, tau_mem, r, w_in }: Readonly<Record<string, Float64Array>>,
  threshold: number,
  rules: MembraneRules,
): Membranes {
  const { round: f } = rules;
  const synRate = rates(tau_syn!, rules);
  const memRate = rates(tau_mem!, rules);
  const synDecay = synRate.map((rate) => f(1 - rate));
  const memDecay = memRate.map((rate) => f(1 - rate));
  const synGain = synRate.map((rate, n) => f(rate * w_in![n]!));
  const memGain = memRate.map((rate, n) => f(rate * r![n]!));
  const i = new Float64Array(size);
  const v = new Float64Array(size);
  const errorI = new Float64Array(size);
  const errorV = new Float64Array(size);
  const spike = spikeRules(threshold, rules);
  return {
    clear() {
      for (const column of [i, v, errorI, errorV]) column.fill(0);
    },
    forward(at, drive, u, out) {
      for (let n = 0; n < size; n++) {
        const current = f(f(synDecay[n]! * i[n]!) + f(synGain[n]! * f(drive[at + n]!)));
        i[n] = current;
        const now = f(f(memDecay[n]! * v[n]!) + f(memGain[n]! * current));
        u[at + n] = now;
        const s = spike.of(now);
        out[at + n] = s;
        v[n] = s === 0 ? now : f(spike.after(now, s));
      }
    },
    backward(at, u, out, errorOut, errorIn) {
      for (let n = 0; n < size; n++) {
        const back = spike.error(u[at + n]!, out[at + n]!, errorOut[at + n]!, errorV[n]!);
        errorV[n] = back * memDecay[n]!;
        const current = back * memGain[n]! + errorI[n]! * synDecay[n]!;
        errorI[n] = current;
        errorIn[at + n] = current * synGain[n]!;
      }
    },
  };
}

/** Fires never: its potential itself goes out. */
function integrator(
  size: number,
  { tau, r }: Readonly<Record<string, Float64Array>>,
  rules: MembraneRules,
): Membranes {
  const rate = rates(tau!, rules);
  const gain = r!;
  const { round: f } = rules;
  const v = new Float64Array(size);
  const errorV = new Float64Array(size);
  return {
    clear() {
      v.fill(0);
      errorV.fill(0);
    },
    forward(at, drive, u, out) {
      for (let n = 0; n < size; n++) {
        const before = v[n]!;
        const now = f(before + f(rate[n]! * f(f(0 - before) + f(gain[n]! * f(drive[at + n]!)))));
        u[at + n] = now;
        out[at + n] = now;
        v[n] = now;
      }
    },
    backward(at, _, __, errorOut, errorIn) {
      for (let n = 0; n < size; n++) {
        const back = errorOut[at + n]! + errorV[n]!;
        errorIn[at + n] = back * rate[n]! * gain[n]!;
        errorV[n] = back * (1 - rate[n]!);
      }
    },
  };
}

/** What a potential gives, what is left of it, and the errors of both as an error of the potential. */
function spikeRules(
  threshold: number,
  { surrogateWidth, spikes, reset, resetGradient, round: f }: MembraneRules,
) {
  const surrogate = triangle(surrogateWidth, spikes);
  const inverse = f(1 / surrogateWidth);
  const subtract = reset === "subtract";
  const kept = resetGradient === "kept";
  return {
    /** Smoothed, even a neuron that was never reached may give a little. */
    silentAtRest: surrogate.spike(-threshold) === 0,
    of: (u: number) => surrogate.spike(u - threshold),
    after: (u: number, s: number) => (subtract ? u - s * threshold : u * (1 - s)),
    error(u: number, s: number, errorOut: number, errorV: number): number {
      const through = subtract ? errorV : f(errorV * f(1 - s));
      // The surrogate's slope, rounded as everything else.
      const far = f(Math.abs(f(u - threshold)) * inverse);
      if (far >= 1) return through;
      const slope = f(f(1 - far) * inverse);
      const resets = kept ? -errorV * (subtract ? threshold : u) : 0;
      return f(through + f((errorOut + resets) * slope));
    },
  };
}
