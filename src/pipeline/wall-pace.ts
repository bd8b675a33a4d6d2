/** Packet time by the wall clock: where batches stay away, the grid goes on without them. */

/** How much faster than real time the run's own clock may be before it counts as lateness: a tenth of a percent. */
const driftMax = 1e-3;

/** A process is late by so much in good health too: it collects garbage, or the machine gives another its turn. */
const graceUsMin = 10_000;

/** How late a long batch may be: by its own length, and no more than this. */
const slackUsMax = 100_000;

/** The most packet time that is made up for in one go. */
const burstUsMax = 20_000;

/**
 * The most punctual batch tells which packet time the wall shows; from then on a batch is late when it comes after that.
 * A healthy run is late by less than two grid steps (or two batches, where these are longer, but a tenth of a second after a
 * batch at most; 10 ms at least), and then nothing is due here: its commands alone move the guard, and the same bytes leave
 * as in a dry run. Later than that, packet time goes on by the wall, so that a target expires, a silence trips and a motion
 * ends, none of them faster than in life; what comes too late finds its time gone.
 */
export class WallPace {
  readonly #nowUs: () => number;
  readonly #speed: number;
  readonly #everyUs: number;
  /** Packet time that has been done. */
  #doneUs = Number.NaN;
  /** Packet time at which the wall's zero was. */
  #originUs = Number.NaN;
  #heardAtUs = 0;
  #longestUs: number;

  /** `batchUs`: batches of so many microseconds are to be expected. */
  constructor(
    nowUs: () => number,
    { speed, everyUs, batchUs }: { speed: number; everyUs: number; batchUs: number },
  ) {
    this.#nowUs = nowUs;
    this.#speed = speed;
    this.#everyUs = everyUs;
    this.#longestUs = batchUs;
  }

  /** A batch came now. What is due before it, is due first: of batches that waited for this process, the old ones are late. */
  heard(fromUs: number, toUs: number): void {
    const nowUs = this.#nowUs();
    const originUs = toUs - nowUs * this.#speed;
    const driftedUs = this.#originUs - (nowUs - this.#heardAtUs) * this.#speed * driftMax;
    this.#originUs = Number.isNaN(driftedUs) ? originUs : Math.max(originUs, driftedUs);
    this.#heardAtUs = nowUs;
    this.#longestUs = Math.max(this.#longestUs, toUs - fromUs);
    this.#doneUs = Number.isNaN(this.#doneUs) ? toUs : Math.max(this.#doneUs, toUs);
  }

  /** Microseconds of the wall until something is due without a batch; infinite before the first of them, below 0 when it is. */
  get dueInUs(): number {
    const leftUs = (this.#doneUs - this.#wallUs()) / this.#speed;
    return Number.isNaN(leftUs) ? Infinity : leftUs;
  }

  /** The span of packet time that has to be done now, without a batch; what lies before it is over. Undefined while none is due. */
  due(): { fromUs: number; toUs: number } | undefined {
    if (Number.isNaN(this.#doneUs)) return undefined;
    const wallUs = this.#wallUs();
    const aheadUs = wallUs - this.#doneUs;
    if (aheadUs <= 0) return undefined;
    // Where this process itself was late, what it missed is over: only the last step of it is done.
    const missed = aheadUs > Math.max(this.#everyUs, burstUsMax);
    const fromUs = missed ? wallUs - this.#everyUs : this.#doneUs;
    this.#doneUs = wallUs;
    return { fromUs, toUs: wallUs };
  }

  /** Packet time that is over by the wall. */
  #wallUs(): number {
    const batchUs = this.#longestUs + Math.min(this.#longestUs, slackUsMax);
    const graceUs = Math.max(graceUsMin, 2 * this.#everyUs, batchUs);
    return this.#originUs + this.#nowUs() * this.#speed - graceUs;
  }
}
