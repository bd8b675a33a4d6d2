/** What a gate's sleep spared a chip: as far as it can be known without running what was withheld, and no further. */

import type { Chip } from "../chips/index.ts";

/** Of a network behind a gate. A model, as all of the ledger. */
export interface Sleep {
  /** Time for which the gate let it sleep, and the rest; microseconds. */
  readonly asleepUs: number;
  readonly awakeUs: number;
  /** Asleep it takes the chip's idle power, and nothing else. */
  readonly asleepPj: number;
  readonly awakePj: number;
  /** Input spikes that the gate let go of. */
  readonly withheldSpikes: number;
  readonly alwaysOn: AlwaysOn;
}

/**
 * What it would have taken without a gate, at least: the same work while awake, an update of each neuron in each step that
 * was slept through (on a chip that updates them all, at the lower of its two prices), and for each spike withheld the
 * synapses and messages of the input neuron that has the fewest. What these would have made the network fire is not in it.
 */
export interface AlwaysOn {
  readonly note: string;
  readonly neuronUpdates: number;
  readonly synapticOperations: number;
  readonly energyPj: number;
  /** Its energy over that of the gated run; 0 where that took none. */
  readonly energyRatio: number;
}

export interface SleepCounts {
  readonly spanUs: number;
  readonly asleepUs: number;
  /** Steps that were slept through, and updates that a chip makes in each of them, awake: 0 where nothing arrives. */
  readonly sleptSteps: number;
  readonly updatesAStep: number;
  readonly withheldSpikes: number;
  /** Of the input neuron that has the fewest. */
  readonly operationsASpike: number;
  readonly messagesASpike: number;
  /** What was done while awake. */
  readonly neuronUpdates: number;
  readonly synapticOperations: number;
  readonly totalPj: number;
}

export function sleepOf({ energyPj, idleMw }: Chip, counts: SleepCounts): Sleep {
  const { spanUs, asleepUs, sleptSteps, updatesAStep, withheldSpikes, totalPj } = counts;
  // 1 mW over 1 us is 1 nJ.
  const asleepPj = idleMw.value * asleepUs * 1000;
  const updates = sleptSteps * updatesAStep;
  const operations = withheldSpikes * counts.operationsASpike;
  const sparedPj =
    updates * Math.min(energyPj.inactiveUpdate.value, energyPj.activeUpdate.value) +
    operations * energyPj.synapticOperation.value +
    withheldSpikes * counts.messagesASpike * energyPj.spike.value;
  return {
    ...{ asleepUs, awakeUs: spanUs - asleepUs, asleepPj, awakePj: totalPj - asleepPj, withheldSpikes },
    alwaysOn: {
      note: "At least: what the withheld spikes would have made the network fire is not counted.",
      neuronUpdates: counts.neuronUpdates + updates,
      synapticOperations: counts.synapticOperations + operations,
      energyPj: totalPj + sparedPj,
      energyRatio: totalPj > 0 ? (totalPj + sparedPj) / totalPj : 0,
    },
  };
}
