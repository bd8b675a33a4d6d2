/** Times of few bits, made to go on. */

/** Adds a turn each time that the counter runs over; a value from just before a turn, when it comes late, is put before it. */
export class Unwrap {
  readonly #turnUs: number;
  #baseUs = 0;
  #last = 0;

  constructor(turnUs: number) {
    this.#turnUs = turnUs;
  }

  of(raw: number): number {
    const step = raw - this.#last;
    if (step > this.#turnUs / 2 && this.#baseUs > 0) return this.#baseUs - this.#turnUs + raw;
    if (step < -this.#turnUs / 2) this.#baseUs += this.#turnUs;
    this.#last = raw;
    return this.#baseUs + raw;
  }
}
