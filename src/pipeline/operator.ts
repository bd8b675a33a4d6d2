/** The operator's desk: whoever may arm or stop a run (a key, a signal, HTTP, a file, a topic) asks here, and every guard hears it. */

import type { OperatorRequest } from "../safety/command.ts";
import type { GuardState } from "../safety/guard.ts";
import type { Counts } from "../stage.ts";

/** One guarded actuator, as an operator sees it. */
export interface ActuatorStatus {
  readonly id: string;
  readonly use: string;
  readonly state: GuardState;
  readonly device: "connected" | "lost";
  /** What the guard told the device last, in the unit of its limits; undefined when it was let go, or told nothing yet. */
  readonly said: number | undefined;
  /** What the device, or its simulation, shows. */
  readonly readings: Readonly<Record<string, number>>;
  readonly commands: number;
  readonly counts: Counts;
}

export interface RunStatus {
  readonly document: string;
  readonly live: boolean;
  /** Packet time that the run has reached, microseconds; undefined before the first packet. */
  readonly atUs: number | undefined;
  readonly eventsIn: number;
  readonly actuators: readonly ActuatorStatus[];
}

/** A run that has opened its actuators. */
export interface Operated {
  readonly ids: readonly string[];
  request(id: string, request: OperatorRequest): void;
  status(): RunStatus;
}

/** What became of a request. A guard may still refuse an arming that was passed on: its state tells. */
export type Answer = { readonly done: true } | { readonly done: false; readonly why: string };

const done: Answer = { done: true };
const refused = (why: string): Answer => ({ done: false, why });

/**
 * An emergency stop is always for every actuator, whoever asked; it is kept when nothing is open yet, and stays until it is
 * reset. While somebody holds it (a stop file that is there), nothing resets it and nothing is armed. All else may be for
 * one actuator only.
 */
export class OperatorDesk {
  #run: Operated | undefined;
  #stopped = false;
  /** Who holds the stop, and why. */
  readonly #holds = new Map<string, string>();

  /** Every guard is stopped, or will be as soon as it is there. */
  get stopped(): boolean {
    return this.#stopped;
  }

  ask(request: OperatorRequest, only?: string): Answer {
    const ids = this.#run?.ids ?? [];
    if (request === "emergency-stop") {
      this.#stopped = true;
      this.#pass(request, ids);
      return done;
    }
    if (!this.#run) return refused("the run has not opened its actuators yet");
    if (only !== undefined && !ids.includes(only))
      return refused(`there is no actuator "${only}"; there are: ${ids.join(", ")}`);
    const chosen = only === undefined ? ids : [only];
    if (request === "disarm") return this.#pass(request, chosen);
    const [held] = this.#holds.values();
    if (held !== undefined) return refused(held);
    if (request === "reset-emergency-stop") {
      this.#stopped = false;
      return this.#pass(request, ids);
    }
    if (this.#stopped) return refused("it is emergency-stopped: reset that first");
    return this.#pass(request, chosen);
  }

  /** Stops, and keeps it stopped until `letGo`; whoever lets go must still reset and arm. */
  hold(who: string, why: string): void {
    if (this.#holds.get(who) === why) return;
    this.#holds.set(who, why);
    this.ask("emergency-stop");
  }

  letGo(who: string): void {
    this.#holds.delete(who);
  }

  /** A run has opened its actuators: an emergency stop of before reaches them now. The answer takes it away again. */
  attend(run: Operated): () => void {
    this.#run = run;
    if (this.#stopped) this.#pass("emergency-stop", run.ids);
    return () => {
      if (this.#run === run) this.#run = undefined;
    };
  }

  /** Undefined while no run has its actuators open. */
  status(): RunStatus | undefined {
    return this.#run?.status();
  }

  #pass(request: OperatorRequest, ids: readonly string[]): Answer {
    for (const id of ids) this.#run!.request(id, request);
    return done;
  }
}
