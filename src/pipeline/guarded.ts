/** An actuator behind its guard: commands go in, and only what the guard made safe is encoded and written. */

import { forEachGridPoint } from "../events/time.ts";
import type { Commands, OperatorRequest, SafeCommand } from "../safety/command.ts";
import { createGuard, type Guard, type SafeCommands } from "../safety/guard.ts";
import type { GuardOptions } from "../safety/limits.ts";
import type { Actuator, Counts } from "../stage.ts";
import type { RecordTap } from "./trace.ts";

/**
 * What the graph ends in. Here it is the guard and the driver together; for a real port both are in a process of their
 * own, which is sent the same plain commands (`guard-link.ts`).
 */
export interface GuardedActuator {
  readonly state: Guard["state"];
  readonly moving: Guard["moving"];
  /** Packet time starts here; an operator may ask for something before the first batch. */
  begin(atUs: number): void;
  /** What was made safe, where that is known at once. A batch that is late moves no time, but its commands are heard. */
  step(batch: Commands): SafeCommands;
  /** Time passed in which nothing can have moved: this process stood still. */
  skip?(untilUs: number): void;
  request(request: OperatorRequest): void;
  /** The wall clock says that the run has stalled. */
  stalled(): void;
  /** The device is there but in trouble. */
  fault(): void;
  connection(state: "connected" | "lost"): void;
  /** The line dropped the last move: the device is still at `at`, or nowhere that is known. */
  missed(at: number | undefined): void;
  /** Ends in the failsafe at the present packet time, then lets go of the device. */
  stop(): Promise<void>;
  /** What the device shows now, or its simulation at a packet time that has been reached. */
  readings(atUs?: number): Readonly<Record<string, number>>;
  counts(): Counts;
  lost(): Counts;
  readonly commandsSent: number;
  /** The value that the device was told last, in the unit of its limits; undefined when it was let go, or told nothing yet. */
  readonly said: number | undefined;
}

/** How long a motion to the failsafe may take at the end of a run. */
export const endingUsMax = 2_000_000;

export interface GuardedSetup {
  readonly id: string;
  readonly guard: GuardOptions;
  readonly actuator: Actuator;
  /** The command's bytes on the wire of the actuator that the document names, even where a simulation stands in for it. */
  readonly encode: (command: SafeCommand) => Uint8Array;
  readonly selfArming: boolean;
  readonly tap?: RecordTap | undefined;
  /** Writes into the trace what the actuator shows: only of a simulation that the document names, for no replay repeats a device. */
  readonly tellReadings?: boolean;
  /** Waits while so much packet time passes: a real servo needs it to reach its failsafe. A simulated one needs none. */
  readonly pass?: ((spanUs: number) => Promise<void>) | undefined;
}

export function guardActuator(setup: GuardedSetup): GuardedActuator {
  const { id, actuator, encode, tap } = setup;
  const guard = createGuard(setup.guard, { id, selfArming: setup.selfArming });
  let nowUs = Number.NaN;
  let commandsSent = 0;
  let said: number | undefined;
  let toldAll = true;

  const write = (commands: readonly SafeCommand[]) => {
    toldAll = true;
    for (const command of commands) {
      // What follows a move that was dropped was reckoned from where the device is not.
      if (!toldAll && command.action === "move") continue;
      const frame = encode(command);
      said = command.action === "move" ? command.value : undefined;
      actuator.write(frame, command);
      commandsSent += 1;
      tap?.say(command.atUs, sayCommand(command, frame));
    }
  };
  const sayEvents = (wall?: true) => {
    for (const { atUs, state, cause } of guard.events())
      tap?.say(atUs, { guard: state, cause, ...(wall && { wall }) });
  };
  const sayReadings = (atUs: number) => {
    const readings = actuator.readings?.(atUs);
    if (readings && tap) tap.say(atUs, readings);
  };

  const step = (batch: Commands): SafeCommands => {
    const safe = guard.step(batch);
    sayEvents();
    write(safe.commands);
    if (Number.isNaN(nowUs)) nowUs = batch.fromUs;
    if (batch.toUs <= nowUs) return safe;
    if (tap && setup.tellReadings && actuator.readings)
      forEachGridPoint(nowUs, batch.toUs, setup.guard.everyUs, sayReadings);
    nowUs = batch.toUs;
    tap?.reached(nowUs);
    return safe;
  };

  /** Lets a motion to the failsafe come to its end, at the pace of its limits. */
  const finish = async () => {
    const { everyUs } = setup.guard;
    for (const lastUs = nowUs + endingUsMax; guard.ending && nowUs < lastUs; ) {
      await setup.pass?.(everyUs);
      step({ fromUs: nowUs, toUs: nowUs + everyUs, commands: [] });
    }
  };

  return {
    get state() {
      return guard.state;
    },
    get moving() {
      return guard.moving;
    },
    get commandsSent() {
      return commandsSent;
    },
    get said() {
      return said;
    },
    begin(atUs) {
      nowUs = atUs;
    },
    step,
    skip(untilUs) {
      guard.skip(untilUs);
    },
    request(request) {
      write(guard.request(request, nowUs));
      sayEvents();
    },
    stalled() {
      write(guard.trip("stall", nowUs));
      sayEvents(true);
    },
    fault() {
      write(guard.trip("fault", nowUs));
      sayEvents(true);
    },
    connection(state) {
      write(guard.connection(state, nowUs));
      sayEvents(true);
    },
    missed(at) {
      toldAll = false;
      said = at;
      if (!guard.missed(at)) return;
      tap?.say(nowUs, { guard: guard.state, cause: "missed by the line", wall: true });
    },
    async stop() {
      if (!Number.isNaN(nowUs)) {
        if (guard.state === "armed") {
          write(guard.request("disarm", nowUs));
          sayEvents();
        }
        await finish();
      }
      await actuator.stop();
    },
    readings: (atUs = nowUs) => actuator.readings?.(atUs) ?? {},
    counts: () => ({ ...guard.counts(), ...actuator.counts?.() }),
    lost: () => actuator.lost?.() ?? {},
  };
}

function sayCommand(command: SafeCommand, frame: Uint8Array): object {
  const wire = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).toString("hex");
  if (command.action === "release") return { safe: "release", sequence: command.sequence, wire };
  return { safe: "move", value: command.value, unit: command.unit, sequence: command.sequence, wire };
}
