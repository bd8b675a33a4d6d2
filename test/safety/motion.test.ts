import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limitsOf } from "../../src/safety/limits.ts";
import { createMotion } from "../../src/safety/motion.ts";

const limits = { minDeg: -100, maxDeg: 100, slewDegPerS: 200 };

describe("motion", () => {
  it("goes at the slew and stops on the target", () => {
    const motion = createMotion(limitsOf(limits, "pan"), 20_000);
    const acted = [10, 10, 10, 10].map((target) => [motion.toward(target, 200), motion.value]);
    expect(acted).toEqual([
      ["slew", 4],
      ["slew", 8],
      [undefined, 10],
      [undefined, 10],
    ]);
  });

  it("speeds up and brakes as a trapezoid", () => {
    const motion = createMotion(limitsOf({ ...limits, accelDegPerS2: 1000 }, "pan"), 100_000);
    const speeds = Array.from({ length: 9 }, () => {
      motion.toward(100, 200);
      return Math.round(motion.speed);
    });
    expect(speeds).toEqual([100, 200, 200, 200, 200, 100, 0, 0, 0]);
    expect(motion.value).toBe(100);
  });

  it("can always stop before a limit, reaches every target and never passes a fixed one", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 100_000 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.array(fc.double({ min: -150, max: 150, noNaN: true }), { minLength: 1, maxLength: 50 }),
        (accelDegPerS2, slewDegPerS, targets) => {
          const full = limitsOf({ ...limits, accelDegPerS2, slewDegPerS }, "pan");
          const motion = createMotion(full, 20_000);
          const speedChange = accelDegPerS2 * 0.02 + 1e-6;
          let before = motion.speed;
          let last = motion.value;
          const step = (target: number) => {
            last = motion.value;
            motion.toward(target, slewDegPerS);
            expect(Math.abs(motion.value)).toBeLessThanOrEqual(100);
            expect(Math.abs(motion.speed)).toBeLessThanOrEqual(slewDegPerS + 1e-9);
            expect(Math.abs((motion.value - last) / 0.02 - motion.speed)).toBeLessThan(1e-4);
            expect(Math.abs(motion.speed - before)).toBeLessThanOrEqual(speedChange);
            before = motion.speed;
          };
          for (const target of targets) step(target);
          while (motion.speed !== 0) {
            motion.brake();
            before = motion.speed;
          }
          const goal = 37;
          const side = Math.sign(goal - motion.value);
          for (let i = 0; i < 200_000 && motion.value !== goal; i++) {
            step(goal);
            expect(Math.sign(goal - motion.value) * side).toBeGreaterThanOrEqual(0);
          }
          expect(motion.value).toBe(goal);
        },
      ),
      { numRuns: 200 },
    );
  });
});
