/** Memristors in place of weights: they stay in their states, go up as the equation says, and differ by seed alone. */

import { expect, test } from "vitest";
import { Devices } from "../../src/core/memristor.ts";
import { checkNetwork, networkDocument, type Plasticity } from "../../src/network/index.ts";
import { buildPlasticity, plasticityDocument } from "../../src/network/plasticity.ts";

function plasticity(memristor: object, seed = 1): Plasticity {
  const document = plasticityDocument.parse({ rule: "pair", min: -1, max: 1, memristor });
  return buildPlasticity(document, seed, () => ({ index: 0, size: 1 }));
}

/** Weights after each of some changes, of `count` devices that begin at one weight. */
function course(memristor: object, changes: readonly number[], { count = 400, from = -1, seed = 1 } = {}) {
  const weights = new Float64Array(count).fill(from);
  const devices = new Devices(weights, plasticity(memristor, seed));
  return changes.map((dw) => {
    for (const k of weights.keys()) weights[k] = devices.change(k, dw);
    return weights.slice();
  });
}

const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
const up = (steps: number) => Array<number>(steps).fill(0.01);
const down = (steps: number) => Array<number>(steps).fill(-0.01);

test("weights stay in the states, whatever is asked for", () => {
  const states = new Set(Array.from({ length: 9 }, (_, level) => -1 + level * (2 / 8)));
  const seen = new Set<number>();
  const changes = Array.from({ length: 300 }, (_, k) => Math.sin(k) * 0.3);
  for (const weights of course({ states: 9, jitter: 0.5 }, [...changes, 1e6, -1e6, 1e-9]))
    for (const weight of weights) seen.add(weight);
  expect([...seen].sort()).toEqual([...states].sort());
});

test("each device has states of its own where devices differ", () => {
  const memristor = { states: 5, spread: 0.3 };
  const tops = course(memristor, [1e9])[0]!;
  const all = course(memristor, [0.3, 0.4, -0.2, 0.9, -1.5, 0.1], { from: 0 });
  for (const weights of all)
    for (const [k, weight] of weights.entries()) {
      const level = ((weight + 1) / (tops[k]! + 1)) * 4;
      expect(Math.abs(level - Math.round(level))).toBeLessThan(1e-9);
    }
  expect(new Set(tops).size).toBe(tops.length);
  const ranges = tops.map((top) => (top + 1) / 2);
  const deviation = Math.sqrt(mean(ranges.map((range) => (range - mean(ranges)) ** 2)));
  expect(mean(ranges)).toBeCloseTo(1, 1);
  expect(deviation).toBeGreaterThan(0.26);
  expect(deviation).toBeLessThan(0.34);
});

test("on average, changes are those of the equation", () => {
  const settings = { states: 256, up: { gain: 1, saturation: 3 }, down: { gain: 0.5, saturation: 2 } };
  // p goes up by dw / range exp(-3 p) at each step, and then down by half of dw / range exp(-2 (1 - p)).
  const [rising, falling] = [up(400), down(400)];
  const found = course(settings, [...rising, ...falling], { count: 2000 });
  let p = 0;
  for (const k of rising.keys()) {
    p += (0.01 / 2) * Math.exp(-3 * p);
    expect(Math.abs((mean(found[k]!) + 1) / 2 - p)).toBeLessThan(0.005);
  }
  for (const k of falling.keys()) {
    p -= 0.5 * (0.01 / 2) * Math.exp(-2 * (1 - p));
    expect(Math.abs((mean(found[rising.length + k]!) + 1) / 2 - p)).toBeLessThan(0.01);
  }
});

test("the way up and the way down are not the same", () => {
  const [rise] = course({ states: 65 }, [0.2], { from: 0, count: 4000 });
  const [fall] = course({ states: 65 }, [-0.2], { from: 0, count: 4000 });
  // Half the gain downwards by default.
  expect(mean(rise!) / -mean(fall!)).toBeGreaterThan(1.8);
  expect(mean(rise!) / -mean(fall!)).toBeLessThan(2.2);
  // And ever less to gain near the top.
  const [low] = course({ states: 65 }, [0.2], { from: -0.75, count: 4000 });
  const [high] = course({ states: 65 }, [0.2], { from: 0.75, count: 4000 });
  const factor = (mean(low!) + 0.75) / (mean(high!) - 0.75);
  expect(factor / Math.exp(3 * 0.75)).toBeGreaterThan(0.85);
  expect(factor / Math.exp(3 * 0.75)).toBeLessThan(1.15);
});

test("changes far below a level count on average", () => {
  const found = course({ states: 2, up: { saturation: 0 } }, Array<number>(100).fill(0.002), { count: 4000 });
  // 100 steps of 0.001 of the range, each from below: 1 - 0.999^100.
  expect((mean(found.at(-1)!) + 1) / 2).toBeCloseTo(1 - 0.999 ** 100, 1);
});

test("one cycle differs from the next as much as jitter says", () => {
  const spreadOf = (jitter: number) => {
    const [weights] = course({ states: 65_536, jitter, up: { saturation: 0 } }, [0.5], { count: 4000 });
    const gains = weights!.map((weight) => (weight + 1) / 0.5);
    return Math.sqrt(mean(gains.map((gain) => (gain - mean(gains)) ** 2)));
  };
  expect(spreadOf(0)).toBeLessThan(1e-3);
  expect(spreadOf(0.1)).toBeCloseTo(0.1, 2);
});

test("the seed is all that chance hangs on, and a saved state goes on the same", () => {
  const memristor = { states: 32, spread: 0.2, jitter: 0.2 };
  const changes = [0.1, -0.05, 0.2, 0.03];
  expect(course(memristor, changes)).toEqual(course(memristor, changes));
  expect(course(memristor, changes)).not.toEqual(course(memristor, changes, { seed: 2 }));

  const weights = new Float64Array(50);
  const devices = new Devices(weights, plasticity(memristor));
  for (const k of weights.keys()) weights[k] = devices.change(k, 0.1);
  const state = devices.save();
  const further = () => Array.from(weights, (_, k) => devices.change(k, -0.07));
  const expected = further();
  devices.restore(state);
  expect(further()).toEqual(expected);
});

test("a weight that was learnt is its device's state again", () => {
  const memristor = { states: 32, spread: 0.2 };
  const [learned] = course(memristor, [0.3], { from: 0 });
  const again = learned!.slice();
  new Devices(again, plasticity(memristor));
  expect(again).toEqual(learned);
});

test("a document's crossbar is checked", () => {
  const document = (memristor: object) => ({
    input: "in",
    output: "out",
    populations: { in: {}, out: { shape: [1, 1, 1] } },
    projections: [
      { from: "in", to: "out", pattern: "dense", weights: 1, plasticity: { rule: "pair", memristor } },
    ],
  });
  expect(networkDocument.safeParse(document({})).success).toBe(true);
  const refused = (memristor: object) => () => checkNetwork(document(memristor), (path) => path.join("."));
  expect(refused({ states: 1 })).toThrow("projections.0.plasticity.memristor.states");
  expect(refused({ state: 4 })).toThrow('unknown key "state"');
});
