/** The bundled `cart-pole`: five minutes upright, and the loop is Gymnasium's, step by step. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { networkFromTennlab } from "../../src/network/index.ts";
import { freeRun, statesOf } from "../support/cart-pole.ts";
import { root, runBundled } from "../support/world.ts";

const file = "pipelines/cart-pole.network.json";
const network = networkFromTennlab(readFileSync(resolve(root, file), "utf8"), file);
const loop = (ms: number, ...overrides: string[]) =>
  runBundled("cart-pole", { overrides: [`time.durationMs=${ms}`, ...overrides] });

describe("cart-pole", () => {
  test("stays upright for 15,000 of 15,000 steps, through the pipeline", async () => {
    const { summary } = await loop(300_000);
    expect(summary.exitCode).toBe(0);
    const { readings } = summary.stages.find(({ id }) => id === "motor")!;
    expect(readings!.falls).toBe(0);
    expect(readings!.steps).toBeGreaterThanOrEqual(15_000);
  }, 300_000);

  test("falls where it is pushed whatever it feels", async () => {
    const { summary } = await loop(20_000, "push.values=[1, 1]");
    const { readings } = summary.stages.find(({ id }) => id === "motor")!;
    expect(readings!.falls).toBeGreaterThan(20);
  });

  test("equals the plant and the network alone, each state to the bit", async () => {
    for (const seed of [1, 2, 3]) {
      const states = statesOf((await loop(10_000, `motor.seed=${seed}`)).trace);
      expect(states.length).toBeGreaterThan(490);
      expect(states).toEqual(freeRun(network, states[0]!, states.length));
    }
  });

  test("is the same for any cut of the packets", async () => {
    const whole = await loop(3000);
    for (const packetUs of [833, 5000, 19_992, 1_000_000])
      expect((await loop(3000, `time.packetUs=${packetUs}`)).trace).toEqual(whole.trace);
  });
});
