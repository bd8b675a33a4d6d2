/** What an engine remembers, as copies of its arrays: saved and restored bit for bit. */

import type { Ledger } from "./ledger.ts";

/** By name; made by `save`, good for an engine of the same network and options. */
export type EngineState = Readonly<Record<string, Float64Array | Float32Array | Uint32Array>>;

/** Copies a saved array back. Throws a RangeError when the state is another network's. */
export function restoreInto(
  target: Float64Array | Float32Array | Uint32Array,
  state: EngineState,
  name: string,
): void {
  const saved = state[name];
  if (saved?.length !== target.length || saved.constructor !== target.constructor)
    throw new RangeError(`the state has no "${name}" of this network`);
  target.set(saved);
}

/** The arrays whose names begin with a prefix, without it. */
export function partOf(state: EngineState, prefix: string): EngineState {
  return Object.fromEntries(
    Object.entries(state).flatMap(([name, values]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), values]] : [],
    ),
  );
}

/** The arrays with a prefix before their names, as `partOf` finds them again. */
export function prefixed(prefix: string, state: EngineState = {}): EngineState {
  return Object.fromEntries(Object.entries(state).map(([name, values]) => [prefix + name, values]));
}

export function restoreLedger(ledger: Ledger, state: EngineState): void {
  const names = Object.keys(ledger) as (keyof Ledger)[];
  const counts = new Float64Array(names.length);
  restoreInto(counts, state, "ledger");
  for (const [k, name] of names.entries()) ledger[name] = counts[k]!;
}
