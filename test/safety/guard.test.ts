import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Command, SafeCommand } from "../../src/safety/command.ts";
import { createGuard, type Guard } from "../../src/safety/guard.ts";
import { guardOptions } from "../../src/safety/limits.ts";

const schema = z.strictObject(guardOptions);
type Given = z.input<typeof schema>;

const everyUs = 20_000;
const plain: Given = { limits: { minDeg: 20, maxDeg: 160, slewDegPerS: 300, startDegPerS: 300 } };

function guardOf(given: Partial<Given> = {}, selfArming = false): Guard {
  return createGuard(schema.parse({ ...plain, ...given }), { id: "pan", selfArming });
}

let sequence = 0;
function say(atUs: number, value: number, more: Partial<Command> = {}): Command {
  return { atUs, name: "pan", value, unit: "deg", ttlUs: 100_000, sequence: sequence++, ...more };
}

/** Runs spans of one grid step; `at` gives the command of each. */
function run(guard: Guard, fromUs: number, toUs: number, at: (us: number) => Command | undefined) {
  const said: SafeCommand[] = [];
  for (let us = fromUs; us < toUs; us += everyUs) {
    const command = at(us + everyUs);
    const batch = { fromUs: us, toUs: us + everyUs, commands: command ? [command] : [] };
    said.push(...guard.step(batch).commands);
  }
  return said;
}

/** `0 90` is a move to 90 at 0 ms, `0 -` a release. */
function inWords(commands: readonly SafeCommand[]): string[] {
  return commands.map(
    (c) => `${c.atUs / 1000} ${c.action === "move" ? Math.round(c.value * 1000) / 1000 : "-"}`,
  );
}

describe("arming", () => {
  it("says nothing before it is armed", () => {
    const guard = guardOf();
    expect(run(guard, 0, 1e6, (us) => say(us, 100))).toEqual([]);
    expect(guard.counts()).toEqual({ "not armed, dropped": 50 });
  });

  it("arms on request, says home first, then follows", () => {
    const guard = guardOf();
    expect(guard.request("arm", 0)).toEqual([]);
    expect(inWords(run(guard, 0, 80_000, (us) => say(us, 100)))).toEqual(["20 90", "40 96", "60 100"]);
    expect(guard.events()).toEqual([{ atUs: 0, state: "armed", cause: "arm" }]);
    expect(guard.events()).toEqual([]);
  });

  it("arms itself once when it may, and not again after a trip", () => {
    const guard = guardOf({}, true);
    run(guard, 0, 40_000, (us) => say(us, 90));
    expect(guard.state).toBe("armed");
    guard.trip("stall", 40_000);
    expect(run(guard, 40_000, 1e6, (us) => say(us, 90))).toEqual([]);
    expect(guard.state).toBe("disarmed");
    expect(guard.events().map((e) => e.cause)).toEqual(["self-arming", "stall"]);
  });

  it("does not use what was said before arming", () => {
    const guard = guardOf();
    guard.step({ fromUs: 0, toUs: 15_000, commands: [say(15_000, 100)] });
    guard.request("arm", 15_000);
    expect(guard.step({ fromUs: 15_000, toUs: 20_000, commands: [] }).commands).toEqual([]);
  });
});

describe("what a command may be", () => {
  /** Runs armed at 90 degrees, then takes one command in a span of its own and tells what follows at 260 ms. */
  function after(command: Partial<Command> & { value: number }) {
    const guard = guardOf({}, true);
    run(guard, 0, 240_000, (us) => say(us, 90));
    const said = guard.step({
      fromUs: 240_000,
      toUs: 260_000,
      commands: [say(250_000, command.value, command)],
    });
    const { "slew limited": _, ...counts } = guard.counts();
    return { said: inWords(said.commands), counts };
  }

  it.each([
    ["within the limits", { value: 92 }, ["260 92"], {}],
    ["late, but not stale", { value: 92, atUs: 170_000 }, ["260 92"], {}],
    ["outside the limits", { value: 1000 }, ["260 96"], { "clamped to range": 1 }],
    ["stale", { value: 92, atUs: 159_000 }, [], { "stale, dropped": 1 }],
    ["stale by its own word", { value: 92, ttlUs: 9_999 }, [], { "stale, dropped": 1 }],
    ["repeated", { value: 92, sequence: 0 }, [], { "out of order, dropped": 1 }],
    ["in another unit", { value: 92, unit: "pulseUs" as const }, [], { "wrong unit, refused": 1 }],
    ["not a number", { value: Number.NaN }, [], { "not a number, refused": 1 }],
    ["endless", { value: Infinity }, [], { "not a number, refused": 1 }],
    ["good for ever", { value: 92, ttlUs: Infinity }, [], { "not a number, refused": 1 }],
    ["from the future", { value: 92, atUs: 260_001 }, [], { "from the future, refused": 1 }],
  ])("%s", (_, command, said, counts) => {
    expect(after(command)).toEqual({ said, counts });
  });

  it("is the newest one at each grid point; each name counts for itself", () => {
    const guard = guardOf({}, true);
    run(guard, 0, 200_000, (us) => say(us, 90));
    const commands = [say(205_000, 80), say(210_000, 91, { name: "other", sequence: 0 }), say(220_000, 92)];
    expect(inWords(guard.step({ fromUs: 200_000, toUs: 220_000, commands }).commands)).toEqual(["220 92"]);
    expect(guard.counts()).toEqual({ superseded: 2 });
  });
});

describe("motion", () => {
  it("begins slowly from an unknown position and is fast once it has arrived", () => {
    const guard = guardOf({ limits: { ...plain.limits, startDegPerS: 100 } }, true);
    const first = run(guard, 0, 100_000, (us) => say(us, 94));
    expect(inWords(first)).toEqual(["20 90", "40 92", "60 94"]);
    expect(inWords(run(guard, 100_000, 140_000, (us) => say(us, 120)))).toEqual(["120 100", "140 106"]);
    expect(guard.counts()).toEqual({ "slow start": 1, "slew limited": 2 });
  });

  it("brakes and holds when its target has outlived its time-to-live", () => {
    const guard = guardOf({ watchdogMs: 10_000 }, true);
    const said = run(guard, 0, 300_000, (us) =>
      us === everyUs ? say(us, 160, { ttlUs: 50_000 }) : undefined,
    );
    expect(inWords(said)).toEqual(["20 90", "40 96", "60 102", "160 102", "260 102"]);
    expect(guard.counts()["expired, held"]).toBe(12);
  });

  it("says nothing new for a change below its resolution, until it is due", () => {
    const guard = guardOf({}, true);
    const said = run(guard, 0, 240_000, (us) => say(us, 90 + (us / everyUs) * 0.001));
    expect(said.map((command) => command.atUs)).toEqual([20_000, 120_000, 220_000]);
  });

  it("says where it came to rest, however near to what was said last", () => {
    const guard = guardOf({}, true);
    const said = run(guard, 0, 200_000, (us) => say(us, us < 60_000 ? 90 : 90.01));
    expect(inWords(said)).toEqual(["20 90", "80 90.01", "180 90.01"]);
  });

  it("of a speed fails safe to a standstill within its slew", () => {
    const limits = { minDegPerS: -90, maxDegPerS: 90, slewDegPerS2: 500 };
    const guard = guardOf({ limits, failsafe: "hold" }, true);
    run(guard, 0, 200_000, (us) => say(us, 25, { unit: "degPerS" }));
    guard.trip("fault", 200_000);
    expect(inWords(run(guard, 200_000, 1e6, () => undefined))).toEqual(["220 15", "240 5", "260 0", "280 0"]);
  });

  it("of a switch keeps its least time between two changes", () => {
    const guard = guardOf({ limits: { toggleMsMin: 60 } }, true);
    const said = run(guard, 0, 200_000, (us) => say(us, (us / everyUs) % 2, { unit: "switch" }));
    const changes = said.filter(
      (each, i) => i > 0 && inWords([each])[0]!.at(-1) !== inWords([said[i - 1]!])[0]!.at(-1),
    );
    expect(changes.map((command) => command.atUs / 1000)).toEqual([100, 160]);
  });

  it("costs nothing over a long silence", () => {
    const guard = guardOf({ failsafe: "home" }, true);
    run(guard, 0, 100_000, (us) => say(us, 100));
    const { commands } = guard.step({ fromUs: 100_000, toUs: 1e15, commands: [] });
    expect(inWords(commands).at(-1)).toMatch(/ 90$/);
    expect(guard.state).toBe("disarmed");
  });
});

describe("an emergency stop", () => {
  it("releases at once, stays until it is reset, and is then still disarmed", () => {
    const guard = guardOf({ failsafe: "home" }, true);
    run(guard, 0, 200_000, (us) => say(us, 100));
    expect(inWords(guard.request("emergency-stop", 205_000))).toEqual(["205 -"]);
    expect(guard.request("arm", 210_000)).toEqual([]);
    expect(guard.request("emergency-stop", 215_000)).toEqual([]);
    expect(guard.state).toBe("emergency-stopped");
    expect(run(guard, 220_000, 400_000, (us) => say(us, 100))).toEqual([]);
    guard.request("reset-emergency-stop", 400_000);
    expect(guard.state).toBe("disarmed");
    expect(run(guard, 400_000, 500_000, (us) => say(us, 100))).toEqual([]);
    guard.request("arm", 500_000);
    expect(inWords(run(guard, 500_000, 540_000, (us) => say(us, 100)))).toEqual(["520 90", "540 96"]);
    expect(guard.counts()).toMatchObject({ "emergency stop": 1, "arming refused": 1 });
  });

  it("holds where the failsafe is hold", () => {
    const guard = guardOf({ failsafe: "hold" }, true);
    run(guard, 0, 40_000, (us) => say(us, 100));
    expect(guard.request("emergency-stop", 40_000)).toEqual([]);
    expect(inWords(run(guard, 40_000, 400_000, (us) => say(us, 120)))).toEqual(["60 96"]);
  });

  it("stops a motion to home", () => {
    const guard = guardOf({ failsafe: "home" }, true);
    run(guard, 0, 400_000, (us) => say(us, 150));
    guard.request("disarm", 400_000);
    expect(inWords(run(guard, 400_000, 440_000, () => undefined))).toEqual(["420 144", "440 138"]);
    expect(inWords(guard.request("emergency-stop", 440_000))).toEqual(["440 -"]);
    expect(run(guard, 440_000, 900_000, () => undefined)).toEqual([]);
  });

  it("before the first span keeps a simulation from arming itself", () => {
    const guard = guardOf({}, true);
    guard.request("emergency-stop", 0);
    expect(run(guard, 0, 100_000, (us) => say(us, 100))).toEqual([]);
  });
});

describe("a lost connection", () => {
  it("disarms; when it is back only a release is said, and motion begins anew after arming", () => {
    const guard = guardOf({}, true);
    run(guard, 0, 200_000, (us) => say(us, 100));
    expect(guard.connection("lost", 200_000)).toEqual([]);
    guard.request("arm", 210_000);
    expect(run(guard, 220_000, 400_000, (us) => say(us, 100))).toEqual([]);
    expect(inWords(guard.connection("connected", 400_000))).toEqual(["400 -"]);
    expect(guard.connection("connected", 400_000)).toEqual([]);
    expect(run(guard, 400_000, 500_000, (us) => say(us, 100))).toEqual([]);
    guard.request("arm", 500_000);
    expect(inWords(run(guard, 500_000, 540_000, (us) => say(us, 100)))).toEqual(["520 90", "540 96"]);
    expect(guard.counts()).toMatchObject({ "trip: lost connection": 1, "arming refused": 1 });
  });

  it("ends a motion to home, and is told nothing when it comes back", () => {
    const guard = guardOf({ failsafe: "home" }, true);
    run(guard, 0, 400_000, (us) => say(us, 150));
    guard.connection("lost", 400_000);
    expect(run(guard, 400_000, 500_000, () => undefined)).toEqual([]);
    expect(guard.connection("connected", 500_000)).toEqual([]);
    expect(run(guard, 500_000, 900_000, () => undefined)).toEqual([]);
  });
});

describe("a move that the device was not told", () => {
  const toward120 = (us: number) => say(us, 120);

  it("has not been made: the motion goes on from where the device is, no faster", () => {
    const guard = guardOf({}, true);
    run(guard, 0, 100_000, toward120);
    expect(guard.missed(96)).toBe(true);
    expect(inWords(run(guard, 100_000, 160_000, toward120))).toEqual(["120 102", "140 108", "160 114"]);
    expect(guard.counts()["not told in time"]).toBe(1);
  });

  it("is not made up for once its target has expired: the place of the device is held, and said at once", () => {
    const guard = guardOf({}, true);
    run(guard, 0, 100_000, toward120);
    run(guard, 100_000, 220_000, () => undefined);
    guard.missed(96);
    expect(inWords(run(guard, 220_000, 260_000, () => undefined))).toEqual(["240 96"]);
  });

  it("was the last of a motion to the failsafe: that is brought to its end all the same", () => {
    const guard = guardOf({ failsafe: "home" }, true);
    run(guard, 0, 200_000, (us) => say(us, 100));
    guard.trip("fault", 200_000);
    expect(inWords(run(guard, 200_000, 400_000, () => undefined))).toEqual(["220 94", "240 90", "260 90"]);
    guard.missed(94);
    expect(inWords(run(guard, 400_000, 600_000, () => undefined))).toEqual(["420 90", "440 90"]);
  });

  it("was the first: the place is unknown still, and home is said again", () => {
    const guard = guardOf({}, true);
    run(guard, 0, 20_000, toward120);
    guard.missed(undefined);
    expect(inWords(run(guard, 20_000, 60_000, toward120))).toEqual(["40 90", "60 96"]);
  });

  it("says nothing of a device that was let go", () => {
    const guard = guardOf({}, true);
    run(guard, 0, 100_000, toward120);
    guard.request("emergency-stop", 100_000);
    expect(guard.missed(96)).toBe(false);
    expect(run(guard, 100_000, 300_000, toward120)).toEqual([]);
  });
});

describe("trips", () => {
  it("releases once after the watchdog's silence, and latches", () => {
    const guard = guardOf({}, true);
    run(guard, 0, 100_000, (us) => say(us, 90));
    const said = run(guard, 100_000, 1e6, (us) => (us > 500_000 ? say(us, 90) : undefined));
    expect(inWords(said)).toEqual(["120 90", "220 90", "320 -"]);
    expect(guard.counts()["trip: watchdog"]).toBe(1);
  });

  it("goes home within the slew, and then stays silent", () => {
    const guard = guardOf({ failsafe: "home" }, true);
    run(guard, 0, 200_000, (us) => say(us, 100));
    expect(guard.trip("fault", 200_000)).toEqual([]);
    const said = run(guard, 200_000, 1e6, (us) => say(us, 120));
    expect(inWords(said)).toEqual(["220 94", "240 90", "260 90"]);
  });

  it("holds with one last command", () => {
    const guard = guardOf({ failsafe: "hold" }, true);
    run(guard, 0, 200_000, (us) => say(us, 100));
    guard.trip("fault", 200_000);
    expect(inWords(run(guard, 200_000, 1e6, () => undefined))).toEqual(["220 100"]);
  });
});
