/** Lets a document hear recordings, in threads, and gathers what one stage of it answers. */

import { Worker } from "node:worker_threads";
import { detectors } from "../catalog.ts";
import { ReflexarcError } from "../errors.ts";
import type { ChipLedger } from "../mapping/index.ts";
import type { Plan, StageNode } from "../pipeline/document.ts";
import type { Counts } from "../stage.ts";
import { openDocument } from "./world.ts";

/** What a thread needs to know. */
export interface ListenTask {
  readonly document: string;
  readonly overrides: readonly string[];
  /** The sensor, whose file is replaced by each of `files` in turn. */
  readonly sensor: string;
  /** The stage that is listened to. */
  readonly stage: string;
  /** What else it might be: this stage with another value of an option. */
  readonly trials: readonly Trial[];
  readonly files: readonly string[];
}

export interface Trial {
  readonly option: string;
  readonly value: number;
}

/** A thread takes the files `first`, `first + step`, and so on. */
export interface ListenShare extends ListenTask {
  readonly first: number;
  readonly step: number;
}

/** Spikes in order of time. */
export interface Spikes {
  readonly timesUs: number[];
  readonly ids: number[];
}

/** What a stage did while it heard a recording, and what that cost where it accounts for a chip. */
export interface StageWork {
  readonly id: string;
  readonly use: string;
  readonly counts: Counts;
  readonly bill: ChipLedger | undefined;
}

/** What came of one recording. */
export interface Heard {
  readonly index: number;
  readonly durationUs: number;
  readonly spikes: Spikes;
  /** In the order of the task's. */
  readonly trials: readonly Spikes[];
  /** All that the stage listened to depends on, and itself. */
  readonly stages: readonly StageWork[];
}

/** From a thread: what it heard, or why nothing. */
export type Answer = Heard | { readonly index: number; readonly error: ErrorDetails };
type ErrorDetails = ConstructorParameters<typeof ReflexarcError>[0];

export interface ListenOptions {
  readonly set: readonly string[];
  readonly chip?: string;
  /** Id of the stage to listen to. */
  readonly by?: string;
}

/**
 * `listener` is the kind of stage that is listened to where the options name none: the last of its kind, and the last
 * network where there is no detector. Throws a ReflexarcError for a document that can't be listened to.
 */
export function listenTask(
  document: string,
  { set, chip, by }: ListenOptions,
  listener: "network" | "detector",
  files: readonly string[],
): ListenTask & { readonly node: StageNode; readonly core: string } {
  const { plan } = openDocument(document, set);
  const sensors = plan.nodes.filter(({ kind }) => kind === "sensor");
  const cores = plan.nodes.filter((node) => node.kind === "stage" && node.definition.name === "core");
  const isDetector = ({ definition }: Plan["nodes"][number]) =>
    detectors.some(({ name }) => name === definition.name);
  const isHeard = cores.length > 0 || (listener === "detector" && plan.nodes.some(isDetector));
  if (sensors.length !== 1 || !isHeard || !("file" in sensors[0]!.options))
    throw refused(
      document,
      `the document has ${sensors.length} sensors and ${cores.length > 0 ? "a" : "no"} network`,
      listener === "network"
        ? "It needs one sensor that reads a file, and a core."
        : "It needs one sensor that reads a file, and a detector or a core.",
    );
  const node =
    by === undefined
      ? (listener === "detector" && plan.nodes.findLast(isDetector)) || cores.at(-1)
      : plan.nodes.find(({ id }) => id === by);
  if (node?.kind !== "stage" || node.definition.gives !== "spikes")
    throw refused(document, `no stage "${by}" gives spikes`, "Name a core or a detector of the document.");
  // A chip of the document stays unless another is asked for; without any it is the one that holds all networks.
  const named = cores.flatMap(({ id, options }) => {
    const other = chip ?? (options.chip === undefined ? "generic" : undefined);
    return other === undefined ? [] : [`${id}.chip=${other}`];
  });
  // The last network that has a say is the one whose work is told.
  const before = plan.nodes.indexOf(node) + 1;
  const core = cores.findLast(({ id }) => plan.nodes.slice(0, before).some((other) => other.id === id));
  return {
    ...{ document, overrides: [...set, ...named], sensor: sensors[0]!.id, stage: node.id, trials: [], files },
    ...{ node, core: (core ?? cores[0])?.id ?? node.id },
  };
}

/** Which thread takes which file is of no effect: each file is a run of its own, and answers are put in order. */
export async function listenToAll(task: ListenTask, threads: number): Promise<Heard[]> {
  const count = Math.min(threads, task.files.length);
  const heard: Heard[] = [];
  const workers: Worker[] = [];
  let done = 0;
  const isShown = process.stderr.isTTY;
  const { document, overrides, sensor, stage, trials, files } = task;
  const work = (first: number) =>
    new Promise<void>((ended, failed) => {
      const workerData: ListenShare = {
        ...{ document, overrides, sensor, stage, trials, files },
        ...{ first, step: count },
      };
      const worker = new Worker(new URL("./evaluate-worker.js", import.meta.url), { workerData });
      workers.push(worker);
      worker.on("message", (answer: Answer) => {
        if ("error" in answer) failed(new ReflexarcError(answer.error));
        else heard[answer.index] = answer;
        done += 1;
        if (isShown) process.stderr.write(`\r${done} of ${files.length}`);
      });
      worker.on("error", failed);
      worker.on("exit", () => ended());
    });
  try {
    await Promise.all(Array.from({ length: count }, (_, first) => work(first)));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
    if (isShown) process.stderr.write("\r\x1b[K");
  }
  return heard;
}

/**
 * Of a plan only what a stage depends on; behind it `hear`, and behind what feeds it, for each trial, the same stage with
 * another value and a `hear` of its own. What lies further down has no say, and no actuator is moved.
 */
export function listeningPlan(
  plan: Plan,
  stage: string,
  trials: readonly Trial[],
  hear: (spikes: Spikes) => StageNode["definition"],
): { readonly plan: Plan; readonly spikes: Spikes; readonly trials: readonly Spikes[] } {
  const needed = new Set([stage]);
  for (const node of [...plan.nodes].reverse())
    if (needed.has(node.id)) for (const id of node.from) needed.add(id);
  const nodes = plan.nodes.filter(({ id }) => needed.has(id));
  const decider = nodes.find(({ id }) => id === stage) as StageNode;
  const heard: Spikes[] = [];
  const listenTo = (node: StageNode): StageNode => {
    const spikes: Spikes = { timesUs: [], ids: [] };
    heard.push(spikes);
    return { ...node, id: `${node.id} heard`, from: [node.id], definition: hear(spikes), options: {} };
  };
  const added = [
    listenTo(decider),
    ...trials.flatMap(({ option, value }) => {
      const id = `${stage} ${option}=${value}`;
      const trial: StageNode = { ...decider, id, options: { ...decider.options, [option]: value } };
      return [trial, listenTo(trial)];
    }),
  ].map((node, k) => ({ ...node, index: plan.nodes.length + k }));
  const [spikes, ...others] = heard;
  return { plan: { ...plan, nodes: [...nodes, ...added] }, spikes: spikes!, trials: others };
}

function refused(document: string, what: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "evaluate", what, where: document, remedy });
}
