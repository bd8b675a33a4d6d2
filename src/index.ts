/** Reflexarc as a library: every stage as an RxJS operator, every driver as a factory, and what flows between them. */

import { resolve } from "node:path";
import { readTextFile } from "../drivers/files.ts";
import * as driverModule from "../drivers/index.ts";
import { wallClock } from "./clock.ts";
import * as coreModule from "./core/index.ts";
import * as encoderModule from "./encoders/index.ts";
import * as filterModule from "./filters/index.ts";
import { facesOf } from "./library.ts";
import * as readoutModule from "./readouts/index.ts";
import * as detectorModule from "./wake/detectors/index.ts";
import gate from "./wake/gate.ts";

const world = {
  clock: wallClock(),
  readText: (path: string) => readTextFile(path, "document"),
  resolvePath: (path: string) => resolve(path),
};

/** Filters, encoders, the core, detectors and readouts by name: `stages.refractory({ periodUs: 1000 })` is an RxJS operator. */
export const stages = facesOf(
  { ...filterModule, ...encoderModule, ...coreModule, ...detectorModule, gate, ...readoutModule },
  world,
);

/** Sensors by name are Observables of packets, or of samples; actuators are operators from commands to what the guard let through. */
export const drivers = facesOf(driverModule, world);

export { z } from "zod";
export { type Clock, virtualClock, wallClock } from "./clock.ts";
export * from "./encoders/decode.ts";
export { type ErrorDetail, ReflexarcError } from "./errors.ts";
export * from "./events/geometry.ts";
export { copyPacket, Packet } from "./events/packet.ts";
export { copySamples, Samples } from "./events/samples.ts";
export type { ChipLedger } from "./mapping/index.ts";
export { type Catalog, catalogOf, type Plan, readDocument } from "./pipeline/document.ts";
export type { RunEnvironment } from "./pipeline/environment.ts";
export { runPipeline } from "./pipeline/run.ts";
export type { RunSummary } from "./pipeline/summary.ts";
export type { Command, Commands, SafeCommand } from "./safety/command.ts";
export * from "./stage.ts";
