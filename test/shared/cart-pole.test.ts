/** TENNLab's cart-pole controllers: their recorded decisions, the plant, and five minutes upright through the pipeline. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { stepCartPole } from "../../drivers/cart-pole/plant.ts";
import { networkFromTennlab } from "../../src/network/index.ts";
import { controllerOf, freeRun, statesOf } from "../support/cart-pole.ts";
import { shared } from "../support/shared.ts";
import { runBundled } from "../support/world.ts";

describe.each(["42", "43"])("controller %s", (name) => {
  const path = shared("networks", "tennlab", name, "network_tool.txt");
  const network = networkFromTennlab(readFileSync(path, "utf8"), path);
  const script = readFileSync(shared("networks", "tennlab", name, "processor_tool.txt"), "utf8");
  const recorded = script.split(/^(?=# Step \d+\. Observations)/m).flatMap((part) => {
    const [, observed] = /Observations: (.*)/.exec(part) ?? [];
    const [, action] = /Action: (\d)/.exec(part) ?? [];
    if (!observed || !action) return [];
    const [xM, xMPerS, angleRad, angleRadPerS] = observed.trim().split(/\s+/).map(Number);
    return [
      {
        state: { xM: xM!, xMPerS: xMPerS!, angleRad: angleRad!, angleRadPerS: angleRadPerS! },
        action: Number(action),
      },
    ];
  });

  test("decides as recorded, each time", () => {
    expect(recorded.length).toBeGreaterThan(1400);
    const decide = controllerOf(network);
    const wrong = recorded.filter(({ state, action }) => decide(state) !== action);
    expect(wrong).toEqual([]);
  });

  test("moves the plant as recorded, as far as the rounded record tells", () => {
    let compared = 0;
    for (const [k, { state, action }] of recorded.slice(0, -1).entries()) {
      const next = stepCartPole(state, action === 1 ? 10 : -10);
      const told = recorded[k + 1]!.state;
      for (const key of ["xM", "xMPerS", "angleRad", "angleRadPerS"] as const)
        expect(Math.abs(next[key] - told[key]), `step ${k}`).toBeLessThan(3e-5);
      compared += 1;
    }
    expect(compared).toBeGreaterThan(1400);
  });

  test.each([1, 2, 3])("stays upright for 15,000 of 15,000 steps from start %i", async (seed) => {
    const overrides = [`brain.network=${path}`, "time.durationMs=300000", `motor.seed=${seed}`];
    const { summary, trace } = await runBundled("cart-pole", { overrides });
    expect(summary.exitCode).toBe(0);
    const { readings } = summary.stages.find(({ id }) => id === "motor")!;
    expect(readings).toMatchObject({ falls: 0 });
    expect(readings!.steps).toBeGreaterThanOrEqual(15_000);
    const states = statesOf(trace);
    expect(states).toEqual(freeRun(network, states[0]!, states.length));
  });
});
