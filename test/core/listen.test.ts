/** What a listener hears of each engine is what its ledger counts. */

import { expect, test } from "vitest";
import { createEngine, createExact, createStepped, engineBounds } from "../../src/core/index.ts";
import type { SpikeListener } from "../../src/core/ledger.ts";
import { onPackets } from "../../src/core/step-clock.ts";
import { Packet } from "../../src/events/packet.ts";
import { packetOf } from "../support/packets.ts";
import { randomNetwork, randomSpikes } from "../support/random-network.ts";
import { randomTrained } from "../support/random-trained.ts";

const spanUs = 40_000;

/** Counts spikes by population, and checks that time goes on. */
function counter(): { counts: number[]; listen: SpikeListener } {
  const counts: number[] = [];
  let lastUs = -1;
  return {
    counts,
    listen(population, _, from, to, timeUs, values) {
      expect(timeUs).toBeGreaterThanOrEqual(lastUs);
      lastUs = timeUs;
      let sum = 0;
      for (let k = from; k < to; k++) sum += values ? Math.abs(values[k]!) : 1;
      counts[population] = (counts[population] ?? 0) + sum;
    },
  };
}

test("the event-driven engine tells each spike of the input and of its neurons", () => {
  for (let number = 0; number < 30; number++) {
    const network = randomNetwork(number);
    const { geometry } = network.populations[0]!;
    const { counts, listen } = counter();
    const engine = createEngine(network, { ...engineBounds, spikesPerMsMax: Infinity }, listen);
    const input = randomSpikes(geometry, number, spanUs, 150);
    engine.run(packetOf(geometry, input, 0, spanUs), new Packet(geometry));
    const own = counts.reduce((sum, count, p) => (p === network.input ? sum : sum + count), 0);
    expect([counts[network.input], own]).toEqual([engine.ledger.inputSpikes, engine.ledger.spikes]);
  }
});

test("the exact and the stepped engine tell the spikes of trained networks", () => {
  let fired = 0;
  for (let number = 0; number < 5; number++) {
    const network = randomTrained(number, ["if", "lif"]);
    const { geometry } = network.populations[network.input]!;
    const packet = () => packetOf(geometry, randomSpikes(geometry, number, 10_000, 100), 0, 10_000);
    const heard = counter();
    const exact = createExact(network, { dtUs: 1000, spikesPerMsMax: 100 }, heard.listen);
    exact.run(packet(), new Packet(network.populations[network.output]!.geometry));
    const steps = counter();
    const stepped = createStepped(network, { dtUs: 1000 });
    const { input, output } = network;
    const { run } = onPackets(stepped, { input, output, dtUs: 1000 }, steps.listen);
    run(packet(), new Packet(network.populations[output]!.geometry));
    const spiking = network.populations.map(
      ({ neuron }, p) => p !== input && neuron !== undefined && neuron.model !== "relay",
    );
    const own = (counts: readonly number[]) =>
      counts.reduce((sum, count, p) => (spiking[p] ? sum + count : sum), 0);
    expect(heard.counts[input]).toBe(exact.ledger.inputSpikes);
    expect([own(heard.counts), own(steps.counts)]).toEqual([exact.ledger.spikes, stepped.ledger.spikes]);
    fired += exact.ledger.spikes + stepped.ledger.spikes;
  }
  expect(fired).toBeGreaterThan(100);
});
