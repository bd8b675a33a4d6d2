/** The simulated chip: the stage `core` and the engine under it. */

export { default as core } from "./core.ts";
export { createEngine, type Engine, type EngineBounds, engineBounds } from "./engine.ts";
export type { Ledger } from "./ledger.ts";
