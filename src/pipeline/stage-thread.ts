/** A stage in a thread of its own: the messages between it and the run, and both ends of the line. */

import { type ErrorDetail, ReflexarcError } from "../errors.ts";
import type { Geometry } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import type { Counts, StageContext, StageDefinition, Step } from "../stage.ts";
import type { Channel } from "./guard-link.ts";
import { asStageError } from "./lift.ts";

/** Which stage to make there, with parsed options. */
export interface StageTask {
  readonly use: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly context: Pick<StageContext, "id" | "geometry" | "inputs" | "seed">;
}

/** A packet that is handed over and not lent: its columns are as long as it has events. */
export type SentPacket = Omit<Readonly<Packet>, "geometry" | "count" | "begin" | "reserve" | "push">;

export type ToStage =
  | { readonly say: "step"; readonly packet: SentPacket }
  /** All that it has to tell. */
  | { readonly say: "report" };

export type FromStage =
  | { readonly say: "ready" }
  | { readonly say: "stepped"; readonly packet: SentPacket; readonly counts: Counts; readonly lost: Counts }
  | { readonly say: "report"; readonly report: StageReport }
  | { readonly say: "failed"; readonly error: ErrorDetail };

export interface StageReport {
  readonly counts: Counts;
  readonly lost: Counts;
  readonly ledger: Readonly<Record<string, unknown>> | undefined;
  readonly learned: string | undefined;
}

/** The run's end: packets go out as they come and return in their order, so nobody waits but who wants the answer. */
export interface StageThread
  extends Required<Pick<Step<"spikes", "spikes">, "counts" | "lost" | "learned" | "ledger">> {
  /** Takes a lent packet, and answers one of its own. */
  step(packet: Packet): Promise<Packet>;
  /** Resolves when the stage is made. Throws what making it threw. */
  readonly ready: Promise<void>;
  /** Fetches what the thread has to tell in the end, and lets it go. */
  finish(): Promise<void>;
  /** Lets it go at once. */
  close(): void;
}

export type StartThread = (task: StageTask) => Channel<FromStage, ToStage>;

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (cause: unknown) => void;
}

/** `geometry` is that of the packets that come back. */
export function connectStage(
  channel: Channel<FromStage, ToStage>,
  id: string,
  geometry: Geometry,
): StageThread {
  const steps: Waiting<Packet>[] = [];
  const reports: Waiting<void>[] = [];
  let made: Waiting<void> | undefined;
  let gone: unknown;
  let report: StageReport = { counts: {}, lost: {}, ledger: undefined, learned: undefined };
  const ready = new Promise<void>((resolve, reject) => {
    made = { resolve, reject };
  });
  // Who doesn't ask for it hears of the failure with the next packet.
  ready.catch(() => {});

  const fail = (cause: unknown) => {
    gone ??= cause;
    for (const { reject } of [...steps.splice(0), ...reports.splice(0)]) reject(gone);
    made?.reject(gone);
  };
  channel.listen(
    (message) => {
      switch (message.say) {
        case "ready":
          made?.resolve();
          break;
        case "stepped": {
          const { packet, counts, lost } = message;
          report = { ...report, counts, lost };
          steps.shift()?.resolve(received(new Packet(geometry, 0), packet));
          break;
        }
        case "report":
          report = message.report;
          reports.shift()?.resolve();
          break;
        case "failed":
          fail(new ReflexarcError(message.error));
          break;
      }
    },
    (why) =>
      fail(
        new ReflexarcError({
          kind: "lost",
          room: id,
          what: `the thread of the stage is gone: ${why}`,
          remedy: "Say thread: shared to run it with the others.",
        }),
      ),
  );

  const asked = () =>
    new Promise<void>((resolve, reject) => {
      if (gone !== undefined) return reject(gone);
      reports.push({ resolve, reject });
      channel.send({ say: "report" });
    });

  return {
    ready,
    step: (packet) =>
      new Promise((resolve, reject) => {
        if (gone !== undefined) return reject(gone);
        steps.push({ resolve, reject });
        channel.send({ say: "step", packet: sent(packet) });
      }),
    counts: () => report.counts,
    lost: () => report.lost,
    learned: () => report.learned,
    /** As it was when it was last asked for; the answer to this time is on its way. */
    ledger: () => {
      asked().catch(() => {});
      return report.ledger;
    },
    // What it had to tell before it was lost is told.
    finish: () =>
      asked().then(
        () => channel.close(),
        () => channel.close(),
      ),
    close: () => channel.close(),
  };
}

/** The thread's end: makes the stage and serves its packets until the line closes. */
export function hostStage(
  channel: Channel<ToStage, FromStage>,
  { options, context }: StageTask,
  definition: StageDefinition,
  files: Pick<StageContext, "readText" | "readTree">,
): void {
  const guarded = (work: () => FromStage) => {
    try {
      channel.send(work());
    } catch (cause) {
      channel.send({ say: "failed", error: asStageError(context.id, cause).detail });
    }
  };
  let stage: Step<"spikes", "spikes">;
  const packet = new Packet(context.geometry as Geometry, 0);
  guarded(() => {
    stage = definition.create(options, { ...context, ...files }) as Step<"spikes", "spikes">;
    return { say: "ready" };
  });
  const reportOf = (): StageReport => ({
    counts: stage.counts?.() ?? {},
    lost: stage.lost?.() ?? {},
    ledger: stage.ledger?.(),
    learned: stage.learned?.(),
  });
  channel.listen(
    (message) =>
      guarded(() => {
        if (message.say === "report") return { say: "report", report: reportOf() };
        const out = sent(stage.step(received(packet, message.packet)));
        return { say: "stepped", packet: out, counts: stage.counts?.() ?? {}, lost: stage.lost?.() ?? {} };
      }),
    () => {},
  );
}

function sent({ geometry: _, count, times, addresses, ...span }: Packet): SentPacket {
  return { ...span, times: times.slice(0, count), addresses: addresses.slice(0, count) };
}

function received(into: Packet, packet: SentPacket): Packet {
  return Object.assign(into, packet, { count: packet.times.length });
}
