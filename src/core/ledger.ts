/** The ledger: what the core did, accounted by row and by microsecond, never by synapse. */

import type { Counts } from "../stage.ts";

export interface Ledger {
  /** Spikes that came in. */
  inputSpikes: number;
  /** Spikes that the network's own neurons fired. */
  spikes: number;
  /** Weights added to a membrane, those too that a refractory neuron ignored: they were fetched. */
  synapticOperations: number;
  /**
   * Membranes brought up to date: for each microsecond and population the synaptic operations into it, at most its
   * size. Exact for rows that don't overlap or that reach all; several overlapping sparse rows count each.
   */
  neuronUpdates: number;
  /** Synapses at which a learning rule was worked out. */
  weightUpdates: number;
  /** Input spikes whose id is not in the input population. */
  outOfRange: number;
  /** Spikes of the network above the bound for each millisecond: a network that runs away. */
  runaway: number;
  /** Spikes that found their population's delay line full. */
  delayLineFull: number;
}

/**
 * Hears the spikes `ids[from]` to `ids[to - 1]` of one population at one time; `values` tells how many spikes each of
 * them is, where that is not 1. The arrays are lent.
 */
export type SpikeListener = (
  population: number,
  ids: Uint32Array,
  from: number,
  to: number,
  timeUs: number,
  values?: Float64Array,
) => void;

export function createLedger(): Ledger {
  return {
    inputSpikes: 0,
    spikes: 0,
    synapticOperations: 0,
    neuronUpdates: 0,
    weightUpdates: 0,
    outOfRange: 0,
    runaway: 0,
    delayLineFull: 0,
  };
}

/** For the summary. */
export function ledgerCounts(ledger: Ledger): Counts {
  return {
    spikes: ledger.spikes,
    "synaptic operations": ledger.synapticOperations,
    "neuron updates": ledger.neuronUpdates,
    ...(ledger.weightUpdates > 0 && { "weight updates": ledger.weightUpdates }),
  };
}

/** What a bound took away. */
export function ledgerLost(ledger: Ledger): Counts {
  return {
    "spikes out of range": ledger.outOfRange,
    "spikes of a runaway network": ledger.runaway,
    "spikes beyond the delay line": ledger.delayLineFull,
  };
}
