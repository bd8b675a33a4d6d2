/** The neurons of one population: membranes in a scaled frame, the threshold, the reset and the refractory period. */

import type { JumpNeuron, Population } from "../network/index.ts";
import { type Frame, type Precision, scaledFrame, thresholdTolerance } from "./frame.ts";
import { type EngineState, partOf, prefixed, restoreInto } from "./state.ts";
import { Traces } from "./traces.ts";
import type { Membranes } from "./wiring.ts";

/**
 * LIF membranes without a tick (`JumpNeuron` has the equation). The neurons of a population share a time constant, so
 * the decay is taken out of the state: charge = (v - rest) * exp((t - frameUs) / tau) is constant between spikes. A
 * weight w that arrives at t adds w * scale(t), and v >= threshold reads charge >= (threshold - rest) * scale(t): no
 * time stamp a neuron, no exponential a synapse. Frames stand on a grid of absolute time, so that the state depends
 * on what arrived alone.
 */
export class Layer implements Membranes {
  readonly size: number;
  readonly charge: Float64Array | Float32Array;
  scale = 1;
  ceiling: number;
  readonly candidates: Uint32Array;
  candidateCount = 0;
  /** Neurons that fired in the microsecond at hand, ascending. */
  readonly fired: Uint32Array;
  firedCount = 0;

  readonly #neuron: JumpNeuron;
  readonly #frame: Frame;
  readonly #rounds: boolean;
  #frameUs: number;
  /** Refractory neurons in order of the time at which they listen again: a ring with room for each once. */
  readonly #readyIds: Uint32Array;
  readonly #readyUs: Float64Array;
  #readyHead = 0;
  #readyCount = 0;
  #nextReadyUs = Infinity;
  /**
   * What spikes have raised each neuron's threshold by. It falls no faster than a membrane leaks, so a potential that is
   * below its threshold stays there until something arrives.
   */
  readonly #raised: Traces | undefined;

  constructor({ size }: Population, neuron: JumpNeuron, precision: Precision) {
    this.size = size;
    this.#rounds = precision === "float32";
    this.charge = this.#rounds ? new Float32Array(size) : new Float64Array(size);
    this.candidates = new Uint32Array(size);
    this.fired = new Uint32Array(size);
    this.#neuron = neuron;
    this.#frame = scaledFrame(neuron, precision);
    this.ceiling = this.#frame.threshold;
    if (this.#rounds) this.ceiling = Math.fround(this.ceiling);
    this.#frameUs = this.#frame.leaky ? -Infinity : 0;
    const refractory = neuron.refractoryUs > 0 ? size : 0;
    this.#readyIds = new Uint32Array(refractory);
    this.#readyUs = new Float64Array(refractory);
    this.#raised = neuron.adapt && new Traces(size, neuron.adapt.tauUs);
    this.#raised?.kept.set(neuron.adapt?.raised ?? []);
  }

  /** Brings the frame to `timeUs`, before anything is delivered there. */
  moveTo(timeUs: number): void {
    const { leaky, frameLengthUs, fine, coarse, threshold } = this.#frame;
    if (leaky) {
      if (timeUs - this.#frameUs >= frameLengthUs) this.#renewFrame(timeUs);
      const since = timeUs - this.#frameUs;
      this.scale = fine[since & 1023]! * coarse[since >>> 10]!;
      this.ceiling = threshold * this.scale;
      if (this.#rounds) this.ceiling = Math.fround(this.ceiling);
    }
    if (this.#nextReadyUs <= timeUs) this.#wake(timeUs);
  }

  /** Tests the candidates, once all charge of `timeUs` is there: fills `fired` and resets those who fired. */
  fire(timeUs: number): void {
    const { candidates, candidateCount, size } = this;
    this.candidateCount = 0;
    const all = candidateCount > size;
    const count = all ? size : candidateCount;
    let ascending = true;
    const raised = this.#raised;
    raised?.moveTo(timeUs);
    const worth = raised ? raised.worth * this.scale * (1 - thresholdTolerance) : 0;
    for (let k = 0; k < count; k++) {
      const id = all ? k : candidates[k]!;
      if (this.charge[id]! < (raised ? this.ceiling + raised.kept[id]! * worth : this.ceiling)) continue;
      if (this.firedCount > 0 && id < this.fired[this.firedCount - 1]!) ascending = false;
      this.fired[this.firedCount] = id;
      this.firedCount += 1;
      // At once, so that a candidate seen twice fires once.
      this.charge[id] = -Infinity;
    }
    if (!ascending) this.fired.subarray(0, this.firedCount).sort();
    const refractoryUs = this.#neuron.refractoryUs;
    for (let k = 0; k < this.firedCount; k++) {
      if (refractoryUs > 0) this.#holdUntil(timeUs + refractoryUs, this.fired[k]!);
      else this.charge[this.fired[k]!] = this.#frame.reset * this.scale;
      raised?.add(this.fired[k]!, this.#neuron.adapt!.step);
    }
  }

  /** What each neuron's threshold is raised by at a time not before its last spike; undefined where none adapts. */
  raised(atUs: number): Float64Array | undefined {
    return this.#raised?.valuesAt(atUs);
  }

  save(): EngineState {
    return {
      charge: this.charge.slice(),
      scalars: Float64Array.of(
        this.scale,
        this.ceiling,
        this.#frameUs,
        this.#readyHead,
        this.#readyCount,
        this.#nextReadyUs,
      ),
      readyIds: this.#readyIds.slice(),
      readyUs: this.#readyUs.slice(),
      ...prefixed("raised.", this.#raised?.save()),
    };
  }

  restore(state: EngineState): void {
    const scalars = new Float64Array(6);
    restoreInto(scalars, state, "scalars");
    restoreInto(this.charge, state, "charge");
    restoreInto(this.#readyIds, state, "readyIds");
    restoreInto(this.#readyUs, state, "readyUs");
    this.#raised?.restore(partOf(state, "raised."));
    this.scale = scalars[0]!;
    this.ceiling = scalars[1]!;
    this.#frameUs = scalars[2]!;
    this.#readyHead = scalars[3]!;
    this.#readyCount = scalars[4]!;
    this.#nextReadyUs = scalars[5]!;
    this.candidateCount = 0;
    this.firedCount = 0;
  }

  /** Membrane potential of a neuron at a time not before its last input, without changing anything. */
  potential(id: number, atUs: number): number {
    const { rest, tauUs, reset } = this.#neuron;
    const charge = this.charge[id]!;
    if (charge !== -Infinity) return rest + charge * Math.exp((this.#frameUs - atUs) / tauUs);
    let k = this.#readyHead;
    while (this.#readyIds[k] !== id) k = (k + 1) % this.size;
    return rest + (reset - rest) * Math.exp(Math.min(0, this.#readyUs[k]! - atUs) / tauUs);
  }

  #renewFrame(timeUs: number): void {
    const { frameLengthUs } = this.#frame;
    const frameUs = Math.floor(timeUs / frameLengthUs) * frameLengthUs;
    // Not 0 even after an age, since 0 times the -Infinity of a refractory neuron is not a number.
    const factor = Math.max(1e-300, Math.exp((this.#frameUs - frameUs) / this.#neuron.tauUs));
    for (let id = 0; id < this.size; id++) this.charge[id]! *= factor;
    this.#frameUs = frameUs;
  }

  #holdUntil(readyUs: number, id: number): void {
    const place = (this.#readyHead + this.#readyCount) % this.size;
    this.#readyIds[place] = id;
    this.#readyUs[place] = readyUs;
    if (this.#readyCount === 0) this.#nextReadyUs = readyUs;
    this.#readyCount += 1;
  }

  #wake(timeUs: number): void {
    const { reset } = this.#frame;
    while (this.#readyCount > 0 && this.#readyUs[this.#readyHead]! <= timeUs) {
      const id = this.#readyIds[this.#readyHead]!;
      const since = this.#readyUs[this.#readyHead]! - this.#frameUs;
      this.charge[id] = reset === 0 ? 0 : reset * Math.exp(since / this.#neuron.tauUs);
      this.#readyHead = (this.#readyHead + 1) % this.size;
      this.#readyCount -= 1;
    }
    this.#nextReadyUs = this.#readyCount > 0 ? this.#readyUs[this.#readyHead]! : Infinity;
  }
}
