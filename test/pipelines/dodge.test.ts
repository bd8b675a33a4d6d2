/** The bundled `dodge`: the arm is out of the way before the disc is there, and it is what it feels that moves it. */

import { describe, expect, test } from "vitest";
import { watchServos } from "../support/servos.ts";
import { runBundled } from "../support/world.ts";

const contactUs = 3_000_000;
const home = 90;
/** The disc is as wide as the arm's middle third: from there on it misses. */
const awayDeg = 30;

const disc = {
  use: "synthetic",
  scene: "looming-disc",
  durationMs: contactUs / 1000,
  sizePx: 120,
  stepUs: 2000,
  noiseHz: 0.1,
};

async function angles(eye: object, ...overrides: string[]) {
  const { servos, summary } = await watchServos("dodge", { eye, overrides });
  expect(summary.exitCode).toBe(0);
  return servos.get("arm")!.angles();
}

/** Where the arm is at the contact, in degrees from where it was. */
async function movedDeg(eye: object, ...overrides: string[]): Promise<number> {
  return (await angles(eye, ...overrides))(contactUs) - home;
}

const isDodged = (moved: number) => Math.abs(moved) >= awayDeg;

test("dodges, whatever the noise, and a fifth of a second before the contact", async () => {
  for (const seed of [1, 2, 3, 4]) {
    const at = await angles({ ...disc, seed });
    for (const beforeUs of [200_000, 0])
      expect(at(contactUs - beforeUs) - home, `seed ${seed}`).toSatisfy(isDodged);
  }
});

test("an arm that is held fast is hit, though it is told to go", async () => {
  expect(await movedDeg({ ...disc, seed: 1 }, "arm.speedDegPerS=0.01")).not.toSatisfy(isDodged);
});

describe("proprioception:", () => {
  test("leaves on the side where the arm is", async () => {
    const from = async (homeDeg: number) => {
      const rest = [`arm.limits.homeDeg=${homeDeg}`, `aim.restDeg=${homeDeg}`];
      return (await angles({ ...disc, seed: 1 }, ...rest))(contactUs);
    };
    expect(await from(75)).toBeLessThan(75 - awayDeg);
    expect(await from(105)).toBeGreaterThan(105 + awayDeg);
  });

  test("goes on from where it has come to: a slow servo is told of fewer degrees", async () => {
    const told = async (speed: number) => {
      const { trace } = await watchServos("dodge", {
        eye: { ...disc, seed: 1 },
        overrides: [`arm.speedDegPerS=${speed}`],
      });
      const said = trace
        .filter((line) => line.includes('"stage":"aim"'))
        .map((line) => JSON.parse(line).value);
      return Math.max(...said);
    };
    expect(await told(20)).toBeLessThan((await told(300)) - 20);
  });

  test("an arm that isn't felt is not moved", async () => {
    // Another reading than the angle: a simulated servo has no load, so no sample comes.
    const { servos, summary } = await watchServos("dodge", {
      eye: { ...disc, seed: 1 },
      overrides: ["feel.readings=[load]"],
    });
    expect(Math.abs(servos.get("arm")!.angles()(contactUs) - home)).toBeLessThan(1);
    expect(summary.problems).toContain("feel: no sample came from it");
  });
});

test.each([
  ["a dot that passes", { scene: "moving-dot", sizePx: 9, speedPxPerS: 80 }],
  ["a bar that passes", { scene: "bar", sizePx: 9, speedPxPerS: 80 }],
  ["a ball that jumps", { scene: "bouncing-ball", sizePx: 8, speedPxPerS: 300 }],
])("%s is no threat", async (_what, scene) => {
  expect(Math.abs(await movedDeg({ ...disc, ...scene, seed: 1 }))).toBeLessThan(1);
});

test("the same bytes for any cut of the packets and any speed", async () => {
  const { trace } = await runBundled("dodge");
  for (const packetUs of [7777, 1_000_000]) {
    const cut = await runBundled("dodge", { overrides: [`eye.packetUs=${packetUs}`] });
    expect(cut.trace).toEqual(trace);
  }
  expect((await runBundled("dodge", { speed: 1 })).trace).toEqual(trace);
});
