/** Rest: what an engine is brought back to after its power was off. */

import type { EngineState } from "./state.ts";

/** What an engine doesn't lose with its power: its books, the series of its noise, and what it has learnt. */
const kept = /^(ledger|noise|plastic\d+\..*|\d+\.raised\..*)$/;

interface Remembering {
  save(): EngineState;
  restore(state: EngineState): void;
}

/**
 * Membranes at rest, no currents, nothing on its way: `fresh` is the state of an engine of the same network that has not
 * run. Weights and raised thresholds stay as they were learnt, with the traces that lead there.
 */
export function toRest(engine: Remembering, fresh: EngineState): void {
  const own = Object.entries(engine.save()).filter(([name]) => kept.test(name));
  engine.restore({ ...fresh, ...Object.fromEntries(own) });
}
