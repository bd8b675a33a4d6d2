/** Motion on a grid of time: a value that follows a target within slew and acceleration, and can always stop in time. */

import type { Limits } from "./limits.ts";

/** Which limit kept the value from its target in this step. */
export type Acted = "slew" | "acceleration" | undefined;

export interface Motion {
  /** Always within the limits. */
  readonly value: number;
  /** Change of the value in the last step, per second. */
  readonly speed: number;
  /** Stands at a value, whatever was before. */
  start(value: number): void;
  /** One step towards a target (held within the limits), no faster than `slewPerS`. */
  toward(target: number, slewPerS: number): Acted;
  /** One step of braking. */
  brake(): void;
}

/**
 * A trapezoid of speed in discrete time. With the step h and the acceleration a, a value that moves at speed v in this
 * step and brakes from then on still covers D(v) = h (v + (v - ah) + (v - 2ah) + ...), so the speed is the largest v
 * with D(v) no more than the distance to the target: it stops there exactly, and never passes a limit.
 */
export function createMotion(limits: Limits, everyUs: number): Motion {
  const stepS = everyUs / 1e6;
  const speedChange = limits.accelPerS2 === undefined ? Infinity : limits.accelPerS2 * stepS;
  const closeEnough = (limits.max - limits.min) * 1e-9;
  const toggleSteps = Math.ceil(limits.toggleUs / everyUs);
  let value = limits.home;
  let speed = 0;
  let stepsSinceChange = 1;

  const advance = (wishedSpeed: number, target: number) => {
    speed = clamp(wishedSpeed, speed - speedChange, speed + speedChange);
    let next = clamp(value + speed * stepS, limits.min, limits.max);
    if (Math.abs(target - next) <= closeEnough) next = target;
    stepsSinceChange = next === value ? stepsSinceChange + 1 : 1;
    value = next;
  };

  return {
    get value() {
      return value;
    },
    get speed() {
      return speed;
    },
    start(at) {
      value = clamp(at, limits.min, limits.max);
      speed = 0;
      stepsSinceChange = 1;
    },
    toward(wishedTarget, slewPerS) {
      const target = clamp(wishedTarget, limits.min, limits.max);
      if (target !== value && stepsSinceChange < toggleSteps) {
        stepsSinceChange += 1;
        speed = 0;
        return "slew";
      }
      const distance = target - value;
      const directSpeed = distance / stepS;
      const allowed = Math.min(slewPerS, fastestThatStops(Math.abs(distance), speedChange, stepS));
      advance(Math.sign(distance) * allowed, target);
      if (Math.abs(directSpeed - speed) * stepS <= closeEnough) return undefined;
      return Math.abs(speed) >= slewPerS - closeEnough ? "slew" : "acceleration";
    },
    brake() {
      advance(0, value);
    },
  };
}

/** The largest v with D(v) = `distance`, when the speed may fall by `speedChange` a step of `stepS`. */
function fastestThatStops(distance: number, speedChange: number, stepS: number): number {
  if (speedChange === Infinity) return distance / stepS;
  const unit = speedChange * stepS;
  const brakingSteps = Math.floor((Math.sqrt(1 + (8 * distance) / unit) - 1) / 2);
  return distance / stepS / (brakingSteps + 1) + (speedChange * brakingSteps) / 2;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
