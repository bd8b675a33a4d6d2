/** A core behind a gate: asleep it works on nothing, and then it begins at rest with what was held back. */

import { describe, expect, test } from "vitest";
import core from "../../src/core/core.ts";
import {
  createEngine,
  createExact,
  createFloat32Engine,
  createStepped,
  type EngineState,
  engineBounds,
  type Ledger,
} from "../../src/core/index.ts";
import { toRest } from "../../src/core/rest.ts";
import { onPackets } from "../../src/core/step-clock.ts";
import { type NeuronGeometry, neurons } from "../../src/events/geometry.ts";
import { copyPacket, Packet } from "../../src/events/packet.ts";
import type { ChipLedger } from "../../src/mapping/index.ts";
import type { Network } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";
import type { Step } from "../../src/stage.ts";
import { type Event, eventsOf, packetOf } from "../support/packets.ts";
import { randomNetwork } from "../support/random-network.ts";
import { randomTrained } from "../support/random-trained.ts";
import { dense, networkOf } from "../support/tiny-networks.ts";

interface Bench {
  readonly ledger: Ledger;
  run(packet: Packet, out: Packet): void;
  save(): EngineState;
  rest(fresh: EngineState): void;
}

/** Each engine, and networks that leave all kinds of state behind. */
const engines: Record<string, (seed: number) => [Network, () => Bench]> = {
  "event by event": (seed) => {
    const network = randomNetwork(seed);
    return [network, () => benchOf(createEngine(network))];
  },
  "event by event in float32": (seed) => {
    const network = randomNetwork(seed);
    return [network, () => benchOf(createFloat32Engine(network, engineBounds))];
  },
  "event by event, of trained networks": (seed) => {
    const network = randomTrained(seed, ["if", "lif", "cuba-lif"]);
    return [network, () => benchOf(createExact(network, { spikesPerMsMax: 200 }))];
  },
  "in steps": (seed) => {
    const network = randomTrained(seed, ["if", "lif", "cuba-lif"]);
    const make = () => {
      const engine = createStepped(network);
      const places = { input: network.input, output: network.output, dtUs: 1000 };
      const { run, restart } = onPackets(engine, places);
      const rest = (fresh: EngineState) => {
        toRest(engine, fresh);
        restart();
      };
      return { ledger: engine.ledger, run, save: () => engine.save(), rest };
    };
    return [network, make];
  },
};

function benchOf(engine: Omit<Bench, "rest"> & Parameters<typeof toRest>[0]): Bench {
  return {
    ledger: engine.ledger,
    run: (packet, out) => engine.run(packet, out),
    save: () => engine.save(),
    rest: (fresh) => toRest(engine, fresh),
  };
}

function stimulus({ geometry, size }: Network["populations"][number], seed: number, fromUs: number): Packet {
  const random = seededRandom(seed);
  const events = Array.from(
    { length: 120 },
    (): Event => [fromUs + Math.floor(random() * 20_000), Math.floor(random() * size)],
  ).sort((a, b) => a[0] - b[0]);
  return packetOf(geometry, events, fromUs, fromUs + 20_000);
}

describe.each(Object.entries(engines))("an engine that works %s", (_, engineOf) => {
  test("gives after a rest what a new one gives, and its ledger goes on", () => {
    let spikes = 0;
    for (let seed = 1; seed <= 5; seed++) {
      const [network, make] = engineOf(seed);
      const input = network.populations[network.input]!;
      const out = new Packet(network.populations[network.output]!.geometry);
      const [used, another] = [make(), make()];
      const fresh = make().save();
      used.run(stimulus(input, seed, 0), out);
      const before = { ...used.ledger };
      used.rest(fresh);
      expect(used.ledger).toEqual(before);
      used.run(stimulus(input, seed + 100, 7_200_000_000), out);
      const given = eventsOf(out);
      another.run(stimulus(input, seed + 100, 7_200_000_000), out);
      expect(given).toEqual(eventsOf(out));
      const gained = Object.entries(used.ledger).map(([name, count]) => count - before[name as keyof Ledger]);
      expect(gained).toEqual(Object.values(another.ledger));
      spikes += given.length;
    }
    expect(spikes).toBeGreaterThan(20);
  });
});

test("what was learnt stays", () => {
  const rule = { rule: "pair", potentiation: 0.1, depression: 0.02 };
  const network = networkOf(
    { in: [1, 1, 4], out: [1, 1, 3] },
    [dense("in", "out", 0.6, { plasticity: rule })],
    { tauMs: 20, threshold: 1, adapt: { step: 0.2, tauMs: 1e6 } },
  );
  const engine = createEngine(network);
  const fresh = createEngine(network).save();
  const out = new Packet(neurons(1, 1, 3));
  engine.run(stimulus(network.populations[0]!, 1, 0), out);
  const learned = engine.learned(20_000);
  expect([...learned.projections[0]!.weights].some((weight) => weight !== 0.6)).toBe(true);
  expect(learned.populations[0]!.raised.some((raised) => raised > 0)).toBe(true);
  toRest(engine, fresh);
  expect(engine.learned(20_000)).toEqual(learned);
});

describe("the stage", () => {
  const relay = {
    input: "in",
    output: "out",
    populations: { in: { shape: [1, 1, 2] }, out: { shape: [1, 1, 2], neuron: { tauMs: 10, threshold: 1 } } },
    projections: [{ from: "in", to: "out", pattern: "one-to-one", weights: 0.6 }],
  };
  const geometry: NeuronGeometry = neurons(1, 1, 2);
  const made = (options: object = {}): Step<"spikes", "spikes"> =>
    core.create(core.options.parse({ network: relay, ...options }), {
      ...{ id: "core", geometry, seed: 1 },
      readText: () => "",
    });
  const asleep = (fromUs: number, toUs: number, withheld = 0): Packet =>
    Object.assign(new Packet(geometry).begin(fromUs, toUs), { asleep: true, withheld });
  const given = (stage: ReturnType<typeof made>, packet: Packet) => copyPacket(stage.step(packet));

  test("does nothing while it sleeps, and passes on that it does", () => {
    const stage = made({ engine: "stepped", noise: 5, dtUs: 100 });
    stage.step(packetOf(geometry, [[10, 0]], 0, 1000));
    const before = stage.counts!();
    const out = given(stage, asleep(1000, 3_600_000_000, 7));
    expect([out.fromUs, out.toUs, out.count, out.asleep]).toEqual([1000, 3_600_000_000, 0, true]);
    expect(stage.counts!()).toEqual({ ...before, "spikes withheld": 7 });
  });

  test("has forgotten its charge: what came before the sleep doesn't count after it", () => {
    const stage = made();
    stage.step(packetOf(geometry, [[10, 0]], 0, 1000));
    stage.step(asleep(1000, 2000));
    expect(given(stage, packetOf(geometry, [[2100, 0]], 2000, 3000)).count).toBe(0);
    expect(eventsOf(given(stage, packetOf(geometry, [[3100, 0]], 3000, 4000)))).toEqual([[3100, 0]]);
  });

  test("takes what was held back at its own times, and tells what comes of it when the gate woke", () => {
    const stage = made();
    stage.step(asleep(0, 90_000));
    const late: Event[] = [
      [50_000, 0],
      [51_000, 0],
      [80_000, 1],
      [90_500, 1],
    ];
    const out = given(stage, packetOf(geometry, late, 90_000, 100_000));
    // 0.6 exp(-1/10) + 0.6 fires, 0.6 exp(-10.5/10) + 0.6 doesn't.
    expect(eventsOf(out)).toEqual([[90_000, 0]]);
    expect([out.fromUs, out.toUs, out.asleep]).toEqual([90_000, 100_000, false]);
  });

  test("a chip that updates all neurons in every step doesn't, asleep", () => {
    const [slept, waked] = [made({ chip: "truenorth" }), made({ chip: "truenorth" })];
    slept.step(asleep(0, 1_000_000));
    waked.step(new Packet(geometry).begin(0, 1_000_000));
    const [own, other] = [slept.ledger!()!, waked.ledger!()!] as unknown as ChipLedger[];
    expect(own).toMatchObject({ inactiveUpdates: 0, sleep: { asleepUs: 1_000_000, awakeUs: 0 } });
    expect(other!.inactiveUpdates).toBe(2000);
    expect(other!.sleep).toBeUndefined();
    // Nothing was withheld, so what the other took is just what this one is told to have been spared.
    expect(own!.sleep!.alwaysOn.neuronUpdates).toBe(2000);
    expect(own!.sleep!.alwaysOn.energyPj).toBeCloseTo(other!.energyPj.total, 6);
  });
});
