/** The synthetic camera: its events follow from the scene, the pixel model and the seed, and from nothing else. */

import { expect, test } from "vitest";
import synthetic, {
  goalCrossings,
  type SyntheticOptions,
  sceneTruth,
  syntheticOptions,
} from "../../drivers/synthetic.ts";
import { virtualClock } from "../../src/clock.ts";
import { polarityOf, xOf, yOf } from "../../src/events/geometry.ts";
import { type Event, eventsOf } from "../support/packets.ts";

const quiet = { mismatch: 0, noiseHz: 0, hotPixels: 0, refractoryUs: 0 } as const;

async function eventsFor(options: Partial<SyntheticOptions>, seed = 1): Promise<Event[]> {
  const sensor = await synthetic.open(syntheticOptions.parse(options), {
    id: "eye",
    pipeline: "test",
    clock: virtualClock(),
    signal: new AbortController().signal,
    seed,
    resolvePath: (path) => path,
    notice: () => {},
  });
  const events: Event[] = [];
  let toUs = 0;
  for await (const packet of sensor.packets) {
    expect(packet.fromUs).toBe(toUs);
    toUs = packet.toUs;
    for (const [timeUs] of eventsOf(packet)) expect(timeUs >= packet.fromUs && timeUs < toUs).toBe(true);
    events.push(...eventsOf(packet));
  }
  expect(toUs).toBe((options.durationMs ?? 5000) * 1000);
  return events;
}

test.each(["moving-dot", "bar", "looming-disc", "bouncing-ball", "digit-saccades"] as const)(
  "%s: the same events for any packet span, other ones for another seed, in order",
  async (scene) => {
    const options = { scene, durationMs: 300, width: 48, height: 40 };
    const events = await eventsFor(options);
    expect(events.length).toBeGreaterThan(200);
    expect(events.every(([timeUs], i) => i === 0 || timeUs >= events[i - 1]![0])).toBe(true);
    expect(events.every(([timeUs]) => Number.isInteger(timeUs))).toBe(true);
    expect(events.every(([, address]) => xOf(address) < 48 && yOf(address) < 40)).toBe(true);
    for (const packetUs of [1000, 7777, 1_000_000])
      expect(await eventsFor({ ...options, packetUs })).toEqual(events);
    expect(await eventsFor(options, 2)).not.toEqual(events);
    expect(await eventsFor({ ...options, seed: 1 }, 2)).toEqual(events);
  },
);

test("a dark edge fires once for each threshold that it crosses, when it crosses it", async () => {
  // The bar's right edge runs over the pixel x = 20 at 100 px/s; its coverage grows from 0 to 1 within 10 ms.
  const threshold = 0.3;
  const contrast = 0.25;
  const events = await eventsFor({
    ...quiet,
    scene: "bar",
    sizePx: 6,
    speedPxPerS: 100,
    durationMs: 250,
    width: 40,
    height: 8,
    threshold,
    contrast,
  });
  const pixel = events.filter(([, address]) => xOf(address) === 20 && yOf(address) === 3);
  const off = pixel.filter(([, address]) => polarityOf(address) === 0);
  const on = pixel.filter(([, address]) => polarityOf(address) === 1);
  const steps = Math.floor(Math.log(1 / contrast) / threshold);
  expect([off.length, on.length]).toEqual([steps, steps]);
  for (let k = 1; k <= steps; k++) {
    const coverage = (1 - Math.exp(-threshold * k)) / (1 - contrast);
    const edgeAtUs = ((20 - 3 - 0.5 + coverage) / 100) * 1e6;
    expect(Math.abs(off[k - 1]![0] - edgeAtUs)).toBeLessThan(25);
  }
});

test("the dot's events lie around its true place, whichever way it goes", async () => {
  const options = syntheticOptions.parse({ ...quiet, durationMs: 4000 });
  const events = await eventsFor(options);
  for (let fromUs = 0; fromUs < 4_000_000; fromUs += 100_000) {
    const window = events.filter(([timeUs]) => timeUs >= fromUs && timeUs < fromUs + 20_000);
    const { x, y } = sceneTruth(options, 1, fromUs + 10_000);
    const mean = (of: (address: number) => number) =>
      window.reduce((sum, [, address]) => sum + of(address), 0) / window.length;
    expect(Math.hypot(mean(xOf) - x, mean(yOf) - y)).toBeLessThan(1.5);
  }
});

test("noise and hot pixels fire at their rates, and a refractory pixel is silent", async () => {
  const still = {
    ...quiet,
    scene: "digit-saccades",
    digitMs: 1e9,
    durationMs: 10_000,
    width: 64,
    stepUs: 10_000,
  } as const;
  expect((await eventsFor(still)).length).toBe(0);
  const noise = await eventsFor({ ...still, noiseHz: 0.2 });
  expect(noise.length / (0.2 * 64 * 128 * 10)).toBeCloseTo(1, 1);
  const hot = await eventsFor({ ...still, hotPixels: 3, hotHz: 100 });
  expect(new Set(hot.map(([, address]) => address)).size).toBe(3);
  expect(hot.length / 3000).toBeCloseTo(1, 1);
  const refractoryUs = 5000;
  const tired = await eventsFor({ ...still, hotPixels: 1, hotHz: 1000, refractoryUs });
  expect(tired.every(([timeUs], i) => i === 0 || timeUs - tired[i - 1]![0] >= refractoryUs)).toBe(true);
  expect(tired.length / (10 / (0.005 + 0.001))).toBeCloseTo(1, 1);
});

test("thresholds differ from pixel to pixel by the mismatch", async () => {
  const first = async (mismatch: number) => {
    const events = await eventsFor({ ...quiet, scene: "bar", speedPxPerS: 100, durationMs: 200, mismatch });
    const times = new Map(events.toReversed().map(([timeUs, address]) => [address, timeUs]));
    return new Set(Array.from({ length: 128 }, (_, y) => times.get(((y << 16) | (10 << 1)) >>> 0))).size;
  };
  expect(await first(0)).toBe(1);
  expect(await first(0.05)).toBeGreaterThan(100);
});

test("the ball crosses the goal line when and where the truth says", () => {
  const options = syntheticOptions.parse({ scene: "bouncing-ball", durationMs: 10_000, speedPxPerS: 120 });
  for (let seed = 0; seed < 20; seed++) {
    const crossings = goalCrossings(options, seed);
    expect(crossings.length).toBeGreaterThan(2);
    for (const { timeUs, x } of crossings) {
      const at = sceneTruth(options, seed, timeUs);
      expect(at.x).toBe(x);
      expect(at.y).toBeCloseTo(options.height - 1 - options.sizePx / 2, 6);
      expect(sceneTruth(options, seed, timeUs - 5000).y).toBeLessThan(at.y);
      expect(sceneTruth(options, seed, timeUs + 5000).y).toBeLessThan(at.y);
    }
  }
});

test("a looming disc grows tenfold, ever faster", () => {
  const options = syntheticOptions.parse({ scene: "looming-disc", sizePx: 50, durationMs: 1000 });
  const radius = (timeUs: number) => sceneTruth(options, 1, timeUs).radiusPx;
  expect(radius(0)).toBeCloseTo(2.5, 9);
  expect(radius(1e6)).toBeCloseTo(25, 9);
  expect(radius(1e6) - radius(9e5)).toBeGreaterThan(radius(5e5) - radius(4e5));
});

test("a shape that is larger than the picture does no harm", async () => {
  for (const scene of ["moving-dot", "bar", "looming-disc", "bouncing-ball"] as const) {
    const events = await eventsFor({
      scene,
      width: 16,
      height: 16,
      sizePx: 100,
      durationMs: 100,
      stepUs: 100_000,
    });
    expect(events.every(([, address]) => xOf(address) < 16 && yOf(address) < 16)).toBe(true);
  }
  const ball = syntheticOptions.parse({ scene: "bouncing-ball", width: 16, height: 16, sizePx: 100 });
  expect(goalCrossings(ball, 1).every(({ x }) => Number.isFinite(x))).toBe(true);
});
