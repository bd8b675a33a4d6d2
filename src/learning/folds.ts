/** Cross-validation: which samples are trained on and which are kept to judge. */

import { seededRandom, seedFor } from "../random.ts";

export interface Fold {
  readonly train: readonly number[];
  readonly test: readonly number[];
}

/** Cuts samples into `count` folds at random, each class spread evenly over them: every sample is tested once. */
export function foldsOf(labels: ArrayLike<number>, count: number, seed: number): Fold[] {
  const random = seededRandom(seedFor(seed, "folds"));
  const order = Array.from({ length: labels.length }, (_, n) => n);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  // Stable, so that a class keeps its random order; neighbours then go to different folds.
  order.sort((a, b) => labels[a]! - labels[b]!);
  const foldOf = new Uint16Array(labels.length);
  for (const [place, n] of order.entries()) foldOf[n] = place % count;
  const all = Array.from({ length: labels.length }, (_, n) => n);
  return Array.from({ length: count }, (_, fold) => ({
    train: all.filter((n) => foldOf[n] !== fold),
    test: all.filter((n) => foldOf[n] === fold),
  }));
}
