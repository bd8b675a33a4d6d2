/** The spikes of one population that are still on their way: a ring that each delay reads at its own pace. */

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
