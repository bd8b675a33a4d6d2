/** A thread of `reflexarc train`: gradients and judgements of the pieces that it is sent. */

import { parentPort, workerData } from "node:worker_threads";
import { createModel, epropWorker, pieceWorker } from "../learning/index.ts";
import type { Round, RoundResult, TrainTask } from "./train-workforce.ts";

const { network, work, modelSeed, set, parameters } = workerData as TrainTask;
const model = createModel(network, modelSeed);
const gradientOf =
  work.rule === "e-prop"
    ? epropWorker(model, set, work.settings, modelSeed)
    : pieceWorker(model, set, work.settings);

parentPort!.on("message", ({ pieces }: Round) => {
  const result: RoundResult = pieces.map(([place, piece]) => [place, gradientOf(parameters, piece)]);
  parentPort!.postMessage(result);
});
