/** The bundled `sound-locate`: the servo points to the sound, and it is the two ears that do it. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { type MovingSource, movingSource, sourceAtDeg, wavBytes } from "../../drivers/synthetic/sound.ts";
import wav, { openWav } from "../../drivers/wav.ts";
import { anyOptions, defineSensor } from "../../src/stage.ts";
import { soundOf } from "../support/recipes.ts";
import { watchServos } from "../support/servos.ts";
import { root } from "../support/world.ts";

const recorded = soundOf("moving-sound.wav");
/** A servo that is so far off still points at what is there. */
const nearDeg = 10;

/** Runs the pipeline on another scene; `change` may alter what the ears hear. */
function follow(scene: MovingSource, change: (ears: Float32Array[]) => Float32Array[] = (ears) => ears) {
  const file = wavBytes(change(movingSource(scene)), scene.rateHz);
  const heard = defineSensor({
    ...wav,
    open: (options, context) =>
      openWav(options, context, async function* () {
        yield file;
      }),
  });
  return watchServos("sound-locate", { definitions: [anyOptions(heard)] });
}

/** How much of the time, from the first half second on, a servo points to where the source is. */
function shareNear(pan: (atUs: number) => number, scene = recorded): number {
  let [near, all] = [0, 0];
  for (let timeUs = 500_000; timeUs < 1000 * scene.durationMs; timeUs += 1000) {
    if (Math.abs(pan(timeUs) - 90 - sourceAtDeg(scene, timeUs)) <= nearDeg) near += 1;
    all += 1;
  }
  return near / all;
}

test(`the servo keeps within ${nearDeg} degrees of the source`, async () => {
  const { summary, servos } = await watchServos("sound-locate");
  expect(summary.exitCode).toBe(0);
  expect(shareNear(servos.get("pan")!.angles())).toBeGreaterThan(0.95);
});

test("a servo held at its centre doesn't, nor does one that hears with one ear, or with its ears exchanged", async () => {
  expect(shareNear(() => 90)).toBeLessThan(0.2);
  const deaf = await follow(recorded, ([left]) => [left!, left!]);
  expect(shareNear(deaf.servos.get("pan")!.angles())).toBeLessThan(0.2);
  const exchanged = await follow(recorded, ([left, right]) => [right!, left!]);
  expect(shareNear(exchanged.servos.get("pan")!.angles())).toBeLessThan(0.2);
});

test.each([
  [16_000, 3],
  [44_100, 4],
])("another sound on another path, at %i Hz", async (rateHz, seed) => {
  const scene = { ...recorded, seed, rateHz, durationMs: 2500, swingDeg: 35, periodMs: 2500, noiseDb: 15 };
  const { servos } = await follow(scene);
  expect(shareNear(servos.get("pan")!.angles(), scene)).toBeGreaterThan(0.9);
});

test("one ear at half its loudness moves the servo little: it is the time that counts", async () => {
  const { servos } = await follow(recorded, ([left, right]) => [left!.map((value) => value / 2), right!]);
  expect(shareNear(servos.get("pan")!.angles())).toBeGreaterThan(0.7);
});

test("the network is what its script makes", async () => {
  const script = (await import(new URL("pipelines/sound-locate.network.mjs", `file://${root}`).href)) as {
    networkText(): string;
  };
  const text = readFileSync(resolve(root, "pipelines/sound-locate.network.yaml"), "utf8");
  expect(script.networkText()).toBe(text);
});
