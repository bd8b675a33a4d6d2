/** Packet time: the fixed grid on which readouts, the guard and the trace speak. */

/** First multiple of `everyUs` after `timeUs`. */
export function nextGridUs(timeUs: number, everyUs: number): number {
  return (Math.floor(timeUs / everyUs) + 1) * everyUs;
}

/**
 * Calls `at` for each grid point g with `fromUs < g <= toUs`. What is said at g may use all that came before g,
 * so it can be said as soon as a span ends there, and any cut of the spans gives the same grid points.
 */
export function forEachGridPoint(
  fromUs: number,
  toUs: number,
  everyUs: number,
  at: (gridUs: number) => void,
): void {
  for (let gridUs = nextGridUs(fromUs, everyUs); gridUs <= toUs; gridUs += everyUs) at(gridUs);
}
