/** The stepped engine: the numbers of Lava's own unit tests, rules of reset and threshold, delays, and saved state. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createExact, createStepped, type StepRules } from "../../src/core/index.ts";
import { neurons } from "../../src/events/geometry.ts";
import { loihiWeights, type ModelName, type Network, type Projection } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";
import { randomTrained } from "../support/random-trained.ts";

type Values = Readonly<Record<string, number | readonly number[]>>;

/** One input, one neuron, a weight of 1. */
function single(model: ModelName, values: Values, projection: Partial<Projection> = {}): Network {
  const cell = { geometry: neurons(1, 1, 1), size: 1 };
  const parameters = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Float64Array.from([value].flat())]),
  );
  return {
    ...{ about: undefined, input: 0, output: 1 },
    populations: [
      { ...cell, name: "in", neuron: undefined },
      { ...cell, name: "cell", neuron: { model, parameters } },
    ],
    projections: [
      {
        ...{ from: 0, to: 1, pattern: "dense", delayUs: 0 },
        weights: { values: new Float64Array([1]), scale: 1 },
        ...projection,
      } as Projection,
    ],
  };
}

/** What a neuron held and gave, step by step. */
function trace(network: Network, input: readonly number[], variable = "v", rules: Partial<StepRules> = {}) {
  const engine = createStepped(network, rules);
  const cell = engine.cells[1]!;
  const held: number[] = [];
  const given: number[] = [];
  for (const value of input) {
    engine.step(Float64Array.of(value));
    held.push(cell.state[variable]?.[0] ?? Number.NaN);
    given.push(cell.count === 0 ? 0 : cell.values[0]!);
  }
  return { held, given };
}

const pulse = (steps: number, at = 0, value = 1) =>
  Array.from({ length: steps }, (_, k) => (k === at ? value : 0));

describe("Loihi's integers, as Lava's unit tests have them", () => {
  test("a bias of 2 << 6 reaches 8 << 6 in the fifth step", () => {
    const { given } = trace(
      single("loihi", { du: 0, dv: 0, bias: 2 << 6, v_threshold: 8 }),
      Array(10).fill(0),
    );
    expect(given.map(Boolean).flatMap((spike, step) => (spike ? [step] : []))).toEqual([4, 9]);
  });

  test("a current halves", () => {
    const { held } = trace(single("loihi", { du: 2047, dv: 0, v_threshold: 1e6 }), pulse(8, 0, 128), "i");
    expect(held).toEqual([8192, 4096, 2048, 1024, 512, 256, 128, 64]);
  });

  test.each([1, -1])("a potential halves towards a current that stays (times %d)", (sign) => {
    const cell = single("loihi", { du: 0, dv: 2048, v_threshold: 256, v_threshold_low: -256 });
    // du = 0 still takes one 4096th: the decay has an offset of 1.
    const { held } = trace(cell, pulse(8, 0, sign * 128));
    expect(held).toEqual([8192, 12286, 14331, 15351, 15859, 16111, 16235, 16295].map((v) => sign * v));
  });

  test("a bias of 4095 << 5 is a potential of 131040", () => {
    const { held } = trace(single("loihi", { du: 0, dv: 0, bias: 4095 << 5, v_threshold: 131071 }), [0]);
    expect(held).toEqual([131040]);
  });

  test("the current wraps at 24 bits, the potential is clipped", () => {
    const cell = single("loihi", { du: -1, dv: 0, v_threshold: 131072 });
    expect(trace(cell, [131072, 1], "i").held).toEqual([8388608, -8388544]);
    expect(trace(cell, [131071, 131071]).held[0]).toBe(8388544);
    expect(trace(single("loihi", { du: 4095, dv: 0, v_threshold: 131072 }), [131071, 131071]).held[1]).toBe(
      8388607,
    );
  });

  test("weights are clipped and cut by sign mode", () => {
    expect([...loihiWeights([300, -300, 39])]).toEqual([254, -256, 38]);
    expect([...loihiWeights([300, -300, 39], { exponent: 1 })]).toEqual([508, -512, 76]);
    expect([...loihiWeights([300, -300, 39], { bits: 7 })]).toEqual([252, -256, 36]);
    expect([...loihiWeights([0.5, 300, 40])]).toEqual([0, 255, 40]);
    expect(loihiWeights([300, -300, 39, -0.4]).reduce((sum, weight) => sum + weight)).toBe(36);
  });
});

describe("Lava's floats", () => {
  test("current and potential halve", () => {
    const u = trace(single("lava", { du: 0.5, dv: 0, v_threshold: 1e6 }), pulse(8, 0, 128), "i");
    expect(u.held).toEqual([128, 64, 32, 16, 8, 4, 2, 1]);
    const v = trace(single("lava", { du: 0, dv: 0.5, v_threshold: 1e6 }), pulse(8, 0, 128));
    expect(v.held).toEqual([128, 192, 224, 240, 248, 252, 254, 255]);
  });

  test("a refractory neuron holds its reset", () => {
    const cell = (bias: number) =>
      single("lava", { du: 0, dv: 0, bias, v_threshold: 4, refractory_steps: 1 });
    expect(trace(cell(1), Array(8).fill(0)).held).toEqual([1, 2, 3, 4, 0, 0, 1, 2]);
    expect(trace(cell(2), Array(8).fill(0)).held).toEqual([2, 4, 0, 0, 2, 4, 0, 0]);
  });

  test("a ternary neuron fires up and down", () => {
    const input = [1, 1, 1, -1, -1, -1, -1, -1, -1, 1, 1];
    const { given } = trace(single("lava", { du: 0, dv: 0, v_threshold: 5, v_threshold_low: -3 }), input);
    expect(given.indexOf(1)).toBe(2);
    expect(given.indexOf(-1)).toBeGreaterThan(2);
  });
});

describe("rules of a step", () => {
  const cell = single("if", { r: 1, v_threshold: 1 });
  const rules: Partial<StepRules> = { precision: "float64" };

  test("a spike needs v above the threshold, or at it", () => {
    expect(trace(cell, [1, 0, 0.5], "v", rules)).toEqual({ held: [1, 1, 0], given: [0, 0, 1] });
    expect(trace(cell, [1, 0, 0.5], "v", { ...rules, threshold: "reached" })).toEqual({
      held: [0, 0, 0.5],
      given: [1, 0, 0],
    });
  });

  test("reset by subtraction keeps the rest, and many spikes are told as a number", () => {
    const subtract = { ...rules, reset: "subtract" } as const;
    expect(trace(cell, [2.5, 0, 0], "v", subtract)).toEqual({ held: [1.5, 0.5, 0.5], given: [1, 1, 0] });
    expect(trace(cell, [2.5, 0], "v", { ...subtract, spikes: "many" })).toEqual({
      held: [0.5, 0.5],
      given: [2, 0],
    });
    expect(trace(cell, [2, 0], "v", { ...subtract, spikes: "many" })).toEqual({
      held: [1, 1],
      given: [1, 0],
    });
    expect(trace(cell, [-3, 0], "v", { ...subtract, potentialMin: -1 }).held).toEqual([-1, -1]);
  });

  test("a delay is whole steps, and a bias comes in every step", () => {
    expect(trace(single("relay", {}, { delayUs: 3000 }), pulse(6, 1)).given).toEqual([0, 0, 0, 0, 1, 0]);
    const biased = single("if", { r: 1, v_threshold: 10 }, { bias: Float64Array.of(0.25) });
    expect(trace(biased, [0, 0, 1, 0]).held).toEqual([0.25, 0.5, 1.75, 2]);
  });

  test("an adapting threshold rises with each spike, and sinks again", () => {
    const alif = { tau: 0.01, r: 1, v_leak: 0, v_threshold: 0.5, tau_adapt: 0.1, adapt_step: 0.2 };
    const { given, held } = trace(single("alif", alif), Array(60).fill(1), "a");
    const spikes = given.flatMap((spike, step) => (spike ? [step] : []));
    const gaps = spikes.slice(1).map((step, k) => step - spikes[k]!);
    expect(gaps.length).toBeGreaterThan(2);
    expect(gaps.at(-1)!).toBeGreaterThan(gaps[0]!);
    expect(Math.max(...held)).toBeGreaterThan(0.2);
  });
});

const stepModels = ["if", "lif", "cuba-lif"] as const;

test("a run that is saved and restored in the middle goes on bit for bit, in both engines", () => {
  let fired = 0;
  fc.assert(
    fc.property(fc.nat(1e6), fc.integer({ min: 1, max: 39 }), fc.boolean(), (seed, cut, exact) => {
      const network = randomTrained(seed, stepModels);
      const create = () => (exact ? createExact(network, { spikesPerMsMax: 200 }) : createStepped(network));
      const random = seededRandom(seed + 1);
      const input = Array.from({ length: 40 }, () =>
        Float64Array.from({ length: 40 }, () => (random() < 0.1 ? 1 : 0)),
      );
      const whole = create();
      const resumed = create();
      for (const [step, row] of input.entries()) {
        whole.step(row);
        if (step < cut) continue;
        if (step === cut) {
          const first = create();
          for (const before of input.slice(0, cut)) first.step(before);
          resumed.restore(structuredClone(first.save()));
        }
        resumed.step(row);
      }
      fired += whole.ledger.spikes;
      expect(resumed.save()).toEqual(whole.save());
      expect(resumed.ledger).toEqual(whole.ledger);
    }),
    { numRuns: 15 },
  );
  expect(fired).toBeGreaterThan(1000);
});

test("another network's state is refused", () => {
  const state = createStepped(single("if", { r: 1, v_threshold: 1 })).save();
  expect(() => createStepped(randomTrained(1, stepModels)).restore(state)).toThrow(RangeError);
});
