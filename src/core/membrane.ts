/** Membranes in continuous time, with what drives them constant: where they will be, and when they reach a threshold. */

/** A crossing is found to this part of the time until it (CubaLIF: by bisection; the others have a closed form). */
export const crossingTolerance = 1e-13;

/** v(t) = rest + slow exp(-t / tauSlow) + fast exp(-t / tauFast), or v0 + slope t; times in seconds. */
export interface Course {
  rest: number;
  slow: number;
  tauSlow: number;
  fast: number;
  tauFast: number;
  slope: number;
}

/** v after a time. */
export function potentialAfter(course: Course, seconds: number): number {
  const { rest, slow, tauSlow, fast, tauFast, slope } = course;
  if (seconds === 0) return rest + slow + fast;
  let v = rest + slope * seconds;
  if (slow !== 0) v += slow * Math.exp(-seconds / tauSlow);
  if (fast !== 0) v += fast * Math.exp(-seconds / tauFast);
  return v;
}

/** The first time at which v rises above the threshold, from a v that isn't above it; Infinity for never. */
export function timeToThreshold(course: Course, threshold: number): number {
  const { rest, slow, tauSlow, fast, slope } = course;
  if (fast === 0) {
    if (slow === 0) return slope > 0 ? Math.max(0, (threshold - rest) / slope) : Infinity;
    // One exponential: log of what is left to go, start against threshold.
    return slow < 0 && rest > threshold
      ? Math.max(0, tauSlow * Math.log(slow / (threshold - rest)))
      : Infinity;
  }
  const turn = turningPoint(course);
  const start = rest + slow + fast;
  const top = turn === undefined ? undefined : potentialAfter(course, turn);
  if (top !== undefined && top > start) {
    // It rises to the turning point, and then falls.
    return top > threshold ? bisect(course, threshold, 0, turn!) : Infinity;
  }
  if (rest <= threshold) return Infinity;
  // It rises at last: some multiple of the slower time constant is late enough.
  const from = turn ?? 0;
  let late = from + Math.max(course.tauSlow, course.tauFast);
  for (let k = 0; k < 64 && potentialAfter(course, late) <= threshold; k++) late = from + 2 * (late - from);
  return potentialAfter(course, late) > threshold ? bisect(course, threshold, from, late) : Infinity;
}

/** Where two exponentials cancel in the slope: there is one such time or none. */
function turningPoint({ slow, tauSlow, fast, tauFast }: Course): number | undefined {
  const ratio = -(fast * tauSlow) / (slow * tauFast);
  if (!(ratio > 0) || !Number.isFinite(ratio)) return undefined;
  const seconds = Math.log(ratio) / (1 / tauFast - 1 / tauSlow);
  return seconds > 0 ? seconds : undefined;
}

function bisect(course: Course, threshold: number, from: number, to: number): number {
  let low = from;
  let high = to;
  while (high - low > crossingTolerance * high) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (potentialAfter(course, middle) > threshold) high = middle;
    else low = middle;
  }
  return high;
}
