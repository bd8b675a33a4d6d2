/** `reflexarc evaluate`: how often a document is right on labelled recordings or in labelled streams, and what that costs. */

import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { ReflexarcError } from "../errors.ts";
import type { StageNode } from "../pipeline/document.ts";
import { confusionSvg } from "./confusion-svg.ts";
import { detSvg } from "./det-svg.ts";
import { clipLines, judgeClips } from "./evaluate-clips.ts";
import { type LabelledFile, type LabelledStretch, readLabelTable } from "./evaluate-labels.ts";
import { type ListenOptions, listenTask, listenToAll, type Trial } from "./evaluate-listen.ts";
import { judgeStreams, streamLines } from "./evaluate-streams.ts";
import { evaluateNab } from "./nab.ts";
import { searchNab } from "./nab-search.ts";

export interface EvaluateOptions extends ListenOptions {
  readonly data: string;
  readonly labels: string;
  readonly threads: string;
  readonly limit?: string;
  readonly confusion?: string;
  readonly targets?: string;
  readonly windowMs: string;
  readonly sweep?: string;
  readonly det?: string;
  readonly json?: boolean;
}

/** As the command line has them: recordings with a table of labels, or a folder of series. */
export interface EvaluateChoice extends Omit<EvaluateOptions, "data" | "labels"> {
  readonly data?: string;
  readonly labels?: string;
  readonly nab?: string;
  readonly search?: string;
  readonly cuts: string;
  readonly seed: string;
}

export async function evaluate(document: string, choice: EvaluateChoice): Promise<void> {
  const { data, labels, nab, search, cuts, seed, ...rest } = choice;
  if (nab !== undefined && search !== undefined)
    return await searchNab(document, {
      ...{ ...rest, nab, search },
      ...{ cuts: wholeOf("--cuts", cuts, 0, 10_000), seed: wholeOf("--seed", seed, 0, 0xffffffff) },
    });
  if (search !== undefined) throw usage("--search is for --nab", "Name a folder laid out as NAB is.");
  if (nab !== undefined) return await evaluateNab(document, { ...rest, nab });
  if (data === undefined || labels === undefined)
    throw usage(
      "it isn't told what to evaluate on",
      "Give --data and --labels for recordings with labels, or --nab for series.",
    );
  const options = { ...rest, data, labels };
  const table = readLabelTable(options);
  if (table.of === "files") await evaluateClips(document, options, table.rows);
  else await evaluateStreams(document, options, table.rows);
}

async function evaluateClips(
  document: string,
  options: EvaluateOptions,
  samples: readonly LabelledFile[],
): Promise<void> {
  for (const name of ["targets", "sweep", "det"] as const)
    if (options[name] !== undefined)
      throw usage(`--${name} is for streams`, "Give a table with startUs and endUs, or leave it out.");
  const files = samples.map(({ file }) => resolve(options.data, file));
  const { node, core, ...task } = listenTask(document, options, "network", files);
  const told = judgeClips(
    document,
    core,
    samples,
    await listenToAll(task, wholeOf("--threads", options.threads, 1, 256)),
  );
  if (options.confusion !== undefined) writeSvg(options.confusion, "--confusion", confusionSvg(told));
  tell(options, told, clipLines(told));
}

async function evaluateStreams(
  document: string,
  options: EvaluateOptions,
  stretches: readonly LabelledStretch[],
): Promise<void> {
  if (options.confusion !== undefined)
    throw usage("--confusion is for recordings with one label each", "Leave it out for streams.");
  const names = [...new Set(stretches.map(({ file }) => file))];
  const files = names.map((file) => resolve(options.data, file));
  const { node, core, ...task } = listenTask(document, options, "detector", files);
  const trials = trialsOf(options, node);
  const rules = {
    targets: targetsOf(options, node, stretches),
    windowUs: 1000 * numberOf(options.windowMs),
    says: ["anomaly", "activity"].includes(node.definition.name) ? "something" : "words",
  } as const;
  const heard = await listenToAll({ ...task, trials }, wholeOf("--threads", options.threads, 1, 256));
  const byFile = new Map(names.map((file, k) => [file, heard[k]!]));
  const told = judgeStreams(document, task.stage, stretches, byFile, rules, trials);
  if (options.det !== undefined) writeSvg(options.det, "--det", detSvg(told));
  tell(options, told, streamLines(told));
}

/** The labels that are asked for, or those that the stage listens for, or all. */
function targetsOf(
  { targets }: EvaluateOptions,
  { options }: StageNode,
  stretches: readonly LabelledStretch[],
): ReadonlySet<string> {
  const labels = new Set(stretches.map(({ label }) => label));
  const words = Array.isArray(options.words) ? options.words.map(String) : undefined;
  const chosen = targets?.split(",").map((label) => label.trim()) ?? words ?? [...labels];
  const there = chosen.filter((label) => labels.has(label));
  if (there.length === 0 || (targets !== undefined && there.length < chosen.length))
    throw usage(
      `no stretch has the label ${chosen.find((label) => !labels.has(label))}`,
      `The table has ${[...labels].sort().join(", ")}.`,
    );
  return new Set(there);
}

/** The values of a sweep, each checked by the stage's own options. A DET curve is one of `evidence` by default, of an anomaly detector of `threshold`. */
function trialsOf({ sweep, det }: EvaluateOptions, { definition, options }: StageNode): Trial[] {
  const usual =
    definition.name === "anomaly"
      ? "threshold=40,50,60,70,80,90,100,110,120,130,140"
      : "evidence=1,2,3,4,5,6,7,8,10,12,14,17,20";
  const text = sweep ?? (det === undefined ? undefined : usual);
  if (text === undefined) return [];
  const [, option, list] = /^\s*(\w+)\s*=(.+)$/.exec(text) ?? [];
  const values = list?.split(",").map((value) => (value.trim() === "" ? Number.NaN : Number(value))) ?? [];
  const isAllowed = (value: number) => {
    const shape = definition.options.shape as Record<string, unknown>;
    return option! in shape && definition.options.safeParse({ ...options, [option!]: value }).success;
  };
  if (option !== undefined && values.length <= 100 && values.every(isAllowed))
    return values.map((value) => ({ option, value }));
  throw usage(
    `"${text}" gives no value that ${definition.name} can have`,
    `Give --sweep option=number,number,... with at most 100 numbers and an option of ${definition.name}.`,
  );
}

function tell({ json }: EvaluateOptions, told: object, lines: readonly string[]): void {
  process.stdout.write(json ? `${JSON.stringify(told, null, 2)}\n` : `${lines.join("\n")}\n`);
}

function writeSvg(file: string, option: string, svg: string): void {
  if (!/\.svg$/i.test(file)) throw usage(`${option} ${file} is not an SVG picture`, "Write .svg.");
  try {
    writeFileSync(file, svg);
  } catch (cause) {
    throw usage(`${file} can't be written: ${(cause as NodeJS.ErrnoException).code}`, "Name another file.");
  }
}

function numberOf(windowMs: string): number {
  const value = Number(windowMs);
  if (windowMs.trim() !== "" && value >= 0 && value <= 3_600_000) return value;
  throw usage(`--window-ms is "${windowMs}"`, "Give milliseconds, 0 or more.");
}

function wholeOf(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw usage(`${option} is "${text}"`, `Give a whole number from ${min} to ${max}.`);
}

function usage(what: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "evaluate", what, remedy });
}
