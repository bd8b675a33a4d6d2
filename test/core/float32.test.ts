/** The engine in float32: near the float64 one, and the same whatever the cut of the packets. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { createEngine, engineBounds } from "../../src/core/index.ts";
import { Packet } from "../../src/events/packet.ts";
import type { Network } from "../../src/network/index.ts";
import { cutPacket, type Event, eventsOf, packetOf } from "../support/packets.ts";
import { randomNetwork, randomSpikes } from "../support/random-network.ts";

const unbounded = { ...engineBounds, spikesPerMsMax: Infinity };
const spanUs = 50_000;

test("float32 gives the spikes of float64 in nearly all random networks", () => {
  let same = 0;
  let counts = [0, 0];
  for (let number = 0; number < 200; number++) {
    const network = randomNetwork(number);
    const packet = input(network, number, 150);
    const [wide, narrow] = [run(network, "float64", [packet]), run(network, "float32", [packet])];
    if (wide.spikes.join(" ") === narrow.spikes.join(" ")) same += 1;
    counts = [counts[0]! + wide.ledger.spikes, counts[1]! + narrow.ledger.spikes];
  }
  expect(same).toBeGreaterThan(190);
  expect(Math.abs(counts[1]! / counts[0]! - 1)).toBeLessThan(0.001);
});

test("in float32 any cut of the packets gives the same output, to the bit of every potential", () => {
  fc.assert(
    fc.property(fc.nat(1e6), fc.array(fc.nat(spanUs), { maxLength: 60 }), (number, cutsUs) => {
      const network = randomNetwork(number);
      const whole = input(network, number, 300);
      expect(run(network, "float32", cutPacket(whole, cutsUs))).toEqual(run(network, "float32", [whole]));
    }),
    { numRuns: 60 },
  );
});

function input(network: Network, number: number, count: number): Packet {
  const { geometry } = network.populations[0]!;
  return packetOf(geometry, randomSpikes(geometry, number, spanUs, count), 0, spanUs);
}

function run(network: Network, precision: "float64" | "float32", packets: readonly Packet[]) {
  const engine = createEngine(network, unbounded, undefined, precision);
  const output = new Packet(packets[0]!.geometry);
  const spikes: Event[] = [];
  for (const packet of packets) {
    engine.run(packet, output);
    spikes.push(...eventsOf(output));
  }
  const potentials = network.populations.flatMap(({ name, size, neuron }) =>
    neuron ? Array.from({ length: size }, (_, id) => engine.potential(name, id, spanUs)) : [],
  );
  return { spikes, potentials, ledger: { ...engine.ledger } };
}
