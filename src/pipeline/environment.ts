/** What a run is given from outside, and what it tells while it goes. */

import type { Clock } from "../clock.ts";
import type { ActuatorDefinition, StageContext } from "../stage.ts";
import type { BuildEnvironment } from "./build.ts";
import type { GuardProcess } from "./guard-link.ts";
import type { OperatorDesk, RunStatus } from "./operator.ts";
import type { PacketDetail } from "./trace.ts";

export interface RunEnvironment {
  readonly clock: Clock;
  /** Aborts the run: it ends as at the end of its recording, in the failsafe. */
  readonly signal: AbortSignal;
  /** Recorded time for each second of the wall; `max` does not wait. With a live source it can only be 1, also for `max`. */
  readonly speed: number | "max";
  /** Opens real actuators; without it `standIn` plays their part. */
  readonly live: boolean;
  /** Arms real actuators at the start. */
  readonly arm: boolean;
  /** A dry run in which stand-ins are armed as real actuators are, not by themselves: the rehearsal of a live run. */
  readonly rehearsal?: boolean;
  /** A repair or a loss is an error, and sinks leave nothing behind. */
  readonly strict?: boolean;
  /** Sinks leave nothing behind when the run is aborted: part of a conversion is none. */
  readonly wholeOnly?: boolean;
  /** Simulates an actuator in a dry run. */
  readonly standIn: ActuatorDefinition;
  /** Starts the process that holds real ports and their guards; without it they are in this one. */
  readonly startGuard?: (heard: { lost: (why: string) => void }) => GuardProcess;
  /** Starts a thread for a stage that wants one; without it all stages are in this one. */
  readonly startThread?: BuildEnvironment["startThread"];
  readonly readText: (path: string) => string;
  readonly readTree?: StageContext["readTree"];
  readonly resolvePath: (path: string) => string;
  /** The same for files that sinks write; `resolvePath` by default. */
  readonly resolveOutput?: (path: string) => string;
  readonly notice: (text: string) => void;
  readonly trace?: TraceSettings;
  /** Where an operator arms and stops, besides the actuators' own channels. */
  readonly desk?: OperatorDesk;
  /** Called at the end, for each stage that learns: its id, and what it has learnt. */
  readonly onLearned?: (stage: string, learned: string) => void;
  /** Called between packets, at most every 50 ms of the wall clock. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface TraceSettings {
  readonly write: (line: string) => void;
  /** Names what is run; asked for when all files have been opened. */
  readonly header: () => Promise<object>;
  readonly detail?: PacketDetail;
}

/** The run as it goes. */
export interface Progress {
  readonly atUs: number;
  readonly startUs: number;
  /** Events and samples that came from the sensors. */
  readonly eventsIn: number;
  /** Share of the sensors that has been read, 0 to 1, where they can tell. */
  readonly share: number | undefined;
  /** What each actuator shows, by its id. */
  readonly readings: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** The whole of it, as an operator sees it. */
  readonly status: () => RunStatus;
  /** What each core that accounts for a chip has cost there so far (a `ChipLedger`), by its id. */
  readonly ledgers: () => Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}
