/** The engine against the closed form of the membrane, and against a brute-force simulation, spike for spike. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createEngine, engineBounds } from "../../src/core/index.ts";
import { neurons } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { buildNetwork, checkNetwork } from "../../src/network/index.ts";
import { bruteForce } from "../support/brute-force.ts";
import { cutPacket, type Event, eventsOf, packetOf } from "../support/packets.ts";
import { randomNetwork, randomSpikes } from "../support/random-network.ts";

const unbounded = { ...engineBounds, spikesPerMsMax: Infinity };
const spanUs = 50_000;

describe.each([0, 200, 400, 600, 800])("random networks %i and the 199 after it", (first) => {
  test("equal a simulation in steps of 1 us, spike for spike", () => {
    let fired = 0;
    for (let number = first; number < first + 200; number++) {
      const network = randomNetwork(number);
      const { geometry } = network.populations[0]!;
      const input = randomSpikes(geometry, number, spanUs, 150);
      const slow = bruteForce(network, input, spanUs);
      expect(slow.closest, `network ${number} decides by a rounding`).toBeGreaterThan(1e-11);
      const engine = createEngine(network, unbounded);
      const output = new Packet(geometry);
      engine.run(packetOf(geometry, input, 0, spanUs), output);

      expect(
        firstDifference(eventsOf(output), slow.spikes[network.output]!),
        `network ${number}`,
      ).toBeUndefined();
      const own = slow.spikes.reduce((sum, { length }, p) => sum + (p === network.input ? 0 : length), 0);
      expect(engine.ledger, `network ${number}`).toEqual({
        inputSpikes: input.length,
        spikes: own,
        synapticOperations: slow.synapticOperations,
        neuronUpdates: slow.neuronUpdates,
        weightUpdates: 0,
        outOfRange: 0,
        runaway: 0,
        delayLineFull: 0,
      });
      const differs = [0];
      for (const [p, { name, neuron }] of network.populations.entries()) {
        if (!neuron) continue;
        for (const [id, v] of slow.potentials[p]!.entries())
          differs.push(Math.abs(engine.potential(name, id, spanUs) - v) / Math.max(1, Math.abs(v)));
      }
      expect(Math.max(...differs), `network ${number}`).toBeLessThan(1e-9);
      fired += own;
    }
    expect(fired).toBeGreaterThan(20_000);
  });
});

test("any cut of the packets gives the same output, to the bit of every potential", () => {
  fc.assert(
    fc.property(fc.nat(1e6), fc.array(fc.nat(spanUs), { maxLength: 60 }), (number, cutsUs) => {
      const network = randomNetwork(number);
      const { geometry } = network.populations[0]!;
      const whole = packetOf(geometry, randomSpikes(geometry, number, spanUs, 300), 0, spanUs);
      sameOutcome(outcome(network, cutPacket(whole, cutsUs)), outcome(network, [whole]));
    }),
    { numRuns: 60 },
  );
});

test("the order of spikes of one microsecond is of no effect, to the bit of every potential", () => {
  fc.assert(
    fc.property(fc.nat(1e6), fc.nat(1e6), (number, shuffle) => {
      const network = randomNetwork(number);
      const { geometry } = network.populations[0]!;
      const events = randomSpikes(geometry, number, spanUs, 300);
      const key = (index: number) => Math.imul(index + 1, shuffle * 2 + 1) >>> 0;
      const shuffled = events
        .map((event, index) => ({ event, key: key(index) }))
        .sort((a, b) => a.event[0] - b.event[0] || a.key - b.key)
        .map(({ event }) => event);
      sameOutcome(
        outcome(network, [packetOf(geometry, shuffled, 0, spanUs)]),
        outcome(network, [packetOf(geometry, events, 0, spanUs)]),
      );
    }),
    { numRuns: 60 },
  );
});

/** Where two lists of spikes part: thousands of them are no message. */
function firstDifference(given: readonly Event[], expected: readonly Event[]): string | undefined {
  const index = Array.from({ length: Math.max(given.length, expected.length) }).findIndex(
    (_, i) => String(given[i]) !== String(expected[i]),
  );
  return index < 0 ? undefined : `spike ${index} is ${given[index]}, not ${expected[index]}`;
}

function outcome(network: ReturnType<typeof randomNetwork>, packets: readonly Packet[]) {
  const engine = createEngine(network, unbounded);
  const output = new Packet(packets[0]!.geometry);
  const spikes: Event[] = [];
  for (const packet of packets) {
    engine.run(packet, output);
    for (const event of eventsOf(output)) spikes.push(event);
  }
  const potentials = network.populations.flatMap(({ name, size, neuron }) =>
    neuron ? Array.from({ length: size }, (_, id) => engine.potential(name, id, spanUs)) : [],
  );
  return { spikes, potentials, ledger: { ...engine.ledger } };
}

function sameOutcome(given: ReturnType<typeof outcome>, expected: ReturnType<typeof outcome>): void {
  expect(firstDifference(given.spikes, expected.spikes)).toBeUndefined();
  expect(given.potentials).toEqual(expected.potentials);
  expect(given.ledger).toEqual(expected.ledger);
}

describe("the membrane", () => {
  const train = fc.array(fc.tuple(fc.nat(60_000), fc.nat(4), fc.nat(500_000)), {
    minLength: 1,
    maxLength: 60,
  });
  const weights = fc.array(fc.double({ min: -1, max: 1.5, noNaN: true }), { minLength: 5, maxLength: 5 });
  const neuron = fc.record({
    tauMs: fc.oneof(fc.double({ min: 0.02, max: 100, noNaN: true }), fc.constant(undefined)),
    threshold: fc.constantFrom(1, 2.5, 1e6),
    reset: fc.constantFrom(0, -0.7, 0.4),
    rest: fc.constantFrom(0, 0.3, -65),
    refractoryUs: fc.constantFrom(0, 1, 700, 90_000),
  });

  test("equals its closed form to 1e-9 at every input, and between", () => {
    fc.assert(
      fc.property(
        train,
        weights,
        neuron,
        fc.constantFrom(0, 1_700_000_000_000_000),
        (gaps, w, parameters, startUs) => {
          const one = soleNeuron(w, parameters);
          let timeUs = startUs;
          const inputs: Event[] = [];
          const output = new Packet(neurons(1, 1, 1));
          const fired: number[] = [];
          for (const [gapUs, id, laterUs] of gaps) {
            timeUs += 1 + gapUs;
            inputs.push([timeUs, id]);
            one.run(packetOf(neurons(1, 1, 5), [[timeUs, id]]), output);
            if (output.count > 0) fired.push(timeUs);
            for (const atUs of [timeUs, timeUs + laterUs]) {
              const expected = closedForm(inputs, fired, w, parameters, atUs);
              const scale = Math.max(1, Math.abs(expected), Math.abs(parameters.rest));
              expect(Math.abs(one.potential("out", 0, atUs) - expected)).toBeLessThan(1e-9 * scale);
            }
            const before = closedForm(
              inputs,
              fired.filter((at) => at < timeUs),
              w,
              parameters,
              timeUs,
            );
            const distance = (before - parameters.threshold) / (parameters.threshold - parameters.rest);
            const listens =
              timeUs >= (fired.filter((at) => at < timeUs).at(-1) ?? -Infinity) + parameters.refractoryUs;
            if (Math.abs(distance) > 1e-9) expect(output.count).toBe(listens && distance > 0 ? 1 : 0);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

test("a neuron that is still refractory after a thousand time constants stands at its reset", () => {
  const one = soleNeuron([2, 0, 0, 0, 0], {
    tauMs: 0.02,
    threshold: 1,
    reset: -0.5,
    rest: 0,
    refractoryUs: 90_000,
  });
  const events: Event[] = [
    [10, 0],
    [80_000, 0],
  ];
  one.run(packetOf(neurons(1, 1, 5), events), new Packet(neurons(1, 1, 1)));
  expect(one.potential("out", 0, 80_001)).toBe(-0.5);
  expect(one.potential("out", 0, 90_030)).toBeCloseTo(-0.5 * Math.exp(-1), 12);
});

interface Parameters {
  readonly tauMs: number | undefined;
  readonly threshold: number;
  readonly reset: number;
  readonly rest: number;
  readonly refractoryUs: number;
}

/** Five inputs with these weights, one neuron. */
function soleNeuron(weights: readonly number[], parameters: Parameters) {
  const { tauMs, ...others } = parameters;
  const document = {
    input: "in",
    output: "out",
    populations: { in: {}, out: { shape: [1, 1, 1], neuron: { ...others, ...(tauMs && { tauMs }) } } },
    projections: [{ from: "in", to: "out", pattern: "dense", weights: { kind: "rows", rows: [weights] } }],
  };
  const placed = checkNetwork(document, (path) => path.join("."));
  return createEngine(buildNetwork(placed, { geometry: neurons(1, 1, 5), seed: 1, readText: () => "" }));
}

/** v(t) = rest + (v0 - rest) exp(-(t - t0) / tau) + sum of w exp(-(t - ti) / tau) over the inputs since t0. */
function closedForm(
  inputs: readonly Event[],
  fired: readonly number[],
  weights: readonly number[],
  { tauMs = Infinity, reset, rest, refractoryUs }: Parameters,
  atUs: number,
): number {
  const lastUs = fired.at(-1);
  const fromUs = lastUs === undefined ? -Infinity : lastUs + refractoryUs;
  if (atUs < fromUs) return reset;
  const left = (sinceUs: number) => Math.exp(-(atUs - sinceUs) / (tauMs * 1000));
  let v = lastUs === undefined ? rest : rest + (reset - rest) * left(fromUs);
  for (const [timeUs, id] of inputs)
    if (timeUs >= fromUs && timeUs <= atUs && timeUs !== lastUs) v += weights[id]! * left(timeUs);
  return v;
}
