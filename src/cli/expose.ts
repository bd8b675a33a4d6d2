/** `reflexarc expose`: a network learns from recordings without labels; others tell what its neurons stand for, and how well. */

import { resolve } from "node:path";
import { AtomicFile } from "../../drivers/atomic-file.ts";
import { createEngine } from "../core/index.ts";
import { ReflexarcError } from "../errors.ts";
import { frozen, type Learned, type Network, withLearned, writeLearned } from "../network/index.ts";
import { palette } from "../pictures/colours.ts";
import { drawFields } from "../pictures/fields.ts";
import { PngWriter } from "../pictures/png.ts";
import { seedFor } from "../random.ts";
import {
  type Assignment,
  assign,
  decide,
  type Response,
  type Split,
  shuffled,
  splitSamples,
} from "./clusters.ts";
import { type LabelledFile, readLabels } from "./evaluate-labels.ts";
import { type Exhibition, openExhibition, type Screen } from "./exhibition.ts";
import { interrupted } from "./run.ts";
import { endingSignals } from "./world.ts";

export interface ExposeOptions {
  readonly data: string;
  readonly labels: string;
  readonly split: string;
  readonly epochs: string;
  readonly pauseMs: string;
  readonly limit?: string;
  readonly seed?: string;
  readonly learned?: string;
  readonly png?: string;
  readonly force?: boolean;
  readonly set: readonly string[];
  readonly json?: boolean;
}

export async function expose(document: string, options: ExposeOptions): Promise<void> {
  const samples = readLabels(options);
  const epochs = wholeNumber("--epochs", options.epochs, 1, 1000);
  const pauseUs = 1000 * wholeNumber("--pause-ms", options.pauseMs, 0, 60_000);
  const shares = sharesOf(options.split);
  const { signal } = endingSignals();
  const pathOf = ({ file }: LabelledFile) => resolve(options.data, file);
  const exhibition = await openExhibition(document, options.set, pathOf(samples[0]!));
  const seed =
    options.seed === undefined ? exhibition.seed : wholeNumber("--seed", options.seed, 0, 0xffffffff);
  const split = splitSamples(samples, shares, seed);
  for (const [name, part] of Object.entries(split) as [string, LabelledFile[]][])
    if (part.length === 0)
      throw usage(`no sample is left for ${name}`, "Give more samples, or other shares.");
  const files = await openFiles(options);
  try {
    const told = await learnAndJudge(exhibition, split, { epochs, pauseUs, seed, pathOf, signal });
    files.png?.write(pictureOf(exhibition.network, told.learned, told.classes, told.assignment));
    files.learned?.write(Buffer.from(writeLearned(told.learned)));
    await files.png?.end();
    await files.learned?.end();
    print(document, options, split, told);
  } catch (error) {
    await files.png?.discard();
    await files.learned?.discard();
    throw error;
  }
}

interface Course {
  readonly epochs: number;
  readonly pauseUs: number;
  readonly seed: number;
  readonly pathOf: (sample: LabelledFile) => string;
  readonly signal: AbortSignal;
}

interface Outcome {
  readonly learned: Learned;
  readonly classes: readonly string[];
  readonly assignment: Assignment;
  readonly right: number;
  /** A row a label, a column a decision, the last one where no neuron fired. */
  readonly confusion: readonly number[][];
  /** Of the whole exposure. */
  readonly exposure: Readonly<Record<string, number>>;
  /** Means of the judged samples. */
  readonly perDecision: Readonly<Record<string, number>>;
}

/** Labels are looked at only when the network has learnt, and stays as it is. */
async function learnAndJudge(
  { network, chain, engineBounds }: Exhibition,
  { exposure, assignment, judged }: Split<LabelledFile>,
  { epochs, pauseUs, seed, pathOf, signal }: Course,
): Promise<Outcome> {
  const all = epochs * exposure.length + assignment.length + judged.length;
  let done = 0;
  const progress = () => {
    done += 1;
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${all}${done === all ? "\r\x1b[K" : ""}`);
    if (signal.aborted) throw interrupted("expose");
  };
  const engine = createEngine(network, engineBounds);
  const screen = chain.onto(engine, pauseUs);
  for (let epoch = 1; epoch <= epochs; epoch++)
    for (const sample of shuffled(exposure, seedFor(seed, `epoch ${epoch}`))) {
      await screen.show(pathOf(sample));
      progress();
    }
  const learned = engine.learned(screen.clockUs);
  const ledger = { ...engine.ledger };

  const judge = createEngine(frozen(withLearned(network, learned, "what it learnt")), engineBounds);
  const still = chain.onto(judge, pauseUs);
  const classes = [...new Set([...assignment, ...judged].map(({ label }) => label))].sort();
  const respond = (part: readonly LabelledFile[]) => responses(still, part, classes, pathOf, progress);
  const assigned = assign(await respond(assignment), classes.length);
  const before = { ...judge.ledger };
  const confusion = classes.map(() => [...classes, "none"].map(() => 0));
  let right = 0;
  for (const { counts, label } of await respond(judged)) {
    const chosen = decide(counts, assigned);
    confusion[label]![chosen < 0 ? classes.length : chosen]! += 1;
    if (chosen === label) right += 1;
  }
  const mean = (name: "inputSpikes" | "spikes" | "synapticOperations" | "neuronUpdates") =>
    (judge.ledger[name] - before[name]) / judged.length;
  return {
    learned,
    classes,
    assignment: assigned,
    right,
    confusion,
    exposure: {
      spikes: ledger.spikes,
      "synaptic operations": ledger.synapticOperations,
      "weight updates": ledger.weightUpdates,
    },
    perDecision: {
      "input spikes": mean("inputSpikes"),
      spikes: mean("spikes"),
      "synaptic operations": mean("synapticOperations"),
      "neuron updates": mean("neuronUpdates"),
    },
  };
}

async function responses(
  screen: Screen,
  samples: readonly LabelledFile[],
  classes: readonly string[],
  pathOf: Course["pathOf"],
  progress: () => void,
): Promise<Response[]> {
  const all: Response[] = [];
  for (const sample of samples) {
    all.push({ counts: await screen.show(pathOf(sample)), label: classes.indexOf(sample.label) });
    progress();
  }
  return all;
}

function print(document: string, options: ExposeOptions, split: Split<LabelledFile>, told: Outcome): void {
  const { classes, right, confusion, exposure, perDecision, assignment } = told;
  const counts = {
    exposed: split.exposure.length,
    assigned: split.assignment.length,
    judged: split.judged.length,
  };
  const neurons = [...classes.keys(), -1].map(
    (label) => assignment.labelOf.filter((one) => one === label).length,
  );
  const accuracy = right / split.judged.length;
  if (options.json) {
    const epochs = Number(options.epochs);
    const written = {
      ...(options.png && { png: options.png }),
      ...(options.learned && { learned: options.learned }),
    };
    const summary = {
      document,
      ...counts,
      epochs,
      right,
      accuracy,
      classes,
      confusion,
      neurons,
      exposure,
      perDecision,
    };
    process.stdout.write(`${JSON.stringify({ ...summary, ...written }, null, 2)}\n`);
    return;
  }
  const width = Math.max(5, ...classes.map(({ length }) => length + 1));
  const row = (cells: readonly (string | number)[]) =>
    `  ${cells.map((cell) => `${cell}`.padStart(width)).join("")}`;
  const listed = (values: Readonly<Record<string, number>>) =>
    Object.entries(values)
      .map(([name, value]) => `${Math.round(value).toLocaleString("en")} ${name}`)
      .join(", ");
  const lines = [
    `${document}: ${right} of ${counts.judged} right, ${(100 * accuracy).toFixed(2)} %, on samples that served for nothing else`,
    `  exposed to ${counts.exposed} samples ${options.epochs === "1" ? "once" : `${options.epochs} times`}, without labels: ${listed(exposure)}`,
    `  assigned by ${counts.assigned} samples; neurons a class, and with none: ${neurons.join(" ")}`,
    `  a decision: ${listed(perDecision)}`,
    row(["", ...classes, "none"]),
    ...confusion.map((cells, k) => row([classes[k]!, ...cells])),
    ...[options.png, options.learned].flatMap((file) => (file ? [`  ${file}`] : [])),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** The fields of the output's neurons, each under the class that it stands for. */
function pictureOf(
  network: Network,
  { projections }: Learned,
  classes: readonly string[],
  { labelOf }: Assignment,
): Uint8Array {
  const { name, size } = network.populations[network.output]!;
  const taught = projections.find(({ to }) => to === name)!;
  const source = network.populations.find((population) => population.name === taught.from)!.geometry;
  const titles = Array.from(labelOf, (label) => classes[label] ?? "-");
  const canvas = drawFields({ weights: taught.weights, source, targets: size, titles });
  const png = new PngWriter(canvas.width, canvas.height);
  return Buffer.concat([png.start(palette), png.frame(canvas, 0), png.end()]);
}

/** Opened before all the work: a name that can't be written is told at once. */
async function openFiles({ png, learned, force = false }: ExposeOptions) {
  const open = (path: string | undefined) => path && new AtomicFile(path, { overwrite: force }).open();
  const [first, second] = [await open(png), await open(learned)];
  return { png: first || undefined, learned: second || undefined };
}

function sharesOf(text: string): [number, number, number] {
  const percent = text.split("/").map(Number);
  const [a = 0, b = 0, c = 0] = percent;
  if (percent.length === 3 && percent.every((share) => share > 0) && a + b + c === 100)
    return [a / 100, b / 100, c / 100];
  throw usage(`--split is "${text}"`, "Give percents to expose, to assign and to judge, as in 60/20/20.");
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw usage(`${name} is "${text}"`, `Give a whole number from ${least} to ${most}.`);
}

function usage(what: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "expose", what, remedy });
}
