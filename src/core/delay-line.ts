/** The spikes of one population that are still on their way: a ring that each delay reads at its own pace. */

import { type EngineState, restoreInto } from "./state.ts";

/**
 * Spikes of a population leave it in order of time, so those that travel with one delay arrive in the same order: a
 * queue needs no sorting, only a cursor a delay into one shared ring. (Against a time wheel: one entry a spike and
 * not one a spike and delay, and simultaneous arrivals are in canonical order without more.)
 */
export class DelayLine {
  ids: Uint32Array;
  timesUs: Float64Array;
  /** Spikes ever written; place k of the ring holds number n with n & mask == k. */
  written = 0;
  mask: number;
  /** Spikes ever read, by each delay. */
  readonly cursors: Float64Array;
  readonly #capacityMax: number;

  constructor(delays: number, capacityMax: number) {
    const capacity = Math.min(1024, capacityMax);
    this.ids = new Uint32Array(capacity);
    this.timesUs = new Float64Array(capacity);
    this.mask = capacity - 1;
    this.cursors = new Float64Array(delays);
    this.#capacityMax = capacityMax;
  }

  /** Appends a spike; false when the line is full and the spike is lost. */
  push(timeUs: number, id: number): boolean {
    if (this.written - this.#slowest > this.mask && !this.#makeRoom()) return false;
    const place = this.written & this.mask;
    this.timesUs[place] = timeUs;
    this.ids[place] = id;
    this.written += 1;
    return true;
  }

  /** Only what is still on its way is kept. */
  save(): EngineState {
    const first = Math.min(this.written, ...this.cursors);
    const onTheWay = this.written - first;
    return {
      written: Float64Array.of(this.written),
      cursors: this.cursors.slice(),
      ids: Uint32Array.from({ length: onTheWay }, (_, k) => this.ids[(first + k) & this.mask]!),
      timesUs: Float64Array.from({ length: onTheWay }, (_, k) => this.timesUs[(first + k) & this.mask]!),
    };
  }

  restore(state: EngineState): void {
    const written = new Float64Array(1);
    restoreInto(written, state, "written");
    restoreInto(this.cursors, state, "cursors");
    const { ids, timesUs } = state as { ids: Uint32Array; timesUs: Float64Array };
    let capacity = this.mask + 1;
    while (capacity < ids.length) capacity *= 2;
    if (capacity > this.mask + 1) {
      this.ids = new Uint32Array(capacity);
      this.timesUs = new Float64Array(capacity);
      this.mask = capacity - 1;
    }
    this.written = written[0]!;
    this.#slowest = this.written - ids.length;
    for (let k = 0; k < ids.length; k++) {
      this.ids[(this.#slowest + k) & this.mask] = ids[k]!;
      this.timesUs[(this.#slowest + k) & this.mask] = timesUs[k]!;
    }
  }

  /** A lower bound of all cursors, brought up to date only when the ring seems full. */
  #slowest = 0;

  #makeRoom(): boolean {
    this.#slowest = Math.min(...this.cursors);
    const capacity = this.mask + 1;
    if (this.written - this.#slowest < capacity) return true;
    if (capacity >= this.#capacityMax) return false;
    const ids = new Uint32Array(capacity * 2);
    const timesUs = new Float64Array(capacity * 2);
    const mask = capacity * 2 - 1;
    for (let n = this.#slowest; n < this.written; n++) {
      ids[n & mask] = this.ids[n & this.mask]!;
      timesUs[n & mask] = this.timesUs[n & this.mask]!;
    }
    this.ids = ids;
    this.timesUs = timesUs;
    this.mask = mask;
    return true;
  }
}
