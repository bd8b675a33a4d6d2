/** A network judged as it is written: integrators get a voice that says what their potentials said. */

import { expect, test } from "vitest";
import { localWorkforce } from "../../src/learning/gradients.ts";
import { judgeNetwork, withFiringOutput } from "../../src/learning/judge-network.ts";
import { createModel, initialParameters } from "../../src/learning/model.ts";
import { networkSpecification, trainingSettings } from "../../src/learning/specification.ts";
import { spikeSetBuilder } from "../../src/learning/spike-set.ts";
import { trainedNetwork } from "../../src/learning/trained-network.ts";
import { judgeSamples } from "../../src/learning/trainer.ts";
import { networkFromNir, nirFromNetwork } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";

const [steps, inputs] = [80, 6];
const random = seededRandom(4);
const builder = spikeSetBuilder({ inputs, steps, stepUs: 1000 });
for (let n = 0; n < 40; n++) {
  const times = Array.from({ length: 120 }, () => Math.floor(80_000 * random())).sort((a, b) => a - b);
  builder.add(
    n % 3,
    times,
    times.map(() => Math.floor(inputs * random() ** (1 + (n % 3)))),
  );
}
const set = builder.build();
const samples = Array.from(set.labels, (_, n) => n);
const modelOf = (readout: object) =>
  createModel(
    networkSpecification.parse({
      ...{ stepUs: 1000, steps, input: [1, 1, inputs], reset: "subtract" },
      layers: [
        { kind: "dense", name: "hidden", neurons: 12, neuron: { model: "lif", tauMs: 20 }, gain: 2 },
        { kind: "dense", name: "out", neurons: 3, neuron: readout, gain: 2 },
      ],
    }),
    1,
  );
const settings = trainingSettings.parse({ epochs: 1 });

test("spikes of what integrators drive decide as mean potentials do, through NIR too", async () => {
  const model = modelOf({ model: "leaky-integrator", tauMs: 20 });
  const parameters = initialParameters(model, 2);
  const network = trainedNetwork(model, parameters, 32);
  const workforce = localWorkforce(model, set, settings);
  const potentials = await judgeSamples({ model, set, workforce }, parameters, samples);
  expect(new Set(potentials.decided).size).toBeGreaterThan(1);
  expect(judgeNetwork(network, { set, samples, reset: "subtract" }).decided).toEqual(potentials.decided);

  const firing = withFiringOutput(network, { set, samples, reset: "subtract" });
  const told = judgeNetwork(firing, { set, samples, reset: "subtract" });
  const agree = told.decided.filter((choice, n) => choice === potentials.decided[n]).length;
  expect(agree).toBeGreaterThanOrEqual(36);
  const read = networkFromNir(nirFromNetwork(firing, "x.nir"), "x.nir");
  expect(judgeNetwork(read, { set, samples, reset: "subtract" })).toEqual(told);
});

test("an output that fires stays as it is, and one that is silent decides nothing", () => {
  const model = modelOf({ model: "lif", tauMs: 20 });
  const network = trainedNetwork(model, initialParameters(model, 2), 32);
  expect(withFiringOutput(network, { set, samples, reset: "subtract" })).toBe(network);
  const silent = trainedNetwork(model, new Float32Array(model.parameterCount), 32);
  const { right, decided } = judgeNetwork(silent, { set, samples, reset: "subtract" });
  expect([right, new Set(decided)]).toEqual([0, new Set([-1])]);
});
