/** Membrane noise: seeded normal numbers, whose place in their series is part of an engine's state. */

import { randomAt } from "../random.ts";
import { type EngineState, restoreInto } from "./state.ts";

export interface Noise {
  /** Standard deviation of what is added, in the unit of the weights. May change between steps: annealing lowers it. */
  deviation: number;
  /** A number of the normal distribution with this deviation; at a deviation of 0 none is drawn. */
  draw(): number;
  /** Adds one number to each. */
  addTo(charge: Float64Array): void;
  /** Begins the series of another seed. */
  reseed(seed: number): void;
  save(): Float64Array;
  restore(state: EngineState): void;
}

/**
 * White noise in steps: each draw is independent of all others, and the same seed gives the same draws. It belongs to an
 * engine that has steps; between events there is no number of draws that would be the right one. A series repeats after
 * 2^31 draws.
 */
export function createNoise(seed: number, deviation: number): Noise {
  let series = seed;
  let drawn = 0;
  /** Box and Muller 1958: of the pair only one is kept, so that the state is a seed and a count. */
  const normal = () => {
    const radius = Math.sqrt(-2 * Math.log(1 - randomAt(series, drawn)));
    const angle = 2 * Math.PI * randomAt(series, drawn + 1);
    drawn += 2;
    return radius * Math.cos(angle);
  };
  const noise: Noise = {
    deviation,
    draw: () => (noise.deviation === 0 ? 0 : noise.deviation * normal()),
    addTo(charge) {
      if (noise.deviation === 0) return;
      for (let id = 0; id < charge.length; id++) charge[id]! += noise.deviation * normal();
    },
    reseed(other) {
      series = other;
      drawn = 0;
    },
    save: () => Float64Array.of(series, drawn, noise.deviation),
    restore(state) {
      const saved = new Float64Array(3);
      restoreInto(saved, state, "noise");
      [series, drawn, noise.deviation] = saved as unknown as [number, number, number];
    },
  };
  return noise;
}
