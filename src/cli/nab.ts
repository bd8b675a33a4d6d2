/** `reflexarc evaluate --nab`: what a document's anomaly detector is worth on the Numenta Anomaly Benchmark. */

import { ReflexarcError } from "../errors.ts";
import type { Plan, PlanNode } from "../pipeline/document.ts";
import { runPipeline } from "../pipeline/run.ts";
import { listeningPlan } from "./evaluate-listen.ts";
import { hear } from "./hear.ts";
import { type LabelledSeries, readNabFolder } from "./nab-folder.ts";
import { bestScore, type Profile, profiles, type Score, type ScoredSeries, scoreAt } from "./nab-score.ts";
import { windowedGaussian } from "./windowed-gaussian.ts";
import { environmentOf, openDocument } from "./world.ts";

export interface NabOptions {
  readonly nab: string;
  readonly set: readonly string[];
  readonly json?: boolean;
}

/** The thresholds of one half, and what they are worth there and on the other one. */
interface HalfScore {
  readonly threshold: number;
  readonly own: number;
  readonly other: number;
}

interface ProfileScore extends Score {
  readonly profile: string;
  /** The series in order of their names: the first, third, fifth and so on, then the others. */
  readonly halves: readonly [HalfScore, HalfScore];
  readonly windowedGaussian: number;
}

/**
 * Runs the document's detector on each series, from its sensor on, and scores what it says. The detector's neuron tells
 * how strange a row is. Throws a usage error for a document without a series or an anomaly detector.
 */
export async function evaluateNab(document: string, options: NabOptions): Promise<void> {
  const corpus = readNabFolder(options.nab);
  const scored = await scoredBy(document, options.set, corpus, (done) => `${done} of ${corpus.length}`);
  const yardstick = corpus.map(({ values, windows }) => ({ scores: windowedGaussian(values), windows }));
  const told = profiles.map((profile) => judge(profile, scored, yardstick));
  const threshold = told[0]!.threshold;
  const series = corpus.map(({ name }, k) => {
    const { found, windows, falseAlarms } = scoreAt([scored[k]!], profiles[0]!, threshold);
    return { name, found, windows, falseAlarms };
  });
  const rows = corpus.reduce((sum, { values }) => sum + values.length, 0);
  if (options.json)
    process.stdout.write(JSON.stringify({ document, rows, profiles: told, series }, null, 2) + "\n");
  else process.stdout.write(tableOf(document, corpus.length, rows, told));
}

/** Lets the document's detector judge each series. `progress` words how many are done, for a terminal. */
export async function scoredBy(
  document: string,
  set: readonly string[],
  corpus: readonly LabelledSeries[],
  progress: (done: number) => string,
): Promise<ScoredSeries[]> {
  const { sensor } = partsOf(openDocument(document, set).plan, document);
  const scored: ScoredSeries[] = [];
  for (const series of corpus) {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${progress(scored.length)}`);
    const scores = await strangenessOf(document, set, sensor.id, series);
    scored.push({ scores, windows: series.windows });
  }
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  return scored;
}

/** A row's strangeness: the neuron that fired for it, 0 where none did. */
async function strangenessOf(
  document: string,
  set: readonly string[],
  sensor: string,
  { path, timesUs }: LabelledSeries,
): Promise<Uint8Array> {
  // All rows in few packets: time needs not be told between them.
  const opened = openDocument(document, [
    ...set,
    `${sensor}.file=${JSON.stringify(path)}`,
    `${sensor}.packetUs=1e15`,
  ]);
  const { plan, detector } = partsOf(opened.plan, document);
  const listening = listeningPlan(plan, detector.id, [], hear);
  const scores = new Uint8Array(timesUs.length);
  const rowAt = new Map<number, number>();
  for (const [row, timeUs] of timesUs.entries())
    if (!rowAt.has(timeUs - timesUs[0]!)) rowAt.set(timeUs - timesUs[0]!, row);
  const environment = environmentOf(opened, { speed: "max", signal: new AbortController().signal });
  const { errors } = await runPipeline(listening.plan, environment);
  if (errors[0]) throw errors[0];
  const { timesUs: toldUs, ids } = listening.spikes;
  for (const [k, timeUs] of toldUs.entries()) {
    const row = rowAt.get(timeUs)!;
    scores[row] = Math.max(scores[row]!, ids[k]!);
  }
  return scores;
}

/** The series, the detector, and the plan of what lies between them: nothing is woken, and nothing moves. */
export function partsOf(plan: Plan, document: string): { sensor: PlanNode; detector: PlanNode; plan: Plan } {
  const detector = plan.nodes.findLast(({ definition }) => definition.name === "anomaly");
  const above = new Set<string>();
  const climb = (id: string) => {
    above.add(id);
    for (const from of plan.nodes.find((node) => node.id === id)?.from ?? []) climb(from);
  };
  if (detector) climb(detector.id);
  const nodes = plan.nodes.filter(({ id }) => above.has(id));
  const sensors = nodes.filter(({ kind }) => kind === "sensor");
  const [sensor] = sensors;
  if (!detector || !sensor || sensors.length > 1 || sensor.definition.name !== "series")
    throw new ReflexarcError({
      kind: "usage",
      room: "evaluate",
      what: detector ? "its anomaly detector isn't fed by one series" : "it has no anomaly detector",
      where: document,
      remedy: "--nab needs a document with a series, an encoder and the detector anomaly behind it.",
    });
  return { sensor, detector, plan: { ...plan, nodes } };
}

function judge(
  profile: Profile,
  scored: readonly ScoredSeries[],
  yardstick: readonly ScoredSeries[],
): ProfileScore {
  const half = (rest: number) => scored.filter((_, k) => k % 2 === rest);
  const chosenOn = (own: readonly ScoredSeries[], other: readonly ScoredSeries[]): HalfScore => {
    const { threshold, score } = bestScore(own, profile);
    return { threshold, own: score, other: scoreAt(other, profile, threshold).score };
  };
  return {
    profile: profile.name,
    ...bestScore(scored, profile),
    halves: [chosenOn(half(0), half(1)), chosenOn(half(1), half(0))],
    windowedGaussian: bestScore(yardstick, profile).score,
  };
}

function tableOf(document: string, series: number, rows: number, told: readonly ProfileScore[]): string {
  const row = (name: string, cells: readonly string[]) =>
    `  ${name.padEnd(44)}${cells.map((cell) => cell.padStart(10)).join("")}`;
  const each = (name: string, of: (score: ProfileScore) => string) => row(name, told.map(of));
  const half = (name: string, k: 0 | 1, of: (half: HalfScore) => number) =>
    each(name, ({ halves }) => of(halves[k]).toFixed(2));
  const lines = [
    `${document}: ${series} series, ${rows} rows, ${told[0]!.windows} windows`,
    each("", ({ profile }) => profile),
    each("score", ({ score }) => score.toFixed(2)),
    each("threshold", ({ threshold }) => `${threshold}`),
    each("windows found", ({ found }) => `${found}`),
    each("false alarms", ({ falseAlarms }) => `${falseAlarms}`),
    half("threshold from the 1st, 3rd ... series: there", 0, ({ own }) => own),
    half("  and on the others", 0, ({ other }) => other),
    half("threshold from the 2nd, 4th ... series: there", 1, ({ own }) => own),
    half("  and on the others", 1, ({ other }) => other),
    each("beside it: a windowed Gaussian", ({ windowedGaussian: score }) => score.toFixed(2)),
  ];
  return lines.join("\n") + "\n";
}
