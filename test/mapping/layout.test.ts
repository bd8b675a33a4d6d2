/** Layouts: every limit is met or told by how much, and parts lie where they must. */

import { describe, expect, test } from "vitest";
import { chips } from "../../src/chips/index.ts";
import { Ground, layoutGreedily, mapNetwork, type Refusal } from "../../src/mapping/index.ts";
import type { Network } from "../../src/network/index.ts";
import { figure, tinyChip } from "../support/tiny-chip.ts";
import { dense, networkOf } from "../support/tiny-networks.ts";

const core = (limits: object = {}) => [
  { count: figure(8), neurons: figure(4), synapseBits: figure(1000), ...limits },
];
const sixToSix = networkOf({ in: [1, 1, 6], out: [1, 1, 6] }, [dense("in", "out")]);

function slicesOf(network: Network, changes: Record<string, object> = {}) {
  const fit = layoutGreedily(new Ground(network, tinyChip(changes)));
  if ("refusals" in fit) throw new Error(JSON.stringify(fit.refusals));
  return fit.layout.slices.map(({ population, first, end, core }) => [population, first, end, core]);
}

function refusalsOf(network: Network, changes: Record<string, object>): readonly Refusal[] {
  const fit = layoutGreedily(new Ground(network, tinyChip(changes)));
  return "refusals" in fit ? fit.refusals : [];
}

test("a population is cut into as few equal parts as the neurons of a core allow", () => {
  expect(slicesOf(sixToSix)).toEqual([
    [1, 0, 3, 0],
    [1, 3, 6, 1],
  ]);
});

test("populations share a core where there is room", () => {
  const two = networkOf({ in: [1, 1, 2], a: [1, 1, 2], b: [1, 1, 2] }, [dense("in", "a"), dense("a", "b")]);
  expect(slicesOf(two)).toEqual([
    [1, 0, 2, 0],
    [2, 0, 2, 0],
  ]);
});

test("memory cuts further: 6 weights of 8 bits a neuron, 2 neurons in 100 bits", () => {
  expect(
    slicesOf(sixToSix, { cores: core({ synapseBits: figure(100) }) }).map(([, ...rest]) => rest),
  ).toEqual([
    [0, 2, 0],
    [2, 4, 1],
    [4, 6, 2],
  ]);
});

describe("each limit is told with its numbers", () => {
  const conv = networkOf({ in: [1, 4, 4], out: [2, 4, 4] }, [
    { from: "in", to: "out", pattern: "convolution", kernel: [3, 3], padding: [1, 1], weights: 1 },
  ]);
  const recurrent = networkOf({ in: [1, 1, 1], out: [1, 1, 8] }, [
    dense("in", "out"),
    dense("out", "out", 1, { delayUs: 12_000 }),
  ]);
  const cases: [name: string, Network, Record<string, object>, Refusal][] = [
    [
      "synaptic memory of one neuron",
      sixToSix,
      { cores: core({ synapseBits: figure(47) }) },
      { limit: "synaptic memory a core, in bits", where: "out", needed: 48, allowed: 47 },
    ],
    [
      "input axons",
      sixToSix,
      { cores: core({ axonsIn: figure(5) }) },
      { limit: "input axons a core", where: "out", needed: 6, allowed: 5 },
    ],
    [
      // 4 neurons on a core, each of which reaches the two cores of the population.
      "output axons",
      recurrent,
      { cores: core({ axonsOut: figure(7) }), synapses: { delaySteps: figure(12) } },
      { limit: "output axons a core", where: "core 0", needed: 8, allowed: 7 },
    ],
    [
      "fan-in",
      sixToSix,
      { limits: { fanIn: figure(5) } },
      { limit: "fan-in", where: "out", needed: 6, allowed: 5 },
    ],
    [
      "fan-out",
      recurrent,
      { limits: { fanOut: figure(7) }, synapses: { delaySteps: figure(12) } },
      { limit: "fan-out", where: "out", needed: 8, allowed: 7 },
    ],
    [
      "delay",
      recurrent,
      {},
      {
        limit: 'delay from "out", in steps of 1000 us beyond the first,',
        where: "out",
        needed: 11,
        allowed: 10,
      },
    ],
    [
      "cores reached",
      recurrent,
      { limits: { coresReached: figure(1) }, synapses: { delaySteps: figure(12) } },
      { limit: "cores reached by a neuron", where: "out", needed: 2, allowed: 1 },
    ],
    [
      "inputs",
      sixToSix,
      { limits: { inputs: figure(5) } },
      { limit: "inputs", where: "in", needed: 6, allowed: 5 },
    ],
    [
      "outputs",
      sixToSix,
      { limits: { outputs: figure(5) } },
      { limit: "outputs", where: "out", needed: 6, allowed: 5 },
    ],
    [
      "neurons where a population must not be cut",
      sixToSix,
      { limits: { split: false } },
      { limit: "neurons a core", where: "out", needed: 6, allowed: 4 },
    ],
    [
      "cores: 32 neurons, 4 a core, 7 cores",
      conv,
      { cores: core({ count: figure(7) }) },
      { limit: "cores", where: "out", needed: 8, allowed: 7 },
    ],
  ];
  test.each(cases)("%s", (_, network, changes, refusal) => {
    expect(refusalsOf(network, changes)[0]).toEqual(refusal);
  });

  test("and just met it is no refusal", () => {
    expect(refusalsOf(sixToSix, { cores: core({ synapseBits: figure(48), axonsIn: figure(6) }) })).toEqual(
      [],
    );
    expect(refusalsOf(conv, {})).toEqual([]);
  });
});

test("a kernel is kept as such, rounded up, or as each of its synapses", () => {
  const conv = networkOf({ in: [2, 3, 3], out: [3, 1, 1] }, [
    { from: "in", to: "out", pattern: "convolution", kernel: [3, 3], weights: 1 },
  ]);
  const bits = (kernels: string) => {
    const ground = new Ground(conv, tinyChip({ synapses: { kernels } }));
    return ground.synapseBits(ground.whole(1)) / 8;
  };
  // 2 x 3 channels of 9; 2 x 4 channels of 16; 3 neurons of 18 synapses.
  expect([bits("shared"), bits("power-of-two"), bits("unrolled")]).toEqual([54, 128, 54]);
  const wide = networkOf({ in: [1, 4, 4], out: [1, 4, 4] }, [
    { from: "in", to: "out", pattern: "convolution", kernel: [3, 3], padding: [1, 1], weights: 1 },
  ]);
  const unrolled = new Ground(wide, tinyChip({ synapses: { kernels: "unrolled" } }));
  // Corners see 4 of 9 places, edges 6, the middle 9.
  expect(unrolled.synapseBits(unrolled.whole(1)) / 8).toBe(4 * 4 + 8 * 6 + 4 * 9);
});

test("cores of several kinds that take a population each are matched", () => {
  const kind = (neurons: number, synapseBits: number) => ({
    ...{
      count: figure(1),
      neurons: figure(neurons),
      synapseBits: figure(synapseBits),
      populations: figure(1),
    },
  });
  // The first population fits on both cores, the second on the first one alone: the first has to make room.
  const network = networkOf({ in: [1, 1, 1], small: [1, 1, 1], big: [1, 1, 4] }, [
    dense("in", "small"),
    dense("small", "big"),
  ]);
  const changes = { cores: [kind(4, 1000), kind(1, 1000)], limits: { split: false } };
  expect(slicesOf(network, changes)).toEqual([
    [1, 0, 1, 1],
    [2, 0, 4, 0],
  ]);
});

test("the error names the limit, by how much, and who would hold it", () => {
  const network = networkOf({ in: [1, 1, 300], out: [1, 1, 10] }, [dense("in", "out")]);
  const on = (name: string) => () =>
    mapNetwork(network, chips.find((chip) => chip.name === name)!, { name: "big.yaml", others: chips });
  expect(on("truenorth")).toThrow(
    '[chip] the network does not fit on truenorth: "out": input axons a core 300, at most 128 (172 too many) (big.yaml). ' +
      "It would fit on loihi, loihi2, speck, spinnaker2, generic.",
  );
  expect(on("xylo")).toThrow('"in": inputs 300, at most 16 (284 too many)');
  expect(on("loihi")().slices).toHaveLength(1);
});
