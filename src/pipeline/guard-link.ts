/** The line between a run and the guard process: its messages, and the run's end of it. */

import type { Clock } from "../clock.ts";
import { type ErrorDetail, ReflexarcError } from "../errors.ts";
import { nextGridUs } from "../events/time.ts";
import type { Command, Commands, OperatorRequest } from "../safety/command.ts";
import type { GuardState, SafeCommands } from "../safety/guard.ts";
import type { GuardOptions } from "../safety/limits.ts";
import type { Counts } from "../stage.ts";
import { endingUsMax, type GuardedActuator } from "./guarded.ts";
import type { RecordTap } from "./trace.ts";

/** From the run to the guard. A SafeCommand is not among them: only the guard makes one, and it stays there. */
export type ToGuard =
  | ({ readonly say: "open"; readonly id: string } & OpenRequest)
  | { readonly say: "begin"; readonly id: string; readonly atUs: number }
  | ({ readonly say: "step"; readonly id: string } & Commands)
  | { readonly say: "request"; readonly id: string; readonly request: OperatorRequest }
  | { readonly say: "stalled"; readonly id: string }
  /** The run is alive: sent only while something is armed. */
  | { readonly say: "beat" }
  | { readonly say: "stop"; readonly id: string };

/** Which driver to open, with parsed options, behind which guard. */
export interface OpenRequest {
  readonly use: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly guard: GuardOptions;
  readonly pipeline: string;
  readonly seed: number;
  /** Recorded time for each second of the wall, at most 1. */
  readonly speed: number;
  /** Longest packet of a run that dozes now and then, microseconds. */
  readonly dozeUs?: number;
  /** The run writes a trace: it is told every step and every command. */
  readonly traced: boolean;
}

/** From the guard to the run: what it did, for the trace and the summary. */
export type FromGuard =
  | { readonly say: "opened"; readonly id: string }
  | { readonly say: "failed"; readonly id: string; readonly error: ErrorDetail }
  | { readonly say: "record"; readonly id: string; readonly atUs: number; readonly record: object }
  | { readonly say: "reached"; readonly id: string; readonly toUs: number; readonly told: Told }
  /** Its state may have changed between two batches. */
  | { readonly say: "told"; readonly id: string; readonly told: Told }
  | {
      readonly say: "connection";
      readonly id: string;
      readonly state: "connected" | "lost";
      readonly why: string;
    }
  | { readonly say: "notice"; readonly text: string }
  | { readonly say: "stopped"; readonly id: string; readonly told: Told };

/** What a guarded actuator tells of itself. */
export interface Told {
  readonly state: GuardState;
  readonly moving: boolean;
  readonly commandsSent: number;
  readonly said?: number | undefined;
  readonly counts: Counts;
  readonly lost: Counts;
  readonly readings: Counts;
}

/** One end of a line of messages between two processes. */
export interface Channel<In, Out> {
  /** Sends a message, or throws it away when the line is closed or so far behind that nobody takes from it. */
  send(message: Out): void;
  /** Hears messages in order, and once why the line closed. */
  listen(heard: (message: In) => void, closed: (why: string) => void): void;
  close(): void;
}

/** The guard process as a run sees it. */
export interface GuardProcess {
  /** Opens a device there, behind its guard. Throws the driver's own error. */
  open(id: string, request: OpenRequest, around: Around): Promise<GuardedActuator>;
  /** Ends the process, when all that it opened has stopped. */
  close(): void;
}

/** What a run hears of an actuator that it does not hold itself. */
export interface Around {
  readonly tap?: RecordTap | undefined;
  readonly connection: (state: "connected" | "lost", why: string) => void;
}

/** Bounds of the time that both ends keep, microseconds. */
export const beatUs = 20_000;
/** A guard that owes an answer for so many beats is gone. They are the run's own: while it is stopped, it counts none. */
const unansweredBeatsMax = 50;
/** A driver may wait for its device to start; the ending of a run for its motion and its last bytes. */
const openUsMax = 15_000_000;
const stopUsMax = endingUsMax + 3_000_000;

/** Answers the guard process behind a channel; `lost` is called once if it goes away, or no longer answers. */
export function connectGuard(
  channel: Channel<FromGuard, ToGuard>,
  clock: Clock,
  { lost, notice }: { lost: (why: string) => void; notice: (text: string) => void },
): GuardProcess {
  const actuators = new Map<string, RemoteActuator>();
  let gone: string | undefined;
  let closing = false;

  const lose = (why: string) => {
    if (gone !== undefined) return;
    gone = why;
    stopBeats();
    channel.close();
    for (const actuator of actuators.values()) actuator.guardLost(why);
    if (!closing) lost(why);
  };

  const stopBeats = clock.every(beatUs, () => {
    const all = [...actuators.values()];
    for (const actuator of all) if (actuator.owes) actuator.unansweredBeats += 1;
    if (all.some((actuator) => actuator.unansweredBeats > unansweredBeatsMax))
      return lose("it does not answer");
    if (all.some((actuator) => actuator.mayBeArmed)) channel.send({ say: "beat" });
  });

  channel.listen((message) => {
    if (message.say === "notice") notice(message.text);
    else actuators.get(message.id)?.hear(message);
  }, lose);

  return {
    async open(id, request, around) {
      const actuator = new RemoteActuator(id, request.guard.everyUs, clock, around, (message) =>
        channel.send(message),
      );
      actuators.set(id, actuator);
      if (gone !== undefined) actuator.guardLost(gone);
      await actuator.open(request);
      return actuator;
    },
    close() {
      closing = true;
      lose("it was closed");
    },
  };
}

/** An actuator whose guard and driver are in the other process. */
class RemoteActuator implements GuardedActuator {
  /** It may be armed, as far as is known: then the guard wants to hear that the run is alive. */
  mayBeArmed = false;
  /** A batch is unanswered, and for how many beats so far. */
  owes = false;
  unansweredBeats = 0;
  readonly #id: string;
  readonly #everyUs: number;
  readonly #clock: Clock;
  readonly #around: Around;
  readonly #send: (message: ToGuard) => void;
  #told: Told = { state: "disarmed", moving: false, commandsSent: 0, counts: {}, lost: {}, readings: {} };
  /** Packet time up to which the guard was told, and up to which there is something to tell. */
  #sentUs = Number.NaN;
  #toUs = Number.NaN;
  #opening: { resolve(): void; reject(cause: unknown): void } | undefined;
  #stopped: (() => void) | undefined;
  #gone = false;

  constructor(id: string, everyUs: number, clock: Clock, around: Around, send: (message: ToGuard) => void) {
    this.#id = id;
    this.#everyUs = everyUs;
    this.#clock = clock;
    this.#around = around;
    this.#send = send;
  }

  get state(): GuardState {
    return this.#told.state;
  }

  get moving(): boolean {
    return this.#told.moving;
  }

  get commandsSent(): number {
    return this.#told.commandsSent;
  }

  get said(): number | undefined {
    return this.#told.said;
  }

  async open(request: OpenRequest): Promise<void> {
    const opened = new Promise<void>((resolve, reject) => {
      this.#opening = { resolve, reject };
    });
    const ending = new AbortController();
    const late = this.#clock.until(this.#clock.nowUs() + openUsMax, ending.signal).then(() => {
      if (!ending.signal.aborted) throw guardError(this.#id, "the guard process does not open the device");
    });
    if (this.#gone) throw guardError(this.#id, "the guard process is gone");
    this.#send({ say: "open", id: this.#id, ...request });
    try {
      await Promise.race([opened, late]);
    } finally {
      ending.abort();
      this.#opening = undefined;
    }
  }

  begin(atUs: number): void {
    this.#sentUs = atUs;
    this.#toUs = atUs;
    this.#send({ say: "begin", id: this.#id, atUs });
  }

  /** A tick that reaches no grid point is kept back: the guard would do nothing at it. */
  step({ fromUs, toUs, commands }: Commands): SafeCommands {
    if (Number.isNaN(this.#sentUs)) this.#sentUs = fromUs;
    this.#toUs = toUs;
    if (commands.length > 0 || toUs >= nextGridUs(this.#sentUs, this.#everyUs)) this.#tell(commands);
    return { fromUs, toUs, commands: [] };
  }

  #tell(commands: readonly Command[]): void {
    const [fromUs, toUs] = [this.#sentUs, this.#toUs];
    this.#sentUs = toUs;
    this.#send({ say: "step", id: this.#id, fromUs, toUs, commands: commands.map(plain) });
    this.owes = true;
  }

  /** What follows is asked at the present packet time. */
  #tellTime(): void {
    if (this.#toUs > this.#sentUs) this.#tell([]);
  }

  request(request: OperatorRequest): void {
    if (request === "arm") this.mayBeArmed = true;
    this.#tellTime();
    this.#send({ say: "request", id: this.#id, request });
  }

  stalled(): void {
    this.#tellTime();
    this.#send({ say: "stalled", id: this.#id });
  }

  /** These are heard where the device is, in the guard process. */
  fault(): void {}
  connection(): void {}
  missed(): void {}

  async stop(): Promise<void> {
    if (this.#gone) return;
    this.#tellTime();
    this.#answered();
    const stopped = new Promise<void>((resolve) => {
      this.#stopped = resolve;
    });
    this.#send({ say: "stop", id: this.#id });
    const ending = new AbortController();
    await Promise.race([stopped, this.#clock.until(this.#clock.nowUs() + stopUsMax, ending.signal)]);
    ending.abort();
    this.#gone = true;
    this.mayBeArmed = false;
  }

  readings(): Counts {
    return this.#told.readings;
  }

  counts(): Counts {
    return this.#told.counts;
  }

  lost(): Counts {
    return this.#told.lost;
  }

  hear(message: Exclude<FromGuard, { say: "notice" }>): void {
    const { tap, connection } = this.#around;
    if (message.say === "opened") this.#opening?.resolve();
    else if (message.say === "failed") this.#opening?.reject(new ReflexarcError(message.error));
    else if (message.say === "record") tap?.say(message.atUs, message.record);
    else if (message.say === "connection") connection(message.state, message.why);
    else this.#hearTold(message);
  }

  guardLost(why: string): void {
    this.#gone = true;
    this.mayBeArmed = false;
    this.#answered();
    this.#opening?.reject(guardError(this.#id, `the guard process is gone: ${why}`));
    this.#stopped?.();
  }

  #hearTold(message: Extract<FromGuard, { told: Told }>): void {
    this.#told = message.told;
    this.mayBeArmed = message.told.state === "armed";
    if (message.say === "stopped") this.#stopped?.();
    if (message.say !== "reached") return;
    // Each answer shows that it is alive, though it may still owe others.
    this.unansweredBeats = 0;
    if (message.toUs >= this.#sentUs) this.#answered();
    this.#around.tap?.reached(message.toUs);
  }

  #answered(): void {
    this.owes = false;
    this.unansweredBeats = 0;
  }
}

/** The error of a run that lost its guard. */
export function guardError(room: string, what: string): ReflexarcError {
  const remedy =
    "Nothing moves without it. What only the device's own timeout can end, that ends it; start the run again.";
  return new ReflexarcError({ kind: "guard", room, what, remedy });
}

/** Only the fields of a Command, whatever else an object carries. */
function plain({ atUs, name, value, unit, ttlUs, sequence }: Command): Command {
  return { atUs, name, value, unit, ttlUs, sequence };
}
