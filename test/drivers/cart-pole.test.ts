/** The simulated cart-pole: its contract, its physics, and when it steps. */

import { describe, expect, test } from "vitest";
import { type CartPoleState, hasFallen, stepCartPole, stepS } from "../../drivers/cart-pole/plant.ts";
import cartPole from "../../drivers/cart-pole.ts";
import type { SafeCommand } from "../../src/safety/command.ts";
import { actuatorContract, heardContext } from "../support/driver-contract.ts";
import { move, release } from "../support/safe.ts";

actuatorContract({
  definition: cartPole,
  options: {},
  async open(options, context) {
    const actuator = await cartPole.open(options, context);
    let received = 0;
    let lastN = 0;
    return {
      actuator,
      received: () => received,
      async settle() {
        const { pushN } = actuator.readings!(0);
        if (pushN !== lastN) received += 1;
        lastN = pushN!;
      },
    };
  },
});

const upright: CartPoleState = { xM: 0, xMPerS: 0, angleRad: 0, angleRadPerS: 0 };

describe("the plant", () => {
  test("rests upright where nothing pushes, and falls away from a push", () => {
    expect(stepCartPole(upright, 0)).toEqual(upright);
    const pushed = stepCartPole(upright, 10);
    // F / (M + m - 3 m / 4) for a uniform pole that stands.
    expect(pushed.xMPerS).toBeCloseTo((stepS * 10) / (1.1 - 0.075), 12);
    expect(pushed.angleRadPerS).toBeCloseTo(-stepS * (10 / 1.1 / (0.5 * (4 / 3 - 0.1 / 1.1))), 12);
    expect(pushed.xM).toBe(0);
  });

  test("is its own mirror image", () => {
    const state = { xM: 0.3, xMPerS: -0.7, angleRad: 0.1, angleRadPerS: 0.4 };
    const mirrored = (of: CartPoleState) =>
      Object.fromEntries(
        Object.entries(of).map(([name, value]) => [name, -value]),
      ) as unknown as CartPoleState;
    expect(stepCartPole(mirrored(state), -10)).toEqual(mirrored(stepCartPole(state, 10)));
  });

  test("lets a pole that leans fall with the time constant of its equation", () => {
    // Linear: angle'' = g / (l (4/3 - m / (M + m))) angle; by explicit Euler the growing mode gains 1 + h sqrt(...).
    const rate = Math.sqrt(9.8 / (0.5 * (4 / 3 - 0.1 / 1.1)));
    let state: CartPoleState = { ...upright, angleRad: 1e-6, angleRadPerS: 1e-6 * rate };
    for (let step = 0; step < 50; step++) state = stepCartPole(state, 0);
    expect(state.angleRad / (1e-6 * (1 + stepS * rate) ** 50)).toBeCloseTo(1, 6);
  });

  test("has fallen beyond 12 degrees, or off its track", () => {
    expect(hasFallen({ ...upright, angleRad: 0.209 })).toBe(false);
    expect(hasFallen({ ...upright, angleRad: -0.21 })).toBe(true);
    expect(hasFallen({ ...upright, xM: 2.41 })).toBe(true);
  });
});

const duty = (value: number, atUs: number) => ({ ...move(value, atUs), unit: "duty" }) as SafeCommand;

describe("the driver", () => {
  const open = (given: object = {}) =>
    cartPole.open(cartPole.options.parse({ seed: 3, ...given }), heardContext("motor"));
  const stateOf = ({ xM, xMPerS, angleRad, angleRadPerS }: Record<string, number>) =>
    ({ xM, xMPerS, angleRad, angleRadPerS }) as unknown as CartPoleState;

  test("holds the cart until the first move, and then steps under the push that was told last", async () => {
    const { write, readings } = await open();
    const start = stateOf(readings!(0));
    expect(stateOf(readings!(90_000))).toEqual(start);
    write(new Uint8Array(), duty(1, 100_000));
    expect(readings!(119_999)).toMatchObject({ ...start, steps: 0, pushN: 10 });
    const first = stepCartPole(start, 10);
    expect(readings!(120_000)).toMatchObject({ ...first, steps: 1 });
    // Told at a step's own time, and before it is asked for, a push acts in this very step.
    write(new Uint8Array(), duty(-0.5, 140_000));
    const second = stepCartPole(first, -5);
    expect(readings!(140_000)).toMatchObject({ ...second, steps: 2 });
    write(new Uint8Array(), release(150_000));
    expect(stateOf(readings!(160_000))).toEqual(stepCartPole(second, 0));
  });

  test("sets a fallen pole up anew, from another start, and counts", async () => {
    const { write, readings } = await open();
    write(new Uint8Array(), duty(1, 20_000));
    let falls = 0;
    for (let atUs = 20_000; falls < 2; atUs += 20_000) {
      const shown = readings!(atUs);
      if (shown.falls! > falls) {
        expect(Math.abs(shown.angleRad!)).toBeLessThan(0.05);
        falls = shown.falls!;
      }
    }
    expect(readings!(0).steps).toBeLessThan(40);
  });

  test("starts where its seed says", async () => {
    const start = async (seed: number) => stateOf((await open({ seed })).readings!(0));
    expect(await start(3)).toEqual(await start(3));
    expect(await start(4)).not.toEqual(await start(3));
  });
});
