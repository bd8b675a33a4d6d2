/** The bundled `goalie`: the paddle is where the ball comes, and it is the network that brings it there. */

import { expect, test } from "vitest";
import { goalCrossings, syntheticOptions } from "../../drivers/synthetic.ts";
import { recipeOf } from "../support/recipes.ts";
import { watchServos } from "../support/servos.ts";

/** Balls that cross the picture in 0.4 to 0.6 s, seen by a camera with its usual noise. */
const ball = {
  scene: "bouncing-ball",
  speedPxPerS: 300,
  sizePx: 8,
  threshold: 0.5,
  noiseHz: 0.05,
  durationMs: 700,
};
const seeds = Array.from({ length: 50 }, (_, i) => i + 1);
const goalPx = 128;
const paddlePx = goalPx / 8;
/** 32 columns, 3 degrees each. */
const degPerPx = 96 / goalPx;

/** Whether the middle of the ball meets the paddle; to touch it with a side is not enough. */
function blocks(paddleDeg: number, ballPx: number): boolean {
  return Math.abs((paddleDeg - 90) / degPerPx - (ballPx - (goalPx - 1) / 2)) <= paddlePx / 2;
}

function firstCrossing(seed: number) {
  return goalCrossings(syntheticOptions.parse(ball), seed)[0]!;
}

async function blocked(network?: string): Promise<number> {
  let count = 0;
  for (const seed of seeds) {
    const { servos } = await watchServos("goalie", {
      eye: { use: "synthetic", ...ball, seed },
      ...(network && { overrides: [`brain.network=${network}`] }),
    });
    const { timeUs, x } = firstCrossing(seed);
    if (blocks(servos.get("paddle")!.angles()(timeUs), x)) count += 1;
  }
  return count;
}

test("blocks at least 90 % of 50 balls", async () => {
  expect(await blocked()).toBeGreaterThanOrEqual(45);
});

test("a paddle held at the centre blocks few of them", () => {
  const held = seeds.filter((seed) => blocks(90, firstCrossing(seed).x)).length;
  expect(held).toBeLessThan(20);
});

test("without the motion detectors it comes too late for many", async () => {
  // follow's network, without a look ahead, for goalie's grid.
  const simple = `{ input: grid, output: map, populations: { grid: {}, map: { shape: [1, 16, 32], neuron: { tauMs: 12 } } }, projections: [{ from: grid, to: map, pattern: one-to-one, weights: 0.4 }] }`;
  expect(await blocked(simple)).toBeLessThan(45);
});

test("blocks every ball of the bundled recording", async () => {
  const { options, seed } = recipeOf("bouncing-ball.aedat4");
  const { summary, servos } = await watchServos("goalie");
  expect(summary.exitCode).toBe(0);
  const paddle = servos.get("paddle")!.angles();
  const crossings = goalCrossings(options, seed);
  expect(crossings.length).toBeGreaterThan(2);
  for (const { timeUs, x } of crossings) expect(blocks(paddle(timeUs), x)).toBe(true);
});
