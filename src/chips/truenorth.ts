/** IBM TrueNorth (2014): 4,096 crossbars of 256 neurons, a tick of one millisecond. */

import type { z } from "zod";
import type { chipDocument } from "./document.ts";
import { figuresFrom } from "./figures.ts";

const merolla = figuresFrom("merolla2014", "published");
const inside = figuresFrom("inside", "derived");
const pairs = figuresFrom("esser2016", "derived");

export const truenorth: z.input<typeof chipDocument> = {
  name: "truenorth",
  about: "IBM TrueNorth: 4,096 cores of 256 neurons, a binary crossbar each, one core a neuron, 1 ms ticks.",
  sources: {
    merolla2014:
      "Merolla et al., Science 345, 668, 2014: 64 x 64 cores of 256 axons and 256 neurons, delays to 15 ticks of 1 ms, 26 pJ a synaptic event with all else that it takes",
    esser2016:
      "Esser et al., PNAS 113, 11441, 2016: weights -1, 0 and 1 take two axons, one of each sign: 128 inputs a core and two bits a weight",
    inside:
      "Within the 26 pJ and the tick of Merolla et al.: no figure of its own; a core goes through its 65,536 synapses in a tick, so 15.26 ns each at most",
  },
  fabric: { kind: "mesh", width: 64, height: 64, coresPerTile: 1, basis: "published", source: "merolla2014" },
  cores: [{ count: merolla(4096), neurons: merolla(256), synapseBits: merolla(65_536), axonsIn: pairs(128) }],
  synapses: {
    weightBits: pairs(2),
    weightLevels: "ternary",
    weightMax: 1,
    kernels: "unrolled",
    delaySteps: { value: 15, basis: "published", source: "merolla2014" },
    basis: "derived",
    source: "esser2016",
  },
  limits: { coresReached: merolla(1) },
  timing: {
    kind: "tick",
    stepUs: merolla(1000),
    updates: "every-step",
    basis: "published",
    source: "merolla2014",
  },
  energyPj: {
    synapticOperation: merolla(26),
    activeUpdate: inside(0),
    inactiveUpdate: inside(0),
    spike: inside(0),
    hopX: inside(0),
    hopY: inside(0),
  },
  timeNs: {
    synapticOperation: inside(15.26),
    activeUpdate: inside(0),
    inactiveUpdate: inside(0),
    spike: inside(0),
    hopX: inside(0),
    hopY: inside(0),
    barrier: inside(0),
  },
  idleMw: inside(0),
};
