/** Percentiles of what fires or might: thresholds are balanced by them. */

/** Of the values above 0; 1 where there is none, for a layer that is silent. */
export function percentileOf(values: readonly number[], percentile: number): number {
  const positive = values.filter((value) => value > 0).sort((a, b) => a - b);
  if (positive.length === 0) return 1;
  return positive[Math.min(positive.length - 1, Math.floor((percentile / 100) * positive.length))]!;
}
