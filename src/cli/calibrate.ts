/** `reflexarc calibrate`: finds the ends and the middle of an actuator with the keys, and writes them into its document. */

import { realpathSync } from "node:fs";
import { AtomicFile } from "../../drivers/atomic-file.ts";
import { readTextFile } from "../../drivers/files.ts";
import { ReflexarcError } from "../errors.ts";
import type { ActuatorNode } from "../pipeline/document.ts";
import type { ActuatorStatus } from "../pipeline/operator.ts";
import type { RunSummary } from "../pipeline/summary.ts";
import { type LimitOptions, limitsOf } from "../safety/limits.ts";
import { setNumbers } from "../yaml.ts";
import { actuatorOf, type Jogged, jogHelp, jogWith, noTerminal, stepOf } from "./jog.ts";
import { keysHelp } from "./operating.ts";
import { finish } from "./run.ts";
import { ownTerminal } from "./terminal.ts";
import { openDocument } from "./world.ts";

export interface CalibrateOptions {
  live?: boolean;
  step?: string;
  range?: string;
  set: string[];
}

/** Names of the limits that are marked, by unit; the others have no place to mark. */
const names = {
  deg: { min: "minDeg", centre: "homeDeg", max: "maxDeg", slew: "slewDegPerS", start: "startDegPerS" },
  pulseUs: {
    min: "minPulseUs",
    centre: "homePulseUs",
    max: "maxPulseUs",
    slew: "slewPulseUsPerS",
    start: "startPulseUsPerS",
  },
} as const;

/** Slow enough to stop before something breaks: a range of 180 degrees in six seconds. */
const secondsOfRange = 6;

const marks = { 1: "min", 2: "centre", 3: "max" } as const;
type Mark = (typeof marks)[keyof typeof marks];

export async function calibrate(
  path: string,
  actuator: string | undefined,
  options: CalibrateOptions,
): Promise<void> {
  const terminal = ownTerminal();
  if (!terminal) throw noTerminal("calibrate");
  const document = openDocument(path, options.set);
  const node = slowly(actuatorOf(document.plan, actuator, "calibrate"), options.range);
  const jogged = { document, node, step: stepOf(options.step, node), live: options.live ?? false, terminal };
  terminal.write(`${jogHelp(jogged.step, limitsOf(node.guard.limits, node.id))}\n`);
  terminal.write(`1 marks the least, 2 the centre, 3 the most; w writes them and ends\n${keysHelp}\n`);
  const { summary, written } = await calibrateWith(jogged, (values) => writeLimits(path, node, values));
  finish(summary, false);
  const told = Object.entries(written ?? {}).map(([name, value]) => `${name}: ${value}`);
  process.stdout.write(
    told.length > 0 ? `${path}: ${node.id} now has ${told.join(", ")}.\n` : "Nothing was written.\n",
  );
}

/** Jogs until the operator writes or quits. `write` is called once, when the motor has been let go of. */
export async function calibrateWith(
  jogged: Jogged,
  write: (values: Record<string, number>) => Promise<void>,
): Promise<{ summary: RunSummary; written: Record<string, number> | undefined }> {
  const { node } = jogged;
  const { unit } = limitsOf(node.guard.limits, node.id);
  const marked = new Map<Mark, number>();
  let wanted: Record<string, number> | undefined;
  let said = "";
  const heard = (key: string, status: ActuatorStatus | undefined, end: () => void) => {
    const mark = marks[key as unknown as keyof typeof marks];
    if (mark) {
      const value = placeOf(status, unit);
      if (value === undefined) said = "nothing to mark: arm it first";
      else marked.set(mark, value);
      if (value !== undefined) said = "";
    }
    if (key !== "w") return;
    const values = valuesOf(marked, node);
    if (typeof values === "string") said = values;
    else {
      wanted = values;
      end();
    }
  };
  const shown = () =>
    [...Object.values(marks).map((mark) => `${mark} ${marked.get(mark) ?? "-"}`), said].join("  ");
  const summary = await jogWith(jogged, { heard, shown });
  if (wanted) await write(wanted);
  return { summary, written: wanted };
}

/** Where it was told to be; a bus servo that is limp may be turned by hand, and tells where it is. */
function placeOf(status: ActuatorStatus | undefined, unit: string): number | undefined {
  if (!status) return undefined;
  const felt = unit === "deg" ? status.readings.angleDeg : status.readings.pulseUs;
  const value = status.state === "armed" ? status.said : felt || undefined;
  return value === undefined ? undefined : Math.round(value * 10) / 10;
}

/** The limits that the marks say, or why they can't be. What was not marked stays as it is. */
function valuesOf(marked: ReadonlyMap<Mark, number>, node: ActuatorNode): Record<string, number> | string {
  if (marked.size === 0) return "mark something first";
  const unit = limitsOf(node.guard.limits, node.id).unit as keyof typeof names;
  const values = Object.fromEntries([...marked].map(([mark, value]) => [names[unit][mark], value]));
  try {
    limitsOf({ ...node.guard.limits, ...values } as LimitOptions, node.id);
    return values;
  } catch (cause) {
    return (cause as ReflexarcError).detail.what;
  }
}

/** The actuator for calibrating: slow, and within `--range` if it is given. Throws a usage error for one without positions. */
function slowly(node: ActuatorNode, range: string | undefined): ActuatorNode {
  const { unit, min, max, home, slewPerS } = limitsOf(node.guard.limits, node.id);
  const refuse = (what: string, remedy: string) =>
    new ReflexarcError({ kind: "usage", room: "calibrate", what, where: node.where, remedy });
  if (unit !== "deg" && unit !== "pulseUs")
    throw refuse(`${node.id} has limits in ${unit}: there are no positions to mark`, "Use jog.");
  const name = names[unit];
  const [low, high] = range === undefined ? [min, max] : range.split(",").map(Number);
  if (range?.split(",").length === 1 || !(low! < high!))
    throw refuse(`--range ${range} is no range`, "Write the least and the largest, for example 0,180.");
  const slew = Math.min(slewPerS, (high! - low!) / secondsOfRange);
  const limits = {
    ...node.guard.limits,
    [name.min]: low,
    [name.max]: high,
    [name.centre]: Math.min(Math.max(home, low!), high!),
    [name.slew]: slew,
    [name.start]: slew,
  } as LimitOptions;
  return { ...node, guard: { ...node.guard, limits } };
}

/** Puts numbers into the limits of an actuator, in its document, which otherwise stays as it is, comments and all. */
export async function writeLimits(
  path: string,
  { index, id }: ActuatorNode,
  values: Record<string, number>,
): Promise<void> {
  const text = readTextFile(path, "document");
  const changed = setNumbers(text, { name: path, at: ["stages", index], id }, values);
  // A link stays a link.
  const file = new AtomicFile(realpathSync(path), { overwrite: true });
  await file.open();
  file.write(new TextEncoder().encode(changed));
  await file.end();
}
