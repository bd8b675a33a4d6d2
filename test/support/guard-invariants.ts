/** What must hold for every guard, whatever it is fed: random schedules, a player, and a checker that knows no guard. */

import fc from "fast-check";
import { z } from "zod";
import type { Command, OperatorRequest, SafeCommand } from "../../src/safety/command.ts";
import type { Guard, GuardState } from "../../src/safety/guard.ts";
import { type GuardOptions, guardOptions, limitsOf } from "../../src/safety/limits.ts";

export type Ask = OperatorRequest | "stall" | "fault" | "lost" | "connected";

/** One step of the grid: what is asked at its start, and the commands that are heard in it. */
export interface Turn {
  readonly asks: readonly Ask[];
  readonly commands: readonly Command[];
}

/** What a guard answered in a turn: to each request at once, and at the grid point. */
export interface Answer {
  readonly atOnce: readonly (readonly SafeCommand[])[];
  readonly atGrid: readonly SafeCommand[];
}

const schema = z.strictObject(guardOptions);

export const someOptions: fc.Arbitrary<GuardOptions> = fc
  .record({
    limits: fc.oneof(
      { weight: 4, arbitrary: fc.constant({ minDeg: 20, maxDeg: 160, homeDeg: 80, slewDegPerS: 300 }) },
      {
        weight: 4,
        arbitrary: fc.record({
          minDeg: fc.constant(-60),
          maxDeg: fc.constant(45),
          slewDegPerS: fc.integer({ min: 5, max: 2000 }),
          accelDegPerS2: fc.integer({ min: 20, max: 20_000 }),
        }),
      },
      fc.constant({ minDegPerS: -90, maxDegPerS: 90, slewDegPerS2: 400 }),
      fc.constant({ toggleMsMin: 70 }),
    ),
    failsafe: fc.constantFrom("hold", "home", "release"),
    watchdogMs: fc.constantFrom(60, 130, 200),
    everyUs: fc.constantFrom(10_000, 20_000),
    keepAliveMs: fc.constantFrom(50, 100),
  })
  .map((given) => schema.parse(given));

const someCommand = fc.record({
  /** Mostly within the limits above, sometimes anything at all. */
  value: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: -100, max: 200 }) },
    { weight: 1, arbitrary: fc.double() },
    { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity) },
  ),
  unit: fc.constantFrom("right", "right", "right", "right", "right", "right", "duty" as const),
  ageUs: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 300_000 })),
  ttlUs: fc.constantFrom(100_000, 100_000, 30_000, 5_000, 0, Number.NaN),
  sequenceStep: fc.constantFrom(1, 1, 1, 1, 1, 1, 3, 0, -2),
});

const someAsks = fc.oneof(
  { weight: 40, arbitrary: fc.constant<Ask[]>([]) },
  { weight: 3, arbitrary: fc.constant<Ask[]>(["arm"]) },
  { weight: 3, arbitrary: fc.constant<Ask[]>(["reset-emergency-stop", "connected", "arm"]) },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.constantFrom<Ask>(
        "arm",
        "disarm",
        "emergency-stop",
        "reset-emergency-stop",
        "stall",
        "fault",
        "lost",
        "connected",
      ),
      { minLength: 1, maxLength: 3 },
    ),
  },
);

/** Turns that arm early and then mostly stream commands, with silences, bad commands, trips and lost connections. */
export function someTurns(options: GuardOptions): fc.Arbitrary<Turn[]> {
  const { everyUs } = options;
  const unit = limitsOf(options.limits, "test").unit;
  const turn = fc.record({
    asks: someAsks,
    commands: fc.oneof(
      { weight: 8, arbitrary: fc.array(someCommand, { minLength: 1, maxLength: 2 }) },
      { weight: 1, arbitrary: fc.array(someCommand, { maxLength: 0 }) },
    ),
    silentTurns: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 40 })),
  });
  return fc.array(turn, { minLength: 20, maxLength: 60 }).map((rough) => {
    const turns: Turn[] = [{ asks: ["arm"], commands: [] }];
    let sequence = 0;
    for (const { asks, commands, silentTurns } of rough) {
      const fromUs = turns.length * everyUs;
      turns.push({
        asks,
        commands: commands.map(({ value, unit: given, ageUs, ttlUs, sequenceStep }, i) => {
          sequence += sequenceStep;
          const atUs = Math.max(0, fromUs + i + 1 - ageUs);
          return { atUs, name: "pan", value, unit: given === "right" ? unit : given, ttlUs, sequence };
        }),
      });
      for (let i = 0; i < silentTurns; i++) turns.push({ asks: [], commands: [] });
    }
    return turns;
  });
}

export function ask(guard: Guard, asked: Ask, atUs: number): readonly SafeCommand[] {
  if (asked === "stall" || asked === "fault") return guard.trip(asked, atUs);
  if (asked === "lost" || asked === "connected") return guard.connection(asked, atUs);
  return guard.request(asked, atUs);
}

/** Plays turn after turn, each one step of the grid long, from time 0 on. */
export function play(guard: Guard, turns: readonly Turn[], everyUs: number): Answer[] {
  return turns.map(({ asks, commands }, i) => {
    const fromUs = i * everyUs;
    const atOnce = asks.map((asked) => ask(guard, asked, fromUs));
    const atGrid = guard.step({ fromUs, toUs: fromUs + everyUs, commands }).commands;
    return { atOnce, atGrid };
  });
}

/**
 * The first invariant that these answers break, in words; undefined when all hold. Written from the rules alone: it tracks
 * who armed what and which commands are valid, and judges motion only by the commands that left.
 */
export function firstBreach(
  options: GuardOptions,
  turns: readonly Turn[],
  answers: readonly Answer[],
): string | undefined {
  const { everyUs, failsafe } = options;
  const limits = limitsOf(options.limits, "test");
  const stepS = everyUs / 1e6;
  const range = limits.max - limits.min;
  const slack = range * 1e-6;
  const isRate = limits.unit !== "deg" && limits.unit !== "pulseUs";
  /** Longest that a motion to the failsafe's end may take. */
  const accel = limits.accelPerS2 ?? Infinity;
  const endingUsMax =
    1e6 * (range / Math.min(limits.startPerS, limits.slewPerS) + (4 * limits.slewPerS || 0) / accel) +
    (limits.slewPerS === Infinity ? 0 : 1e6 * 2 * Math.sqrt(range / accel)) +
    limits.toggleUs +
    4 * everyUs;

  let state = "disarmed" as GuardState;
  let connected = true;
  let lastSequence = -Infinity;
  let target: Command | undefined;
  let ending: { kind: "hold" | "home"; sinceUs: number } | undefined;
  let safeSequence = -1;
  let safeAtUs = -Infinity;
  /** The last move since the position became known, and the mean speed and the steps that led to it. */
  let last: { value: number; atUs: number; speed: number; steps: number; changedUs: number } | undefined;
  /** Goals that were allowed at the grid points since the last move. */
  let goals: number[] = [];

  const inOrder = (said: SafeCommand): string | undefined => {
    if (said.sequence <= safeSequence) return "sequence of safe commands does not rise";
    if (said.atUs < safeAtUs) return "time of safe commands runs back";
    safeSequence = said.sequence;
    safeAtUs = said.atUs;
  };

  /** Leaves the armed state; answers how many releases must follow at once. */
  const leave = (next: GuardState, action: GuardOptions["failsafe"], atUs: number): number => {
    state = next;
    target = undefined;
    if (action === "release") {
      last = undefined;
      ending = undefined;
      return connected ? 1 : 0;
    }
    ending = last && connected ? { kind: action, sinceUs: atUs } : undefined;
    return 0;
  };

  const releasesAfter = (asked: Ask, atUs: number): number => {
    switch (asked) {
      case "arm":
        if (state === "disarmed" && connected) state = "armed";
        return 0;
      case "emergency-stop":
        if (state === "emergency-stopped") return 0;
        return leave("emergency-stopped", failsafe === "hold" ? "hold" : "release", atUs);
      case "reset-emergency-stop":
        if (state === "emergency-stopped") state = "disarmed";
        return 0;
      case "connected":
        if (connected) return 0;
        connected = true;
        if (failsafe === "hold" || (failsafe === "home" && state !== "emergency-stopped")) return 0;
        last = undefined;
        return 1;
      case "lost":
        connected = false;
        if (state === "armed") leave("disarmed", failsafe, atUs);
        last = undefined;
        ending = undefined;
        return 0;
      default:
        return state === "armed" ? leave("disarmed", failsafe, atUs) : 0;
    }
  };

  const hear = (commands: readonly Command[], gridUs: number) => {
    let newest: Command | undefined;
    for (const command of commands) {
      if (!Number.isFinite(command.value) || !Number.isFinite(command.ttlUs)) continue;
      if (command.sequence <= lastSequence) continue;
      lastSequence = command.sequence;
      if (command.unit === limits.unit && state === "armed") newest = command;
    }
    if (!newest || gridUs > newest.atUs + newest.ttlUs) return;
    target = newest;
    ending = undefined;
  };

  const judgeMove = (value: number, gridUs: number): string | undefined => {
    if (!(value >= limits.min && value <= limits.max)) return "outside the limits";
    if (!last) {
      last = { value, atUs: gridUs, speed: 0, steps: 1, changedUs: -Infinity };
      return value === limits.home ? undefined : "does not begin at home";
    }
    const change = value - last.value;
    const steps = (gridUs - last.atUs) / everyUs;
    const speed = change / (steps * stepS);
    if (Math.abs(change) > limits.slewPerS * steps * stepS + slack) return "faster than the slew";
    const speedChangeMax = (accel * stepS * (steps + last.steps)) / 2;
    if (Math.abs(speed - last.speed) * stepS > speedChangeMax * stepS + slack) return "acceleration";
    if (change !== 0 && gridUs - last.changedUs < limits.toggleUs) return "switched too soon";

    const faster = Math.abs(speed) - Math.abs(last.speed);
    const mayRise = accel === Infinity ? 0 : (accel * stepS * (last.steps - 1)) / 2;
    const before = last.value;
    const wanted = goals.some((goal) => (goal - before) * change > 0);
    if ((faster - mayRise) * stepS > slack && !wanted) return "moves where no valid command asks";
    goals = [];
    last = { value, atUs: gridUs, speed, steps, changedUs: change === 0 ? last.changedUs : gridUs };
  };

  for (const [i, { asks, commands }] of turns.entries()) {
    const fromUs = i * everyUs;
    const gridUs = fromUs + everyUs;
    const { atOnce, atGrid } = answers[i]!;
    for (const [k, asked] of asks.entries()) {
      const releases = releasesAfter(asked, fromUs);
      const said = atOnce[k]!;
      if (said.some((each) => each.action !== "release")) return `moves at once after ${asked}`;
      if (said.length !== releases) return `${said.length} releases after ${asked}, not ${releases}`;
      for (const each of said) {
        const breach = inOrder(each);
        if (breach) return breach;
      }
    }

    hear(commands, gridUs);
    let releases = 0;
    if (state === "armed" && target && gridUs - target.atUs > options.watchdogMs * 1000)
      releases = leave("disarmed", failsafe, gridUs);
    if (target && gridUs <= target.atUs + target.ttlUs) goals.push(target.value);
    else if (isRate && (target || ending)) goals.push(limits.home);
    if (ending?.kind === "home") goals.push(limits.home);

    if (atGrid.filter((said) => said.action === "release").length !== releases)
      return releases > 0 ? "no release when it must fail safe" : "release without a reason";
    for (const said of atGrid) {
      const breach = inOrder(said);
      if (breach) return breach;
      if (said.atUs !== gridUs) return "off the grid";
      if (said.action === "release") continue;
      if (said.unit !== limits.unit) return "in another unit";
      if (!target && !ending) return `moves while ${state}`;
      const badMove = judgeMove(said.value, gridUs);
      if (badMove) return badMove;
    }
    if (atGrid.length > 1) return "says two things at once";
    if (target && last && gridUs - last.atUs >= options.keepAliveMs * 1000) return "no keep-alive";
    if (target && !last) return "does not follow";
    if (ending && gridUs - ending.sinceUs > endingUsMax) {
      const toHome = ending.kind === "home" || isRate;
      if (last!.atUs < ending.sinceUs) return "failsafe action is missing";
      if (toHome && last!.value !== limits.home) return "failsafe did not reach home";
      ending = undefined;
    }
  }
  return undefined;
}
