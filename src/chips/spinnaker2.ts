/** SpiNNaker2 (2021): 152 ARM processors, neurons in software, a timer that all of them follow. */

import type { z } from "zod";
import type { chipDocument } from "./document.ts";
import { figuresFrom } from "./figures.ts";

const datasheet = figuresFrom("datasheet", "published");
const hoeppner = figuresFrom("hoeppner2019", "measured");
const software = figuresFrom("software", "assumed");
const assumed = figuresFrom("reflexarc", "assumed");

export const spinnaker2: z.input<typeof chipDocument> = {
  name: "spinnaker2",
  about: "SpiNNaker2: 152 ARM cores of 128 kB that compute neurons in software, in steps of a timer.",
  sources: {
    datasheet: "SpiNNaker2 datasheet 0.03, 2021: 152 processors with 128 kB each",
    hoeppner2019:
      "Höppner et al., IEEE TCAS-I 66(8), 2019 (arXiv 1903.08941), on a prototype: 450 pJ a synaptic event, 2.19 nJ a neuron update; as keras-spiking quotes them",
    software:
      "Ours of py-spinnaker2, not looked up: 250 neurons a core, weights -15 to 15 and delays to 7 steps in words of 16 bits",
    reflexarc:
      "half of a core's memory for synapses; 38 tiles of 4 processors on 8 x 5 places; 30 cycles a synaptic operation and 100 an update at 300 MHz; a weight update as much energy as a synaptic event; hops as on Loihi",
  },
  fabric: { kind: "mesh", width: 8, height: 5, coresPerTile: 4, basis: "assumed", source: "reflexarc" },
  cores: [{ count: datasheet(152), neurons: software(250), synapseBits: assumed(524_288) }],
  synapses: {
    weightBits: software(16),
    weightLevels: "integer",
    weightMax: 15,
    kernels: "shared",
    delaySteps: { value: 7, basis: "assumed", source: "software" },
    basis: "assumed",
    source: "software",
  },
  timing: {
    kind: "tick",
    stepUs: assumed(1000),
    updates: "every-step",
    basis: "assumed",
    source: "software",
  },
  energyPj: {
    synapticOperation: hoeppner(450),
    activeUpdate: hoeppner(2190),
    inactiveUpdate: hoeppner(2190),
    spike: assumed(0),
    hopX: assumed(3),
    hopY: assumed(4),
    weightUpdate: assumed(450),
  },
  timeNs: {
    synapticOperation: assumed(100),
    activeUpdate: assumed(333),
    inactiveUpdate: assumed(333),
    spike: assumed(100),
    hopX: assumed(4.1),
    hopY: assumed(6.5),
    barrier: assumed(0),
  },
  idleMw: assumed(0),
};
