/** Intel Loihi 2 (2021): larger and faster cores; its energies are not published. */

import type { z } from "zod";
import type { chipDocument } from "./document.ts";
import { figuresFrom } from "./figures.ts";

const brief = figuresFrom("brief", "published");
const ratio = figuresFrom("ratio", "derived");
const asLoihi = figuresFrom("as-loihi", "assumed");

export const loihi2: z.input<typeof chipDocument> = {
  name: "loihi2",
  about: "Intel Loihi 2: 128 cores of 8,192 neurons on a mesh, graded spikes, steps ended by a barrier.",
  sources: {
    brief:
      "Intel, Loihi 2 technology brief, 2021: 128 cores, 1 million neurons, 120 million synapses, 192 kB a core, chip-wide steps below 200 ns",
    mesh: "Reported as 8 x 16 cores; arXiv 2602.04717 counts 152, others 120 in use",
    ratio:
      "Loihi's figures (Davies et al. 2018) divided by what the brief claims: neuron updates 2, synaptic operations 5, spikes 10 times as fast; 1 Mbit of synapses is 120 million of a bit over 128 cores",
    lava: "Lava, Dense in its fixed-point form: weights of both signs are even, -256 to 254; delays to 62 steps",
    "as-loihi":
      "Not published for Loihi 2: Loihi's own (Davies et al. 2018), which the newer process should undercut; a step of 1 ms where the network tells none",
  },
  fabric: { kind: "mesh", width: 8, height: 16, coresPerTile: 1, basis: "published", source: "mesh" },
  cores: [{ count: brief(128), neurons: brief(8192), synapseBits: ratio(1_048_576) }],
  synapses: {
    weightBits: { value: 8, basis: "published", source: "lava" },
    weightLevels: "even",
    weightMax: 254,
    indexBits: asLoihi(13),
    kernels: "shared",
    delaySteps: { value: 62, basis: "published", source: "lava" },
    basis: "published",
    source: "lava",
  },
  timing: {
    kind: "barrier",
    stepUs: asLoihi(1000),
    updates: "every-step",
    basis: "published",
    source: "brief",
  },
  energyPj: {
    synapticOperation: asLoihi(23.6),
    activeUpdate: asLoihi(81),
    inactiveUpdate: asLoihi(52),
    spike: asLoihi(1.7),
    hopX: asLoihi(3),
    hopY: asLoihi(4),
    weightUpdate: asLoihi(120),
  },
  timeNs: {
    synapticOperation: ratio(0.7),
    activeUpdate: ratio(4.2),
    inactiveUpdate: ratio(2.65),
    spike: ratio(0.21),
    hopX: asLoihi(4.1),
    hopY: asLoihi(6.5),
    barrier: brief(200),
  },
  idleMw: asLoihi(0),
};
