/** Starts a thread for a stage of a run, and keeps the line to it. */

import { Worker } from "node:worker_threads";
import type { Channel } from "../pipeline/guard-link.ts";
import type { FromStage, StageTask, ToStage } from "../pipeline/stage-thread.ts";

/** What the thread is told at its start; relative paths of the stage's options start at `folder`. */
export interface ThreadData {
  readonly folder: string;
  readonly task: StageTask;
}

export function startThread(folder: string, task: StageTask): Channel<FromStage, ToStage> {
  const workerData: ThreadData = { folder, task };
  const worker = new Worker(new URL("./stage-worker.js", import.meta.url), { workerData });
  let isOpen = true;
  return {
    send: (message) => worker.postMessage(message, buffersOf(message)),
    listen(heard, closed) {
      worker.on("message", heard);
      worker.on("error", (error: Error) => closed(error.message));
      worker.on("exit", (code) => {
        if (isOpen) closed(`it ended with code ${code}`);
      });
    },
    close() {
      isOpen = false;
      void worker.terminate();
    },
  };
}

/** Columns are handed over, not copied once more. */
export function buffersOf(message: ToStage | FromStage): ArrayBuffer[] {
  if (!("packet" in message)) return [];
  const { times, addresses } = message.packet;
  return [times.buffer as ArrayBuffer, addresses.buffer as ArrayBuffer];
}
