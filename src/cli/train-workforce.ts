/** Threads that share the work of a training; what comes out is the same for any number of them. */

import { Worker } from "node:worker_threads";
import type {
  EpropSettings,
  NetworkSpecification,
  Piece,
  PieceResult,
  SpikeSet,
  TrainingSettings,
  Workforce,
} from "../learning/index.ts";

/** What a thread needs to know once. */
export interface TrainTask {
  readonly network: NetworkSpecification;
  readonly work:
    | { readonly rule: "backpropagation"; readonly settings: TrainingSettings }
    | { readonly rule: "e-prop"; readonly settings: EpropSettings };
  readonly modelSeed: number;
  readonly set: SpikeSet;
  /** Effective parameters: this thread writes them before each round. */
  readonly parameters: Float32Array;
}

/** Pieces of a round, and their places in it. */
export interface Round {
  readonly pieces: readonly (readonly [place: number, piece: Piece])[];
}
export type RoundResult = readonly (readonly [place: number, result: PieceResult])[];

export interface Threads extends Workforce {
  close(): Promise<void>;
}

/** Starts `threads` workers. `parameterCount` is the model's. */
export function threadWorkforce(
  task: Omit<TrainTask, "parameters">,
  parameterCount: number,
  threads: number,
): Threads {
  const parameters = new Float32Array(new SharedArrayBuffer(4 * parameterCount));
  const workerData: TrainTask = { ...task, parameters };
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL("./train-worker.js", import.meta.url), { workerData }),
  );
  return {
    async run(given, pieces) {
      parameters.set(given);
      const rounds = workers.map(
        (worker, first) =>
          new Promise<RoundResult>((answered, failed) => {
            const own = pieces.flatMap((piece, place) =>
              place % workers.length === first ? [[place, piece] as const] : [],
            );
            if (own.length === 0) return answered([]);
            const done = (result: RoundResult) => {
              worker.off("error", failed);
              answered(result);
            };
            worker.once("message", done);
            worker.once("error", failed);
            worker.postMessage({ pieces: own } satisfies Round);
          }),
      );
      const results: PieceResult[] = [];
      for (const [place, result] of (await Promise.all(rounds)).flat()) results[place] = result;
      return results;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
