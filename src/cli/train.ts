/** `reflexarc train`: a network from labelled recordings, judged on samples that it never saw, and written as NIR. */

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { writeHdf5 } from "../../drivers/hdf5.ts";
import { wallClock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";
import type { TrainerState } from "../learning/index.ts";
import { nirFromNetwork } from "../network/index.ts";
import { type CheckpointFile, checkpointFile } from "./checkpoint.ts";
import { isScreen } from "./terminal.ts";
import { encodeFiles, type TrainData } from "./train-data.ts";
import { readTrainDocument, type TrainDocument } from "./train-document.ts";
import { type Drive, type Judged, type Learned, type Rule, ruleOf } from "./train-rules.ts";
import { cutSamples, type NamedFold, readTrainSamples, type TrainSample } from "./train-samples.ts";
import { endingSignals } from "./world.ts";

export interface TrainOptions {
  readonly data: string;
  readonly labels: string;
  readonly out?: string;
  readonly folds?: string;
  readonly by?: string;
  readonly fold?: string;
  readonly seed?: string;
  readonly threads: string;
  readonly limit?: string;
  readonly checkpoint?: string;
  readonly json?: boolean;
}

/** A training that is under way. */
interface Session {
  readonly read: TrainDocument;
  readonly data: TrainData;
  readonly samples: readonly TrainSample[];
  readonly rule: Rule;
  readonly seed: number;
  readonly file: CheckpointFile | undefined;
  readonly show: (text: string, share: number) => void;
  readonly signal: AbortSignal;
}

export async function train(path: string, options: TrainOptions, version: string): Promise<void> {
  const folds = wholeOf(options.folds, "--folds", 2, 1000);
  const fold = wholeOf(options.fold, "--fold", 1, folds ?? 1000);
  if (!options.out && !folds && !options.by)
    throw usage("there is nothing to write or to judge", "Give --out net.nir, or --folds 5, or both.");
  if (folds && options.by)
    throw usage("folds are either drawn or a column's values", "Give --folds or --by.");
  if (options.out && !/\.nir$/i.test(options.out))
    throw usage(`no format is known for "${options.out}"`, "Write .nir.");
  const read = readTrainDocument(path);
  if (read.document.rule === "conversion" && (folds || options.by))
    throw usage(
      "a conversion learns nothing that folds could judge",
      "Give --out, and write judge into the column use of samples that the network was not trained on.",
      path,
    );
  const samples = readTrainSamples(options);
  const seed = wholeOf(options.seed, "--seed", 0, 0xffffffff) ?? read.seed;
  const threads = wholeOf(options.threads, "--threads", 1, 256)!;
  const bar = await barFor(options);
  const { signal } = endingSignals();
  let rule: Rule | undefined;
  try {
    const data = await encodeFiles(read, options.data, samples, (done) => {
      if (signal.aborted) throw interrupted(options.out ?? path);
      bar.show("reading", done / samples.length);
    });
    rule = ruleOf(read, data, seed, threads);
    checkClasses(rule, data, path);
    const cut = { by: options.by, count: folds, seed };
    const asked = cutSamples(samples, data.set.labels, cut).filter(
      (_, k) => fold === undefined || k === fold - 1,
    );
    const parts = [asked, samples.map(({ use }) => use), options.out !== undefined];
    const identity = digest([version, read.text, data.sha256, seed, parts]);
    const at = options.checkpoint ?? (options.out && `${options.out}.checkpoint`);
    const file = at ? checkpointFile(at, identity) : undefined;
    const session = { read, data, samples, rule, seed, file, show: bar.show, signal };
    const done = await trainAll(session, asked, options.out);
    bar.stop();
    const told = {
      ...{ document: path, rule: read.document.rule, seed, weights: rule.parameterCount },
      ...reportOf(session, done),
    };
    if (options.out) await writeNetwork(options.out, session, done, version);
    file?.remove();
    if (options.json) process.stdout.write(`${JSON.stringify(told, null, 2)}\n`);
    else process.stdout.write(linesOf(told, done, options.out, rule));
  } finally {
    bar.stop();
    await rule?.close();
  }
}

interface Done {
  /** Of each fold that was asked for, on its samples that weren't trained on. */
  readonly verdicts: readonly Judged[];
  readonly names: readonly string[];
  readonly whole: Whole | undefined;
}

/** The network that is written. */
interface Whole {
  readonly learned: Learned;
  /** On the samples it was trained on. */
  readonly verdict: Judged;
  /** On those that are only for judging, where there are any. */
  readonly heldOut: Judged | undefined;
  /** Of what it was made from, on the same samples. */
  readonly original:
    | { readonly name: string; readonly verdict: Judged; readonly heldOut: Judged | undefined }
    | undefined;
}

/** Fold after fold, then all samples; each epoch ends in a checkpoint. */
async function trainAll(
  session: Session,
  asked: readonly NamedFold[],
  out: string | undefined,
): Promise<Done> {
  const { samples, file } = session;
  const names = asked.map(({ name }) => name);
  const before = file?.read();
  const verdicts: Judged[] = [...(before?.verdicts ?? [])];
  let state = before?.trainer;
  const learn = async (from: readonly number[], what: string) => {
    const save = (trainer: TrainerState) => file?.write({ verdicts, trainer });
    return await session.rule.learn(from, drive(session, what, state, save));
  };
  for (const [k, { name, train, test }] of asked.entries()) {
    if (k < verdicts.length) continue;
    const learned = await learn(train, `fold ${name} of ${asked.length}`);
    state = undefined;
    verdicts.push(await learned.judge(test));
    file?.write({ verdicts, trainer: undefined });
  }
  if (!out) return { verdicts, names, whole: undefined };
  const all = samples.flatMap(({ use }, n) => (use === "judge" ? [] : [n]));
  const judgedOnly = samples.flatMap(({ use }, n) => (use === "judge" ? [n] : []));
  const learned = await learn(all, "all samples");
  const onJudged = async <T>(judge: (samples: readonly number[]) => T) =>
    judgedOnly.length > 0 ? await judge(judgedOnly) : undefined;
  const { original } = learned;
  return {
    ...{ verdicts, names },
    whole: {
      learned,
      verdict: await learned.judge(all),
      heldOut: await onJudged(learned.judge),
      original: original && {
        name: original.name,
        verdict: original.judge(all),
        heldOut: await onJudged(original.judge),
      },
    },
  };
}

/** Epoch after epoch from `state` on, each of which ends in a checkpoint. */
function drive(
  { show, signal }: Session,
  what: string,
  state: TrainerState | undefined,
  save: (state: TrainerState) => void,
): Drive {
  const clock = wallClock();
  return async (trainer, epochs) => {
    if (state) trainer.restore(state);
    while (!trainer.done) {
      const last = trainer.reports.at(-1);
      const right = last ? `, ${(100 * last.accuracy).toFixed(1)} % right` : "";
      await trainer.epoch(async (share) => {
        // Signals are heard between two turns of the event loop.
        await clock.breathe();
        if (signal.aborted) throw interrupted(what);
        show(`${what}${right}`, ((last?.epoch ?? 0) + share) / epochs);
      });
      save(trainer.save());
    }
    return trainer.trained();
  };
}

function reportOf({ data }: Session, { verdicts, names, whole }: Done) {
  const heldOut = verdicts.map(({ accuracy }) => accuracy);
  return {
    samples: data.set.labels.length,
    ...(heldOut.length > 0 && {
      /** On samples that the fold's network never saw. */
      folds: heldOut,
      foldNames: names,
      accuracy:
        verdicts.reduce((sum, { right }) => sum + right, 0) /
        verdicts.reduce((sum, { samples }) => sum + samples, 0),
      /** Each fold counts the same, however many samples it has. */
      meanOfFolds: heldOut.reduce((sum, accuracy) => sum + accuracy, 0) / heldOut.length,
    }),
    ...(whole?.heldOut && { heldOutAccuracy: whole.heldOut.accuracy }),
    ...(whole && { trainingAccuracy: whole.verdict.accuracy }),
    ...(whole?.original && { originalAccuracy: (whole.original.heldOut ?? whole.original.verdict).accuracy }),
  };
}

type Told = { document: string; rule: string; seed: number; weights: number } & ReturnType<typeof reportOf>;

function linesOf(
  told: Told,
  { verdicts, names, whole }: Done,
  out: string | undefined,
  { reset }: Rule,
): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const of = ({ right, samples }: Judged) => `${right} of ${samples}`;
  const lines = [
    `${told.document}: ${told.rule}, ${told.samples} samples, ${told.weights} parameters, seed ${told.seed}`,
  ];
  for (const [k, verdict] of verdicts.entries())
    lines.push(`  fold ${names[k]}: ${of(verdict)} right that it never saw, ${percent(verdict.accuracy)}`);
  if (told.accuracy !== undefined)
    lines.push(`  all folds: ${percent(told.accuracy)}, mean of folds ${percent(told.meanOfFolds!)}`);
  if (whole && out) {
    const { verdict, heldOut, original } = whole;
    const before = (judged: Judged | undefined) =>
      original && judged ? ` (${original.name}: ${judged.right})` : "";
    lines.push(
      `  ${out}: ${of(verdict)} of its training samples right, ${percent(verdict.accuracy)}${before(original?.verdict)}`,
    );
    if (heldOut)
      lines.push(
        `  ${of(heldOut)} right that it never saw, ${percent(heldOut.accuracy)}${before(original?.heldOut)}`,
      );
    lines.push(`  in a pipeline: { use: core, network: ${out}, engine: stepped, reset: ${reset} }`);
  }
  return `${lines.join("\n")}\n`;
}

/** The network with its training record: enough to tell what it is, and to make it again. */
async function writeNetwork(out: string, session: Session, done: Done, version: string): Promise<void> {
  const { read, data, rule, seed } = session;
  const { about, licence } = read.document;
  const { network } = done.whole!.learned;
  const told = reportOf(session, done);
  const record = {
    ...(about && { about }),
    trained_by: `reflexarc ${version}, Node.js ${process.version}`,
    training_document: read.text,
    rule: read.document.rule,
    reset: rule.reset,
    seed,
    data_samples: told.samples,
    data_sha256: data.sha256,
    ...(licence && { data_licence: licence }),
    classes: data.classes.join(","),
    training_accuracy: done.whole!.verdict.accuracy,
    ...(told.heldOutAccuracy !== undefined && { held_out_accuracy: told.heldOutAccuracy }),
    ...(told.accuracy !== undefined && {
      cross_validation_accuracy: told.accuracy,
      cross_validation_folds: done.verdicts.map(({ accuracy }) => accuracy).join(","),
      cross_validation_fold_names: done.names.join(","),
    }),
  };
  writeFileSync(out, await writeHdf5(nirFromNetwork(network, out, record)));
}

function checkClasses(rule: Rule, { classes }: TrainData, path: string): void {
  if (classes.length === rule.classes) return;
  throw usage(
    `the data has ${classes.length} classes, the last layer ${rule.classes} neurons`,
    "Give it a neuron a class.",
    path,
  );
}

async function barFor({ json }: TrainOptions): Promise<{ show: Session["show"]; stop: () => void }> {
  if (json || !isScreen(process.stderr)) return { show: () => {}, stop: () => {} };
  const { default: progress } = await import("cli-progress");
  const bar = new progress.SingleBar(
    {
      format: "{bar} {percentage} %  {what}",
      clearOnComplete: true,
      hideCursor: true,
      stream: process.stderr,
    },
    progress.Presets.shades_grey,
  );
  bar.start(1000, 0, { what: "" });
  return { show: (what, share) => bar.update(Math.round(1000 * share), { what }), stop: () => bar.stop() };
}

function interrupted(what: string): ReflexarcError {
  return new ReflexarcError({
    kind: "lost",
    room: "train",
    what: `interrupted (${what})`,
    remedy: "Start it again in the same words: it goes on after the last epoch that its checkpoint holds.",
  });
}

function digest(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

function wholeOf(text: string | undefined, option: string, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw usage(`${option} is "${text}"`, `Give a whole number from ${min} to ${max}.`);
}

function usage(what: string, remedy: string, where?: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "train", what, ...(where && { where }), remedy });
}
