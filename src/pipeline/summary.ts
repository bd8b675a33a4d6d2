/** What a run tells at its end: of each stage, and of the whole. */

import type { ReflexarcError } from "../errors.ts";
import type { Counts, Duty } from "../stage.ts";
import type { RunningNode } from "./build.ts";
import type { GuardedActuator } from "./guarded.ts";

export interface StageSummary {
  readonly id: string;
  readonly use: string;
  readonly out: number;
  readonly counts: Counts;
  readonly lost: Counts;
  /** What a core that accounts for a chip would have cost there (a `ChipLedger`): a model. */
  readonly ledger?: Readonly<Record<string, unknown>>;
  /** Of a gate: how long it slept, and what woke it. */
  readonly duty?: Duty;
  /** What an actuator showed at the end. */
  readonly readings?: Readonly<Record<string, number>>;
  readonly latency: { batches: number; p50Us: number; p99Us: number; maxUs: number };
}

export interface RunSummary {
  readonly document: string;
  readonly live: boolean;
  /** Events that came from the sensors. */
  readonly eventsIn: number;
  /** Samples that came from them, of each channel. */
  readonly samplesIn: number;
  /** Recorded time, microseconds. */
  readonly durationUs: number;
  readonly wallUs: number;
  /** Recorded time over wall time. */
  readonly realTimeFactor: number;
  readonly commands: number;
  readonly stages: readonly StageSummary[];
  /** Damage and repairs of the inputs. */
  readonly problems: readonly string[];
  readonly errors: readonly ReflexarcError[];
  /** It was ended from outside before its sensors had ended. */
  readonly interrupted: boolean;
  readonly exitCode: number;
}

/** Of one stage, and of the actuator that it may be. */
export function summarise(
  { node, out, counts, lost, ledger, duty, meter }: RunningNode,
  actuator: GuardedActuator | undefined,
): StageSummary {
  const account = ledger();
  const spent = duty();
  return {
    id: node.id,
    use: node.definition.name,
    // A guard in a process of its own only tells afterwards what it sent.
    out: out || (actuator?.commandsSent ?? 0),
    counts: counts(),
    lost: lost(),
    ...(account && { ledger: account }),
    ...(spent && { duty: spent }),
    ...(actuator && { readings: actuator.readings() }),
    latency: meter.summary(),
  };
}
