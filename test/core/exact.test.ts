/** The engine that is exact between events: closed forms, a fine simulation beside it, cuts of packets, and no work in silence. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { createExact, createStepped } from "../../src/core/index.ts";
import { onPackets } from "../../src/core/step-clock.ts";
import { neurons } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import type { ModelName, Network } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";
import { cutPacket, type Event, eventsOf, packetOf } from "../support/packets.ts";
import { randomTrained } from "../support/random-trained.ts";

function single(model: ModelName, values: Readonly<Record<string, number>>, bias = 0): Network {
  const cell = { geometry: neurons(1, 1, 1), size: 1 };
  const parameters = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Float64Array.of(value)]),
  );
  return {
    ...{ about: undefined, input: 0, output: 1 },
    populations: [
      { ...cell, name: "in", neuron: undefined },
      { ...cell, name: "cell", neuron: { model, parameters } },
    ],
    projections: [
      {
        ...{ from: 0, to: 1, pattern: "dense", delayUs: 0, bias: Float64Array.of(bias) },
        weights: { values: new Float64Array([1]), scale: 1 },
      },
    ],
  };
}

const lif = { tau: 0.01, r: 1, v_leak: 0, v_threshold: 1, v_reset: 0 };

/** Output times of spikes of neuron 0, up to a time. */
function spikesUs(network: Network, events: readonly Event[], toUs: number, rules = {}): number[] {
  const out = new Packet(neurons(1, 1, 1));
  createExact(network, rules).run(packetOf(neurons(1, 1, 1), [...events], 0, toUs), out);
  return eventsOf(out).map(([timeUs]) => timeUs);
}

test("a LIF neuron with a constant current fires at every tau ln(I / (I - 1))", () => {
  const periodUs = 10_000 * Math.log(1.5 / 0.5);
  const own = spikesUs(single("lif", lif, 1.5), [], 100_000);
  expect(own).toEqual(Array.from({ length: 9 }, (_, k) => Math.ceil((k + 1) * periodUs)));
});

test("a spike is a current of 1 for a step: the neuron that it drives stops rising when it ends", () => {
  const strong = single("lif", { ...lif, r: 30 });
  // 30 (1 - exp(-t / tau)) = 1
  const crossingUs = Math.ceil(-10_000 * Math.log(1 - 1 / 30));
  expect(crossingUs).toBe(340);
  expect(spikesUs(strong, [[5000, 0]], 50_000, { dtUs: 341 })).toEqual([5340]);
  expect(spikesUs(strong, [[5000, 0]], 50_000, { dtUs: 338 })).toEqual([]);
});

test("an IF neuron sums what arrives and fires when it does", () => {
  const cell = single("if", { r: 0.4, v_threshold: 1, v_reset: 0 });
  expect(
    spikesUs(
      cell,
      [
        [10, 0],
        [20, 0],
        [30, 0],
        [40, 0],
      ],
      100,
    ),
  ).toEqual([30]);
});

test("a CubaLIF neuron fires when a simulation in steps of 0.25 us says so", () => {
  const cuba = { tau_syn: 0.004, tau_mem: 0.011, r: 6, v_leak: 0.1, w_in: 3, v_threshold: 1, v_reset: 0 };
  const random = seededRandom(5);
  const events = Array.from({ length: 60 }, (): Event => [Math.floor(random() * 199) * 1000, 0]).sort(
    (a, b) => a[0] - b[0],
  );
  const own = spikesUs(single("cuba-lif", cuba), events, 200_000, { dtUs: 1000 });
  const fine = createStepped(single("cuba-lif", cuba), { dtUs: 0.25, precision: "float64" });
  const found: number[] = [];
  for (let step = 0; step < 800_000; step++) {
    const ms = Math.floor(step / 4000);
    fine.step(Float64Array.of(events.filter(([timeUs]) => timeUs === ms * 1000).length));
    if (fine.cells[1]!.count > 0) found.push((step + 1) / 4);
  }
  expect(found.length).toBeGreaterThan(5);
  expect(own).toHaveLength(found.length);
  expect(Math.max(...own.map((timeUs, k) => Math.abs(timeUs - found[k]!)))).toBeLessThan(20);
});

test("a silent second costs nothing, an hour of it neither", () => {
  const engine = createExact(single("lif", lif));
  const out = new Packet(neurons(1, 1, 1));
  engine.run(packetOf(neurons(1, 1, 1), [[0, 0]], 0, 10_000), out);
  const before = { ...engine.ledger };
  engine.run(new Packet(neurons(1, 1, 1)).begin(10_000, 3_600_000_000), out);
  expect(engine.ledger).toEqual(before);
});

test("any cut of the packets gives the same spikes, from both engines", () => {
  let spikes = 0;
  fc.assert(
    fc.property(fc.nat(1e6), fc.array(fc.nat(20_000), { maxLength: 20 }), (seed, cutsUs) => {
      const network = randomTrained(seed, ["if", "lif", "cuba-lif"]);
      const { geometry, size } = network.populations[0]!;
      const random = seededRandom(seed);
      const events = Array.from(
        { length: 80 },
        (): Event => [Math.floor(random() * 20_000), Math.floor(random() * size)],
      ).sort((a, b) => a[0] - b[0]);
      const whole = packetOf(geometry, events, 0, 20_001);
      const run = (packets: readonly Packet[], exact: boolean) => {
        const stepped = createStepped(network);
        const step = exact
          ? createExact(network, { spikesPerMsMax: 200 }).run
          : onPackets(stepped, { input: 0, output: network.output, dtUs: 1000 }).run;
        const out = new Packet(network.populations[network.output]!.geometry);
        return packets.flatMap((packet) => {
          step(packet, out);
          for (const [timeUs] of eventsOf(out)) {
            expect(timeUs).toBeGreaterThanOrEqual(packet.fromUs);
            expect(timeUs).toBeLessThan(packet.toUs);
          }
          return eventsOf(out);
        });
      };
      for (const exact of [true, false]) {
        const own = run([whole], exact);
        spikes += own.length;
        expect(run(cutPacket(whole, cutsUs), exact)).toEqual(own);
      }
    }),
    { numRuns: 15 },
  );
  expect(spikes).toBeGreaterThan(100);
});

test("a neuron that knows only steps is refused, by name", () => {
  expect(() => createExact(single("loihi", { du: 0, dv: 0, v_threshold: 1 }))).toThrow(
    '[core] "cell" is a loihi, which the asynchronous engine has no closed form for. Use the stepped engine.',
  );
});
