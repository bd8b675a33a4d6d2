/** The networks of `npm run bench:core`, their input, and the same as a file that C and Python read. */

import { writeFileSync } from "node:fs";
import { type NeuronGeometry, neurons, sizeOf } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { buildNetwork, checkNetwork, type JumpNeuron, type Network } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";

export interface CoreCase {
  readonly name: string;
  /** Which of the loops of core.c. */
  readonly loop: "dense" | "convolution" | "recurrent";
  /** Of the speed of C, as `performance.md` asks. */
  readonly goal: number;
  readonly network: Network;
  readonly packets: readonly Packet[];
  readonly endUs: number;
}

interface Plan {
  readonly name: string;
  readonly loop: CoreCase["loop"];
  readonly goal: number;
  readonly shape: [channels: number, height: number, width: number];
  readonly inputSpikes: number;
  /** Mean time between two input spikes. */
  readonly gapUs: number;
  readonly populations: Record<string, unknown>;
  readonly projections: readonly Record<string, unknown>[];
}

const lif = { tauMs: 10, threshold: 12, refractoryUs: 1000 };
const delayUs = { minUs: 500, maxUs: 8000, stepUs: 500 };

/** 4,096 neurons, each of which reaches so many of all, with excitation and inhibition in balance. */
function recurrent(
  name: string,
  probability: number,
  weight: number,
  inputSpikes: number,
  gapUs: number,
): Plan {
  return {
    name,
    loop: "recurrent",
    goal: 0.55,
    shape: [1, 8, 8],
    inputSpikes,
    gapUs,
    populations: { net: { shape: [1, 64, 64], neuron: { tauMs: 20, threshold: 1, refractoryUs: 2000 } } },
    projections: [
      { from: "in", to: "net", pattern: "sparse", probability: 0.01, bits: 8, weights: 0.7 },
      {
        from: "net",
        to: "net",
        pattern: "sparse",
        probability,
        bits: 8,
        weights: { kind: "uniform", min: -weight, max: weight * 1.05 },
        delayUs,
      },
    ],
  };
}

const plans: readonly Plan[] = [
  {
    name: "dense 2312 -> 512",
    loop: "dense",
    goal: 0.55,
    shape: [2, 34, 34],
    inputSpikes: 200_000,
    gapUs: 20,
    populations: { out: { shape: [1, 1, 512], neuron: lif } },
    projections: [
      {
        from: "in",
        to: "out",
        pattern: "dense",
        bits: 8,
        weights: { kind: "normal", mean: 0.02, deviation: 0.1 },
      },
    ],
  },
  {
    name: "convolution 5x5, stride 2, 2 -> 16 channels",
    loop: "convolution",
    goal: 0.8,
    shape: [2, 34, 34],
    inputSpikes: 1_000_000,
    gapUs: 2,
    populations: { out: { shape: [16, 17, 17], neuron: lif } },
    projections: [
      {
        from: "in",
        to: "out",
        pattern: "convolution",
        kernel: [5, 5],
        stride: [2, 2],
        padding: [2, 2],
        bits: 8,
        weights: { kind: "normal", mean: 0.02, deviation: 0.3 },
      },
    ],
  },
  recurrent("recurrent 4096, 1 %, 16 delays", 0.01, 0.195, 8000, 300),
  recurrent("recurrent 4096, 10 %, 16 delays", 0.1, 0.06, 8000, 300),
  recurrent("recurrent 4096, 10 %, near silence", 0.1, 0.05, 4000, 1000),
];

export function coreCases(): CoreCase[] {
  return plans.map(({ name, loop, goal, shape, inputSpikes, gapUs, populations, projections }) => {
    const geometry = neurons(...shape);
    const output = Object.keys(populations)[0]!;
    const placed = checkNetwork(
      { input: "in", output, populations: { in: {}, ...populations }, projections },
      (path) => path.join("."),
    );
    const network = buildNetwork(placed, { geometry, seed: 1, readText: () => "" });
    const packets = randomPackets(geometry, inputSpikes, gapUs);
    return { name, loop, goal, network, packets, endUs: packets.at(-1)!.toUs };
  });
}

/** Packets of 4,096 spikes of random neurons; several may share a microsecond. */
export function randomPackets(geometry: NeuronGeometry, count: number, gapUs: number): Packet[] {
  const random = seededRandom(7);
  const size = sizeOf(geometry);
  const packets: Packet[] = [];
  let packet = new Packet(geometry).begin(0, 0);
  let exactUs = 0;
  for (let i = 0; i < count; i++) {
    exactUs += random() * 2 * gapUs;
    const timeUs = Math.floor(exactUs);
    if (packet.count >= 4096 && timeUs > packet.times[packet.count - 1]!) {
      packet.toUs = timeUs;
      packets.push(packet);
      packet = new Packet(geometry).begin(timeUs, timeUs);
    }
    packet.push(timeUs, Math.floor(random() * size));
  }
  packet.toUs = Math.floor(exactUs) + 1;
  return [...packets, packet];
}

/** Spikes of one time in order of their neurons, as the engine takes them. */
function inOrder(packets: readonly Packet[]): { times: Float64Array; ids: Uint32Array } {
  const events = packets.flatMap((packet) =>
    Array.from({ length: packet.count }, (_, k) => [packet.times[k]!, packet.addresses[k]!] as const),
  );
  events.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return {
    times: Float64Array.from(events, ([timeUs]) => timeUs),
    ids: Uint32Array.from(events, ([, id]) => id),
  };
}

/** Writes what `core.c` and `core_peers.py` read; the order of its parts is told there. */
export function writeCase({ loop, network, packets, endUs }: CoreCase, path: string): void {
  const parts: Uint8Array[] = [];
  const bytes = ({ buffer, byteOffset, byteLength }: NodeJS.ArrayBufferView) =>
    parts.push(new Uint8Array(buffer, byteOffset, byteLength));
  const ints = (...values: number[]) => bytes(Int32Array.from(values));
  const doubles = (...values: number[]) => bytes(Float64Array.from(values));
  const [source, target] = network.populations;
  const { tauUs, threshold, refractoryUs } = target!.neuron as JumpNeuron;
  doubles(tauUs, threshold, refractoryUs);
  for (const [index, projection] of network.projections.entries()) {
    const { values, scale } = projection.weights;
    doubles(scale);
    if (projection.pattern === "dense") {
      ints(source!.size, target!.size);
      bytes(values);
    } else if (projection.pattern === "convolution") {
      bytes(channelsLast(values, source!.geometry, target!.geometry, 25));
    } else if (projection.pattern === "sparse") {
      if (index === 0) ints(target!.size, source!.size);
      const sources = network.populations[projection.from]!.size;
      const delays = [...new Set(projection.delaysUs)].sort((a, b) => a - b);
      if (index > 0) ints(delays.length);
      for (const delay of delays) {
        const starts = new Uint32Array(sources + 1);
        const kept: number[] = [];
        for (let row = 0; row < sources; row++) {
          for (let k = projection.rowStarts[row]!; k < projection.rowStarts[row + 1]!; k++)
            if (projection.delaysUs[k] === delay) kept.push(k);
          starts[row + 1] = kept.length;
        }
        doubles(delay);
        bytes(starts);
        bytes(Uint16Array.from(kept, (k) => projection.targets[k]!));
        bytes(Int8Array.from(kept, (k) => values[k]!));
      }
    }
  }
  const { times, ids } = inOrder(packets);
  ints(times.length);
  bytes(times);
  bytes(ids);
  if (loop === "recurrent") doubles(endUs);
  writeFileSync(path, Buffer.concat(parts));
}

/** [channel out][channel in][tap] as [channel in][tap][channel out]. */
function channelsLast(
  values: Int8Array | Float64Array,
  from: NeuronGeometry,
  to: NeuronGeometry,
  taps: number,
): Int8Array {
  const patch = from.channels * taps;
  return Int8Array.from(
    { length: values.length },
    (_, k) => values[(k % to.channels) * patch + Math.floor(k / to.channels)]!,
  );
}
