/** The bundled `follow`: pan and tilt stay on the dot, and it is the following that does it. */

import { expect, test } from "vitest";
import { sceneTruth, syntheticOptions } from "../../drivers/synthetic.ts";
import { recipeOf } from "../support/recipes.ts";
import { watchServos } from "../support/servos.ts";

const { options, seed } = recipeOf("moving-dot.aedat4");
const endUs = options.durationMs * 1000;
/** 16 columns, 6 degrees each, over 128 pixels; 12 rows of 8 degrees. */
const degPerPx = 0.75;

/** Where the dot is, in degrees of the two servos. */
function dotAt(timeUs: number) {
  const { x, y } = sceneTruth(options, seed, timeUs);
  return { panDeg: 90 + (x - 63.5) * degPerPx, tiltDeg: 90 + (y - 63.5) * degPerPx };
}

/** How much of the time, from the first second on, the dot is at most 5 degrees away, in a straight line. */
function shareNear(pan: (atUs: number) => number, tilt: (atUs: number) => number): number {
  let near = 0;
  let all = 0;
  for (let timeUs = 1e6; timeUs < endUs; timeUs += 1000) {
    const dot = dotAt(timeUs);
    if (Math.hypot(pan(timeUs) - dot.panDeg, tilt(timeUs) - dot.tiltDeg) <= 5) near += 1;
    all += 1;
  }
  return near / all;
}

test("both servos keep the dot within 5 degrees", async () => {
  const { summary, servos } = await watchServos("follow");
  expect(summary.exitCode).toBe(0);
  expect(shareNear(servos.get("pan")!.angles(), servos.get("tilt")!.angles())).toBeGreaterThan(0.98);
});

test("servos held at their centre don't", () => {
  const still = () => 90;
  expect(shareNear(still, still)).toBeLessThan(0.2);
});

test("the dot is worth following: at least 30 degrees a second over at least 60 degrees", () => {
  const stepUs = 1000;
  let travelDeg = 0;
  let longestDeg = 0;
  for (let timeUs = 0; timeUs + stepUs < endUs; timeUs += stepUs) {
    const stepDeg = Math.abs(dotAt(timeUs + stepUs).panDeg - dotAt(timeUs).panDeg);
    travelDeg = (stepDeg / stepUs) * 1e6 >= 30 ? travelDeg + stepDeg : 0;
    longestDeg = Math.max(longestDeg, travelDeg);
  }
  expect(longestDeg).toBeGreaterThan(60);
});

test.each([
  [128, 96],
  [346, 260],
  [640, 480],
])("the grid scales with the camera: %i x %i", async (width, height) => {
  // The same angles, whatever the number of pixels: the dot swings as far in parts of the picture.
  const scale = width / 128;
  const scene = {
    width,
    height,
    durationMs: 3000,
    sizePx: 8 * scale,
    speedPxPerS: 62 * scale,
    noiseHz: 0.05,
    seed: 1,
  };
  const { servos } = await watchServos("follow", { eye: { use: "synthetic", ...scene } });
  const truth = syntheticOptions.parse(scene);
  const pan = servos.get("pan")!.angles();
  let near = 0;
  for (let timeUs = 1e6; timeUs < 3e6; timeUs += 1000) {
    const dotDeg = 90 + ((sceneTruth(truth, 1, timeUs).x - (width - 1) / 2) * degPerPx) / scale;
    if (Math.abs(pan(timeUs) - dotDeg) <= 5) near += 1;
  }
  expect(near / 2000).toBeGreaterThan(0.95);
});
