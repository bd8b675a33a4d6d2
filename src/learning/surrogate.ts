/** The step of a spike, its smooth stand-in, and the slope that learning uses in place of the step's. */

/** A spike's slope is taken as a triangle of area 1 around the threshold, `width` to each side. */
export interface Surrogate {
  /** 1 above the threshold, else 0; or, where the network is smoothed, the integral of `slope`. */
  spike(above: number): number;
  /** Derivative with respect to the potential, `above` the threshold (negative: below it). */
  slope(above: number): number;
}

/**
 * A compact support makes the backward pass sparse: neurons further than `width` from their threshold have no part in
 * it (Perez-Nieves and Goodman, NeurIPS 2021). Smoothed, spike and slope belong together, so that the gradient is the
 * loss's own and can be held against finite differences.
 */
export function triangle(width: number, spikes: "hard" | "smooth"): Surrogate {
  const inverse = 1 / width;
  return {
    spike:
      spikes === "hard"
        ? (above) => (above > 0 ? 1 : 0)
        : (above) => {
            const at = above * inverse;
            if (at <= -1) return 0;
            if (at >= 1) return 1;
            return at < 0 ? 0.5 * (1 + at) * (1 + at) : 1 - 0.5 * (1 - at) * (1 - at);
          },
    slope: (above) => {
      const distance = Math.abs(above) * inverse;
      return distance < 1 ? (1 - distance) * inverse : 0;
    },
  };
}
