import fc from "fast-check";
import { describe, expect, it } from "vitest";
import dryRun, { servoOptions, simulateServo } from "../../drivers/dry-run.ts";
import { actuatorContract } from "../support/driver-contract.ts";
import { move, release } from "../support/safe.ts";

actuatorContract({
  definition: dryRun,
  options: {},
  async open(options, context) {
    const actuator = await dryRun.open(options, context);
    let received = 0;
    let lastUs = 0;
    return {
      actuator,
      received: () => received,
      async settle() {
        const { pulseUs } = actuator.readings!(1e9);
        if (pulseUs !== lastUs) received += 1;
        lastUs = pulseUs!;
      },
    };
  },
});

const servo = (given: object = {}) =>
  simulateServo(servoOptions.parse({ lagMs: 0, deadBandUs: 0, ...given }));

describe("the simulated servo", () => {
  it("stands in the middle without pulses until it is told", () => {
    expect(servo().at(0)).toEqual({ angleDeg: 90, pulseUs: 0 });
    expect(servo({ startDeg: 10 }).at(5e6)).toEqual({ angleDeg: 10, pulseUs: 0 });
  });

  it("turns 60 degrees in 0.2 s and stops there", () => {
    const it = servo();
    it.tell(move(150, 10_000));
    expect(it.at(10_000).angleDeg).toBe(90);
    expect(it.at(10_000).pulseUs).toBeCloseTo(500 + (150 / 180) * 2000, 9);
    expect(it.at(110_000).angleDeg).toBeCloseTo(120, 9);
    expect(it.at(210_000).angleDeg).toBeCloseTo(150, 9);
    expect(it.at(9e6).angleDeg).toBe(150);
  });

  it("approaches as an exponential within speed times lag", () => {
    const it = servo({ lagMs: 100, speedDegPerS: 300 });
    it.tell(move(120, 1000));
    const farDeg = 120 - (it.at(101_000).angleDeg as number);
    expect(farDeg).toBeCloseTo(30 / Math.E, 9);
    const far = servo({ lagMs: 100, speedDegPerS: 300 });
    far.tell(move(180, 1000));
    expect(far.at(201_000).angleDeg).toBeCloseTo(150, 9);
    expect(far.at(301_000).angleDeg).toBeCloseTo(180 - 30 / Math.E, 9);
  });

  it("equals a simulation in steps of 10 us", () => {
    const it = servo({ lagMs: 30, speedDegPerS: 250 });
    const told = [move(170, 1000), move(40, 300_000), move(45, 500_000)];
    let angle = 90;
    let goal = 90;
    for (let us = 0; us < 700_000; us += 10) {
      const now = told.find((command) => command.atUs === us);
      if (now) it.tell(now);
      if (now) goal = now.value;
      const speed = Math.min(Math.max((goal - angle) / 0.03, -250), 250);
      angle += speed * 1e-5;
      if (us % 50_000 === 0) expect(it.at(us + 10).angleDeg).toBeCloseTo(angle, 2);
    }
  });

  it("does not see a change within its dead band, however often", () => {
    const it = servo({ deadBandUs: 5 });
    it.tell(move(1500, 1000, "pulseUs"));
    it.tell(move(1504, 2000, "pulseUs"));
    expect(it.at(1e6)).toEqual({ angleDeg: 90, pulseUs: 1504 });
    it.tell(move(1506, 1_000_000, "pulseUs"));
    expect(it.at(2e6).angleDeg).toBeCloseTo(90.54, 9);
  });

  it("goes limp on a release and stays where it is", () => {
    const it = servo();
    it.tell(move(150, 1000));
    it.tell(release(101_000));
    expect(it.at(101_000)).toEqual({ angleDeg: 120, pulseUs: 0 });
    expect(it.at(9e6)).toEqual({ angleDeg: 120, pulseUs: 0 });
  });

  it("stands in for whatever is no servo", () => {
    const it = servo();
    it.tell(move(0.5, 1000, "duty"));
    expect(it.at(2000)).toEqual({ angleDeg: 90, pulseUs: 0, duty: 0.5 });
    it.tell(release(3000));
    expect(it.at(4000)).toEqual({ angleDeg: 90, pulseUs: 0 });
  });

  it("shows the same however often it is asked, and never turns too fast", () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 180 }), fc.integer({ min: 1, max: 200 })), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 60 }), (told, lagMs) => {
        const [asked, silent] = [servo({ lagMs }), servo({ lagMs })];
        let atUs = 0;
        let last = 90;
        for (const [deg, waitMs] of told) {
          const command = move(deg, atUs + 1000);
          for (const each of [asked, silent]) each.tell(command);
          for (let us = atUs + 1000; us < atUs + 1000 + waitMs * 1000; us += 1700) {
            const now = asked.at(us).angleDeg as number;
            expect(Math.abs(now - last)).toBeLessThanOrEqual(300 * 2.7e-3 + 1e-9);
            last = now;
          }
          atUs += 1000 + waitMs * 1000;
          last = asked.at(atUs).angleDeg as number;
        }
        expect(asked.at(atUs)).toEqual(silent.at(atUs));
      }),
    );
  });
});
