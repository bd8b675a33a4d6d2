/** What an engine remembers, as copies of its arrays: saved and restored bit for bit. */

/** By name; made by `save`, good for an engine of the same network and options. */
export type EngineState = Readonly<Record<string, Float64Array | Uint32Array>>;

/** Copies a saved array back. Throws a RangeError when the state is another network's. */
export function restoreInto(target: Float64Array | Uint32Array, state: EngineState, name: string): void {
  const saved = state[name];
  if (saved?.length !== target.length || saved.constructor !== target.constructor)
    throw new RangeError(`the state has no "${name}" of this network`);
  target.set(saved);
}
