/** The ledger of a chip, by hand on a few spikes, and against what the engine itself counts. */

import { describe, expect, test } from "vitest";
import { chips } from "../../src/chips/index.ts";
import { createEngine, engineBounds } from "../../src/core/index.ts";
import { Packet } from "../../src/events/packet.ts";
import { Ground, layoutGreedily, openAccount } from "../../src/mapping/index.ts";
import { packetOf } from "../support/packets.ts";
import { randomNetwork, randomSpikes } from "../support/random-network.ts";
import { tinyChip } from "../support/tiny-chip.ts";
import { dense, networkOf } from "../support/tiny-networks.ts";

const network = networkOf({ in: [1, 1, 2], a: [1, 1, 4], b: [1, 1, 4] }, [dense("in", "a"), dense("a", "b")]);

function accountOf(changes: Record<string, object> = {}) {
  const ground = new Ground(network, tinyChip(changes));
  const slices = [
    { population: 1, first: 0, end: 4, core: 0 },
    { population: 2, first: 0, end: 4, core: 5 },
  ];
  return openAccount({ ground, slices });
}
const ids = (...list: number[]) => [Uint32Array.from(list), 0, list.length] as const;

describe("one spike in and two of a, then two silent steps", () => {
  const account = accountOf();
  account.advance(0, 1000);
  account.heard(0, ...ids(0), 300);
  account.heard(1, ...ids(0, 2), 300);
  account.advance(1000, 3000);
  const ledger = account.read();

  test("counts", () => {
    expect(ledger).toMatchObject({
      ...{ chip: "tiny", cores: 2, spanUs: 3000, steps: 3, inputSpikes: 1, spikes: 2 },
      // 4 into a, twice 4 into b; 8 of 3 x 8 updates had a cause; 1 message to a, 2 to b over 2 links.
      ...{ synapticOperations: 12, activeUpdates: 8, inactiveUpdates: 16, messages: 3, hops: 4 },
      ...{ asleep: expect.closeTo(2 / 3, 12), late: 0, latencyNs: { mean: 1206, max: 1206 } },
    });
  });
  test("energies are counts times constants", () => {
    const parts = { synapticOperations: 120, activeUpdates: 800, inactiveUpdates: 16, messages: 3000 };
    expect(ledger.energyPj).toEqual({
      ...parts,
      hops: 2 * 3 + 2 * 5,
      weightUpdates: 0,
      idle: 0,
      total: 3952,
    });
    expect(ledger.meanPowerMw).toBeCloseTo(3952e-12 / 3000e-6 / 1e-3, 15);
  });
  test("a clocked machine does everything in every step", () => {
    expect(ledger.clocked).toMatchObject({
      neuronUpdates: 3 * 8,
      synapticOperations: 3 * (2 * 4 + 4 * 4),
      energyPj: 300 * 3 * 32,
      operationsRatio: 96 / (12 + 24),
      energyRatio: 28_800 / 3952,
    });
  });
  test("each constant is told with its basis and source", () => {
    expect(ledger.constants.synapticOperation).toBe("10 pJ, assumed: Chosen by hand");
    expect(Object.keys(ledger.constants)).toHaveLength(14);
    expect(ledger.note).toContain("A model");
  });
  test("reading changes nothing", () => {
    expect(account.read()).toEqual(ledger);
  });
});

test("idle power, late steps, and neurons that sleep where nothing arrives", () => {
  const idleMw = { value: 2, basis: "assumed", source: "hand" };
  const account = accountOf({
    idleMw,
    timing: { updates: "on-arrival", stepUs: { value: 1, basis: "assumed", source: "hand" } },
  });
  account.advance(0, 10);
  account.heard(0, ...ids(1), 4);
  const { energyPj, inactiveUpdates, late, latencyNs, steps } = account.read();
  // 2 mW over 10 us; a step of 1 us takes 4 operations, 4 updates, no hop and the barrier.
  expect([energyPj.idle, inactiveUpdates, steps, late]).toEqual([20_000, 0, 10, 1]);
  expect(latencyNs.max).toBe(88 + 0 + 1000);
});

test("asleep behind a gate there is idle power alone; without it, what the withheld spikes do at least is told", () => {
  const idleMw = { value: 2, basis: "assumed", source: "hand" };
  const account = accountOf({ idleMw });
  account.advance(0, 1000);
  account.heard(0, ...ids(0), 300);
  account.sleep(1000, 4000);
  account.withheld(5);
  const { sleep, energyPj, steps } = account.read();
  expect([steps, sleep!.asleepUs, sleep!.awakeUs, sleep!.withheldSpikes]).toEqual([4, 3000, 1000, 5]);
  // 2 mW over 3 ms; awake 4 operations, 4 and 4 updates, a message without a hop, and 2 mW over 1 ms.
  expect([sleep!.asleepPj, sleep!.awakePj]).toEqual([6_000_000, 40 + 400 + 4 + 1000 + 2_000_000]);
  expect(sleep!.asleepPj + sleep!.awakePj).toBe(energyPj.total);
  // Three more steps of 8 neurons at 1 pJ; 5 spikes of a message and 4 operations each.
  expect(sleep!.alwaysOn).toMatchObject({
    ...{ neuronUpdates: 4 * 8, synapticOperations: 4 + 5 * 4 },
    energyPj: energyPj.total + 24 * 1 + 5 * (4 * 10 + 1000),
  });
});

test("several spikes of a neuron in a step are several messages, a graded value is one", () => {
  const count = (value: number) => {
    const account = accountOf();
    account.heard(1, Uint32Array.of(1), 0, 1, 0, Float64Array.of(value));
    const { messages, synapticOperations, spikes } = account.read();
    return [messages, synapticOperations, spikes];
  };
  expect(count(3)).toEqual([3, 12, 3]);
  expect(count(0.5)).toEqual([1, 4, 1]);
});

test("operations and spikes are those that the engine counts, on any chip that holds the network", () => {
  let compared = 0;
  for (let number = 0; number < 60; number++) {
    const random = randomNetwork(number);
    const { geometry } = random.populations[0]!;
    const input = randomSpikes(geometry, number, 20_000, 100);
    const holders = chips.flatMap((chip) => {
      const fit = layoutGreedily(new Ground(random, chip, 1000));
      return "layout" in fit ? [openAccount(fit.layout)] : [];
    });
    expect(holders.length).toBeGreaterThan(0);
    const engine = createEngine(random, { ...engineBounds, spikesPerMsMax: Infinity }, (...spikes) => {
      for (const account of holders) account.heard(...spikes);
    });
    engine.run(packetOf(geometry, input, 0, 20_000), new Packet(geometry));
    const busy = engine.ledger.spikes;
    engine.run(packetOf(geometry, [], 20_000, 60_000), new Packet(geometry));
    engine.run(packetOf(geometry, [], 60_000, 100_000), new Packet(geometry));
    // What is still on its way was sent, but has not arrived.
    if (engine.ledger.spikes > busy + 200) continue;
    const settled = engine.ledger.spikes;
    engine.run(packetOf(geometry, [], 100_000, 140_000), new Packet(geometry));
    if (engine.ledger.spikes > settled) continue;
    for (const account of holders) {
      const ledger = account.read();
      expect([ledger.inputSpikes, ledger.spikes, ledger.synapticOperations]).toEqual([
        engine.ledger.inputSpikes,
        engine.ledger.spikes,
        engine.ledger.synapticOperations,
      ]);
    }
    compared += 1;
  }
  expect(compared).toBeGreaterThan(10);
});
