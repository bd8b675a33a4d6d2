/** Exponential traces without a tick: one number a neuron or synapse that decays exactly, at no cost while nothing happens. */

import { type EngineState, restoreInto } from "./state.ts";

/** A frame's length in time constants: exp(64) leaves room for any sum. */
const frameTausMax = 64;

/**
 * x(t) = x(s) exp(-(t - s) / tau). As in `layer.ts`, the decay that all share is taken out: what is kept is
 * x exp((t - frameUs) / tau), which is constant between spikes. Frames stand on a grid of absolute time, so that the
 * bits depend on what happened alone.
 */
export class Traces {
  /** exp((t - frameUs) / tau) at the time of `moveTo`: what an impulse of 1 adds. */
  scale = 1;
  /** 1 / scale: what a kept 1 is worth. */
  worth = 1;
  readonly kept: Float64Array;
  readonly #tauUs: number;
  readonly #frameLengthUs: number;
  #frameUs = Number.NaN;
  #atUs = Number.NaN;

  constructor(size: number, tauUs: number) {
    this.kept = new Float64Array(size);
    this.#tauUs = tauUs;
    this.#frameLengthUs = 2 ** Math.max(0, Math.floor(Math.log2(frameTausMax * tauUs)));
  }

  /** Brings `scale` and `worth` to a time that is not before the last one. */
  moveTo(timeUs: number): void {
    if (timeUs === this.#atUs || this.#tauUs === Infinity) return;
    this.#atUs = timeUs;
    const frameUs = Math.floor(timeUs / this.#frameLengthUs) * this.#frameLengthUs;
    if (frameUs !== this.#frameUs) this.#renewFrame(frameUs, timeUs);
    this.scale = Math.exp((timeUs - frameUs) / this.#tauUs);
    this.worth = 1 / this.scale;
  }

  at(index: number): number {
    return this.kept[index]! * this.worth;
  }

  /** All of them at a time not before the last one, without changing anything. */
  valuesAt(timeUs: number): Float64Array {
    const left = Number.isNaN(this.#frameUs) ? 1 : Math.exp((this.#frameUs - timeUs) / this.#tauUs);
    return this.kept.map((value) => value * left);
  }

  add(index: number, amount: number): void {
    this.kept[index]! += amount * this.scale;
  }

  set(index: number, value: number): void {
    this.kept[index] = value * this.scale;
  }

  save(): EngineState {
    return {
      kept: this.kept.slice(),
      scalars: Float64Array.of(this.scale, this.worth, this.#frameUs, this.#atUs),
    };
  }

  restore(state: EngineState): void {
    const scalars = new Float64Array(4);
    restoreInto(scalars, state, "scalars");
    restoreInto(this.kept, state, "kept");
    [this.scale = 1, this.worth = 1, this.#frameUs = Number.NaN, this.#atUs = Number.NaN] = scalars;
  }

  #renewFrame(frameUs: number, timeUs: number): void {
    // What is there at the beginning begins to decay at the first time of all.
    const sinceUs = Number.isNaN(this.#frameUs) ? timeUs : this.#frameUs;
    const factor = Math.exp((sinceUs - frameUs) / this.#tauUs);
    for (let k = 0; k < this.kept.length; k++) this.kept[k]! *= factor;
    this.#frameUs = frameUs;
  }
}
