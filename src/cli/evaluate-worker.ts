/** A thread of `reflexarc evaluate`: runs the document on its share of the recordings. */

import { parentPort, workerData } from "node:worker_threads";
import { ReflexarcError } from "../errors.ts";
import { runPipeline } from "../pipeline/run.ts";
import { type Answer, type ListenShare, listeningPlan } from "./evaluate-listen.ts";
import { hear } from "./hear.ts";
import { ledgerOf } from "./ledger.ts";
import { environmentOf, openDocument } from "./world.ts";

const { document, overrides, sensor, stage, trials, files, first, step } = workerData as ListenShare;

/** A trained network is read once, not once a recording. */
const trees = new Map<string, ReadonlyMap<string, unknown>>();

async function listen(index: number): Promise<Answer> {
  const opened = openDocument(document, [...overrides, `${sensor}.file=${files[index]}`]);
  const listening = listeningPlan(opened.plan, stage, trials, hear);
  const environment = environmentOf(opened, { speed: "max", signal: new AbortController().signal });
  const summary = await runPipeline(listening.plan, {
    ...environment,
    readTree: (path) => {
      const tree = trees.get(path) ?? opened.readTree(path);
      trees.set(path, tree);
      return tree;
    },
  });
  const [error] = summary.errors;
  if (error) return { index, error: error.detail };
  const own = summary.stages.filter(({ id }) => opened.plan.nodes.some((node) => node.id === id));
  return {
    index,
    durationUs: summary.durationUs,
    spikes: listening.spikes,
    trials: listening.trials,
    stages: own.map((each) => ({ id: each.id, use: each.use, counts: each.counts, bill: ledgerOf(each) })),
  };
}

for (let index = first; index < files.length; index += step) {
  try {
    parentPort!.postMessage(await listen(index));
  } catch (error) {
    if (!(error instanceof ReflexarcError)) throw error;
    parentPort!.postMessage({ index, error: error.detail } satisfies Answer);
    break;
  }
}
