/** Speed of the core: spikes and synaptic operations a second, for the shapes that pipelines are made of. */

import { pathToFileURL } from "node:url";
import { createEngine } from "../../src/core/index.ts";
import { neurons, sizeOf } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { buildNetwork, checkNetwork } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";

export interface CoreRow {
  readonly name: string;
  /** Millions a second, medians of the runs. */
  readonly inputMevPerS: number;
  readonly synapticMopsPerS: number;
  /** Spikes of the network for each input spike, and delivered microseconds: what the figures were got with. */
  readonly spikesPerInput: number;
}

interface Case {
  readonly name: string;
  readonly shape: [channels: number, height: number, width: number];
  readonly inputSpikes: number;
  /** Mean time between two input spikes. */
  readonly gapUs: number;
  readonly network: Record<string, unknown>;
}

const lif = { tauMs: 10, threshold: 4, refractoryUs: 1000 };
const to = (from: string, target: string, rest: Record<string, unknown>) => ({ from, to: target, ...rest });

const cases: readonly Case[] = [
  {
    name: "dense 2312 -> 512, 8 bit",
    shape: [2, 34, 34],
    inputSpikes: 40_000,
    gapUs: 20,
    network: {
      output: "out",
      populations: { in: {}, out: { shape: [1, 1, 512], neuron: lif } },
      projections: [
        to("in", "out", {
          pattern: "dense",
          bits: 8,
          weights: { kind: "normal", mean: 0.02, deviation: 0.1 },
        }),
      ],
    },
  },
  {
    name: "convolution 5x5, stride 2, 2 -> 16 channels",
    shape: [2, 34, 34],
    inputSpikes: 200_000,
    gapUs: 2,
    network: {
      output: "out",
      populations: { in: {}, out: { shape: [16, 17, 17], neuron: lif } },
      projections: [
        to("in", "out", {
          pattern: "convolution",
          kernel: [5, 5],
          stride: [2, 2],
          padding: [2, 2],
          bits: 8,
          weights: { kind: "normal", mean: 0.02, deviation: 0.3 },
        }),
      ],
    },
  },
  ...[
    ["16 delays", { minUs: 500, maxUs: 8000, stepUs: 500 }],
    ["1 delay", 1500],
  ].map(
    ([delays, delayUs]): Case => ({
      name: `recurrent 4096, 1 %, ${delays}`,
      shape: [1, 8, 8],
      inputSpikes: 20_000,
      gapUs: 50,
      network: {
        output: "net",
        populations: {
          in: {},
          net: { shape: [1, 64, 64], neuron: { tauMs: 20, threshold: 1, refractoryUs: 2000 } },
        },
        projections: [
          to("in", "net", { pattern: "sparse", probability: 0.01, weights: 0.7 }),
          to("net", "net", {
            pattern: "sparse",
            probability: 0.01,
            weights: { kind: "uniform", min: -0.195, max: 0.205 },
            delayUs,
          }),
        ],
      },
    }),
  ),
  {
    name: "pooled grid, 2x64x64 -> 64",
    shape: [2, 64, 64],
    inputSpikes: 2_000_000,
    gapUs: 0.7,
    network: {
      output: "cells",
      populations: {
        in: {},
        cells: { shape: [1, 8, 8], neuron: { tauMs: 10, threshold: 100, refractoryUs: 1000 } },
      },
      projections: [to("in", "cells", { pattern: "pool", weights: 1 })],
    },
  },
  {
    name: "one-to-one, 64",
    shape: [1, 8, 8],
    inputSpikes: 2_000_000,
    gapUs: 0.7,
    network: {
      output: "cells",
      populations: {
        in: {},
        cells: { shape: [1, 8, 8], neuron: { tauMs: 10, threshold: 8, refractoryUs: 1000 } },
      },
      projections: [to("in", "cells", { pattern: "one-to-one", weights: 1 })],
    },
  },
  {
    name: "one-to-one 64 with lateral inhibition",
    shape: [1, 8, 8],
    inputSpikes: 2_000_000,
    gapUs: 0.7,
    network: {
      output: "cells",
      populations: {
        in: {},
        cells: { shape: [1, 8, 8], neuron: { tauMs: 10, threshold: 8, refractoryUs: 1000 } },
      },
      projections: [
        to("in", "cells", { pattern: "one-to-one", weights: 1 }),
        to("cells", "cells", { pattern: "dense", self: false, weights: -0.5, delayUs: 500 }),
      ],
    },
  },
];

/** Measures all cases, interleaved, `runs` times. */
export function benchCore(runs = 5): CoreRow[] {
  const measured = cases.map(() => [] as Omit<CoreRow, "name">[]);
  for (let run = 0; run <= runs; run++) {
    for (const [index, one] of cases.entries()) {
      const row = measure(one);
      // The first run warms the compiler up.
      if (run > 0) measured[index]!.push(row);
    }
  }
  return cases.map(({ name }, index) => ({ name, ...median(measured[index]!) }));
}

function measure({ shape, inputSpikes, gapUs, network }: Case): Omit<CoreRow, "name"> {
  const geometry = neurons(...shape);
  const placed = checkNetwork({ input: "in", ...network }, (path) => path.join("."));
  const engine = createEngine(buildNetwork(placed, { geometry, seed: 1, readText: () => "" }));
  const packets = randomPackets(geometry, inputSpikes, gapUs);
  const out = new Packet(geometry);
  const startMs = performance.now();
  for (const packet of packets) engine.run(packet, out);
  const us = (performance.now() - startMs) * 1000;
  const { synapticOperations, spikes } = engine.ledger;
  return {
    inputMevPerS: inputSpikes / us,
    synapticMopsPerS: synapticOperations / us,
    spikesPerInput: spikes / inputSpikes,
  };
}

/** Packets of 4,096 spikes of random neurons; several may share a microsecond. */
function randomPackets(geometry: ReturnType<typeof neurons>, count: number, gapUs: number): Packet[] {
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

function median(rows: readonly Omit<CoreRow, "name">[]): Omit<CoreRow, "name"> {
  const ordered = [...rows].sort((a, b) => a.inputMevPerS - b.inputMevPerS);
  return ordered[ordered.length >> 1]!;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  console.log("core                                         input Mev/s  synaptic Mop/s  spikes/input");
  for (const row of benchCore()) {
    const figures = [
      row.inputMevPerS.toFixed(2),
      row.synapticMopsPerS.toFixed(1),
      row.spikesPerInput.toFixed(3),
    ];
    console.log(
      `${row.name.padEnd(44)} ${figures[0]!.padStart(11)} ${figures[1]!.padStart(15)} ${figures[2]!.padStart(13)}`,
    );
  }
}
