/** Which samples a training learns from, and which it is judged by. */

import { ReflexarcError } from "../errors.ts";
import { type Fold, foldsOf } from "../learning/index.ts";
import { type LabelledFile, type LabelOptions, readLabelRows } from "./evaluate-labels.ts";

/** What a row of the table is for, by its column `use`: `train`, `judge`, or both where it is empty or missing. */
export interface TrainSample extends LabelledFile {
  readonly use: "train" | "judge" | "both";
  /** The fold that the row is judged in; empty: in none. */
  readonly group: string;
}

export interface SampleOptions extends LabelOptions {
  /** Column whose values are folds. */
  readonly by?: string;
}

/** Samples of one training: what it learns from, and what it is judged by, by place in the table. */
export interface NamedFold extends Fold {
  readonly name: string;
}

/** Reads the table of a training. Throws a ReflexarcError. */
export function readTrainSamples(options: SampleOptions): TrainSample[] {
  const { labels, by } = options;
  return readLabelRows(options).map(({ file, label, cells }, k): TrainSample => {
    const use = cells.use || "both";
    if (use !== "train" && use !== "judge" && use !== "both")
      throw refused(`row ${k + 1} is of use "${use}"`, labels, "Write train, judge, or nothing for both.");
    const group = by === undefined ? "" : cells[by];
    if (group === undefined) throw refused(`there is no column "${by}"`, labels, "Name one with --by.");
    return { file, label, use, group };
  });
}

/** `count` folds drawn at random, or one for each value of the column that was named; none without either. */
export function cutSamples(
  samples: readonly TrainSample[],
  classes: ArrayLike<number>,
  {
    by,
    count,
    seed,
  }: { readonly by: string | undefined; readonly count: number | undefined; readonly seed: number },
): NamedFold[] {
  const forTraining = (n: number) => samples[n]!.use !== "judge";
  const forJudging = (n: number) => samples[n]!.use !== "train";
  if (by === undefined) {
    const cut = count === undefined ? [] : foldsOf(classes, count, seed);
    return cut.map(({ train, test }, k) => ({
      ...{ name: `${k + 1}`, train: train.filter(forTraining), test: test.filter(forJudging) },
    }));
  }
  const all = samples.map((_, n) => n);
  const groups = [...new Set(samples.map(({ group }) => group))].filter((group) => group !== "").sort();
  const folds = groups.map((name) => ({
    name,
    train: all.filter((n) => samples[n]!.group !== name && forTraining(n)),
    test: all.filter((n) => samples[n]!.group === name && forJudging(n)),
  }));
  const column = `column "${by}"`;
  if (groups.length < 2)
    throw refused(`it has ${groups.length} values`, column, "Each value is a fold: give at least two.");
  const bare = folds.find(({ train, test }) => train.length === 0 || test.length === 0);
  if (bare)
    throw refused(
      `fold "${bare.name}" has nothing to learn from or to be judged by`,
      column,
      "Give samples to train on in other folds, and samples to judge in each.",
    );
  return folds;
}

function refused(what: string, where: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "train", what, where, remedy });
}
