/** SynSense Xylo Audio 2: one core of 1,000 hidden neurons for sounds, below a milliwatt. */

import type { z } from "zod";
import type { chipDocument } from "./document.ts";
import { figuresFrom } from "./figures.ts";

const rockpool = figuresFrom("rockpool", "published");
const sums = figuresFrom("rockpool", "derived");
const cycles = figuresFrom("cycles", "derived");
const power = figuresFrom("power", "assumed");

export const xylo: z.input<typeof chipDocument> = {
  name: "xylo",
  about: "SynSense Xylo Audio 2: 16 inputs, 1,000 hidden and 8 output neurons on one core, 8-bit weights.",
  sources: {
    rockpool:
      "Rockpool, overview of the Xylo family: 16 inputs, 1,000 hidden neurons, 8 outputs, at most 64 synapses a hidden neuron, 64 on average; 16,000 + 64,000 + 8,000 weights in all, and 72 synapses with the outputs",
    cycles:
      "Rockpool, syns61201/power_cycles_model: 7 cycles a synaptic operation, 22 an update, 4 a spike; at its default of 50 MHz",
    power:
      "291 uW while it infers (Bos and Muir, arXiv 2406.15112), spread over 50 million cycles a second: 5.82 pJ a cycle; the clock of that measurement is assumed",
  },
  fabric: { kind: "mesh", width: 1, height: 1, coresPerTile: 1, basis: "published", source: "rockpool" },
  cores: [{ count: rockpool(1), neurons: sums(1008), synapseBits: sums(704_000) }],
  synapses: {
    weightBits: rockpool(8),
    weightLevels: "integer",
    weightMax: 127,
    kernels: "unrolled",
    delaySteps: { value: 0, basis: "published", source: "rockpool" },
    basis: "published",
    source: "rockpool",
  },
  limits: { fanOut: sums(72), inputs: rockpool(16), outputs: rockpool(8) },
  timing: {
    kind: "barrier",
    stepUs: power(1000),
    updates: "every-step",
    basis: "published",
    source: "rockpool",
  },
  energyPj: {
    synapticOperation: power(40.7),
    activeUpdate: power(128),
    inactiveUpdate: power(128),
    spike: power(23.3),
    hopX: power(0),
    hopY: power(0),
  },
  timeNs: {
    synapticOperation: cycles(140),
    activeUpdate: cycles(440),
    inactiveUpdate: cycles(440),
    spike: cycles(80),
    hopX: cycles(0),
    hopY: cycles(0),
    barrier: cycles(0),
  },
  idleMw: power(0),
};
