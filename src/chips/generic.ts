/** A chip without tight limits that costs what Loihi's table says: for counting before a chip is chosen. */

import type { z } from "zod";
import type { chipDocument } from "./document.ts";
import { figuresFrom } from "./figures.ts";

const ours = figuresFrom("reflexarc", "assumed");
const asLoihi = figuresFrom("davies2018", "assumed");

export const generic: z.input<typeof chipDocument> = {
  name: "generic",
  about: "No chip in particular: 256 large cores on a mesh, with Loihi's energies and times.",
  sources: {
    reflexarc: "room for any network that is read here",
    davies2018:
      "Loihi's figures (Davies et al., IEEE Micro 38(1), 2018, table 2: simulated before there was silicon; a lower bound)",
  },
  fabric: { kind: "mesh", width: 16, height: 16, coresPerTile: 1, basis: "assumed", source: "reflexarc" },
  cores: [{ count: ours(256), neurons: ours(65_536), synapseBits: ours(1 << 29) }],
  synapses: {
    weightBits: ours(8),
    weightLevels: "integer",
    weightMax: 127,
    indexBits: ours(16),
    kernels: "shared",
    delaySteps: { value: 65_536, basis: "assumed", source: "reflexarc" },
    basis: "assumed",
    source: "reflexarc",
  },
  timing: {
    kind: "barrier",
    stepUs: ours(1000),
    updates: "every-step",
    basis: "assumed",
    source: "davies2018",
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
    synapticOperation: asLoihi(3.5),
    activeUpdate: asLoihi(8.4),
    inactiveUpdate: asLoihi(5.3),
    spike: asLoihi(2.1),
    hopX: asLoihi(4.1),
    hopY: asLoihi(6.5),
    barrier: asLoihi(465),
  },
  idleMw: ours(0),
};
