/** What a document must say before an actuator may move: limits in the actuator's unit, and how it fails safe. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import type { Unit } from "./command.ts";

/** Limits in one unit, complete: what the guard works with. `PerS` and `PerS2` count changes of the value. */
export interface Limits {
  readonly unit: Unit;
  readonly min: number;
  readonly max: number;
  /** Where `failsafe: home` goes, and where a servo of unknown position is first sent. */
  readonly home: number;
  readonly slewPerS: number;
  /** Undefined: the speed may change at once. */
  readonly accelPerS2: number | undefined;
  /** Speed of the first approach from an unknown position. */
  readonly startPerS: number;
  /** Least time between two changes of a switch; 0 for everything else. */
  readonly toggleUs: number;
}

const positive = z.number().positive();

const limits = z
  .strictObject({
    minDeg: z.number().optional().describe("least angle, degrees"),
    maxDeg: z.number().optional().describe("largest angle, degrees"),
    homeDeg: z.number().optional().describe("home angle, degrees; the middle by default"),
    slewDegPerS: positive.optional().describe("fastest motion, degrees per second"),
    accelDegPerS2: positive.optional().describe("strongest acceleration, degrees per second squared"),
    startDegPerS: positive.optional().describe("speed of the first approach; half of the slew by default"),
    minPulseUs: z.number().positive().optional().describe("least pulse width, microseconds"),
    maxPulseUs: z.number().positive().optional().describe("largest pulse width, microseconds"),
    homePulseUs: z.number().optional().describe("home pulse width, microseconds; the middle by default"),
    slewPulseUsPerS: positive
      .optional()
      .describe("fastest change of the pulse width, microseconds per second"),
    accelPulseUsPerS2: positive
      .optional()
      .describe("strongest acceleration, microseconds per second squared"),
    startPulseUsPerS: positive
      .optional()
      .describe("speed of the first approach; half of the slew by default"),
    minDegPerS: z.number().optional().describe("least speed, degrees per second; negative is backwards"),
    maxDegPerS: z.number().optional().describe("largest speed, degrees per second"),
    slewDegPerS2: positive
      .optional()
      .describe("strongest acceleration of a speed, degrees per second squared"),
    minDuty: z.number().min(-1).max(1).optional().describe("least duty, -1 to 1"),
    maxDuty: z.number().min(-1).max(1).optional().describe("largest duty, -1 to 1"),
    homeDuty: z.number().optional().describe("duty at rest; 0 by default"),
    slewDutyPerS: positive.optional().describe("fastest change of the duty, per second"),
    toggleMsMin: positive.optional().describe("a switch: least time between two changes, milliseconds"),
  })
  .superRefine((given, check) => {
    const made = complete(given);
    if (typeof made === "string") check.addIssue({ code: "custom", message: made });
  });

export type LimitOptions = z.output<typeof limits>;

/**
 * The options that every actuator has besides its own: `pipeline/` merges them into its schema.
 * `failsafe` is `release` unless the document says otherwise, because without pulses an analog servo goes limp and a
 * digital one holds: it is at worst `hold`, and never burns a stalled motor.
 */
export const guardOptions = {
  limits: limits.describe(
    "what the guard never exceeds; minDeg, maxDeg and slewDegPerS, or the same in another unit",
  ),
  failsafe: z
    .enum(["hold", "home", "release"])
    .default("release")
    .describe("what happens at a trip: hold the position, go home within the limits, or release the motor"),
  watchdogMs: z
    .int()
    .min(20)
    .max(10_000)
    .default(200)
    .describe("longest silence between valid commands before a trip, milliseconds"),
  everyUs: z
    .int()
    .min(1000)
    .max(1_000_000)
    .default(20_000)
    .describe("grid on which commands leave, microseconds; one servo frame by default"),
  keepAliveMs: z
    .int()
    .min(20)
    .max(10_000)
    .default(100)
    .describe("longest pause between two commands to an armed actuator, milliseconds"),
} satisfies z.ZodRawShape;

export type GuardOptions = z.output<z.ZodObject<typeof guardOptions>>;

/** Takes an actuator's parsed options apart: the guard's, and the driver's own. */
export function separateGuard(all: Record<string, unknown>): {
  guard: GuardOptions;
  options: Record<string, unknown>;
} {
  const entries = Object.entries(all);
  return {
    guard: Object.fromEntries(entries.filter(([key]) => key in guardOptions)) as GuardOptions,
    options: Object.fromEntries(entries.filter(([key]) => !(key in guardOptions))),
  };
}

/** Completes the limits of a document. Throws a usage error for limits that the schema would have refused. */
export function limitsOf(given: LimitOptions, room: string): Limits {
  const made = complete(given);
  if (typeof made === "string") throw new ReflexarcError({ kind: "usage", room, what: made });
  return made;
}

/** Which options make up the limits of a unit; a unit is chosen by the first of its options that is given. */
const families = [
  {
    unit: "deg",
    min: "minDeg",
    max: "maxDeg",
    slew: "slewDegPerS",
    home: "homeDeg",
    accel: "accelDegPerS2",
    start: "startDegPerS",
  },
  {
    unit: "pulseUs",
    min: "minPulseUs",
    max: "maxPulseUs",
    slew: "slewPulseUsPerS",
    home: "homePulseUs",
    accel: "accelPulseUsPerS2",
    start: "startPulseUsPerS",
  },
  { unit: "degPerS", min: "minDegPerS", max: "maxDegPerS", slew: "slewDegPerS2" },
  { unit: "duty", min: "minDuty", max: "maxDuty", slew: "slewDutyPerS", home: "homeDuty" },
] as const satisfies readonly {
  unit: Unit;
  min: keyof LimitOptions;
  max: keyof LimitOptions;
  slew: keyof LimitOptions;
  home?: keyof LimitOptions;
  accel?: keyof LimitOptions;
  start?: keyof LimitOptions;
}[];

function complete(given: LimitOptions): Limits | string {
  const keys = Object.keys(given).filter((key) => given[key as keyof LimitOptions] !== undefined);
  const foreign = (own: readonly string[]) => keys.find((key) => !own.includes(key));
  const mixed = (key: string, unit: string) => `"${key}" does not belong to limits in ${unit}`;

  if (given.toggleMsMin !== undefined) {
    const other = foreign(["toggleMsMin"]);
    if (other) return mixed(other, "switch");
    const toggleUs = given.toggleMsMin * 1000;
    return {
      unit: "switch",
      min: 0,
      max: 1,
      home: 0,
      slewPerS: Infinity,
      accelPerS2: undefined,
      startPerS: Infinity,
      toggleUs,
    };
  }

  const family = families.find((each) => (Object.values(each) as string[]).some((key) => keys.includes(key)));
  if (!family) return "limits need minDeg, maxDeg and slewDegPerS, or the same in another unit";
  const other = foreign(Object.values(family));
  if (other) return mixed(other, family.unit);
  const min = given[family.min];
  const max = given[family.max];
  const slewPerS = given[family.slew];
  if (min === undefined || max === undefined || slewPerS === undefined)
    return `limits in ${family.unit} need ${family.min}, ${family.max} and ${family.slew}`;
  if (min >= max) return `${family.min} must be below ${family.max}`;

  const isPosition = family.unit === "deg" || family.unit === "pulseUs";
  const home = ("home" in family ? given[family.home] : undefined) ?? (isPosition ? (min + max) / 2 : 0);
  if (home < min || home > max) return `home (${home}) must lie between ${family.min} and ${family.max}`;
  const startPerS = ("start" in family ? given[family.start] : undefined) ?? slewPerS / 2;
  return {
    unit: family.unit,
    min,
    max,
    home,
    slewPerS,
    accelPerS2: "accel" in family ? given[family.accel] : undefined,
    startPerS: Math.min(startPerS, slewPerS),
    toggleUs: 0,
  };
}
