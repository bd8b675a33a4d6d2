/** Annealing against brute force and greedy searches, and that it is a network on the engine and nothing else. */

import { describe, expect, test } from "vitest";
import { createNoise, createStepped } from "../../src/core/index.ts";
import { seededRandom } from "../../src/random.ts";
import {
  type Annealed,
  anneal,
  type Qubo,
  QuboTerms,
  quboEnergy,
  readProblem,
} from "../../src/solvers/index.ts";
import { networkOf } from "../../src/solvers/network.ts";
import { leastEnergy, localSearchCut, randomGraph, shortestTour } from "../support/optima.ts";

/** Whole weights from -100 to 100, each pair with a chance of `density`. */
function randomQubo(seed: number, size: number, density: number): Qubo {
  const random = seededRandom(seed);
  const qubo = new QuboTerms(size);
  for (let i = 0; i < size; i++)
    for (let j = i; j < size; j++)
      if (i === j || random() < density) qubo.add(i, j, Math.floor(201 * random()) - 100);
  return qubo.build();
}

function best(annealed: Iterable<Annealed>): Annealed {
  return [...annealed].reduce((found, each) => (each.energy < found.energy ? each : found));
}

describe("annealing", () => {
  test("finds what brute force finds, for 100 random QUBOs of 20 variables", () => {
    const missed: string[] = [];
    for (let k = 0; k < 100; k++) {
      const qubo = randomQubo(k, 20, k % 2 === 0 ? 1 : 0.3);
      const found = best(anneal(qubo, { seed: 1, restarts: 4, sweeps: 100 }).restarts);
      expect(quboEnergy(qubo, found.x)).toBe(found.energy);
      const least = leastEnergy(qubo);
      if (found.energy !== least) missed.push(`QUBO ${k}: ${found.energy}, not ${least}`);
    }
    expect(missed).toEqual([]);
  });

  test("cuts graphs of 60 nodes as the best of 1,000 greedy restarts does, or within 2 % of it", () => {
    for (const [seed, density] of [0.05, 0.1, 0.25, 0.5, 0.8, 1].entries()) {
      const edges = randomGraph(seed, 60, density);
      const written = [`60 ${edges.length}`, ...edges.map(([i, j, weight]) => `${i + 1} ${j + 1} ${weight}`)];
      const instance = readProblem(written.join("\n"), "graph", {});
      const { x } = best(anneal(instance.qubo, { seed: 1, restarts: 4, sweeps: 100 }).restarts);
      const { value } = instance.decode(x);
      const crossing = edges.filter(([i, j]) => x[i] !== x[j]);
      expect(value).toBe(crossing.reduce((sum, [, , weight]) => sum + weight, 0));
      expect(value).toBeGreaterThanOrEqual(0.98 * localSearchCut(seed, 60, edges, 1000));
    }
  });

  test("colours the graph of five queens' rows with five colours, which is the least", () => {
    const places = Array.from({ length: 25 }, (_, k) => [k % 5, Math.floor(k / 5)] as const);
    const edges = places.flatMap(([ax, ay], a) =>
      places.flatMap(([bx, by], b) => {
        const attacked = ax === bx || ay === by || Math.abs(ax - bx) === Math.abs(ay - by);
        return a < b && attacked ? [`e ${a + 1} ${b + 1}`] : [];
      }),
    );
    expect(edges.length).toBe(160);
    const instance = readProblem([`p edge 25 160`, ...edges].join("\n"), "queen5_5", { colours: 5 });
    const solved = [...anneal(instance.qubo, { seed: 1, restarts: 10, sweeps: 200 }).restarts].map(({ x }) =>
      instance.decode(x),
    );
    const { assignment } = solved.find(({ valid }) => valid)!;
    for (const edge of edges) {
      const [a, b] = edge.split(" ").slice(1).map(Number);
      expect(assignment[a! - 1]).not.toBe(assignment[b! - 1]);
    }
    expect(new Set(assignment)).toEqual(new Set([1, 2, 3, 4, 5]));
  });

  test("finds the shortest tour through eight cities", () => {
    const random = seededRandom(5);
    const cities = Array.from({ length: 8 }, () => [Math.floor(100 * random()), Math.floor(100 * random())]);
    const written = [
      ...["TYPE: TSP", "DIMENSION: 8", "EDGE_WEIGHT_TYPE: EUC_2D", "NODE_COORD_SECTION"],
      ...cities.map(([x, y], k) => `${k + 1} ${x} ${y}`),
    ];
    const instance = readProblem(written.join("\n"), "eight", {});
    const tours = [...anneal(instance.qubo, { seed: 1, restarts: 10, sweeps: 500 }).restarts]
      .map(({ x }) => instance.decode(x))
      .filter(({ valid }) => valid);
    for (const { assignment } of tours) expect([...assignment].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const distances = cities.map(([ax, ay]) =>
      cities.map(([bx, by]) => Math.round(Math.hypot(ax! - bx!, ay! - by!))),
    );
    expect(Math.min(...tours.map(({ value }) => value))).toBe(shortestTour(distances));
  });

  test("gives the same states for the same seed, and others for another", () => {
    const qubo = randomQubo(1, 80, 0.2);
    const states = (seed: number) =>
      [...anneal(qubo, { seed, restarts: 3, sweeps: 20 }).restarts].map(({ x }) => x.join(""));
    expect(states(1)).toEqual(states(1));
    expect(states(1)).not.toEqual(states(2));
    expect(new Set(states(1)).size).toBeGreaterThan(1);
  });
});

describe("the network of a QUBO", () => {
  const qubo = randomQubo(3, 40, 0.15);
  const { network, turns } = networkOf(qubo);

  test("has coupled units take different turns", () => {
    const { neuron } = network.populations[1]!;
    if (neuron?.model !== "binary") throw new Error("no binary units");
    const turn = neuron.parameters.turn!;
    for (let i = 0; i < qubo.size; i++)
      for (let k = qubo.starts[i]!; k < qubo.starts[i + 1]!; k++)
        expect(turn[qubo.others[k]!]).not.toBe(turn[i]);
    expect(new Set(turn).size).toBe(turns);
    expect(turns).toBeLessThan(qubo.size);
  });

  test("holds in each unit how much the energy falls, whatever came before", () => {
    const engine = createStepped(network, { noise: createNoise(1, 100), precision: "float64" });
    for (let step = 0; step < 500; step++) engine.step(new Float64Array(1));
    const { s, v } = engine.cells[1]!.state;
    const x = Uint8Array.from(s!);
    // The changes of the last step are on their way.
    const { ids, values, count } = engine.cells[1]!;
    for (let k = 0; k < count; k++) x[ids[k]!]! -= values[k]!;
    expect(x.some((bit) => bit === 1)).toBe(true);
    for (let i = 0; i < qubo.size; i++) {
      const at = (bit: number) => quboEnergy(qubo, Object.assign(x.slice(), { [i]: bit }));
      expect(v![i]).toBeCloseTo(at(0) - at(1), 6);
    }
  });

  test("without noise ends in a state that no single change betters, and then spends no operation", () => {
    const engine = createStepped(network, { precision: "float64" });
    const sweep = () => {
      for (let turn = 0; turn < turns; turn++) engine.step(new Float64Array(1));
    };
    for (let k = 0; k < 50; k++) sweep();
    const { synapticOperations, spikes } = engine.ledger;
    sweep();
    expect(engine.ledger).toMatchObject({ synapticOperations, spikes });
    const x = Uint8Array.from(engine.cells[1]!.state.s!);
    for (let i = 0; i < qubo.size; i++)
      expect(quboEnergy(qubo, Object.assign(x.slice(), { [i]: 1 - x[i]! }))).toBeGreaterThanOrEqual(
        quboEnergy(qubo, x),
      );
  });

  test("goes on from a saved state, noise and turns included", () => {
    const engine = createStepped(network, { noise: createNoise(1, 60) });
    const run = (of: typeof engine, steps: number) => {
      for (let step = 0; step < steps; step++) of.step(new Float64Array(1));
      return [...of.cells[1]!.state.s!];
    };
    run(engine, 33);
    const saved = engine.save();
    const end = run(engine, 77);
    const other = createStepped(network, { noise: createNoise(2, 0) });
    other.restore(saved);
    expect(run(other, 77)).toEqual(end);
    expect(other.save()).toEqual(engine.save());
  });

  test("of a full QUBO is a matrix, and of a thin one rows", () => {
    expect(networkOf(randomQubo(1, 10, 1)).network.projections[0]!.pattern).toBe("dense");
    expect(networkOf(randomQubo(1, 30, 0.1)).network.projections[0]!.pattern).toBe("sparse");
    const alone = networkOf(randomQubo(1, 5, 0));
    expect(alone).toMatchObject({ turns: 1, network: { projections: [] } });
  });
});
