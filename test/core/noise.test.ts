/** Membrane noise: its distribution, its place in a saved state, and what it does to neurons. */

import { describe, expect, test } from "vitest";
import { createNoise, createStepped } from "../../src/core/index.ts";
import { neurons } from "../../src/events/geometry.ts";
import type { ModelName, Network } from "../../src/network/index.ts";

/** One input and `size` neurons, which it does not reach. */
function alone(model: ModelName, values: Readonly<Record<string, number>>, size: number): Network {
  const parameters = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Float64Array.of(value)]),
  );
  return {
    ...{ about: undefined, input: 0, output: 1, projections: [] },
    populations: [
      { name: "in", geometry: neurons(1, 1, 1), size: 1, neuron: undefined },
      { name: "cells", geometry: neurons(1, 1, size), size, neuron: { model, parameters } },
    ],
  };
}

const silent = new Float64Array(1);

describe("noise", () => {
  test("is normal with its deviation, and draws that follow each other have nothing in common", () => {
    const noise = createNoise(3, 2);
    const draws = Float64Array.from({ length: 40_000 }, () => noise.draw());
    const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(draws)).toBeCloseTo(0, 1);
    expect(mean(draws.map((value) => value * value))).toBeCloseTo(4, 0);
    const beyond = draws.filter((value) => Math.abs(value) > 4).length / draws.length;
    expect(Math.abs(beyond - 0.0455)).toBeLessThan(0.005);
    expect(Math.abs(mean(draws.map((value, k) => value * (draws[k + 1] ?? 0))))).toBeLessThan(0.05);
  });

  test("moves an integrator as a random walk: the variance grows with the steps", () => {
    const engine = createStepped(alone("integrator", { r: 1 }, 4000), {
      noise: createNoise(1, 0.5),
      precision: "float64",
    });
    const varianceAfter = (steps: number) => {
      while (engine.steps < steps) engine.step(silent);
      const v = engine.cells[1]!.state.v!;
      return v.reduce((sum, value) => sum + value * value, 0) / v.length;
    };
    expect(varianceAfter(10)).toBeGreaterThan(2.3);
    expect(varianceAfter(10)).toBeLessThan(2.7);
    expect(varianceAfter(40)).toBeGreaterThan(9.2);
    expect(varianceAfter(40)).toBeLessThan(10.8);
  });

  test("keeps Loihi's membranes whole", () => {
    const engine = createStepped(alone("loihi", { du: 4095, dv: 100, v_threshold: 5 }, 50), {
      noise: createNoise(1, 3),
    });
    let spikes = 0;
    for (let step = 0; step < 50; step++) {
      engine.step(silent);
      spikes += engine.cells[1]!.count;
    }
    expect(spikes).toBeGreaterThan(0);
    expect(engine.cells[1]!.state.v!.every(Number.isInteger)).toBe(true);
  });

  test("goes on bit for bit from a saved state, in another engine too, and the seed decides", () => {
    const make = (seed: number) =>
      createStepped(alone("lif", { tau: 0.01, r: 1, v_leak: 0, v_threshold: 0.5 }, 20), {
        noise: createNoise(seed, 2),
      });
    const raster = (engine: ReturnType<typeof make>, steps: number) =>
      Array.from({ length: steps }, () => {
        engine.step(silent);
        const { ids, count } = engine.cells[1]!;
        return ids.slice(0, count).join(" ");
      });
    const engine = make(7);
    raster(engine, 50);
    const saved = engine.save();
    const rest = raster(engine, 50);
    expect(rest.some((row) => row !== "")).toBe(true);
    const other = make(8);
    expect(raster(other, 50)).not.toEqual(rest);
    other.restore(saved);
    expect(raster(other, 50)).toEqual(rest);
    engine.restore(saved);
    expect(raster(engine, 50)).toEqual(rest);
    expect(() => createStepped(alone("relay", {}, 20), { noise: createNoise(1, 1) }).restore({})).toThrow(
      RangeError,
    );
  });
});

describe("binary units", () => {
  test("tell changes only, each in its own turn, and neither without a gain", () => {
    const network: Network = {
      ...alone("binary", { bias: 0 }, 3),
      populations: [
        { name: "in", geometry: neurons(1, 1, 3), size: 3, neuron: undefined },
        {
          name: "cells",
          geometry: neurons(1, 1, 3),
          size: 3,
          neuron: {
            model: "binary",
            parameters: {
              bias: Float64Array.of(1, 1, 0),
              turn: Float64Array.of(0, 1, 1),
              turns: Float64Array.of(2),
            },
          },
        },
      ],
      projections: [
        {
          from: 0,
          to: 1,
          pattern: "one-to-one",
          delayUs: 0,
          weights: { values: Float64Array.of(1), scale: 1 },
        },
      ],
    };
    const engine = createStepped(network);
    const given = (...input: number[]) => {
      engine.step(Float64Array.from(input));
      const { ids, values, count } = engine.cells[1]!;
      return Array.from({ length: count }, (_, k) => [ids[k], values[k]]);
    };
    expect(given(0, 0, 0)).toEqual([[0, 1]]);
    expect(given(0, 0, 0)).toEqual([[1, 1]]);
    // What comes out of turn is kept until the turn comes.
    expect(given(0, -1, 1)).toEqual([]);
    expect(given(-2, 0, 0)).toEqual([
      [1, -1],
      [2, 1],
    ]);
    expect(given(0, 0, 0)).toEqual([[0, -1]]);
  });
});
