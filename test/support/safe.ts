/** Safe commands for tests, made by a guard: there is no other way to have one. */

import type { Command, SafeCommand, Unit } from "../../src/safety/command.ts";
import { createGuard } from "../../src/safety/guard.ts";
import type { LimitOptions } from "../../src/safety/limits.ts";

const everyUs = 1000;

/** A move to a value at a time on the grid of 1 ms: the first one of a guard that is at home there. */
export function move(value: number, atUs = everyUs, unit: Unit = "deg"): SafeCommand & { action: "move" } {
  const limits: Record<Unit, LimitOptions> = {
    deg: { minDeg: -1000, maxDeg: 1000, homeDeg: value, slewDegPerS: 1 },
    pulseUs: { minPulseUs: 1, maxPulseUs: 10_000, homePulseUs: value, slewPulseUsPerS: 1 },
    degPerS: { minDegPerS: -1000, maxDegPerS: 1000, slewDegPerS2: 1e9 },
    duty: { minDuty: -1, maxDuty: 1, homeDuty: value, slewDutyPerS: 1 },
    switch: { toggleMsMin: 1 },
  };
  const guard = armed(limits[unit], atUs - everyUs);
  const command: Command = { atUs, name: "test", value, unit, ttlUs: 1e6, sequence: 0 };
  const said = guard.step({ fromUs: atUs - everyUs, toUs: atUs + 10 * everyUs, commands: [command] });
  const made = said.commands.find((each) => each.action === "move" && each.value === value);
  if (made?.action !== "move") throw new Error(`the guard does not move to ${value} ${unit}`);
  return made;
}

export function release(atUs = everyUs): SafeCommand {
  const [made] = armed({ minDeg: 0, maxDeg: 1, slewDegPerS: 1 }, atUs).request("disarm", atUs);
  return made!;
}

function armed(limits: LimitOptions, atUs: number) {
  const options = { limits, failsafe: "release", watchdogMs: 1000, everyUs, keepAliveMs: 100 } as const;
  const guard = createGuard(options, { id: "test", selfArming: false });
  guard.request("arm", atUs);
  return guard;
}
