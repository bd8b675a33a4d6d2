/** The kernels of a pass give what the plain loops give: spikes, potentials and gradients, to the bit. */

import { afterEach, expect, test } from "vitest";
import { learningKernels } from "../../src/learning/kernel.ts";
import { judge } from "../../src/learning/loss.ts";
import { createModel, effectiveParameters, initialParameters, type Model } from "../../src/learning/model.ts";
import { createPass } from "../../src/learning/pass.ts";
import { networkSpecification } from "../../src/learning/specification.ts";
import type { Events } from "../../src/learning/spike-set.ts";
import { seededRandom } from "../../src/random.ts";

afterEach(() => learningKernels.switch("on"));

test("there are kernels here, so that this file compares them with something", () => {
  expect(learningKernels.open({}).kernel).toBeDefined();
});

const steps = 17;
const lif = { model: "lif", tauMs: { min: 2, max: 30 } };
/** Sizes with blocks of 32, of 4 and a rest, in every combination. */
const shapes = {
  "one layer of blocks": [{ kind: "dense", name: "out", neurons: 64, neuron: lif, gain: 3 }],
  "delay lines": [
    {
      ...{ kind: "dense", name: "hidden", neurons: 38, neuron: lif, gain: 3, dropout: 0.3 },
      ...{ delayStepsMax: 5, delayLines: 3 },
    },
    { kind: "dense", name: "out", neurons: 5, neuron: lif, gain: 3, surrogateWidth: 3 },
  ],
  "recurrence, delays between layers, a budget": [
    {
      ...{ kind: "dense", name: "hidden", neurons: 43, neuron: lif, gain: 2, recurrence: "all" },
      ...{ spikesPerStepMax: 0.01, dropout: 0.2 },
    },
    { kind: "dense", name: "out", neurons: 7, neuron: lif, delayStepsMax: 3, delayLines: 2, gain: 3 },
  ],
  "a threshold that float32 doesn't hold, and integrators": [
    { kind: "dense", name: "hidden", neurons: 36, neuron: { ...lif, threshold: 0.7 }, gain: 2 },
    { kind: "dense", name: "out", neurons: 3, neuron: { model: "leaky-integrator", tauMs: 9 }, gain: 2 },
  ],
} as const;

function someEvents(inputs: number, seed: number): Events {
  const random = seededRandom(seed);
  const starts = [0];
  const ids: number[] = [];
  for (let t = 0; t < steps; t++) {
    // Some steps are silent.
    if (t % 5 !== 3) for (let id = 0; id < inputs; id++) if (random() < 0.2) ids.push(id);
    starts.push(ids.length);
  }
  const values = Float32Array.from(ids, () => 1 + Math.floor(3 * random()));
  return { starts: Uint32Array.from(starts), ids: Uint32Array.from(ids), values };
}

/** All that two samples leave, one column after the other. */
function leftBy(model: Model, parameters: Float32Array, delays: "learned" | "fixed", which: "on" | "off") {
  learningKernels.switch(which);
  const pass = createPass(model, { spikes: "hard", surrogateWidth: 1.3 });
  const gradient = new Float32Array(model.parameterCount);
  const left: number[] = [];
  for (const sample of [1, 2]) {
    const random = seededRandom(sample);
    const silent = model.layers.map(({ specification, size }) =>
      specification.dropout > 0
        ? Uint8Array.from({ length: size }, () => (random() < specification.dropout ? 1 : 0))
        : undefined,
    );
    pass.forward(parameters, someEvents(model.inputs, sample), silent);
    const strengths = model.layers.map(() => 0.5);
    left.push(judge(pass, model, 1, { smoothing: 0.1, evidenceScale: 0.8 }, strengths).loss);
    pass.backward(gradient, delays);
    for (const { u, out, errorOut } of pass.layers) left.push(...u, ...out, ...errorOut);
  }
  return { left, gradient: [...gradient] };
}

const cases = Object.keys(shapes).flatMap((name) =>
  (["zero", "subtract"] as const).flatMap((reset) =>
    (["between", "whole"] as const).map((delays) => [name as keyof typeof shapes, reset, delays] as const),
  ),
);

test.each(cases)("%s, reset %s, delays %s", (name, reset, delays) => {
  const model = createModel(
    networkSpecification.parse({ stepUs: 1000, steps, input: [1, 3, 7], reset, layers: shapes[name] }),
    4,
  );
  const parameters = new Float32Array(model.parameterCount);
  effectiveParameters(model, initialParameters(model, 6), { weightBits: 32, delays }, parameters);
  const learned = delays === "between" ? "learned" : "fixed";
  const [kernel, plain] = (["on", "off"] as const).map((which) =>
    leftBy(model, parameters, learned, which),
  ) as [ReturnType<typeof leftBy>, ReturnType<typeof leftBy>];
  // 0 and -0 are the same here.
  const differ = (a: number[], b: number[]) => a.filter((value, k) => value !== b[k]).length;
  expect(kernel.left).toHaveLength(plain.left.length);
  expect([differ(kernel.left, plain.left), differ(kernel.gradient, plain.gradient)]).toEqual([0, 0]);
  for (const { kind, offset, count } of model.slots) {
    const own = kernel.gradient.slice(offset, offset + count);
    const moved = own.filter((value) => value !== 0).length;
    if (kind === "delays" && delays === "whole") expect(moved).toBe(0);
    else expect(moved).toBeGreaterThan(count / 4);
  }
});

test("more entries than inputs and steps is refused, not cut off", () => {
  const model = createModel(
    networkSpecification.parse({
      ...{ stepUs: 1000, steps, input: [1, 1, 2] },
      layers: [{ kind: "dense", name: "out", neurons: 3, neuron: lif }],
    }),
    1,
  );
  const count = 2 * steps + 1;
  const starts = new Uint32Array(steps + 1).fill(count, 1);
  const events = { starts, ids: new Uint32Array(count), values: new Float32Array(count).fill(1) };
  const pass = createPass(model, { spikes: "hard", surrogateWidth: 1 });
  expect(() => pass.forward(initialParameters(model, 1), events, [undefined])).toThrow(
    new RangeError(`${count} entries of 2 inputs in ${steps} steps`),
  );
});
