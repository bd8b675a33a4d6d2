/** When each pixel fired last, in 32 bits: half the memory of exact times, and comparisons without branches. */

/** A pixel that never fired, or so long ago that no filter asks. */
export const neverUs = -(2 ** 30);

/** Longest span that filters with such times may look back, microseconds (about 17 minutes). */
export const lookbackUsMax = 2 ** 29;

/** Times count from a base, which must move before they exceed this. */
export const baseUsMax = 2 ** 29;

/**
 * Moves the base of `lastUs` on by `byUs`. Times more than `-neverUs` before the new base become `neverUs`: they are
 * forgotten, and further back than any lookback from the new base.
 */
export function moveBase(lastUs: Int32Array, byUs: number): void {
  const by = Math.min(byUs, 2 ** 31 - 1);
  for (let i = 0; i < lastUs.length; i++) lastUs[i] = Math.max(neverUs, lastUs[i]! - by);
}
