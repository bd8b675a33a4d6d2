/** Intel Loihi (2018): 128 cores, each step ended by a barrier. */

import type { z } from "zod";
import type { chipDocument } from "./document.ts";
import { figuresFrom } from "./figures.ts";

const davies = figuresFrom("davies2018", "published");
const nengo = figuresFrom("nengo-loihi", "published");
const assumed = figuresFrom("reflexarc", "assumed");

export const loihi: z.input<typeof chipDocument> = {
  name: "loihi",
  about: "Intel Loihi: 128 cores of 1,024 neurons on a mesh, integer CUBA LIF, steps ended by a barrier.",
  sources: {
    davies2018:
      "Davies et al., Loihi, IEEE Micro 38(1), 2018, table 2: simulated before there was silicon, at 0.75 V; a lower bound",
    "nengo-loihi": "nengo-loihi, block.py: the limits of a core that its builder checks",
    "sana-fe": "SANA-FE, arch/loihi.yaml: 8 x 4 tiles of 4 cores",
    lava: "Lava, Dense in its fixed-point form: weights of both signs are even, -256 to 254; delays to 62 steps",
    reflexarc:
      "a step of 1 ms where the network tells none; index bits that number 1,024 neurons; no idle power of the chip alone is published",
  },
  fabric: { kind: "mesh", width: 8, height: 4, coresPerTile: 4, basis: "published", source: "sana-fe" },
  cores: [
    {
      count: davies(128),
      neurons: nengo(1024),
      synapseBits: nengo(1_048_576),
      axonsIn: nengo(4096),
      axonsOut: nengo(4096),
    },
  ],
  synapses: {
    weightBits: { value: 8, basis: "published", source: "lava" },
    weightLevels: "even",
    weightMax: 254,
    indexBits: assumed(10),
    kernels: "shared",
    delaySteps: { value: 62, basis: "published", source: "lava" },
    basis: "published",
    source: "lava",
  },
  timing: {
    kind: "barrier",
    stepUs: assumed(1000),
    updates: "every-step",
    basis: "published",
    source: "davies2018",
  },
  energyPj: {
    synapticOperation: davies(23.6),
    activeUpdate: davies(81),
    inactiveUpdate: davies(52),
    spike: davies(1.7),
    hopX: davies(3),
    hopY: davies(4),
    weightUpdate: davies(120),
  },
  timeNs: {
    synapticOperation: davies(3.5),
    activeUpdate: davies(8.4),
    inactiveUpdate: davies(5.3),
    spike: davies(2.1),
    hopX: davies(4.1),
    hopY: davies(6.5),
    barrier: davies(465),
  },
  idleMw: assumed(0),
};
