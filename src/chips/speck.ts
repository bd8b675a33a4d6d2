/** SynSense Speck (2e, 2f): nine convolution cores without a clock beside an event camera. */

import type { z } from "zod";
import type { chipDocument } from "./document.ts";
import { figuresFrom } from "./figures.ts";

const sinabs = figuresFrom("sinabs", "published");
const richter = figuresFrom("richter2023", "derived");
const horowitz = figuresFrom("horowitz2014", "assumed");

/** A kind of core by its memories, in units of 1,024 neurons and 1,024 weights of a byte. */
const core = (count: number, neurons: number, weights: number) => ({
  count: sinabs(count),
  neurons: sinabs(neurons * 1024),
  synapseBits: sinabs(weights * 8192),
  populations: sinabs(1),
});

export const speck: z.input<typeof chipDocument> = {
  name: "speck",
  about: "SynSense Speck: nine cores, a convolutional layer of integrate-and-fire neurons each, no clock.",
  sources: {
    sinabs:
      "sinabs, docs/speck/overview: 9 cores, 8-bit weights, kernels addressed in powers of two, 1 or 2 layers reached; the memories of its figure, which sum to the published 327,680 neurons",
    richter2023:
      "Richter et al., arXiv 2304.06793, 2023: 3.36 us for an event through 9 layers, thus 373 ns each with all that is done in it",
    yao2024: "Yao et al., Nature Communications 15, 2024: 0.42 mW at rest",
    horowitz2014:
      "No energy of an operation is published: three accesses of 10 pJ to 8 kB of memory and an addition of 0.9 pJ at 45 nm (Horowitz, ISSCC 2014)",
  },
  fabric: { kind: "crossbar", basis: "published", source: "sinabs" },
  cores: [core(3, 64, 16), core(2, 32, 32), core(2, 16, 64), core(2, 16, 16)],
  synapses: {
    weightBits: sinabs(8),
    weightLevels: "integer",
    weightMax: 127,
    kernels: "power-of-two",
    delaySteps: { value: 0, basis: "published", source: "sinabs" },
    basis: "published",
    source: "sinabs",
  },
  limits: { coresReached: sinabs(2), split: false },
  timing: {
    kind: "asynchronous",
    stepUs: horowitz(1000),
    updates: "on-arrival",
    basis: "published",
    source: "richter2023",
  },
  energyPj: {
    synapticOperation: horowitz(30.9),
    activeUpdate: horowitz(0),
    inactiveUpdate: horowitz(0),
    spike: horowitz(0),
    hopX: horowitz(0),
    hopY: horowitz(0),
  },
  timeNs: {
    synapticOperation: richter(0),
    activeUpdate: richter(0),
    inactiveUpdate: richter(0),
    spike: richter(373),
    hopX: richter(0),
    hopY: richter(0),
    barrier: richter(0),
  },
  idleMw: { value: 0.42, basis: "published", source: "yao2024" },
};
