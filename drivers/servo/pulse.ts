/** Angles and pulse widths: how a hobby servo reads its signal. */

import { z } from "zod";
import { ReflexarcError } from "../../src/errors.ts";
import type { SafeCommand, Unit } from "../../src/safety/command.ts";
import type { Reach } from "../../src/stage.ts";

/** Options of every driver that turns angles into pulses. A servo that turns the other way has minUs above maxUs. */
export const pulseOptions = {
  minUs: z.number().min(100).max(5000).default(500).describe("pulse width at angleMinDeg, microseconds"),
  maxUs: z.number().min(100).max(5000).default(2500).describe("pulse width at angleMaxDeg, microseconds"),
  angleMinDeg: z.number().default(0).describe("angle of the servo at minUs, degrees"),
  angleMaxDeg: z.number().default(180).describe("angle of the servo at maxUs, degrees"),
} satisfies z.ZodRawShape;

export type PulseOptions = z.output<z.ZodObject<typeof pulseOptions>>;

/** The straight line between angle and pulse width, both ways; pulses stay between minUs and maxUs. */
export interface PulseScale {
  pulseOf(angleDeg: number): number;
  angleOf(pulseUs: number): number;
  /** What the servo can be told in `deg` or `pulseUs`. */
  reachIn(unit: Unit): Reach | undefined;
  /** The pulse width of a command in `deg` or `pulseUs`. */
  pulseIn(command: SafeCommand & { action: "move" }): number;
}

/** Throws a usage error for a servo without travel. */
export function pulseScale({ minUs, maxUs, angleMinDeg, angleMaxDeg }: PulseOptions): PulseScale {
  if (minUs === maxUs || angleMinDeg === angleMaxDeg)
    throw new ReflexarcError({
      kind: "usage",
      room: "servo",
      what: "minUs and maxUs, angleMinDeg and angleMaxDeg must differ",
    });
  const usPerDeg = (maxUs - minUs) / (angleMaxDeg - angleMinDeg);
  const lowUs = Math.min(minUs, maxUs);
  const highUs = Math.max(minUs, maxUs);
  const within = (pulseUs: number) => Math.min(Math.max(pulseUs, lowUs), highUs);
  return {
    pulseOf: (angleDeg) => within(minUs + (angleDeg - angleMinDeg) * usPerDeg),
    angleOf: (pulseUs) => angleMinDeg + (within(pulseUs) - minUs) / usPerDeg,
    reachIn(unit) {
      const by = "minUs, maxUs, angleMinDeg and angleMaxDeg";
      if (unit === "pulseUs") return { min: lowUs, max: highUs, by };
      if (unit !== "deg") return undefined;
      return { min: Math.min(angleMinDeg, angleMaxDeg), max: Math.max(angleMinDeg, angleMaxDeg), by };
    },
    pulseIn({ unit, value }) {
      if (unit === "deg") return this.pulseOf(value);
      if (unit === "pulseUs") return within(value);
      throw new ReflexarcError({
        kind: "usage",
        room: "servo",
        what: `takes angles or pulse widths, not ${unit}`,
        remedy: "Give its limits in Deg or PulseUs.",
      });
    },
  };
}
