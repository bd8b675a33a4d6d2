/** A scale that grows with time, so that what is forgotten exponentially needs no decay: only what is new is heavier. */

/** Times are split into 4096 x 4096 us. */
const fineUs = 4096;

/**
 * `at(sinceUs)` is exp(sinceUs / tauUs) for whole microseconds from 0 to `frameUs`, from two tables. A sum of weights
 * w = at(event) over the past, divided by at(now), is the sum of exp(-age / tauUs). At the end of the frame whoever
 * keeps such sums divides them by at(now) and begins to count anew.
 */
export interface GrowingScale {
  readonly frameUs: number;
  /** The tables, by the low 12 bits of `sinceUs` and by those above. */
  readonly fine: Float64Array<ArrayBuffer>;
  readonly coarse: Float64Array<ArrayBuffer>;
  at(sinceUs: number): number;
}

export function growingScale(tauUs: number): GrowingScale {
  // 256 time constants are far below the overflow of e^x at 709, and 2^24 us are what the tables hold.
  const frameUs = Math.min(Math.floor(256 * tauUs), fineUs * fineUs - 1);
  const fine = Float64Array.from({ length: fineUs }, (_, us) => Math.exp(us / tauUs));
  const coarse = Float64Array.from({ length: Math.floor(frameUs / fineUs) + 1 }, (_, i) =>
    Math.exp((i * fineUs) / tauUs),
  );
  return {
    frameUs,
    fine,
    coarse,
    at: (sinceUs) => fine[sinceUs & (fineUs - 1)]! * coarse[sinceUs >>> 12]!,
  };
}
