/** A thread of `reflexarc train`: gradients and judgements of the pieces that it is sent. */

import { parentPort, workerData } from "node:worker_threads";
import { createModel, pieceWorker } from "../learning/index.ts";
import type { Round, RoundResult, TrainTask } from "./train-workforce.ts";

const { network, settings, modelSeed, set, parameters } = workerData as TrainTask;
const work = pieceWorker(createModel(network, modelSeed), set, settings);

parentPort!.on("message", ({ pieces }: Round) => {
  const result: RoundResult = pieces.map(([place, piece]) => [place, work(parameters, piece)]);
  parentPort!.postMessage(result);
});
