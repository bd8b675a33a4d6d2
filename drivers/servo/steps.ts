/** Angles of a bus servo, which counts its turn in steps. */

import { z } from "zod";
import { ReflexarcError } from "../../src/errors.ts";
import type { SafeCommand, Unit } from "../../src/safety/command.ts";
import type { Reach } from "../../src/stage.ts";

/** Options of every driver whose servo counts steps. */
export const stepOptions = {
  zeroPosition: z
    .int()
    .min(-32_768)
    .max(32_767)
    .default(0)
    .describe("position of the servo at 0 degrees, in its own steps"),
  direction: z
    .enum(["normal", "reversed"])
    .default("normal")
    .describe("which way angles grow; reversed turns the servo round"),
} satisfies z.ZodRawShape;

export type StepOptions = z.output<z.ZodObject<typeof stepOptions>>;

/** A servo's own measure: so many steps to so many degrees, and the range that it takes. */
export interface Steps {
  readonly steps: number;
  readonly deg: number;
  readonly min: number;
  readonly max: number;
}

export interface StepScale {
  /** The whole step nearest to an angle, within the servo's range. */
  stepOf(angleDeg: number): number;
  angleOf(step: number): number;
  /** What the servo can be told, degrees. */
  readonly reach: Reach;
}

export function stepScale(
  { zeroPosition, direction }: StepOptions,
  { steps, deg, min, max }: Steps,
): StepScale {
  const stepsPerDeg = (direction === "reversed" ? -steps : steps) / deg;
  const ends = [min, max].map((step) => (step - zeroPosition) / stepsPerDeg);
  return {
    reach: { min: Math.min(...ends), max: Math.max(...ends), by: "zeroPosition and direction" },
    stepOf: (angleDeg) => Math.min(Math.max(Math.round(zeroPosition + angleDeg * stepsPerDeg), min), max),
    angleOf: (step) => (step - zeroPosition) / stepsPerDeg,
  };
}

/** The value of a move in the one unit that a driver with these options takes. Throws a usage error for another unit. */
export function valueIn(command: SafeCommand & { action: "move" }, unit: Unit, limits: string): number {
  if (command.unit === unit) return command.value;
  throw new ReflexarcError({
    kind: "usage",
    room: "servo",
    what: `takes ${unit} with these options, not ${command.unit}`,
    remedy: `Give its limits in ${limits}.`,
  });
}
