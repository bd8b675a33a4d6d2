/** The score of the Numenta Anomaly Benchmark: what detections at a threshold are worth, and the threshold that is worth most. */

/** What a profile's errors cost, where a window that is found at once is worth 1. */
export interface Profile {
  readonly name: string;
  /** Of a false alarm far from every window. */
  readonly falseAlarm: number;
  /** Of a window in which nothing was detected. */
  readonly miss: number;
}

/** NAB's three application profiles. */
export const profiles: readonly Profile[] = [
  { name: "standard", falseAlarm: 0.11, miss: 1 },
  { name: "low-FP", falseAlarm: 0.22, miss: 1 },
  { name: "low-FN", falseAlarm: 0.11, miss: 2 },
];

/** The rows of a labelled anomaly, both of them in it. */
export interface Window {
  readonly first: number;
  readonly last: number;
}

/**
 * A series that a detector has scored, row by row, and its windows in order, which don't overlap. A score of 0 says that
 * nothing is strange, and is never a detection.
 */
export interface ScoredSeries {
  readonly scores: ArrayLike<number>;
  readonly windows: readonly Window[];
}

/** What a detector is worth at one threshold. */
export interface Score {
  /** Rows count as detections from this score on; Infinity when it is best to detect nothing. */
  readonly threshold: number;
  /** 100 finds all windows at once and gives no false alarm, 0 does nothing. */
  readonly score: number;
  readonly found: number;
  readonly windows: number;
  readonly falseAlarms: number;
}

/** A row that may be a detection. */
interface Candidate {
  readonly score: number;
  /** What it is worth: in a window up to 1, outside down to -1, where the profile's weight comes to it. */
  readonly worth: number;
  /** Its window among those of all series; -1 outside. */
  readonly window: number;
}

/** The first rows of a series, from which a detector may learn, and which are not scored. */
export function probationOf(rows: number): number {
  return Math.min(Math.floor(0.15 * rows), 750);
}

/**
 * The scoring function of Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly
 * Benchmark" (ICMLA 2015): near 1 far before y = 0, the right edge of a window, and near -1 far behind it.
 */
function sigmoid(y: number): number {
  return y > 3 ? -1 : 2 / (1 + Math.exp(5 * y)) - 1;
}

/** What a detection at each row is worth, before a profile weighs it; see `Candidate`. */
export function worthOf(rows: number, windows: readonly Window[]): Float64Array {
  const worth = new Float64Array(rows);
  let next = 0;
  for (let i = 0; i < rows; i++) {
    while (next < windows.length && windows[next]!.last < i) next += 1;
    const [before, at] = [windows[next - 1], windows[next]];
    if (at && i >= at.first) worth[i] = sigmoid(-(at.last - i + 1) / (at.last - at.first + 1)) / sigmoid(-1);
    else worth[i] = before ? sigmoid((i - before.last) / (before.last - before.first)) : -1;
  }
  return worth;
}

/** The rows behind probation in which something was strange, the highest scores first. */
function candidatesOf(series: readonly ScoredSeries[]): Candidate[] {
  let windowsBefore = 0;
  const candidates = series.flatMap(({ scores, windows }) => {
    const rows = scores.length;
    const worth = worthOf(rows, windows);
    const found: Candidate[] = [];
    for (let i = probationOf(rows); i < rows; i++) {
      if (!(scores[i]! > 0)) continue;
      const inside = windows.findIndex(({ first, last }) => first <= i && i <= last);
      found.push({ score: scores[i]!, worth: worth[i]!, window: inside < 0 ? -1 : windowsBefore + inside });
    }
    windowsBefore += windows.length;
    return found;
  });
  return candidates.sort((a, b) => b.score - a.score);
}

/** Adds up detections from the highest score on; of a window only the best one counts. */
function* tally(series: readonly ScoredSeries[], { falseAlarm, miss }: Profile): Generator<Score> {
  const windows = series.reduce((sum, one) => sum + one.windows.length, 0);
  const best = new Float64Array(windows).fill(-miss);
  const nothing = -miss * windows;
  let [sum, found, falseAlarms] = [nothing, 0, 0];
  let threshold = Number.POSITIVE_INFINITY;
  const told = (): Score => ({
    threshold,
    score: windows === 0 ? 0 : (100 * (sum - nothing)) / (windows - nothing),
    found,
    windows,
    falseAlarms,
  });
  for (const { score, worth, window } of candidatesOf(series)) {
    if (score !== threshold) {
      yield told();
      threshold = score;
    }
    if (window < 0) {
      sum += falseAlarm * worth;
      falseAlarms += 1;
    } else if (worth > best[window]!) {
      if (best[window] === -miss) found += 1;
      sum += worth - best[window]!;
      best[window] = worth;
    }
  }
  yield told();
}

/**
 * The threshold that is worth most over all series, as NAB chooses it: one for a detector and a profile. Of equals the
 * highest.
 */
export function bestScore(series: readonly ScoredSeries[], profile: Profile): Score {
  let best: Score | undefined;
  for (const score of tally(series, profile)) {
    if (!best || score.score > best.score) best = score;
  }
  return best!;
}

/** What detections at a threshold that was chosen elsewhere are worth. */
export function scoreAt(series: readonly ScoredSeries[], profile: Profile, threshold: number): Score {
  let last: Score | undefined;
  for (const score of tally(series, profile)) {
    if (score.threshold < threshold) break;
    last = score;
  }
  return { ...last!, threshold };
}
