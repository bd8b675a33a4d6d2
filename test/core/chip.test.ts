/** The stage `core` on a chip: its output is the same, its ledger follows, and what does not fit is refused. */

import { from, lastValueFrom, Subject, toArray } from "rxjs";
import { describe, expect, test } from "vitest";
import { compareNetworks, core, seededStimulus } from "../../src/core/index.ts";
import { neurons } from "../../src/events/geometry.ts";
import { copyPacket, type Packet } from "../../src/events/packet.ts";
import { type ChipLedger, stages } from "../../src/index.ts";
import { cutPacket, eventsOf, packetOf } from "../support/packets.ts";
import { dense, networkOf } from "../support/tiny-networks.ts";

const network = {
  input: "in",
  output: "out",
  populations: { in: { shape: [1, 1, 4] }, out: { shape: [1, 1, 4], neuron: { threshold: 2.5, tauMs: 5 } } },
  projections: [
    { from: "in", to: "out", pattern: "dense", weights: { kind: "uniform", min: 0, max: 1 } },
    { from: "out", to: "out", pattern: "dense", weights: -0.2, delayUs: 500 },
  ],
};
const geometry = neurons(1, 1, 4);
const input = () =>
  packetOf(
    geometry,
    Array.from({ length: 200 }, (_, k) => [k * 97, (k * 7) % 4]),
    0,
    20_000,
  );
const context = { id: "brain", geometry, seed: 3, readText: () => "" };
const stageOf = (options: object) => core.create(core.options.parse({ network, ...options }), context);

describe("with a chip", () => {
  test.each(["async", "stepped"])(
    "the %s engine gives the same, and its ledger counts what it counts",
    (engine) => {
      const plain = stageOf({ engine });
      const chip = stageOf({ engine, chip: "loihi" });
      expect(eventsOf(chip.step(input()))).toEqual(eventsOf(plain.step(input())));
      expect(plain.ledger?.()).toBeUndefined();
      // The last step is known to be over only by what comes later.
      for (const stage of [plain, chip]) stage.step(packetOf(geometry, [], 20_000, 22_000));
      const ledger = chip.ledger!() as unknown as ChipLedger;
      expect(ledger).toMatchObject({ chip: "loihi", steps: 22, inputSpikes: 200, cores: 1 });
      expect(ledger.spikes).toBe(plain.counts!().spikes);
      expect(ledger.spikes).toBeGreaterThan(5);
      expect(ledger.activeUpdates + ledger.inactiveUpdates).toBe(22 * 4);
      expect(ledger.energyPj.synapticOperations).toBeCloseTo(ledger.synapticOperations * 23.6, 6);
    },
  );

  test("the ledger does not depend on how packets are cut", () => {
    const whole = stageOf({ chip: "loihi2" });
    whole.step(input());
    const cut = stageOf({ chip: "loihi2" });
    for (const packet of cutPacket(input(), [3_333, 3_334, 10_000, 12_001])) cut.step(packet);
    expect(cut.ledger!()).toEqual(whole.ledger!());
  });

  test("the library's operator tells it packet by packet", async () => {
    const ledger = new Subject<ChipLedger>();
    const heard: ChipLedger[] = [];
    ledger.subscribe((told) => heard.push(told));
    const packets = cutPacket(input(), [5000, 10_000]).map(copyPacket);
    const options = { network, chip: "loihi" } as unknown as Parameters<typeof stages.core>[0];
    const out = from(packets as Packet[]).pipe(stages.core(options, { ledger }), toArray());
    expect(await lastValueFrom(out)).toHaveLength(3);
    expect(heard.map(({ spanUs }) => spanUs)).toEqual([5000, 10_000, 20_000]);
    expect(heard[2]!.energyPj.total).toBeGreaterThan(heard[1]!.energyPj.total);
  });

  test("weights can be those of the chip", () => {
    const events = (options: object) => eventsOf(stageOf(options).step(input()));
    const ternary = {
      chip: "truenorth",
      weights: "chip",
      network: { ...network, projections: [network.projections[0]] },
    };
    expect(events(ternary)).not.toEqual(events({ ...ternary, weights: "own" }));
    expect(() => stageOf({ weights: "chip" })).toThrow(
      '[core] it shall have the weights of a chip, but names none (stage "brain"). Add chip',
    );
  });

  test("what it learns is in the bill, and a chip that can't learn refuses it", () => {
    const [first, back] = network.projections;
    const learning = { ...network, projections: [{ ...first, plasticity: { rule: "pair" } }, back] };
    const stage = stageOf({ network: learning, chip: "loihi" });
    stage.step(input());
    const { weightUpdates, energyPj } = stage.ledger!() as unknown as ChipLedger;
    expect(weightUpdates).toBe(stage.counts!()["weight updates"]);
    expect(weightUpdates).toBeGreaterThan(800);
    expect(energyPj.weightUpdates).toBe(120 * weightUpdates);
    const { total, ...kinds } = energyPj;
    expect(Object.values(kinds).reduce((sum, part) => sum + part)).toBe(total);
    expect(() => stageOf({ network: learning, chip: "speck" })).toThrow(
      '"out": synapses that learn 16, at most 0 (16 too many)',
    );
    expect(stageOf({ network: learning, chip: "speck", plasticity: "off" }).ledger!()).toMatchObject({
      weightUpdates: 0,
    });
  });

  test("a network that does not fit is refused, with who would hold it", () => {
    const wide = { ...network, populations: { ...network.populations, in: { shape: [1, 1, 40] } } };
    const options = core.options.parse({ network: wide, chip: "xylo" });
    expect(() => core.create(options, { ...context, geometry: neurons(1, 1, 40) })).toThrow(
      '[chip] the network does not fit on xylo: "in": inputs 40, at most 16 (24 too many) (stage "brain"). It would fit on loihi,',
    );
    expect(() => stageOf({ chip: "loihi3" })).toThrow("there is no chip");
  });
});

test("two networks on one input: equal ones agree, and a weight that is gone shows", () => {
  const tiny = (weight: number) =>
    networkOf({ in: [1, 1, 2], out: [1, 1, 2] }, [
      dense("in", "out", {
        kind: "rows",
        rows: [
          [1, 0],
          [0, weight],
        ],
      }),
    ]);
  const stimulus = seededStimulus(2, { samples: 3, steps: 50, rate: 0.3, seed: 4 });
  expect(compareNetworks(tiny(1), tiny(1), stimulus, {})).toMatchObject({ sameOutput: 1, sameWinner: 3 });
  const told = compareNetworks(tiny(1), tiny(0), stimulus, {});
  // The second output neuron repeats the second input, and falls silent.
  const second = stimulus.values.reduce((sum, value, k) => sum + (k % 2 === 1 ? value : 0), 0);
  const out = told.populations[1]!;
  expect(second).toBeGreaterThan(20);
  expect([out.differ, out.before - out.after, told.sameOutput]).toEqual([second, second, 1 - second / 300]);
  expect(told.rates[1]![1]).toBeCloseTo(second / 150, 12);
});
