/** `reflexarc evaluate`: how often a pipeline's network is right on labelled recordings, and what a decision costs. */

import { resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { readTextFile } from "../../drivers/files.ts";
import { ReflexarcError } from "../errors.ts";
import type { ChipLedger } from "../mapping/index.ts";
import { openDocument } from "./world.ts";

export interface EvaluateOptions {
  readonly data: string;
  readonly labels: string;
  readonly threads: string;
  readonly limit?: string;
  readonly set: readonly string[];
  readonly chip?: string;
  readonly json?: boolean;
}

/** What a worker needs to know. */
export interface EvaluateTask {
  readonly document: string;
  readonly overrides: readonly string[];
  readonly sensor: string;
  readonly core: string;
  readonly files: readonly string[];
  /** It takes files `first`, `first + step`, and so on. */
  readonly first: number;
  readonly step: number;
}

/** One recording: spikes of each output neuron, the core's counts, and what they cost on the chip. */
export interface Decision {
  readonly index: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly ledger: Readonly<Record<string, number>>;
  readonly bill: ChipLedger;
}

/** From a worker: a decision, or why there is none. */
export type Answer = Decision | { readonly index: number; readonly error: ErrorDetails };
type ErrorDetails = ConstructorParameters<typeof ReflexarcError>[0];

export async function evaluate(document: string, options: EvaluateOptions): Promise<void> {
  const samples = readLabels(options);
  const task = taskOf(
    document,
    options,
    samples.map(({ file }) => resolve(options.data, file)),
  );
  const decisions = await decideAll(task, threadsOf(options.threads), (done) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${samples.length}`);
  });
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  const told = judge(document, samples, decisions);
  if (options.json) {
    process.stdout.write(JSON.stringify(told, null, 2) + "\n");
    return;
  }
  const perDecision = Object.entries(told.perDecision).map(([name, value]) => `${Math.round(value)} ${name}`);
  const width = Math.max(5, ...told.classes.map(({ length }) => length + 1));
  const row = (cells: readonly (string | number)[]) =>
    `  ${cells.map((cell) => `${cell}`.padStart(width)).join("")}`;
  const lines = [
    `${document}: ${told.right} of ${told.samples} right, ${(100 * told.accuracy).toFixed(2)} %`,
    `  a decision: ${perDecision.join(", ")}, ${told.energy.microjoules.toPrecision(4)} uJ (${told.energy.model})`,
    row(["", ...told.classes]),
    ...told.confusion.map((counts, k) => row([told.classes[k]!, ...counts])),
  ];
  process.stdout.write(lines.join("\n") + "\n");
}

export interface LabelledFile {
  readonly file: string;
  readonly label: string;
}

/** Reads a table with the columns file and label. Throws a ReflexarcError that names the line. */
export function readLabels({ labels, limit }: Pick<EvaluateOptions, "labels" | "limit">): LabelledFile[] {
  const refused = (what: string, line: number) =>
    new ReflexarcError({
      kind: "usage",
      room: "evaluate",
      what,
      where: `${labels}:${line}`,
      remedy: "The table has a first line with the columns file and label, apart by commas.",
    });
  const [head = "", ...rows] = readTextFile(labels, "evaluate").split(/\r?\n/);
  const names = head.split(",").map((name) => name.trim());
  const [fileAt, labelAt] = [names.indexOf("file"), names.indexOf("label")];
  if (fileAt < 0 || labelAt < 0) throw refused("there are no columns file and label", 1);
  const samples = rows.flatMap((row, k): LabelledFile[] => {
    if (row.trim() === "") return [];
    const cells = row.split(",").map((cell) => cell.trim());
    const [file, label] = [cells[fileAt], cells[labelAt]];
    if (!file || !label) throw refused("a file or a label is missing", k + 2);
    return [{ file, label }];
  });
  const most = limit === undefined ? samples.length : Number(limit);
  if (!(most >= 1)) throw refused("there is nothing to evaluate", 1);
  return samples.slice(0, most);
}

function threadsOf(text: string): number {
  const threads = Number(text);
  if (Number.isInteger(threads) && threads >= 1 && threads <= 256) return threads;
  throw new ReflexarcError({
    kind: "usage",
    room: "evaluate",
    what: `--threads is "${text}"`,
    remedy: "Give a whole number from 1 to 256.",
  });
}

/** The document's one recording is replaced by each file in turn; its last network decides. */
function taskOf(
  document: string,
  { set, chip }: EvaluateOptions,
  files: readonly string[],
): Omit<EvaluateTask, "first" | "step"> {
  const { plan } = openDocument(document, set);
  const sensors = plan.nodes.filter(({ kind }) => kind === "sensor");
  const core = plan.nodes.findLast((node) => node.kind === "stage" && node.definition.name === "core");
  if (sensors.length !== 1 || !core || !("file" in (sensors[0] as { options: object }).options))
    throw new ReflexarcError({
      kind: "usage",
      room: "evaluate",
      what: `the document has ${sensors.length} sensors and ${core ? "a" : "no"} network`,
      where: document,
      remedy: "It needs one sensor that reads a file, and a core.",
    });
  // A chip of the document stays unless another is asked for; without any it is the one that holds all networks.
  const named =
    chip ?? ((core as { options: { chip?: string } }).options.chip === undefined ? "generic" : undefined);
  const overrides = named === undefined ? set : [...set, `${core.id}.chip=${named}`];
  return { document, overrides, sensor: sensors[0]!.id, core: core.id, files };
}

/** Which thread takes which file is of no effect: each file is a run of its own, and decisions are put in order. */
async function decideAll(
  task: Omit<EvaluateTask, "first" | "step">,
  threads: number,
  progress: (done: number) => void,
): Promise<Decision[]> {
  const count = Math.min(threads, task.files.length);
  const decisions: Decision[] = [];
  let done = 0;
  const workers: Worker[] = [];
  const work = (first: number) =>
    new Promise<void>((ended, failed) => {
      const workerData: EvaluateTask = { ...task, first, step: count };
      const worker = new Worker(new URL("./evaluate-worker.js", import.meta.url), { workerData });
      workers.push(worker);
      worker.on("message", (answer: Answer) => {
        if ("error" in answer) failed(new ReflexarcError(answer.error));
        else decisions[answer.index] = answer;
        done += 1;
        progress(done);
      });
      worker.on("error", failed);
      worker.on("exit", () => ended());
    });
  try {
    await Promise.all(Array.from({ length: count }, (_, first) => work(first)));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return decisions;
}

function judge(document: string, samples: readonly LabelledFile[], decisions: readonly Decision[]) {
  const labels = [...new Set(samples.map(({ label }) => label))];
  // Numbers are neurons; names stand for neurons in order of the alphabet.
  const numbered = labels.every((label) => /^\d+$/.test(label));
  const neurons = Math.max(
    ...decisions.flatMap(({ counts }) => Object.keys(counts).map((id) => Number(id) + 1)),
    ...(numbered ? labels.map((label) => Number(label) + 1) : [labels.length]),
  );
  const sorted = labels.sort();
  const classes = Array.from({ length: neurons }, (_, id) =>
    numbered ? `${id}` : (sorted[id] ?? `neuron ${id}`),
  );
  const confusion = classes.map(() => [...classes, "none"].map(() => 0));
  let right = 0;
  for (const [k, { label }] of samples.entries()) {
    const { counts } = decisions[k]!;
    const most = Math.max(0, ...Object.values(counts));
    // Of equals the lowest neuron; none where nothing fired.
    const chosen =
      most === 0
        ? neurons
        : Math.min(
            ...Object.keys(counts)
              .filter((id) => counts[id] === most)
              .map(Number),
          );
    confusion[classes.indexOf(label)]![chosen]! += 1;
    if (classes[chosen] === label) right += 1;
  }
  const mean = (name: string) =>
    decisions.reduce((sum, { ledger }) => sum + (ledger[name] ?? 0), 0) / decisions.length;
  const names = [...new Set(decisions.flatMap(({ ledger }) => Object.keys(ledger)))];
  return {
    document,
    samples: samples.length,
    right,
    accuracy: right / samples.length,
    classes,
    /** A row a label, a column a neuron, the last one where none fired. */
    confusion,
    perDecision: Object.fromEntries(names.map((name) => [name, mean(name)])),
    energy: energyOf(decisions),
  };
}

/** The mean of what decisions cost on their chip, and the constants that this is made of. */
function energyOf(decisions: readonly Decision[]) {
  const mean = (of: (bill: ChipLedger) => number) =>
    decisions.reduce((sum, { bill }) => sum + of(bill), 0) / decisions.length;
  const { chip, note, constants } = decisions[0]!.bill;
  const { synapticOperation, activeUpdate } = constants;
  return {
    model: `${chip}: a synaptic operation ${synapticOperation}; an active update ${activeUpdate}`,
    microjoules: mean(({ energyPj }) => energyPj.total) / 1e6,
    chip,
    note,
    /** Means of a decision. */
    microjoulesByKind: Object.fromEntries(
      (Object.keys(decisions[0]!.bill.energyPj) as (keyof ChipLedger["energyPj"])[]).map((kind) => [
        kind,
        mean(({ energyPj }) => energyPj[kind]) / 1e6,
      ]),
    ),
    hops: mean(({ hops }) => hops),
    stepLatencyUs: mean(({ latencyNs }) => latencyNs.mean) / 1000,
    clockedMicrojoules: mean(({ clocked }) => clocked.energyPj) / 1e6,
    constants,
  };
}
