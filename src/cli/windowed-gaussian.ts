/** NAB's windowed Gaussian detector: a yardstick, and the proof of the scorer. */

/** Rows that it remembers, and how many are exchanged at once when it is full. */
const [windowRows, stepRows] = [6400, 100];

/**
 * Scores each value by 1 - Q(|value - mean| / deviation), of the values before it. Scores are rounded to 12 digits, as
 * those that NAB published were: with all 16, thresholds between 1 - 1e-12 and 1 tell extremes apart, and the profiles come
 * out at 40.13, 23.94 and 47.73 in place of the published 39.65, 20.87 and 47.41.
 */
export function windowedGaussian(values: ArrayLike<number>): Float64Array {
  const scores = new Float64Array(values.length);
  /** The window is `values[from]` up to `values[to]`, not included. */
  let [from, to] = [0, 0];
  let [mean, squares] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const deviation = Math.sqrt(squares / (to - from)) || 1e-6;
    if (i > 0) scores[i] = Number((1 - upperTail(Math.abs(value - mean) / deviation)).toPrecision(12));
    if (to - from < windowRows) {
      // Welford's recurrence: the moments as one value more is known.
      to = i + 1;
      const offMean = value - mean;
      mean += offMean / (to - from);
      squares += offMean * (value - mean);
    } else if (i + 1 - to === stepRows) {
      from += stepRows;
      to += stepRows;
      mean = 0;
      squares = 0;
      for (let k = from; k < to; k++) mean += values[k]! / windowRows;
      for (let k = from; k < to; k++) squares += (values[k]! - mean) ** 2;
    }
  }
  return scores;
}

/** Q(z), the share of a normal distribution above z >= 0: its power series up to 3, its continued fraction above. */
export function upperTail(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z < 3) {
    let [term, sum] = [z, z];
    for (let k = 3; term > sum * 1e-17; k += 2) {
      term *= (z * z) / k;
      sum += term;
    }
    return 0.5 - density * sum;
  }
  let fraction = z;
  for (let k = 60; k >= 1; k--) fraction = z + k / fraction;
  return density / fraction;
}
