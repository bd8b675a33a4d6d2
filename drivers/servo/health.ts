/** A servo's own state, read back: a stall, heat or a bad supply becomes a fault before it becomes damage. */

import { z } from "zod";
import type { ActuatorContext } from "../../src/stage.ts";

/** Options of every driver whose servos tell how they are. */
export const healthOptions = {
  pollMs: z
    .int()
    .min(10)
    .max(10_000)
    .default(50)
    .describe("pause between two questions to the servo for its state, milliseconds"),
  temperatureMaxC: z
    .number()
    .min(30)
    .max(120)
    .default(70)
    .describe("heat at which the guard disarms it, degrees Celsius"),
  voltageMinV: z
    .number()
    .min(0)
    .max(60)
    .default(0)
    .describe("supply below which the guard disarms it, volts; 0 leaves it to the servo"),
  voltageMaxV: z
    .number()
    .min(0)
    .max(60)
    .default(60)
    .describe("supply above which the guard disarms it, volts; 60 leaves it to the servo"),
} satisfies z.ZodRawShape;

/** Options of those whose servos tell their load, besides. */
export const stallOptions = {
  stallLoad: z
    .number()
    .min(0.05)
    .max(1)
    .default(0.9)
    .describe("load from which a servo counts as stalled, as a share of its largest"),
  stallMs: z
    .int()
    .min(0)
    .max(60_000)
    .default(1000)
    .describe("how long it may be stalled before the guard disarms it, milliseconds"),
} satisfies z.ZodRawShape;

export type HealthOptions = z.output<z.ZodObject<typeof healthOptions>> &
  Partial<z.output<z.ZodObject<typeof stallOptions>>>;

/** What a servo can tell of itself, as `readings()` shows it. */
export interface ServoState {
  angleDeg?: number;
  speedDegPerS?: number;
  pulseUs?: number;
  /** Share of the largest load, -1 to 1; the sign is the direction. */
  load?: number;
  currentA?: number;
  temperatureC?: number;
  voltageV?: number;
}

export interface Health {
  /** The newest of each reading. */
  readonly state: Readonly<Record<string, number>>;
  /** What the servo was told last: one that was told to move should have its torque on. */
  told(action: "move" | "release"): void;
  /** Takes new readings; the errors that the servo reports, in words, and whether its torque is on, where they were asked. */
  take(read: ServoState, errors?: readonly string[], torqueOn?: boolean): void;
}

/** Readings in a row without torque after which it is no coincidence with a command on its way. */
const limpMax = 2;

/**
 * A fault is told once when it begins, and again only after it was over. The supply and the heat are judged at once, a
 * load only when it lasts: a servo that starts to move shows its largest for a moment.
 */
export function watchHealth(
  options: HealthOptions,
  context: Pick<ActuatorContext, "id" | "clock" | "notice" | "fault" | "operator">,
): Health {
  const state: Record<string, number> = {};
  const told = new Set<string>();
  let stalledSinceUs: number | undefined;
  let lastAction: "move" | "release" = "release";
  let limp = 0;

  const judge = (cause: string, bad: boolean, why: string) => {
    if (!bad) return void told.delete(cause);
    if (told.has(cause)) return;
    told.add(cause);
    tellFault(context, why);
  };

  return {
    state,
    told(action) {
      if (action !== lastAction) limp = 0;
      lastAction = action;
    },
    take(read, errors, torqueOn) {
      for (const [name, value] of Object.entries(read)) if (Number.isFinite(value)) state[name] = value;
      const { load, temperatureC, voltageV } = read;
      if (load !== undefined) {
        const { stallLoad = 1, stallMs = 0 } = options;
        const nowUs = context.clock.nowUs();
        if (Math.abs(load) < stallLoad) stalledSinceUs = undefined;
        else stalledSinceUs ??= nowUs;
        const stalled = stalledSinceUs !== undefined && nowUs - stalledSinceUs >= stallMs * 1000;
        judge("stall", stalled, `stalled: its load has been ${percent(load)} for ${stallMs} ms`);
      }
      if (temperatureC !== undefined)
        judge(
          "heat",
          temperatureC >= options.temperatureMaxC,
          `too hot: ${temperatureC} degrees C, the limit is ${options.temperatureMaxC}`,
        );
      if (voltageV !== undefined) {
        const { voltageMinV, voltageMaxV } = options;
        judge(
          "supply",
          voltageV < voltageMinV || voltageV > voltageMaxV,
          `bad supply: ${voltageV.toFixed(1)} V, the limits are ${voltageMinV} and ${voltageMaxV} V`,
        );
      }
      if (torqueOn !== undefined) limp = torqueOn || lastAction === "release" ? 0 : limp + 1;
      judge(
        "torque",
        limp >= limpMax,
        "its torque went off by itself: an overload, or a restart after a brown-out",
      );
      if (errors) judge("own", errors.length > 0, `the servo reports: ${errors.join(", ")}`);
    },
  };
}

/** Disarms: by a fault where the caller knows faults, else as an operator would. */
export function tellFault(
  { id, notice, fault, operator }: Pick<ActuatorContext, "id" | "notice" | "fault" | "operator">,
  why: string,
): void {
  notice(`${id}: ${why}; disarmed`);
  if (fault) fault(why);
  else operator("disarm");
}

const percent = (share: number) => `${Math.round(Math.abs(share) * 100)} %`;
