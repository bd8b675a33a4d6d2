/** Ways of spikes, and the time of a step by hand on two cores. */

import { describe, expect, test } from "vitest";
import { Ground, type Layout, port, routeBetween, type StepLoad, Traffic } from "../../src/mapping/index.ts";
import { tinyChip } from "../support/tiny-chip.ts";
import { dense, networkOf } from "../support/tiny-networks.ts";

describe("ways", () => {
  const network = networkOf({ in: [1, 1, 1], out: [1, 1, 1] }, [dense("in", "out")]);
  const ground = new Ground(network, tinyChip());
  test("lead along X first, then along Y, over the links of each tile that is left", () => {
    // 4 x 2 tiles: core 0 at (0, 0), core 7 at (3, 1). Links: east 0, west 1, south 2, north 3 of each tile.
    expect(routeBetween(ground, 0, 7)).toEqual({ from: 0, to: 7, hopsX: 3, hopsY: 1, links: [0, 4, 8, 14] });
    expect(routeBetween(ground, 7, 0)).toMatchObject({ hopsX: 3, hopsY: 1, links: [29, 25, 21, 19] });
    expect(routeBetween(ground, 5, 5)).toMatchObject({ hopsX: 0, hopsY: 0, links: [] });
    expect(routeBetween(ground, port, 2)).toMatchObject({ hopsX: 2, hopsY: 0, links: [0, 4] });
  });
  test("of every pair have as many links as the tiles are apart", () => {
    for (let from = 0; from < 8; from++)
      for (let to = 0; to < 8; to++) {
        const { hopsX, hopsY, links } = routeBetween(ground, from, to);
        expect(hopsX).toBe(Math.abs((from % 4) - (to % 4)));
        expect(hopsY).toBe(Math.abs((from >> 2) - (to >> 2)));
        expect(links).toHaveLength(hopsX + hopsY);
      }
  });
  test("within a tile of several cores take no hop; on a crossbar each takes one", () => {
    const four = new Ground(network, tinyChip({ fabric: { coresPerTile: 4 } }));
    expect(routeBetween(four, 0, 3).links).toEqual([]);
    expect(routeBetween(four, 0, 4).links).toEqual([0]);
    const chip = { ...tinyChip(), fabric: { kind: "crossbar", basis: "assumed", source: "hand" } } as const;
    const crossbar = new Ground(network, chip);
    expect(routeBetween(crossbar, 2, 6)).toMatchObject({ hopsX: 1, hopsY: 0, links: [24] });
    expect(routeBetween(crossbar, port, 0).links).toEqual([0]);
    expect(routeBetween(crossbar, 6, 6).links).toEqual([]);
  });
});

/** Four neurons on the first tile, four on the one below its neighbour: one hop east, one south. */
function twoCores(changes: Record<string, object> = {}): { ground: Ground; layout: Layout } {
  const network = networkOf({ in: [1, 1, 2], a: [1, 1, 4], b: [1, 1, 4] }, [
    dense("in", "a"),
    dense("a", "b"),
  ]);
  const ground = new Ground(network, tinyChip(changes));
  const slices = [
    { population: 1, first: 0, end: 4, core: 0 },
    { population: 2, first: 0, end: 4, core: 5 },
  ];
  return { ground, layout: { ground, slices } };
}

describe("a step of one spike in and two of a", () => {
  const rates = [Float64Array.of(1, 0), Float64Array.of(1, 1, 0, 0), new Float64Array(4)];
  const loadOf = (changes: Record<string, object> = {}): StepLoad => {
    const { ground, layout } = twoCores(changes);
    return new Traffic(ground, rates).loadOf(layout);
  };
  test("takes the slowest core, the longest way and the barrier", () => {
    const load = loadOf();
    // Core 0: 4 operations of 2, 4 updates of 20, 2 messages of 50. Core 5: 8 operations, 4 updates.
    expect([...load.coreNs]).toEqual([8 + 80 + 100, 16 + 80]);
    expect([...load.linkMessages]).toEqual([2, 2]);
    expect([load.active, load.hopsX, load.hopsY]).toEqual([8, 2, 2]);
    expect(load.wayNs).toBe(7 + 11);
    expect(load.latencyNs).toBe(188 + 18 + 1000);
  });
  test("waits for a tick that is longer", () => {
    expect(loadOf({ timing: { kind: "tick" } }).latencyNs).toBe(1_000_000);
  });
  test("without a barrier goes through both populations, and waits at the slowest core", () => {
    // Two spikes of 50 on the way and the hops; 188 - 50 of waiting.
    expect(loadOf({ timing: { kind: "asynchronous" } }).latencyNs).toBe(50 + 50 + 18 + 138);
  });
  test("updates in vain where nothing arrives, if the chip does so in every step", () => {
    const quiet = [Float64Array.of(1, 0), new Float64Array(4), new Float64Array(4)];
    const { ground, layout } = twoCores();
    expect([...new Traffic(ground, quiet).loadOf(layout).coreNs]).toEqual([88, 4]);
    const lazy = twoCores({ timing: { updates: "on-arrival" } });
    expect([...new Traffic(lazy.ground, quiet).loadOf(lazy.layout).coreNs]).toEqual([88, 0]);
  });
});

test("a link that all messages share is what makes them wait", () => {
  const network = networkOf({ in: [1, 1, 1], out: [1, 1, 4] }, [dense("in", "out")]);
  const ground = new Ground(network, tinyChip());
  const layout = { ground, slices: [{ population: 1, first: 0, end: 4, core: 5 }] };
  const load = new Traffic(ground, [Float64Array.of(100), new Float64Array(4)]).loadOf(layout);
  // The core: 400 operations and 4 updates. The link south: 100 messages of 11.
  expect(load.coreNs[0]).toBe(800 + 80);
  expect(load.latencyNs).toBe(1100 + 18 + 1000);
});

test("neurons of one population on one core get one message for all, on two cores two", () => {
  const network = networkOf({ in: [1, 1, 1], out: [1, 1, 4] }, [dense("in", "out")]);
  const ground = new Ground(network, tinyChip());
  const on = (...cores: number[]) => {
    const slices = cores.map((core, k) => ({ ...ground.part(1, k, cores.length), core }));
    const load = new Traffic(ground, [Float64Array.of(1), new Float64Array(4)]).loadOf({ ground, slices });
    return [load.messages.reduce((a, b) => a + b, 0), load.hopsX];
  };
  expect(on(1, 1)).toEqual([1, 1]);
  expect(on(1, 2)).toEqual([2, 3]);
});
