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
