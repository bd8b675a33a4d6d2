/** The kernel equals its TypeScript twin to the bit of every charge: spikes, potentials, ledger and saved states. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createEngine,
  createFloat32Engine,
  type Engine,
  type EngineBounds,
  engineBounds,
  setCoreKernel,
} from "../../src/core/index.ts";
import { createKernel } from "../../src/core/kernel.ts";
import { neurons, sizeOf } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import type { Network, Projection } from "../../src/network/index.ts";
import { buildNetwork, checkNetwork } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";
import { cutPacket, type Event, eventsOf, packetOf } from "../support/packets.ts";
import { randomNetwork, randomSpikes } from "../support/random-network.ts";

const unbounded = { ...engineBounds, spikesPerMsMax: Infinity };
const spanUs = 50_000;

test("there is a kernel here, so that this file compares it with something", () => {
  expect(createKernel()).not.toBeNull();
  setCoreKernel("off");
  expect(createKernel()).toBeNull();
  setCoreKernel("on");
});

test("150 random networks give the same spikes, potentials and ledger", () => {
  let fired = 0;
  for (let number = 0; number < 150; number++) {
    const network = randomNetwork(number);
    fired += same(network, [randomInput(network, number, 150, spanUs)], unbounded, `network ${number}`);
  }
  expect(fired).toBeGreaterThan(15_000);
});

test("any cut of the packets and a change of engines between them give the same output", () => {
  fc.assert(
    fc.property(
      fc.nat(1e6),
      fc.array(fc.tuple(fc.nat(spanUs), fc.constantFrom("kernel", "twin")), { maxLength: 40 }),
      (number, cuts) => {
        const network = randomNetwork(number);
        const whole = randomInput(network, number, 300, spanUs);
        const packets = cutPacket(
          whole,
          cuts.map(([atUs]) => atUs),
        );
        let engine = twin(network, unbounded);
        const spikes: Event[] = [];
        for (const [index, packet] of packets.entries()) {
          const state = engine.save();
          engine = (cuts[index]?.[1] === "twin" ? twin : createFloat32Engine)(network, unbounded);
          engine.restore(state);
          spikes.push(...spikesOf(engine, packet));
        }
        const expected = twin(network, unbounded);
        expect(spikes).toEqual(spikesOf(expected, whole));
        expect(engine.save()).toEqual(expected.save());
      },
    ),
    { numRuns: 40 },
  );
});

/** Weights as numbers of a document; larger than random networks, so that whole vectors and their remainders are met. */
describe.each([8, undefined])("with weights of %s bits", (bits) => {
  const lif = { tauMs: 5, threshold: 1, refractoryUs: 700, reset: -0.2, rest: 0.1 };
  const weights = { kind: "normal", mean: 0.05, deviation: 0.2 };
  const build = (shape: [number, number, number], populations: object, projections: readonly object[]) =>
    buildNetwork(
      checkNetwork(
        {
          input: "in",
          output: Object.keys(populations).at(-1)!,
          populations: { in: {}, ...populations },
          projections: projections.map((projection) => ({ weights, ...(bits && { bits }), ...projection })),
        },
        (path) => path.join("."),
      ),
      { geometry: neurons(...shape), seed: 3, readText: () => "" },
    );

  test.each([1, 3, 4, 16, 31, 70])("dense onto %i neurons", (size) => {
    const network = build([1, 5, 5], { out: { shape: [1, 1, size], neuron: lif } }, [
      { from: "in", to: "out", pattern: "dense" },
      { from: "out", to: "out", pattern: "dense", delayUs: 40 },
    ]);
    expect(same(network, [randomInput(network, size, 20, spanUs)], unbounded)).toBeGreaterThan(50);
  });

  test.each([2, 1, 4, 7, 16, 20, 36])("a convolution onto %i channels, and on", (channels) => {
    const network = build(
      [2, 11, 9],
      { maps: { shape: [channels, 6, 5], neuron: lif }, out: { shape: [3, 6, 5], neuron: lif } },
      [
        { from: "in", to: "maps", pattern: "convolution", kernel: [5, 5], stride: [2, 2], padding: [2, 2] },
        { from: "maps", to: "maps", pattern: "dense", delayUs: 100, weights: { ...weights, mean: -0.1 } },
        {
          from: "maps",
          to: "maps",
          pattern: "sparse",
          probability: 0.1,
          delayUs: { minUs: 1, maxUs: 90, stepUs: 30 },
        },
        ...(channels === 2 ? [{ from: "in", to: "maps", pattern: "pool", delayUs: 30 }] : []),
        { from: "maps", to: "out", pattern: "convolution", kernel: [3, 3], padding: [1, 1] },
        { from: "out", to: "out", pattern: "one-to-one", delayUs: 50 },
      ],
    );
    expect(same(network, [randomInput(network, channels, 20, spanUs)], unbounded)).toBeGreaterThan(50);
  });

  test("convolutions with dilation, in groups, and a sliding window", () => {
    const random = seededRandom(9);
    const values = (count: number) =>
      bits === 8
        ? { values: Int8Array.from({ length: count }, () => Math.floor(random() * 200 - 60)), scale: 0.004 }
        : { values: Float64Array.from({ length: count }, () => random() * 0.8 - 0.2), scale: 1 };
    const plain = build(
      [4, 9, 8],
      { a: { shape: [6, 9, 8], neuron: lif }, b: { shape: [6, 4, 4], neuron: lif } },
      [
        { from: "in", to: "a", pattern: "dense" },
        { from: "a", to: "b", pattern: "dense" },
      ],
    );
    const stride = [1, 1] as const;
    const projections: Projection[] = [
      {
        pattern: "convolution",
        from: 0,
        to: 1,
        weights: values(6 * 4 * 9),
        kernel: [3, 3],
        stride,
        padding: [2, 2],
        dilation: [2, 2],
        delayUs: 0,
      },
      {
        pattern: "convolution",
        from: 0,
        to: 1,
        weights: values(6 * 2 * 9),
        kernel: [3, 3],
        stride,
        padding: [1, 1],
        groups: 2,
        delayUs: 7,
      },
      {
        pattern: "convolution",
        from: 1,
        to: 2,
        weights: values(6 * 6 * 4),
        kernel: [2, 2],
        stride: [2, 2],
        padding: [1, 1],
        dilation: [3, 3],
        delayUs: 0,
      },
      {
        pattern: "window",
        from: 1,
        to: 2,
        weights: { values: Float64Array.of(0.4), scale: 1 },
        kernel: [2, 2],
        stride: [2, 2],
        padding: [0, 0],
        delayUs: 3,
      },
    ];
    const network = { ...plain, projections };
    expect(same(network, [randomInput(network, 1, 20, spanUs)], unbounded)).toBeGreaterThan(50);
  });
});

test("disorder, strangers, bursts, bounds and long silences are taken alike", () => {
  const network = randomNetwork(11);
  const { geometry } = network.populations[0]!;
  const random = seededRandom(4);
  const size = sizeOf(geometry);
  const burst = (timeUs: number): Event[] =>
    Array.from({ length: 200 }, () => [timeUs, Math.floor(random() * (size + 3))]);
  const hourUs = 3_600_000_000;
  const packets = [0, 5000, hourUs, 24 * hourUs].map((fromUs) =>
    packetOf(
      geometry,
      [...burst(fromUs + 10), ...burst(fromUs + 11), ...burst(fromUs + 900)],
      fromUs,
      fromUs + 4000,
    ),
  );
  const runs = [
    unbounded,
    { spikesPerMsMax: 7, delayLineMax: 8 },
    { spikesPerMsMax: 2000, delayLineMax: 1 << 12 },
  ];
  for (const bounds of runs) same(network, packets, bounds);
});

test("more spikes leave in one packet than the kernel's output holds, and delay lines grow", () => {
  const network = buildNetwork(
    checkNetwork(
      {
        input: "in",
        output: "out",
        populations: { in: {}, out: { shape: [1, 30, 30], neuron: { threshold: 0.5 } } },
        projections: [
          { from: "in", to: "out", pattern: "one-to-one", weights: 1 },
          { from: "out", to: "out", pattern: "one-to-one", weights: 0.3, delayUs: 40_000 },
        ],
      },
      (path) => path.join("."),
    ),
    { geometry: neurons(1, 30, 30), seed: 1, readText: () => "" },
  );
  expect(same(network, [randomInput(network, 1, 3, spanUs)], unbounded)).toBeGreaterThan(20_000);
});

function twin(network: Network, bounds: EngineBounds): Engine {
  return createEngine(network, bounds, undefined, "float32");
}

/** Expects that both engines say the same; answers how many spikes they had. */
function same(
  network: Network,
  packets: readonly Packet[],
  bounds: EngineBounds,
  what = "the network",
): number {
  const [expected, given] = [twin(network, bounds), createFloat32Engine(network, bounds)];
  expect(given.constructor.name).toBe("KernelEngine");
  for (const packet of packets) {
    const [mine, yours] = [spikesOf(expected, packet), spikesOf(given, packet)];
    expect(yours.join(" ") === mine.join(" "), `spikes of ${what}`).toBe(true);
    expect(given.ledger, what).toEqual(expected.ledger);
    expect(given.save(), what).toEqual(expected.save());
    for (const { name, size, neuron } of network.populations)
      for (let id = 0; neuron && id < size; id++)
        expect(given.potential(name, id, packet.toUs + 5)).toBe(
          expected.potential(name, id, packet.toUs + 5),
        );
  }
  return given.ledger.spikes;
}

function spikesOf(engine: Engine, packet: Packet): Event[] {
  const output = new Packet(packet.geometry);
  engine.run(packet, output);
  return eventsOf(output);
}

function randomInput(network: Network, number: number, meanGapUs: number, untilUs: number): Packet {
  const { geometry } = network.populations[0]!;
  return packetOf(geometry, randomSpikes(geometry, number, untilUs, meanGapUs), 0, untilUs);
}
