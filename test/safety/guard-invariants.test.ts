import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command, SafeCommand } from "../../src/safety/command.ts";
import { createGuard, type Guard } from "../../src/safety/guard.ts";
import type { GuardOptions, LimitOptions } from "../../src/safety/limits.ts";
import { ask, firstBreach, play, someOptions, someTurns, type Turn } from "../support/guard-invariants.ts";

const someCase = someOptions.chain((options) => someTurns(options).map((turns) => ({ options, turns })));
const context = { id: "pan", selfArming: false };

function breachOf(
  make: (options: GuardOptions) => Guard,
  { options, turns }: { options: GuardOptions; turns: Turn[] },
) {
  return firstBreach(options, turns, play(make(options), turns, options.everyUs));
}

describe("the guard, on random schedules", () => {
  it("breaks no invariant", () => {
    fc.assert(
      fc.property(someCase, (each) => {
        expect(breachOf((options) => createGuard(options, context), each)).toBeUndefined();
      }),
      { numRuns: 3000 },
    );
  });

  it("moves in most of them, so that the invariants are about something", () => {
    const cases = fc.sample(someCase, { numRuns: 200, seed: 1 });
    const moving = cases.filter(({ options, turns }) => {
      const answers = play(createGuard(options, context), turns, options.everyUs);
      return answers.flatMap((a) => a.atGrid).filter((c) => c.action === "move").length > 10;
    });
    expect(moving.length).toBeGreaterThan(120);
  });

  it("says the same for any cut of the spans", () => {
    fc.assert(
      fc.property(
        someCase,
        fc.array(fc.integer({ min: 1, max: 3e6 }), { maxLength: 40 }),
        ({ options, turns }, cuts) => {
          const punctual = turns.map((turn, i) => ({
            ...turn,
            commands: onTime(turn.commands, i * options.everyUs),
          }));
          const whole = playCut(createGuard(options, context), punctual, options.everyUs, []);
          expect(playCut(createGuard(options, context), punctual, options.everyUs, cuts)).toEqual(whole);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("the checker catches", () => {
  const limitsTimes = (
    options: GuardOptions,
    change: (limits: LimitOptions) => LimitOptions,
  ): GuardOptions => ({
    ...options,
    limits: change(options.limits),
  });
  const withCommands = (guard: Guard, change: (command: Command) => Command): Guard => ({
    ...guard,
    step: (batch) => guard.step({ ...batch, commands: batch.commands.map(change) }),
  });
  const withSaid = (
    guard: Guard,
    change: (said: readonly SafeCommand[]) => readonly SafeCommand[],
  ): Guard => ({
    ...guard,
    step: (batch) => {
      const { commands, ...span } = guard.step(batch);
      return { ...span, commands: change(commands) };
    },
  });
  const sound = (options: GuardOptions) => createGuard(options, context);

  const faults: Record<string, (options: GuardOptions) => Guard> = {
    "no clamp": (options) =>
      sound(
        limitsTimes(options, (l) =>
          l.minDeg === undefined ? l : { ...l, minDeg: l.minDeg - 50, homeDeg: homeOf(l) },
        ),
      ),
    "slew doubled": (options) =>
      sound(
        limitsTimes(options, (l) =>
          l.slewDegPerS === undefined ? l : { ...l, slewDegPerS: l.slewDegPerS * 2 },
        ),
      ),
    "no acceleration limit": (options) =>
      sound(limitsTimes(options, (l) => ({ ...l, accelDegPerS2: undefined }))),
    "switch without a pause": (options) =>
      sound(limitsTimes(options, (l) => (l.toggleMsMin === undefined ? l : { toggleMsMin: 1 }))),
    "watchdog off": (options) => sound({ ...options, watchdogMs: 10_000 }),
    "no time-to-live": (options) => withCommands(sound(options), (c) => ({ ...c, ttlUs: 1e9 })),
    "sequence ignored": (options) => {
      let sequence = 0;
      return withCommands(sound(options), (c) => ({ ...c, sequence: sequence++ }));
    },
    "unit ignored": (options) =>
      withCommands(sound(options), (c) => ({
        ...c,
        unit: options.limits.minDeg === undefined ? c.unit : "deg",
      })),
    "infinite value taken for a number": (options) =>
      withCommands(sound(options), (c) => ({ ...c, value: Number.isFinite(c.value) ? c.value : 1e9 })),
    "armed from the start": (options) => {
      const guard = sound(options);
      guard.request("arm", 0);
      return { ...guard, request: (what, atUs) => (what === "arm" ? [] : guard.request(what, atUs)) };
    },
    "arms again after a trip": (options) => {
      const guard = sound(options);
      return {
        ...guard,
        step: (batch) => {
          if (guard.state === "disarmed") guard.request("arm", batch.fromUs);
          return guard.step(batch);
        },
      };
    },
    "a reset that arms": (options) => {
      const guard = sound(options);
      return {
        ...guard,
        request: (what, atUs) => {
          const said = guard.request(what, atUs);
          return what === "reset-emergency-stop" ? [...said, ...guard.request("arm", atUs)] : said;
        },
      };
    },
    "emergency stop ignored": (options) => {
      const guard = sound(options);
      return {
        ...guard,
        request: (what, atUs) => (what === "emergency-stop" ? [] : guard.request(what, atUs)),
      };
    },
    "no failsafe action": (options) =>
      withSaid(sound(options), (said) => said.filter((c) => c.action !== "release")),
    "failsafe of another kind": (options) => sound({ ...options, failsafe: "hold" }),
    "lost connection ignored": (options) => ({ ...sound(options), connection: () => [] }),
    "no keep-alive": (options) => sound({ ...options, keepAliveMs: 10_000 }),
    "said twice": (options) => withSaid(sound(options), (said) => said.flatMap((c) => [c, c])),
    "not a number": (options) =>
      withSaid(sound(options), (said) =>
        said.map((c) => (c.action === "move" ? { ...c, value: Number.NaN } : c)),
      ),
  };

  for (const [name, make] of Object.entries(faults)) {
    it(name, () => {
      const result = fc.check(
        fc.property(someCase, (each) => breachOf(make, each) === undefined),
        { numRuns: 600, seed: 1, endOnFailure: true },
      );
      expect(result.failed).toBe(true);
    });
  }
});

function homeOf(limits: LimitOptions): number {
  return limits.homeDeg ?? (limits.minDeg! + limits.maxDeg!) / 2;
}

/** The same commands without the late ones' age: what a readout in the same process says. */
function onTime(commands: readonly Command[], fromUs: number): Command[] {
  return commands.map((command, i) => ({ ...command, atUs: fromUs + 7 * (i + 1) }));
}

/** Plays the turns' requests at their times, and the commands in spans that are cut at `cuts` as well. */
function playCut(
  guard: Guard,
  turns: readonly Turn[],
  everyUs: number,
  cuts: readonly number[],
): SafeCommand[] {
  const endUs = turns.length * everyUs;
  const asked = turns.flatMap(({ asks }, i) => (asks.length > 0 ? [i * everyUs] : []));
  const edges = [...new Set([0, endUs, ...asked, ...cuts.filter((cut) => cut < endUs)])].sort(
    (a, b) => a - b,
  );
  const commands = turns.flatMap((turn) => turn.commands);
  const said: SafeCommand[] = [];
  for (const [i, toUs] of edges.slice(1).entries()) {
    const fromUs = edges[i]!;
    if (fromUs % everyUs === 0)
      for (const each of turns[fromUs / everyUs]!.asks) said.push(...ask(guard, each, fromUs));
    const within = commands.filter((c) => c.atUs > fromUs && c.atUs <= toUs);
    said.push(...guard.step({ fromUs, toUs, commands: within }).commands);
  }
  return said;
}
