/** A simulated hobby servo: it follows pulses with a dead band, a first-order lag and a speed limit. */

import { z } from "zod";
import type { SafeCommand } from "../../src/safety/command.ts";
import { pulseOptions, pulseScale } from "./pulse.ts";

export const servoOptions = z.strictObject({
  ...pulseOptions,
  speedDegPerS: z.number().positive().default(300).describe("fastest turn, degrees per second; 0.2 s for 60"),
  lagMs: z.number().min(0).default(20).describe("time constant of the approach, milliseconds; 0 for none"),
  deadBandUs: z.number().min(0).default(4).describe("change of the pulse that it does not see, microseconds"),
  startDeg: z.number().optional().describe("angle before the first pulse, degrees; the middle by default"),
});

export type ServoOptions = z.output<typeof servoOptions>;

export interface SimulatedServo {
  /** Takes effect at the command's time; commands come in order of time. */
  tell(command: SafeCommand): void;
  /**
   * What it shows at a packet time that is not before the last command. `pulseUs` is 0 while no pulses come. A command in
   * another unit than angles and pulses turns nothing and is shown under its unit's name.
   */
  at(atUs: number): Readonly<Record<string, number>>;
}

/**
 * The angle x goes to the angle r of the pulse by dx/dt = clamp((r - x) / lag, -speed, speed): a straight line while it is
 * further away than speed * lag, an exponential from there on. It is solved from the last command on, so that the answer
 * does not depend on how often it was asked. Without pulses it is limp and stays where it is.
 */
export function simulateServo(options: ServoOptions): SimulatedServo {
  const scale = pulseScale(options);
  const speedPerUs = options.speedDegPerS / 1e6;
  const lagUs = options.lagMs * 1000;
  const exponentialDeg = speedPerUs * lagUs;
  let sinceUs = 0;
  let fromDeg = options.startDeg ?? (options.angleMinDeg + options.angleMaxDeg) / 2;
  let toDeg = fromDeg;
  let followedUs = Number.NaN;
  let pulseUs = 0;
  let other: Record<string, number> = {};

  const angleAt = (atUs: number) => {
    const distance = Math.abs(toDeg - fromDeg);
    const afterUs = Math.max(0, atUs - sinceUs);
    const straightUs = Math.max(0, distance - exponentialDeg) / speedPerUs;
    const straightDeg = Math.min(afterUs, straightUs) * speedPerUs;
    if (afterUs <= straightUs) return fromDeg + Math.sign(toDeg - fromDeg) * straightDeg;
    if (lagUs === 0) return toDeg;
    const restDeg = (distance - straightDeg) * Math.exp(-(afterUs - straightUs) / lagUs);
    return toDeg - Math.sign(toDeg - fromDeg) * restDeg;
  };

  /** From `atUs` on it turns to another angle, or stays where it is. */
  const turn = (atUs: number, goalDeg: number | undefined) => {
    fromDeg = angleAt(atUs);
    sinceUs = atUs;
    toDeg = goalDeg ?? fromDeg;
  };

  return {
    tell(command) {
      if (command.action === "release") {
        turn(command.atUs, undefined);
        followedUs = Number.NaN;
        pulseUs = 0;
        other = {};
        return;
      }
      if (command.unit !== "deg" && command.unit !== "pulseUs") {
        other = { [command.unit]: command.value };
        return;
      }
      pulseUs = scale.pulseIn(command);
      if (Math.abs(pulseUs - followedUs) <= options.deadBandUs) return;
      followedUs = pulseUs;
      turn(command.atUs, scale.angleOf(pulseUs));
    },
    at: (atUs) => ({ angleDeg: angleAt(atUs), pulseUs, ...other }),
  };
}
