/** Synapses as devices of a memristor crossbar: a few levels of conductance, uneven steps, and no two devices alike. */

import type { Plasticity } from "../network/index.ts";
import { randomAt, seedFor } from "../random.ts";
import { type EngineState, restoreInto } from "./state.ts";

/** Least range and gain of a device, relative to the mean: a device that is none would divide by 0. */
const factorMin = 0.1;

/**
 * The devices of one projection (`Memristor` has the equation). A change that ends between two levels takes one of
 * them by chance, so that on average even changes far below a level count, as weak pulses do that switch a device now
 * and then. Weights are differences from the lowest conductance, which all devices share.
 */
export class Devices {
  readonly #levels: Uint32Array;
  readonly #step: Float64Array;
  readonly #upGain: Float64Array;
  readonly #downGain: Float64Array;
  readonly #plasticity: Plasticity;
  readonly #topLevel: number;
  readonly #upSaturation: number;
  readonly #downSaturation: number;
  readonly #jitter: number;
  /** Random numbers that were used. */
  #drawn = 0;

  /** Moves each weight to the nearest level of its device. */
  constructor(weights: Float64Array, plasticity: Plasticity) {
    const { up, down, spread, states, jitter } = plasticity.memristor!;
    this.#plasticity = plasticity;
    this.#topLevel = states - 1;
    this.#upSaturation = up.saturation / this.#topLevel;
    this.#downSaturation = down.saturation / this.#topLevel;
    this.#jitter = jitter;
    const factors = (name: string, mean: number) => {
      const seed = seedFor(plasticity.seed, name);
      return Float64Array.from(
        weights,
        (_, k) => mean * Math.max(factorMin, 1 + (spread === 0 ? 0 : spread * normalAt(seed, 2 * k))),
      );
    };
    this.#step = factors("range", (plasticity.max - plasticity.min) / this.#topLevel);
    this.#upGain = factors("up", up.gain);
    this.#downGain = factors("down", down.gain);
    this.#levels = new Uint32Array(weights.length);
    for (const [k, weight] of weights.entries()) weights[k] = this.nearest(k, weight);
  }

  /** Puts device k on the level nearest to a weight, and answers that level's weight. */
  nearest(k: number, weight: number): number {
    const level = Math.round((weight - this.#plasticity.min) / this.#step[k]!);
    return this.#put(k, level);
  }

  /** What the weight of device k becomes where a rule asks for a change. */
  change(k: number, dw: number): number {
    const level = this.#levels[k]!;
    const share =
      dw > 0
        ? this.#upGain[k]! * Math.exp(-this.#upSaturation * level)
        : this.#downGain[k]! * Math.exp(-this.#downSaturation * (this.#topLevel - level));
    let steps = (dw * share) / this.#step[k]!;
    const { seed } = this.#plasticity;
    if (this.#jitter > 0) {
      // A pulse may fail, but it doesn't act the other way.
      steps *= Math.max(0, 1 + this.#jitter * normalAt(seed, this.#drawn));
      this.#drawn += 2;
    }
    const chance = randomAt(seed, this.#drawn);
    this.#drawn += 1;
    return this.#put(k, Math.floor(level + steps + chance));
  }

  save(): EngineState {
    return { levels: this.#levels.slice(), drawn: Float64Array.of(this.#drawn) };
  }

  restore(state: EngineState): void {
    const drawn = new Float64Array(1);
    restoreInto(drawn, state, "drawn");
    restoreInto(this.#levels, state, "levels");
    this.#drawn = drawn[0]!;
  }

  #put(k: number, wanted: number): number {
    const level = Math.min(this.#topLevel, Math.max(0, wanted));
    this.#levels[k] = level;
    return this.#plasticity.min + level * this.#step[k]!;
  }
}

/** A number of the standard normal distribution (Box and Muller 1958) from places `index` and `index + 1` of a series. */
function normalAt(seed: number, index: number): number {
  return (
    Math.sqrt(-2 * Math.log(1 - randomAt(seed, index))) * Math.cos(2 * Math.PI * randomAt(seed, index + 1))
  );
}
