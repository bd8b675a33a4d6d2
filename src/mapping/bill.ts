/** What events cost on a chip: counts times the constants of its document. A model, and it says so. */

import type { Chip, Constant } from "../chips/index.ts";

/** What happened, or is expected to happen in a step. */
export interface Counts {
  readonly synapticOperations: number;
  readonly activeUpdates: number;
  readonly inactiveUpdates: number;
  /** Messages: a spike is one for each core that it reaches. */
  readonly messages: number;
  readonly hopsX: number;
  readonly hopsY: number;
  /** Synapses at which a learning rule was worked out. */
  readonly weightUpdates: number;
}

/** Energy by kind, in picojoules. */
export interface Energy {
  readonly synapticOperations: number;
  readonly activeUpdates: number;
  readonly inactiveUpdates: number;
  readonly messages: number;
  readonly hops: number;
  readonly weightUpdates: number;
  readonly idle: number;
  readonly total: number;
}

/** Sum of counts times constants, and the idle power over `spanUs`. */
export function energyOf({ energyPj, idleMw }: Chip, counts: Counts, spanUs: number): Energy {
  const parts = {
    synapticOperations: counts.synapticOperations * energyPj.synapticOperation.value,
    activeUpdates: counts.activeUpdates * energyPj.activeUpdate.value,
    inactiveUpdates: counts.inactiveUpdates * energyPj.inactiveUpdate.value,
    messages: counts.messages * energyPj.spike.value,
    hops: counts.hopsX * energyPj.hopX.value + counts.hopsY * energyPj.hopY.value,
    weightUpdates: counts.weightUpdates * (energyPj.weightUpdate?.value ?? 0),
    // 1 mW over 1 us is 1 nJ.
    idle: idleMw.value * spanUs * 1000,
  };
  return { ...parts, total: Object.values(parts).reduce((sum, part) => sum + part, 0) };
}

/** Neurons of a processor or GPU for comparison: every neuron and every synapse in every step, an operation each. */
export const clockedMachine = {
  name: "GPU",
  picojoulesPerOperation: 300,
  source:
    "0.3 nJ a multiply-accumulate on a GPU in large batches (Degnan et al., IEEE TVLSI 24(1), 2015, as keras-spiking quotes it)",
} as const;

/** The constants that a bill is made of, each in words with its basis and source. */
export function constantsOf(chip: Chip): Record<string, string> {
  const tell = (unit: string) => (entry: [string, Constant]) => {
    const [name, { value, basis, source }] = entry;
    return [name, `${value} ${unit}, ${basis}: ${chip.sources[source]}`] as const;
  };
  return Object.fromEntries([
    ...Object.entries(chip.energyPj).map(tell("pJ")),
    ...Object.entries(chip.timeNs).map((entry) => tell("ns")([`${entry[0]} time`, entry[1]])),
    tell("mW")(["idle", chip.idleMw]),
  ]);
}
