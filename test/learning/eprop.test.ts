/** e-prop held against the true gradient on a small recurrent network, and a task that it learns online. */

import { describe, expect, test } from "vitest";
import { createEligibility, createEprop } from "../../src/learning/eprop.ts";
import { createModel, initialParameters, type Model } from "../../src/learning/model.ts";
import { createPass } from "../../src/learning/pass.ts";
import { networkSpecification } from "../../src/learning/specification.ts";
import type { Events } from "../../src/learning/spike-set.ts";
import { seededRandom } from "../../src/random.ts";

const steps = 40;

function modelOf(recurrence: "none" | "all", reset: "zero" | "subtract"): Model {
  return createModel(
    networkSpecification.parse({
      ...{ stepUs: 1000, steps, input: [1, 1, 6], reset },
      layers: [
        {
          kind: "dense",
          name: "hidden",
          neurons: 8,
          neuron: { model: "lif", tauMs: 12 },
          recurrence,
          gain: 1.2,
        },
        { kind: "dense", name: "out", neurons: 2, neuron: { model: "leaky-integrator", tauMs: 10 } },
      ],
    }),
    1,
  );
}

function someEvents(seed: number): Events {
  const random = seededRandom(seed);
  const starts = [0];
  const ids: number[] = [];
  for (let t = 0; t < steps; t++) {
    for (let id = 0; id < 6; id++) if (random() < 0.3) ids.push(id);
    starts.push(ids.length);
  }
  return {
    starts: Uint32Array.from(starts),
    ids: Uint32Array.from(ids),
    values: Float32Array.from(ids, () => 1),
  };
}

const options = { surrogateWidth: 1, evidenceScale: 1.5, feedback: "symmetric", seed: 1 } as const;

/** The same loss by back-propagation through time: cross-entropy of the softmax in each step, mean over the steps. */
function trueGradient(model: Model, parameters: Float32Array, events: Events, label: number) {
  const pass = createPass(model, { spikes: "hard", surrogateWidth: 1 });
  pass.forward(parameters, events, [undefined, undefined]);
  const { out, errorOut } = pass.layers[1]!;
  for (let t = 0; t < steps; t++) {
    const y = [out[2 * t]!, out[2 * t + 1]!];
    const all = y.reduce((sum, value) => sum + Math.exp(1.5 * value), 0);
    for (const k of [0, 1])
      errorOut[2 * t + k] = ((Math.exp(1.5 * y[k]!) / all - (k === label ? 1 : 0)) * 1.5) / steps;
  }
  const gradient = new Float64Array(model.parameterCount);
  pass.backward(gradient, "learned");
  return { gradient, hidden: pass.layers[0]!, spikes: pass.layers[0]!.spikes };
}

function cosine(a: Float64Array, b: Float64Array): number {
  const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, value, k) => sum + value * y[k]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

const largestDifference = (a: Float64Array, b: Float64Array) =>
  a.reduce((largest, value, k) => Math.max(largest, Math.abs(value - b[k]!)), 0);

describe.each(["zero", "subtract"] as const)("reset %s", (reset) => {
  test("without recurrent weights it is the true gradient", () => {
    const model = modelOf("none", reset);
    const parameters = initialParameters(model, 3);
    for (let seed = 0; seed < 4; seed++) {
      const truth = trueGradient(model, parameters, someEvents(seed), 1);
      expect(truth.spikes).toBeGreaterThan(20);
      const gradient = new Float64Array(model.parameterCount);
      createEprop(model, options)(parameters, someEvents(seed), 1, gradient);
      const scale = Math.max(...truth.gradient.map(Math.abs));
      expect(scale).toBeGreaterThan(1e-3);
      expect(largestDifference(gradient, truth.gradient)).toBeLessThan(1e-5 * scale);
    }
  });

  test("with the total derivatives as learning signals, eligibility traces give the true gradient of a recurrent network", () => {
    // Bellec et al. 2020, eq. 1: dE/dW_ji = sum over t of dE/dz_j(t) * e_ji(t), exactly.
    const model = modelOf("all", reset);
    const parameters = initialParameters(model, 3);
    const events = someEvents(2);
    const { gradient, hidden } = trueGradient(model, parameters, events, 0);
    const { size, sources, recurrent, weights } = hidden.layer;
    const rate = 1 / 12;
    const eligibility = createEligibility(
      sources + size,
      new Float64Array(size).fill(1 - rate),
      new Float64Array(size).fill(1),
    );
    const sum = new Float64Array(model.parameterCount);
    const passed = new Float64Array(size).fill(1);
    for (let t = 0; t < steps; t++) {
      eligibility.decay(passed);
      eligibility.arrive(events.ids, events.values, events.starts[t]!, events.starts[t + 1]!, 0);
      const own = hidden.events;
      if (t > 0) eligibility.arrive(own.ids, own.values, own.starts[t - 1]!, own.starts[t]!, sources);
      for (let n = 0; n < size; n++) {
        const at = t * size + n;
        const slope = Math.max(0, 1 - Math.abs(hidden.u[at]! - 1));
        for (let source = 0; source < sources + size; source++) {
          const row =
            source < sources ? weights.offset + source * size : recurrent!.offset + (source - sources) * size;
          sum[row + n] = sum[row + n]! + hidden.errorOut[at]! * slope * eligibility.trace[source * size + n]!;
        }
        passed[n] = reset === "zero" && hidden.out[at] === 1 ? 0 : 1;
      }
    }
    const most = recurrent!.offset + recurrent!.count;
    const scale = Math.max(...gradient.subarray(0, most).map(Math.abs));
    expect(scale).toBeGreaterThan(1e-3);
    expect(largestDifference(sum.subarray(0, most), gradient.subarray(0, most))).toBeLessThan(1e-5 * scale);
  });

  test("online, what it leaves out of a recurrent network's gradient leaves the direction", () => {
    const model = modelOf("all", reset);
    const cosines = Array.from({ length: 10 }, (_, seed) => {
      const parameters = initialParameters(model, seed);
      const truth = trueGradient(model, parameters, someEvents(seed), seed % 2);
      const gradient = new Float64Array(model.parameterCount);
      createEprop(model, options)(parameters, someEvents(seed), seed % 2, gradient);
      const { recurrent } = model.layers[0]!;
      const to = recurrent!.offset + recurrent!.count;
      // Not the same: it is an approximation, and a test that compared a gradient with itself would pass.
      expect(largestDifference(gradient.subarray(0, to), truth.gradient.subarray(0, to))).toBeGreaterThan(
        1e-4,
      );
      return cosine(gradient.subarray(0, to), truth.gradient.subarray(0, to));
    });
    expect(cosines.reduce((sum, value) => sum + value, 0) / cosines.length).toBeGreaterThan(0.55);
    expect(Math.min(...cosines)).toBeGreaterThan(0.1);
  });
});

test.each(["symmetric", "random"] as const)("learns sample by sample, feedback %s", (feedback) => {
  const model = modelOf("all", "subtract");
  const run = createEprop(model, { ...options, feedback });
  const parameters = Float64Array.from(initialParameters(model, 5));
  const random = seededRandom(8);
  /** Class 0 fires early, class 1 late. */
  const sample = (label: number): Events => {
    const starts = [0];
    const ids: number[] = [];
    for (let t = 0; t < steps; t++) {
      const busy = label === 0 ? t < 20 : t >= 20;
      for (let id = 0; id < 6; id++) if (random() < (busy === id < 3 ? 0.4 : 0.05)) ids.push(id);
      starts.push(ids.length);
    }
    return {
      starts: Uint32Array.from(starts),
      ids: Uint32Array.from(ids),
      values: new Float32Array(ids.length).fill(1),
    };
  };
  let right = 0;
  for (let n = 0; n < 400; n++) {
    const gradient = new Float64Array(model.parameterCount);
    const label = n % 2;
    const { decided } = run(parameters, sample(label), label, gradient);
    if (n >= 300 && decided === label) right += 1;
    for (let k = 0; k < parameters.length; k++) parameters[k] = parameters[k]! - 0.1 * gradient[k]!;
  }
  expect(right).toBeGreaterThan(90);
});
