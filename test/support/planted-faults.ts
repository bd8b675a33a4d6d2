/** The guard with a fault in it: its own source text, with one place changed, loaded as it is. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { BenchChoices } from "./guard-bench.ts";
import { root } from "./world.ts";

/** All that stands between a run's line and the wire; whatever else they import stays as it is. */
const files = [
  "src/safety/guard.ts",
  "src/safety/motion.ts",
  "src/safety/watchdog.ts",
  "src/pipeline/guarded.ts",
  "src/pipeline/guard-host.ts",
  "src/pipeline/wall-pace.ts",
  "drivers/wire/latest.ts",
  "drivers/serial/port.ts",
  "drivers/serial-line.ts",
] as const;

export interface PlantedFault {
  readonly name: string;
  readonly file: (typeof files)[number];
  /** Stands once in the file. */
  readonly good: string;
  readonly bad: string;
  /** Seed to begin with, where the first few hundred show nothing: 1 by default. */
  readonly seed?: number;
}

export const plantedFaults: readonly PlantedFault[] = [
  {
    name: "no time-to-live",
    file: "src/safety/guard.ts",
    good: 'if (gridUs > atUs + ttlUs) return count("stale, dropped");',
    bad: "",
  },
  {
    name: "an expired target is followed on",
    file: "src/safety/guard.ts",
    good: "if (gridUs <= goodUntilUs) resting = arrived = toward(value);",
    bad: "if (value === value) resting = arrived = toward(value);",
  },
  {
    name: "dead-man off in packet time",
    file: "src/safety/guard.ts",
    good: "gridUs - target.atUs > watchdogUs",
    bad: "gridUs < 0",
  },
  {
    name: "where a motion comes to rest is said with the next keep-alive",
    file: "src/safety/guard.ts",
    good: "(rests ? 0 : resolution)",
    bad: "(rests && resolution < 0 ? 0 : resolution)",
    seed: 36446,
  },
  {
    name: "limits skipped",
    file: "src/safety/motion.ts",
    good: "return Math.min(Math.max(value, low), high);",
    bad: "return low > high ? low : value;",
  },
  {
    name: "slew skipped",
    file: "src/safety/motion.ts",
    good: "Math.min(slewPerS, fastestThatStops(Math.abs(distance), speedChange, stepS))",
    bad: "fastestThatStops(Math.abs(distance), speedChange, stepS)",
  },
  {
    name: "an older sequence number is taken",
    file: "src/safety/guard.ts",
    good: 'if (sequence <= (lastSequences.get(name) ?? -Infinity)) return count("out of order, dropped");',
    bad: "",
  },
  {
    name: "another unit is taken",
    file: "src/safety/guard.ts",
    good: 'if (unit !== limits.unit) return count("wrong unit, refused");',
    bad: "",
  },
  {
    name: "commands count while disarmed",
    file: "src/safety/guard.ts",
    good: 'if (state !== "armed") return count("not armed, dropped");',
    bad: "",
  },
  {
    name: "an emergency stop does nothing",
    file: "src/safety/guard.ts",
    good: 'count("emergency stop");',
    bad: "return;",
  },
  {
    name: "an emergency stop does not latch",
    file: "src/safety/guard.ts",
    good: 'if (state === "disarmed" && connected) become("armed", atUs, "arm");',
    bad: 'if (connected) become("armed", atUs, "arm");',
  },
  {
    name: "arms again by itself after a trip",
    file: "src/safety/guard.ts",
    good: 'disarm("disarmed", atUs, cause, failsafe);\n  };',
    bad: 'disarm("disarmed", atUs, cause, failsafe);\n    state = "armed";\n  };',
  },
  {
    name: "the position counts as known after a release",
    file: "src/safety/guard.ts",
    good: "ending = undefined;\n    positionKnown = false;\n    if (connected) say(atUs",
    bad: "ending = undefined;\n    if (connected) say(atUs",
  },
  {
    name: "a trip says no release",
    file: "src/safety/guard.ts",
    good: 'if (action === "release") release(atUs);',
    bad: 'if (action === "release") positionKnown = false;',
  },
  {
    name: "a stall is not told to the guard",
    file: "src/pipeline/guarded.ts",
    good: 'write(guard.trip("stall", nowUs));',
    bad: "",
  },
  {
    name: "a lost connection is not told to the guard",
    file: "src/pipeline/guarded.ts",
    good: "write(guard.connection(state, nowUs));",
    bad: "void state;",
  },
  {
    name: "dead-man off on the wall clock",
    file: "src/pipeline/guard-host.ts",
    good: "for (const each of armed) each.act((guarded) => guarded.stalled());",
    bad: "",
  },
  {
    name: "a watchdog that any look feeds",
    file: "src/safety/watchdog.ts",
    good: "if (tripped || nowUs - lastUs <= deadlineUs) return;",
    bad: "if (tripped || nowUs - lastUs <= 4 * deadlineUs) return;",
  },
  {
    name: "no time by the wall where batches stay away",
    file: "src/pipeline/guard-host.ts",
    good: "const span = this.#pace.due();",
    bad: "const span = this.#pace.due() && undefined;",
  },
  {
    name: "what this process missed is made up for in a burst",
    file: "src/pipeline/wall-pace.ts",
    good: "const fromUs = missed ? wallUs - this.#everyUs : this.#doneUs;",
    bad: "const fromUs = missed ? this.#doneUs : this.#doneUs;",
  },
  {
    name: "batches that waited come before the time that passed",
    file: "src/pipeline/guard-host.ts",
    good: "this.#keepTime();\n    this.#pace.heard",
    bad: "this.#pace.heard",
  },
  {
    name: "a move that was dropped counts as made",
    file: "src/pipeline/guarded.ts",
    good: "if (!guard.missed(at)) return;",
    bad: "if (at !== undefined) return;",
    seed: 12060,
  },
  {
    name: "a lost port is not told",
    file: "drivers/serial/port.ts",
    good: 'for (const user of users) user.connection("lost", why);',
    bad: "",
  },
];

/** Writes the files with the fault to a folder of their own and loads them from there. */
export async function plant(
  fault: PlantedFault,
  folder: string,
): Promise<NonNullable<BenchChoices["modules"]>> {
  rmSync(folder, { recursive: true, force: true });
  for (const file of files) {
    const text = readFileSync(join(root, file), "utf8");
    const place = join(folder, file);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, elsewhere(file === fault.file ? changed(text, fault) : text, file, place));
  }
  const { hostGuards } = await import(join(folder, "src/pipeline/guard-host.ts"));
  const { openSerialLine } = await import(join(folder, "drivers/serial-line.ts"));
  return { hostGuards, openSerialLine };
}

function changed(text: string, { name, file, good, bad }: PlantedFault): string {
  const pieces = text.split(good);
  if (pieces.length !== 2)
    throw new Error(
      `"${name}" has no place in ${file}: what it changes stands there ${pieces.length - 1} times`,
    );
  return pieces.join(bad);
}

/** Imports of what is not copied lead back to where it is. */
function elsewhere(text: string, file: string, place: string): string {
  return text.replace(/from "(\.[^"]+)"/g, (whole, target: string) => {
    const wanted = relative(root, resolve(root, dirname(file), target));
    if ((files as readonly string[]).includes(wanted)) return whole;
    return `from "${relative(dirname(place), join(root, wanted))}"`;
  });
}
