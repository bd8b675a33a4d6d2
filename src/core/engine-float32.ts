/** The event-driven engine in float32: by its kernel, or by the plain loops that give the same to the bit. */

import type { Network } from "../network/index.ts";
import { createEngine, type Engine, type EngineBounds } from "./engine.ts";
import { createKernelEngine } from "./kernel-engine.ts";
import type { SpikeListener } from "./ledger.ts";

/** A kernel calls nobody in the midst of its loop: with a listener the plain loops do it. */
export function createFloat32Engine(network: Network, bounds: EngineBounds, listen?: SpikeListener): Engine {
  const byKernel = listen ? undefined : createKernelEngine(network, bounds);
  return byKernel ?? createEngine(network, bounds, listen, "float32");
}
