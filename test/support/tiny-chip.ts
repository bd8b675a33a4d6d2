/** A chip with round figures, so that a test can compute by hand what a network costs on it. */

import { type Chip, checkChip } from "../../src/chips/index.ts";

const figure = (value: number) => ({ value, basis: "assumed", source: "hand" });

/** Four by two tiles of a core for 4 neurons; `changes` are put over parts of the document. */
export function tinyChip(changes: Record<string, object> = {}): Chip {
  const document: Record<string, unknown> = {
    name: "tiny",
    about: "Figures that are easy to add up.",
    sources: { hand: "Chosen by hand" },
    fabric: { kind: "mesh", width: 4, height: 2, coresPerTile: 1, basis: "assumed", source: "hand" },
    cores: [{ count: figure(8), neurons: figure(4), synapseBits: figure(1000) }],
    synapses: {
      weightBits: figure(8),
      weightLevels: "integer",
      weightMax: 127,
      indexBits: figure(4),
      kernels: "shared",
      delaySteps: figure(10),
      basis: "assumed",
      source: "hand",
    },
    limits: {},
    timing: {
      kind: "barrier",
      stepUs: figure(1000),
      updates: "every-step",
      basis: "assumed",
      source: "hand",
    },
    energyPj: {
      synapticOperation: figure(10),
      activeUpdate: figure(100),
      inactiveUpdate: figure(1),
      spike: figure(1000),
      hopX: figure(3),
      hopY: figure(5),
    },
    timeNs: {
      synapticOperation: figure(2),
      activeUpdate: figure(20),
      inactiveUpdate: figure(1),
      spike: figure(50),
      hopX: figure(7),
      hopY: figure(11),
      barrier: figure(1000),
    },
    idleMw: figure(0),
  };
  for (const [key, part] of Object.entries(changes))
    document[key] = Array.isArray(part) ? part : { ...(document[key] as object), ...part };
  return checkChip(document, (path) => path.join("."));
}

export { figure };
