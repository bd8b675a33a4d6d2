/** The simulated chip: the stage `core` and the engine under it. */

export { type Agreement, compareNetworks, type Stimulus, seededStimulus } from "./agreement.ts";
export type { Cells, StepRules } from "./cells.ts";
export { type CoreOptions, default as core, networkOf } from "./core.ts";
export { createEngine, type Engine, type EngineBounds, engineBounds } from "./engine.ts";
export { createFloat32Engine } from "./engine-float32.ts";
export { DueHeap } from "./event-heap.ts";
export { createExact, type ExactEngine } from "./exact.ts";
export type { Precision } from "./frame.ts";
export { setCoreKernel } from "./kernel.ts";
export type { Ledger } from "./ledger.ts";
export { crossingTolerance } from "./membrane.ts";
export { createNoise, type Noise } from "./noise.ts";
export type { EngineState } from "./state.ts";
export { createStepped, delayStepsMax, type SteppedEngine, stepRules } from "./stepped.ts";
