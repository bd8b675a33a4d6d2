/** An actuator behind its guard: commands go in, and only what the guard made safe is encoded and written. */

import { forEachGridPoint } from "../events/time.ts";
import type { Commands, OperatorRequest, SafeCommand } from "../safety/command.ts";
import { createGuard, type Guard, type SafeCommands } from "../safety/guard.ts";
import type { GuardOptions } from "../safety/limits.ts";
import type { Actuator, Counts } from "../stage.ts";
import type { Trace } from "./trace.ts";

/**
 * What the graph ends in. In this process it is the guard and the driver together; a real port may have both in a
 * process of their own, which is sent the same plain commands.
 */
export interface GuardedActuator {
  readonly state: Guard["state"];
  /** Packet time starts here; an operator may ask for something before the first batch. */
  begin(atUs: number): void;
  step(batch: Commands): SafeCommands;
  request(request: OperatorRequest): void;
  /** The wall clock says that the run has stalled. */
  stalled(): void;
  connection(state: "connected" | "lost"): void;
  /** Ends in the failsafe at the present packet time, then lets go of the device. */
  stop(): Promise<void>;
  readings(): Readonly<Record<string, number>>;
  counts(): Counts;
  lost(): Counts;
  readonly commandsSent: number;
}

/** How long `failsafe: home` may take at the end of a run. */
const homeUsMax = 2_000_000;

export interface GuardedSetup {
  readonly id: string;
  /** The actuator's place in its document. */
  readonly index: number;
  readonly guard: GuardOptions;
  readonly actuator: Actuator;
  /** The command's bytes on the wire of the actuator that the document names, even where a simulation stands in for it. */
  readonly encode: (command: SafeCommand) => Uint8Array;
  readonly selfArming: boolean;
  readonly trace?: Trace | undefined;
}

export function guardActuator(setup: GuardedSetup): GuardedActuator {
  const { id, actuator, encode } = setup;
  const guard = createGuard(setup.guard, { id, selfArming: setup.selfArming });
  const tap = setup.trace?.tapRecords(setup.index, id);
  let nowUs = Number.NaN;
  let commandsSent = 0;

  const write = (commands: readonly SafeCommand[]) => {
    for (const command of commands) {
      const frame = encode(command);
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
    if (tap && actuator.readings)
      forEachGridPoint(batch.fromUs, batch.toUs, setup.guard.everyUs, sayReadings);
    nowUs = batch.toUs;
    tap?.reached(batch.toUs);
    return safe;
  };
  return {
    get state() {
      return guard.state;
    },
    get commandsSent() {
      return commandsSent;
    },
    begin(atUs) {
      nowUs = atUs;
    },
    step,
    request(request) {
      write(guard.request(request, nowUs));
      sayEvents();
    },
    stalled() {
      write(guard.trip("stall", nowUs));
      sayEvents(true);
    },
    connection(state) {
      write(guard.connection(state, nowUs));
      sayEvents(true);
    },
    async stop() {
      if (!Number.isNaN(nowUs)) {
        if (guard.state === "armed") {
          write(guard.request("disarm", nowUs));
          sayEvents();
        }
        if (setup.guard.failsafe === "home") step({ fromUs: nowUs, toUs: nowUs + homeUsMax, commands: [] });
      }
      await actuator.stop();
    },
    readings: () => actuator.readings?.(nowUs) ?? {},
    counts: () => ({ ...guard.counts(), ...actuator.counts?.() }),
    lost: () => actuator.lost?.() ?? {},
  };
}

function sayCommand(command: SafeCommand, frame: Uint8Array): object {
  const wire = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).toString("hex");
  if (command.action === "release") return { safe: "release", sequence: command.sequence, wire };
  return { safe: "move", value: command.value, unit: command.unit, sequence: command.sequence, wire };
}
