/** Random faults around a guard process in virtual time, and a checker that knows the rules and no guard. */

import { createHash } from "node:crypto";
import { seededRandom } from "../../src/random.ts";
import type { Command } from "../../src/safety/command.ts";
import { type BenchChoices, type Frame, GuardBench } from "./guard-bench.ts";

/** Bounds that the checker holds the wire to, milliseconds. */
const ttlMs = 100;
/** A wish is followed for its time-to-live, and the guard is behind the wall by two steps of its grid and one of the line. */
const wishAgeMsMax = ttlMs + 60;
/** A frame may wait so long for a port that takes none. */
const waitMsMax = 50;
/** 200 ms, a twentieth for the timer's grain, and the grid of the simulation. */
const silenceMsMax = 200 + 10 + 10 + 5;
/** The same on the guard's grid, which follows the wall by two steps. */
const wishlessMsMax = silenceMsMax + 100;
/** A guard that was stopped itself needs a moment. */
const awakeMsMin = 40;
/** What may be made up for at once: two frames of a healthy run's lateness, two of the guard's own, and one for the grid. */
const catchUpMs = 100;
const stepMs = 5;
const durationMs = 1500;
const homeUs = 1500;
/** A port that takes nothing for longer counts as lost. */
const busyMsMax = 200;

type Modules = NonNullable<BenchChoices["modules"]>;

export interface Played {
  /** The first rule that was broken, in words. */
  readonly breach: string | undefined;
  /** Moves that reached the wire: a schedule without any shows nothing. */
  readonly moves: number;
  /** Of all that reached the wire, all that the guard told, and when. */
  readonly sha256: string;
}

/** What may go wrong, and how often relative to each other. */
const faultKinds = [
  ...Array<"stop-run">(4).fill("stop-run"),
  ...Array<"stop-guard">(3).fill("stop-guard"),
  ...Array<"silence">(3).fill("silence"),
  ...Array<"late">(3).fill("late"),
  ...Array<"busy-port">(3).fill("busy-port"),
  ...Array<"arm">(6).fill("arm"),
  ...Array<"emergency-stop">(2).fill("emergency-stop"),
  "reset-emergency-stop",
  "disarm",
  "unplug",
  "stalled",
  "kill-run",
] as const;

interface Fault {
  readonly kind: (typeof faultKinds)[number];
  readonly atMs: number;
  readonly forMs: number;
  /** How late the run is, where it is late. */
  readonly lateMs: number;
}

function draw(random: () => number) {
  const between = (low: number, high: number) => low + (high - low) * random();
  const faults = Array.from({ length: 2 + Math.floor(random() * 7) }, (): Fault => {
    const kind = faultKinds[Math.floor(random() * faultKinds.length)]!;
    const forMs = Math.round(random() < 0.5 ? between(5, 150) : between(150, 900));
    const atMs = Math.round(between(50, durationMs));
    const lateMs = Math.round(between(5, 300));
    return { kind, atMs, lateMs, forMs: kind === "busy-port" ? Math.min(forMs, busyMsMax) : forMs };
  }).sort((a, b) => a.atMs - b.atMs);
  const slewDegPerS = Math.round(between(60, 600));
  const wishEveryMs = Math.round(between(40, 400));
  const wishes = Array.from({ length: Math.ceil(durationMs / wishEveryMs) + 40 }, () => between(-40, 220));
  return { faults, slewDegPerS, wishEveryMs, wishes, spoilt: random() < 0.5 ? 0.15 : 0 };
}

/** Plays the schedule of a seed; `modules` may have a fault in them. */
export async function playSchedule(seed: number, modules?: Modules): Promise<Played> {
  const random = seededRandom(seed);
  const { faults, slewDegPerS, wishEveryMs, wishes, spoilt } = draw(random);
  const during = (kind: Fault["kind"], atMs: number) =>
    faults.find((fault) => fault.kind === kind && atMs >= fault.atMs && atMs < fault.atMs + fault.forMs);
  const bench = await GuardBench.armed({
    stepMs,
    portPath: `schedule ${seed}`,
    traced: false,
    ...(modules && { modules }),
    guard: { limits: { minDeg: 10, maxDeg: 170, slewDegPerS, startDegPerS: slewDegPerS } },
    want: (atMs) => (during("silence", atMs) ? undefined : wishes[Math.floor(atMs / wishEveryMs)]),
    lateMs: (atMs) => during("late", atMs)?.lateMs ?? 0,
    portFreeMs: (atMs) => {
      const busy = during("busy-port", atMs);
      return busy ? busy.atMs + busy.forMs : 0;
    },
    spoil: (command) => (random() < spoilt ? spoil(command, random) : command),
  });
  const rules = new Rules(slewDegPerS);
  let next = 0;
  let stoppedUntilMs = { run: -1, guard: -1 };
  await bench.pass(durationMs + 400, () => {
    const atMs = bench.wall.nowUs() / 1000;
    rules.look(bench, atMs);
    if (bench.run.stopped && !rules.killed && atMs >= stoppedUntilMs.run)
      bench.continue(bench.run, random() < 0.5 ? "messages" : "timers");
    if (bench.guard.stopped && atMs >= stoppedUntilMs.guard) {
      bench.continue(bench.guard, random() < 0.5 ? "messages" : "timers");
      rules.guardAwakeMs = atMs;
    }
    for (; next < faults.length && faults[next]!.atMs <= atMs; next++) {
      const { kind, forMs } = faults[next]!;
      const mayAsk = !bench.run.stopped && !bench.guard.stopped && rules.portIsFree(atMs);
      if (kind === "kill-run" && random() < 0.3) {
        bench.killRun();
        rules.killed = true;
        rules.killedMs = atMs;
      } else if (kind === "stop-run" && !bench.run.stopped) {
        bench.run.stopped = true;
        stoppedUntilMs = { ...stoppedUntilMs, run: atMs + forMs };
      } else if (kind === "stop-guard" && !bench.guard.stopped) {
        bench.guard.stopped = true;
        stoppedUntilMs = { ...stoppedUntilMs, guard: atMs + forMs };
      } else if (kind === "busy-port") rules.portFreeMs = Math.max(rules.portFreeMs, atMs + forMs);
      else if (kind === "unplug" && !bench.guard.stopped) {
        // What a guard that goes on just now has said, it said before the plug was pulled.
        rules.look(bench, atMs);
        bench.unplug();
        rules.unplugged();
      } else if (kind === "stalled" && mayAsk) bench.actuator.stalled();
      else if (
        mayAsk &&
        (kind === "arm" || kind === "disarm" || kind === "emergency-stop" || kind === "reset-emergency-stop")
      )
        bench.actuator.request(kind);
    }
    rules.look(bench, atMs);
  });
  await letGo(bench);
  const trace = JSON.stringify([bench.history, bench.reachedUs, bench.notices, bench.connections]);
  return {
    breach: rules.breach,
    moves: bench.frames.filter(({ us }) => us > 0).length,
    sha256: createHash("sha256").update(trace).digest("hex"),
  };
}

/** Ends what still goes on, so that the port of this name is free again. */
async function letGo(bench: GuardBench): Promise<void> {
  bench.killRun();
  if (bench.guard.stopped) bench.continue(bench.guard, "messages");
  await bench.pass(600);
}

/** A command as no healthy readout says it. */
function spoil(command: Command, random: () => number): Command {
  const other = random() < 0.5 ? 15 : 165;
  const kind = Math.floor(random() * 4);
  if (kind === 0) return { ...command, value: other, sequence: command.sequence - 3 };
  if (kind === 1) return { ...command, value: Number.NaN };
  if (kind === 2) return { ...command, value: other, atUs: command.atUs - 250_000 };
  return { ...command, value: other, unit: "pulseUs" };
}

/** Judges what reached the wire by what was asked, heard and broken until then. */
class Rules {
  breach: string | undefined;
  killed = false;
  killedMs = Number.POSITIVE_INFINITY;
  guardAwakeMs = 0;
  portFreeMs = 0;
  #seen = 0;
  #armed = false;
  #emergency = false;
  #heardMs = 0;
  #wishHeardMs = 0;
  #sequence = Number.NEGATIVE_INFINITY;
  #wishes: { atMs: number; us: number }[] = [];
  /** Moves since the last release, the newest last. */
  #moves: Frame[] = [];
  readonly #usPerMs: number;

  constructor(slewDegPerS: number) {
    this.#usPerMs = ((slewDegPerS / 1000) * 2000) / 180;
  }

  portIsFree(atMs: number): boolean {
    return atMs >= this.portFreeMs;
  }

  unplugged(): void {
    this.#armed = false;
    this.#moves = [];
  }

  look(bench: GuardBench, atMs: number): void {
    for (; this.#seen < bench.history.length; this.#seen++) {
      const happened = bench.history[this.#seen]!;
      if ("heard" in happened) this.#hear(happened);
      else this.#judge(happened);
    }
    const moving = this.#moves.length > 0;
    const quiet =
      !bench.guard.stopped &&
      atMs - this.guardAwakeMs >= awakeMsMin &&
      atMs >= this.portFreeMs + awakeMsMin &&
      moving;
    if (!quiet) return;
    if (atMs - this.killedMs > 2 * stepMs) this.#break(atMs, "the run is dead, and nothing was released");
    if (atMs - Math.max(this.#heardMs, this.guardAwakeMs - 200) > silenceMsMax)
      this.#break(atMs, "the run is silent, and nothing was released");
    if (atMs - Math.max(this.#wishHeardMs, this.guardAwakeMs - 200) > wishlessMsMax)
      this.#break(atMs, "no valid command came, and nothing was released");
  }

  #hear({ atMs, heard }: { atMs: number; heard: GuardBench["toGuard"]["sent"][number] }): void {
    this.#heardMs = atMs;
    if (heard.say === "request") {
      if (heard.request === "arm" && !this.#emergency) this.#armed = true;
      if (heard.request === "disarm" || heard.request === "emergency-stop") this.#armed = false;
      if (heard.request === "emergency-stop") this.#emergency = true;
      if (heard.request === "reset-emergency-stop") this.#emergency = false;
      if (heard.request === "arm") this.#wishHeardMs = atMs;
    }
    if (heard.say === "stalled") this.#armed = false;
    if (heard.say !== "step") return;
    for (const { value, atUs, sequence, unit } of heard.commands) {
      // JSON knows no NaN: it comes as null.
      if (typeof value !== "number" || sequence <= this.#sequence) continue;
      this.#sequence = sequence;
      if (unit !== "deg") continue;
      const deg = Math.min(Math.max(value, 10), 170);
      this.#wishes.push({ atMs: atUs / 1000, us: 500 + (deg / 180) * 2000 });
      if (this.#wishes.length > 50) this.#wishes.shift();
      if (atMs - atUs / 1000 <= wishAgeMsMax) this.#wishHeardMs = atMs;
    }
  }

  #judge(frame: Frame): void {
    const { atMs, us } = frame;
    if (us === 0) {
      this.#armed = false;
      this.#moves = [];
      return;
    }
    if (us < 611 || us > 2389) this.#break(atMs, `outside the limits: ${us}`);
    if (!this.#armed) this.#break(atMs, "moves while nobody has armed it");
    if (this.#emergency) this.#break(atMs, "moves after an emergency stop");
    const before = this.#moves.at(-1);
    if (!before && us !== homeUs) this.#break(atMs, "an unknown position, and it does not begin at home");
    if (!before && !this.#wishes.some((wish) => atMs - wish.atMs <= wishAgeMsMax + waitMsMax))
      this.#break(atMs, "begins to move for a command that is stale, or none");
    for (const earlier of this.#moves) {
      const waitedMs = atMs - this.portFreeMs < 60 ? waitMsMax : 0;
      const allowedUs = (atMs - earlier.atMs + catchUpMs + stepMs + waitedMs) * this.#usPerMs + 1.5;
      if (Math.abs(us - earlier.us) > allowedUs) this.#break(atMs, "faster than the slew");
    }
    if (before && us !== before.us) {
      // What is held while a port takes nothing is said when it does again: the place that was reached, and no further.
      const held = atMs - this.portFreeMs < 60 ? busyMsMax + waitMsMax : 0;
      const ageMsMax = wishAgeMsMax + held;
      const wanted = this.#wishes.some(
        (wish) => atMs - wish.atMs <= ageMsMax && (wish.us - before.us) * (us - before.us) > -1,
      );
      if (!wanted) this.#break(atMs, "follows a command that is stale, or none");
    }
    this.#moves.push(frame);
    if (this.#moves.length > 12) this.#moves.shift();
  }

  #break(atMs: number, what: string): void {
    this.breach ??= `at ${atMs} ms: ${what}`;
  }
}
