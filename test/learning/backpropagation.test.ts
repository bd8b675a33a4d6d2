/** Back-propagation through time: its gradient is the smoothed loss's own, and what it trains fires in the engine as it did in training. */

import { expect, test } from "vitest";
import { createStepped } from "../../src/core/index.ts";
import { judge } from "../../src/learning/loss.ts";
import { createModel, effectiveParameters, initialParameters, type Model } from "../../src/learning/model.ts";
import { createPass } from "../../src/learning/pass.ts";
import { networkSpecification } from "../../src/learning/specification.ts";
import type { Events } from "../../src/learning/spike-set.ts";
import { trainedNetwork } from "../../src/learning/trained-network.ts";
import { networkFromNir, nirFromNetwork } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";

const lif = { model: "lif", tauMs: { min: 3, max: 20 } };
const cuba = { model: "cuba-lif", tauSynMs: 4, tauMemMs: 9 };
const shapes = {
  "one dense layer": [{ kind: "dense", name: "out", neurons: 3, neuron: lif, gain: 3 }],
  "recurrent with delays": [
    ...[
      {
        kind: "dense",
        name: "hidden",
        neurons: 9,
        neuron: lif,
        recurrence: "all",
        delayStepsMax: 4,
        delayLines: 2,
        gain: 3,
      },
    ],
    { kind: "dense", name: "out", neurons: 3, neuron: lif, delayStepsMax: 3, delayLines: 3, gain: 3 },
  ],
  "currents and integrators": [
    { kind: "dense", name: "hidden", neurons: 8, neuron: cuba, recurrence: "all", gain: 4 },
    { kind: "dense", name: "out", neurons: 3, neuron: { model: "leaky-integrator", tauMs: 12 }, gain: 2 },
  ],
  convolutions: [
    {
      kind: "convolution",
      name: "first",
      channels: 3,
      kernel: [3, 2],
      stride: [2, 1],
      padding: [1, 1],
      neuron: lif,
      gain: 3,
    },
    {
      kind: "convolution",
      name: "second",
      channels: 2,
      kernel: [2, 3],
      padding: [0, 1],
      neuron: cuba,
      gain: 3,
      spikesPerStepMax: 0.01,
    },
    { kind: "dense", name: "out", neurons: 3, neuron: lif, gain: 3 },
  ],
} as const;

function modelOf(layers: readonly object[], reset: "zero" | "subtract"): Model {
  return createModel(
    networkSpecification.parse({ stepUs: 1000, steps: 14, input: [2, 4, 5], reset, layers }),
    3,
  );
}

function someEvents(steps: number, inputs: number, seed: number): Events {
  const random = seededRandom(seed);
  const starts = [0];
  const ids: number[] = [];
  for (let t = 0; t < steps; t++) {
    for (let id = 0; id < inputs; id++) if (random() < 0.15) ids.push(id);
    starts.push(ids.length);
  }
  const values = Float32Array.from(ids, () => (random() < 0.2 ? 2 : 1));
  return { starts: Uint32Array.from(starts), ids: Uint32Array.from(ids), values };
}

const settings = { smoothing: 0.1, evidenceScale: 0.7 };

for (const reset of ["zero", "subtract"] as const)
  test.each(Object.keys(shapes) as (keyof typeof shapes)[])(
    `the gradient of the smoothed loss is that of finite differences: %s, reset ${reset}`,
    (name) => {
      const model = modelOf(shapes[name], reset);
      const events = someEvents(14, model.inputs, 5);
      const pass = createPass(model, { spikes: "smooth", surrogateWidth: 1.5 });
      const parameters = Float64Array.from(initialParameters(model, 1));
      const strengths = model.layers.map(() => 0.3);
      const none = model.layers.map(() => undefined);
      const lossAt = (at: Float64Array) => {
        pass.forward(at, events, none);
        return judge(pass, model, 1, settings, strengths).loss;
      };
      lossAt(parameters);
      const gradient = new Float64Array(model.parameterCount);
      pass.backward(gradient, "learned");
      const random = seededRandom(9);
      const eps = 1e-6;
      let [largest, checked] = [0, 0];
      for (const { offset, count } of model.slots)
        for (let k = 0; k < 40; k++) {
          const at = offset + Math.floor(random() * count);
          const [more, less] = [1, -1].map((sign) => {
            const moved = parameters.slice();
            moved[at] = moved[at]! + sign * eps;
            return lossAt(moved);
          });
          const numeric = (more! - less!) / (2 * eps);
          expect(Math.abs(gradient[at]! - numeric), `parameter ${at}`).toBeLessThan(
            1e-6 + 1e-5 * Math.abs(numeric),
          );
          largest = Math.max(largest, Math.abs(numeric));
          checked += 1;
        }
      expect(checked).toBeGreaterThan(30);
      // A gradient of nothing would pass too.
      expect(largest).toBeGreaterThan(1e-3);
    },
  );

for (const reset of ["zero", "subtract"] as const)
  test.each(Object.keys(shapes) as (keyof typeof shapes)[])(
    `8-bit weights fire in the stepped engine as in training, through NIR too: %s, reset ${reset}`,
    (name) => {
      const model = modelOf(shapes[name], reset);
      const parameters = new Float32Array(model.parameterCount);
      effectiveParameters(model, initialParameters(model, 2), { weightBits: 8, delays: "whole" }, parameters);
      const pass = createPass(model, { spikes: "hard", surrogateWidth: 1 });
      const direct = trainedNetwork(model, parameters, 8);
      const read = { ...networkFromNir(nirFromNetwork(direct, "x.nir"), "x.nir"), stepUs: 1000 };
      for (const network of [direct, read]) {
        let spikes = 0;
        for (let seed = 0; seed < 5; seed++) {
          const events = someEvents(14, model.inputs, seed);
          pass.forward(
            parameters,
            events,
            model.layers.map(() => undefined),
          );
          const engine = createStepped(network, { reset });
          const last = pass.layers.at(-1)!;
          for (let t = 0; t < 14; t++) {
            const input = new Float64Array(model.inputs);
            for (let k = events.starts[t]!; k < events.starts[t + 1]!; k++)
              input[events.ids[k]!] = events.values[k]!;
            engine.step(input);
            const cells = engine.cells[network.output]!;
            const given = new Float64Array(last.layer.size);
            for (let k = 0; k < cells.count; k++) given[cells.ids[k]!] = cells.values[k]!;
            const size = last.layer.size;
            expect([...given]).toEqual([...last.out.subarray(t * size, (t + 1) * size)]);
          }
          spikes += engine.ledger.spikes;
        }
        expect(spikes).toBeGreaterThan(5);
      }
    },
  );
