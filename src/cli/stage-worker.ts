/** A thread of a run: makes one stage and serves its packets. */

import { resolve } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { readTextFile } from "../../drivers/files.ts";
import { readHdf5File } from "../../drivers/hdf5.ts";
import { stages } from "../catalog.ts";
import type { Channel } from "../pipeline/guard-link.ts";
import { type FromStage, hostStage, type ToStage } from "../pipeline/stage-thread.ts";
import { anyOptions } from "../stage.ts";
import { buffersOf, type ThreadData } from "./stage-threads.ts";

const { folder, task } = workerData as ThreadData;
const port = parentPort!;
const channel: Channel<ToStage, FromStage> = {
  send: (message) => port.postMessage(message, buffersOf(message)),
  listen(heard, closed) {
    port.on("message", heard);
    port.on("close", () => closed("the run is over"));
  },
  close: () => port.close(),
};
const definition = stages.find(({ name }) => name === task.use)!;
hostStage(channel, task, anyOptions(definition), {
  readText: (path) => readTextFile(resolve(folder, path), "document"),
  readTree: (path) => readHdf5File(resolve(folder, path)),
});
