/** The guard: makes a SafeCommand of a Command, or does not. A pure state machine, driven by plain data and packet time. */

import { nextGridUs } from "../events/time.ts";
import type { Command, Commands, OperatorRequest, SafeCommand, Unit } from "./command.ts";
import { type GuardOptions, limitsOf } from "./limits.ts";
import { createMotion } from "./motion.ts";

export type GuardState = "disarmed" | "armed" | "emergency-stopped";

/** Why the guard disarmed by itself: `watchdog` is silence in packet time, `stall` a standstill on the wall clock. */
export type TripCause = "watchdog" | "stall" | "fault" | "lost connection";

/** A change of state, for the trace and the summary. */
export interface GuardEvent {
  /** Packet time, microseconds. */
  readonly atUs: number;
  /** The state from now on. */
  readonly state: GuardState;
  readonly cause: TripCause | OperatorRequest | "self-arming";
}

/** Commands of a span, as `Commands`, but safe. */
export interface SafeCommands {
  readonly fromUs: number;
  readonly toUs: number;
  readonly commands: readonly SafeCommand[];
}

export interface Guard {
  readonly state: GuardState;
  /** A failsafe motion is under way: it needs time to go on. */
  readonly ending: boolean;
  /** It has said a motion that isn't over: the device wants to hear how it goes on. */
  readonly moving: boolean;
  /** Moves packet time on. Any cut of the spans gives the same commands. */
  step(batch: Commands): SafeCommands;
  /** Time passed in which nothing can have moved: its grid points are left out, and no motion makes up for them. */
  skip(untilUs: number): void;
  /** What an operator asks for. This and the next two move time on to `atUs` and answer what the device is told at once. */
  request(request: OperatorRequest, atUs: number): readonly SafeCommand[];
  /** Disarms for a reason that packet time does not show. */
  trip(cause: "stall" | "fault", atUs: number): readonly SafeCommand[];
  /** The device is gone, or back: it comes back disarmed, and is told no position. */
  connection(state: "connected" | "lost", atUs: number): readonly SafeCommand[];
  /**
   * The device was not told the last move: it is still at `at`, and so the motion is, too; undefined where it was told
   * none since its release. What is said about it is said on the grid. False where nothing is held, and nothing changes.
   */
  missed(at: number | undefined): boolean;
  /** How often each rule acted, by name in words. */
  counts(): Readonly<Record<string, number>>;
  /** Changes of state since this was asked last; of very many, the newest 1024. */
  events(): readonly GuardEvent[];
}

const eventsMax = 1024;

/**
 * Starts disarmed; only `arm` (or a simulation that arms itself) lets commands through. A trip, a disarm and an
 * emergency stop perform the failsafe action once and latch; nothing but that action is said while not armed.
 *
 * - At each point of the grid the newest valid command becomes the target. One older than its time-to-live is dropped; a
 *   target that outlives its own is no longer followed: the motion brakes and holds.
 * - Silence trips: no valid command for `watchdogMs`, counted from the first one after arming.
 * - An emergency stop releases the motor, or holds where the failsafe is `hold`; it never goes home.
 * - `hold` of a speed, a duty or a switch goes to its home: to hold those would be to run on.
 * - The position is unknown at the start, after a release and after a lost connection. The guard then assumes home, says
 *   home first (the one jump that a servo without feedback may make) and approaches the target at the start speed.
 */
export function createGuard(options: GuardOptions, context: { id: string; selfArming: boolean }): Guard {
  const { everyUs, failsafe } = options;
  const watchdogUs = options.watchdogMs * 1000;
  const keepAliveUs = options.keepAliveMs * 1000;
  const limits = limitsOf(options.limits, context.id);
  const motion = createMotion(limits, everyUs);
  const isPosition = limits.unit === "deg" || limits.unit === "pulseUs";
  const resolution = (limits.max - limits.min) / 4096;

  let state: GuardState = "disarmed";
  let armsItself = context.selfArming;
  let connected = true;
  /** All grid points up to here are done; undefined before the first span. */
  let nowUs: number | undefined;
  let positionKnown = false;
  /** On the way to the first target after an unknown position. */
  let approaching = false;
  let waiting: Command | undefined;
  let target: Target | undefined;
  let resting = true;
  /** A failsafe motion that is under way, and the last one that was begun. */
  let ending: "hold" | "home" | undefined;
  let ended: "hold" | "home" | undefined;
  let sent = { value: 0, atUs: 0 };
  let nextSequence = 0;
  let out: SafeCommand[] = [];
  let happened: GuardEvent[] = [];
  const lastSequences = new Map<string, number>();
  const counts: Record<string, number> = {};

  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };

  /** The one place in the house that makes a SafeCommand. */
  const say = (atUs: number, said: { action: "release" } | { action: "move"; value: number; unit: Unit }) => {
    out.push({ ...said, atUs, sequence: nextSequence } as SafeCommand);
    nextSequence += 1;
  };

  const sayPosition = (atUs: number) => {
    sent = { value: motion.value, atUs };
    say(atUs, { action: "move", value: motion.value, unit: limits.unit });
  };

  /** Where a motion comes to rest is said at once, however near: a keep-alive would say it when nobody wishes it any more. */
  const sayChange = (atUs: number, rests: boolean) => {
    const changed = Math.abs(motion.value - sent.value) > (rests ? 0 : resolution);
    if (changed || atUs - sent.atUs >= keepAliveUs) sayPosition(atUs);
  };

  const become = (next: GuardState, atUs: number, cause: GuardEvent["cause"]) => {
    state = next;
    happened.push({ atUs, state, cause });
    if (happened.length > eventsMax) happened.shift();
  };

  const release = (atUs: number) => {
    ending = undefined;
    positionKnown = false;
    if (connected) say(atUs, { action: "release" });
  };

  /** Leaves the armed state and begins the failsafe action; a motion to its end follows on the grid. */
  const disarm = (
    next: Exclude<GuardState, "armed">,
    atUs: number,
    cause: GuardEvent["cause"],
    action: GuardOptions["failsafe"],
  ) => {
    become(next, atUs, cause);
    target = undefined;
    waiting = undefined;
    if (action === "release") release(atUs);
    else ending = ended = positionKnown ? action : undefined;
  };

  const trip = (cause: TripCause, atUs: number) => {
    if (state !== "armed") return;
    count(`trip: ${cause}`);
    disarm("disarmed", atUs, cause, failsafe);
  };

  const hear = (command: Command, untilUs: number) => {
    const { name, value, unit, atUs, ttlUs, sequence } = command;
    if (![value, atUs, ttlUs, sequence].every(Number.isFinite)) return count("not a number, refused");
    if (atUs > untilUs) return count("from the future, refused");
    if (sequence <= (lastSequences.get(name) ?? -Infinity)) return count("out of order, dropped");
    lastSequences.set(name, sequence);
    if (unit !== limits.unit) return count("wrong unit, refused");
    if (state !== "armed") return count("not armed, dropped");
    if (waiting) count("superseded");
    waiting = command;
  };

  /** Makes the waiting command the target, unless it waited too long. */
  const accept = (gridUs: number) => {
    if (!waiting) return;
    const { value, atUs, ttlUs } = waiting;
    waiting = undefined;
    if (gridUs > atUs + ttlUs) return count("stale, dropped");
    if (value < limits.min || value > limits.max) count("clamped to range");
    target = { value: limits.unit === "switch" ? Math.round(value) : value, atUs, goodUntilUs: atUs + ttlUs };
    ending = undefined;
  };

  /** A step towards a goal; true when that is reached. */
  const toward = (goal: number): boolean => {
    const acted = motion.toward(goal, approaching ? limits.startPerS : limits.slewPerS);
    if (!acted) approaching = false;
    else if (acted === "acceleration") count("acceleration limited");
    else count(approaching ? "slow start" : "slew limited");
    return !acted;
  };

  /** A step towards rest; true when that is reached. */
  const rest = (): boolean => {
    if (!isPosition) return toward(limits.home);
    motion.brake();
    return motion.speed === 0;
  };

  const follow = (gridUs: number, { value, atUs, goodUntilUs }: Target) => {
    if (!positionKnown) {
      positionKnown = true;
      approaching = true;
      resting = false;
      motion.start(limits.home);
      return sayPosition(gridUs);
    }
    let arrived = false;
    if (gridUs <= goodUntilUs) resting = arrived = toward(value);
    else {
      count("expired, held");
      resting = rest();
    }
    const isWishedAnew = gridUs - atUs < everyUs;
    sayChange(gridUs, (arrived && !isWishedAnew) || motion.speed === 0);
  };

  /** One step of the failsafe motion. Where it comes to rest is always said, and then nothing more. */
  const finish = (gridUs: number) => {
    const goesHome = ending === "home" || !isPosition;
    if (goesHome) toward(limits.home);
    else motion.brake();
    const done = motion.speed === 0 && (!goesHome || motion.value === limits.home);
    if (!done) return sayChange(gridUs, false);
    ending = undefined;
    sayPosition(gridUs);
  };

  const atGridPoint = (gridUs: number) => {
    accept(gridUs);
    if (target && gridUs - target.atUs > watchdogUs) trip("watchdog", gridUs);
    if (target) follow(gridUs, target);
    else if (ending) finish(gridUs);
  };

  const begin = (atUs: number) => {
    nowUs = atUs;
    if (armsItself && connected && state === "disarmed") become("armed", atUs, "self-arming");
    armsItself = false;
  };

  /** Does the grid points up to `untilUs`. While nothing is due they are skipped, so that a long span costs nothing. */
  const walk = (untilUs: number) => {
    if (nowUs === undefined || !(untilUs > nowUs) || untilUs === Infinity) return;
    let gridUs = nextGridUs(nowUs, everyUs);
    while (gridUs <= untilUs && (target || waiting || ending)) {
      atGridPoint(gridUs);
      gridUs += everyUs;
    }
    nowUs = untilUs;
  };

  const answer = () => {
    const said = out;
    out = [];
    return said;
  };

  /** Moves time on to `atUs`, does `act` there and answers what it said. */
  const between = (atUs: number, act: (atUs: number) => void) => {
    armsItself = false;
    if (nowUs === undefined) begin(Number.isFinite(atUs) ? atUs : 0);
    walk(atUs);
    act(nowUs!);
    return answer();
  };

  const requests: Record<OperatorRequest, (atUs: number) => void> = {
    arm(atUs) {
      if (state === "armed") return;
      if (state === "disarmed" && connected) become("armed", atUs, "arm");
      else count("arming refused");
    },
    disarm(atUs) {
      if (state === "armed") disarm("disarmed", atUs, "disarm", failsafe);
    },
    "emergency-stop"(atUs) {
      if (state === "emergency-stopped") return;
      count("emergency stop");
      disarm("emergency-stopped", atUs, "emergency-stop", failsafe === "hold" ? "hold" : "release");
    },
    "reset-emergency-stop"(atUs) {
      if (state === "emergency-stopped") become("disarmed", atUs, "reset-emergency-stop");
    },
  };

  return {
    get state() {
      return state;
    },
    get ending() {
      return ending !== undefined;
    },
    get moving() {
      return ending !== undefined || (target !== undefined && !resting);
    },
    step({ fromUs, toUs, commands }) {
      if (nowUs === undefined && Number.isFinite(fromUs)) begin(fromUs);
      for (const command of commands) {
        // A command counts at the first grid point that is not before it: first do those that are.
        if (command.atUs <= toUs) walk((Math.ceil(command.atUs / everyUs) - 1) * everyUs);
        hear(command, toUs);
      }
      walk(toUs);
      return { fromUs, toUs, commands: answer() };
    },
    skip(untilUs) {
      if (nowUs === undefined || !(untilUs > nowUs)) return;
      count("standstill skipped");
      nowUs = untilUs;
    },
    request: (request, atUs) => between(atUs, requests[request]),
    trip: (cause, atUs) => between(atUs, (nowUs) => trip(cause, nowUs)),
    connection(change, atUs) {
      return between(atUs, (nowUs) => {
        if (connected === (change === "connected")) return;
        connected = !connected;
        if (!connected) {
          trip("lost connection", nowUs);
          ending = undefined;
          positionKnown = false;
        } else if (failsafe === "release" || (failsafe === "home" && state === "emergency-stopped")) {
          // What was released when the line broke may not have heard it.
          release(nowUs);
        }
      });
    },
    missed(at) {
      if (!positionKnown) return false;
      count("not told in time");
      if (state !== "armed") ending = ended;
      if (at === undefined) {
        positionKnown = false;
        ending = undefined;
      } else {
        motion.start(at);
        sent = { value: at, atUs: Number.NEGATIVE_INFINITY };
      }
      return true;
    },
    counts: () => counts,
    events() {
      const since = happened;
      happened = [];
      return since;
    },
  };
}

interface Target {
  readonly value: number;
  readonly atUs: number;
  readonly goodUntilUs: number;
}
