/** A thread of `reflexarc evaluate`: runs the document on its share of the recordings. */

import { parentPort, workerData } from "node:worker_threads";
import { ReflexarcError } from "../errors.ts";
import { runPipeline } from "../pipeline/run.ts";
import type { Answer, EvaluateTask } from "./evaluate.ts";
import { ledgerOf } from "./ledger.ts";
import { environmentOf, openDocument } from "./world.ts";

const { document, overrides, sensor, core, files, first, step } = workerData as EvaluateTask;

/** A trained network is read once, not once a recording. */
const trees = new Map<string, ReadonlyMap<string, unknown>>();

async function decide(index: number): Promise<Answer> {
  const counts: Record<string, number> = {};
  const listen = (line: string) => {
    const { stage, spikes } = JSON.parse(line) as { stage?: string; spikes?: [number, number][] };
    if (stage === core) for (const [, id] of spikes ?? []) counts[id] = (counts[id] ?? 0) + 1;
  };
  const opened = openDocument(document, [...overrides, `${sensor}.file=${files[index]}`]);
  const environment = environmentOf(opened, {
    speed: "max",
    signal: new AbortController().signal,
    trace: { write: listen, header: async () => ({}), detail: "list" },
  });
  const summary = await runPipeline(opened.plan, {
    ...environment,
    readTree: (path) => {
      const tree = trees.get(path) ?? opened.readTree(path);
      trees.set(path, tree);
      return tree;
    },
  });
  const [error] = summary.errors;
  if (error) return { index, error: error.detail };
  const stage = summary.stages.find(({ id }) => id === core)!;
  return { index, counts, ledger: stage.counts, bill: ledgerOf(stage)! };
}

for (let index = first; index < files.length; index += step) {
  try {
    parentPort!.postMessage(await decide(index));
  } catch (error) {
    if (!(error instanceof ReflexarcError)) throw error;
    parentPort!.postMessage({ index, error: error.detail } satisfies Answer);
    break;
  }
}
