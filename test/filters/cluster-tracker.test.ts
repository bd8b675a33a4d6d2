/** The cluster tracker: the heaviest things, through motion, meetings and noise. */

import { describe, expect, test } from "vitest";
import { pixelAddress, pixels, xOf, yOf } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { clusterTracker } from "../../src/filters/index.ts";
import { seededRandom } from "../../src/random.ts";
import { anyOptions } from "../../src/stage.ts";
import { create } from "../support/check-stage.ts";
import { type Event, eventsOf, packetOf } from "../support/packets.ts";

const sensor = pixels(200, 100);

interface Ball {
  /** One event in so many microseconds. */
  readonly everyUs: number;
  at(timeUs: number): readonly [x: number, y: number];
}

/** Events of balls of 5 pixels around, and one in `noiseEveryUs` anywhere. */
function scene(
  toUs: number,
  balls: readonly Ball[],
  noiseEveryUs: number,
): { events: Event[]; whose: number[] } {
  const random = seededRandom(3);
  const events: Event[] = [];
  const whose: number[] = [];
  const put = (timeUs: number, x: number, y: number, who: number) => {
    events.push([timeUs, pixelAddress(Math.floor(x), Math.floor(y), 1)]);
    whose.push(who);
  };
  for (let timeUs = 0; timeUs < toUs; timeUs++) {
    balls.forEach(({ everyUs, at }, who) => {
      if (timeUs % everyUs !== 0) return;
      const [x, y] = at(timeUs);
      put(timeUs, x + random() * 5, y + random() * 5, who);
    });
    if (timeUs % noiseEveryUs === 0) put(timeUs, random() * 200, random() * 100, -1);
  }
  return { events, whose };
}

/** Which share of each ball's events passes, and of the noise, after the first 20 ms. */
function shares(options: Record<string, unknown>, balls: readonly Ball[], noiseEveryUs = 40, toUs = 200_000) {
  const { events, whose } = scene(toUs, balls, noiseEveryUs);
  const step = create(anyOptions(clusterTracker), options, sensor);
  const out = eventsOf(step.step(packetOf(sensor, events)) as Packet);
  const came = new Map<number, number>();
  const passed = new Map<number, number>();
  let next = 0;
  events.forEach(([timeUs, address], i) => {
    const passes = out[next]?.[0] === timeUs && out[next]?.[1] === address;
    if (passes) next += 1;
    if (timeUs < 20_000) return;
    came.set(whose[i]!, (came.get(whose[i]!) ?? 0) + 1);
    if (passes) passed.set(whose[i]!, (passed.get(whose[i]!) ?? 0) + 1);
  });
  expect(next).toBe(out.length);
  const share = (who: number) => (passed.get(who) ?? 0) / came.get(who)!;
  return { share, counts: step.counts?.() ?? {} };
}

const right: Ball = { everyUs: 20, at: (t) => [20 + t / 2000, 20] };
const left: Ball = { everyUs: 30, at: (t) => [170 - t / 2000, 70] };

describe("two balls in noise", () => {
  test("the heavier is kept alone", () => {
    const { share, counts } = shares({ keep: 1 }, [right, left]);
    expect(share(0)).toBeGreaterThan(0.99);
    expect(share(1)).toBeLessThan(0.01);
    // The square is 25 of 200 pixels wide and 25 of 100 high.
    expect(share(-1)).toBeLessThan(0.05);
    expect(counts).toMatchObject({ "clusters at the end": 1, "clusters picked up": 1 });
  });

  test("or both", () => {
    const { share, counts } = shares({ keep: 2 }, [right, left]);
    expect(share(0)).toBeGreaterThan(0.99);
    expect(share(1)).toBeGreaterThan(0.99);
    expect(share(-1)).toBeLessThan(0.1);
    expect(counts).toMatchObject({ "clusters at the end": 2 });
  });

  test("heavy noise all over can't hold all places", () => {
    const { share } = shares({ keep: 1, massMin: 300 }, [right], 10);
    expect(share(0)).toBeGreaterThan(0.98);
  });
});

test("noise alone has no cluster", () => {
  const { share, counts } = shares({ keep: 4 }, [], 40);
  expect(share(-1)).toBe(0);
  expect(counts).toMatchObject({ "clusters at the end": 0, "clusters picked up": 0 });
});

test("one that stands still is gone a while after it stopped", () => {
  const { events } = scene(50_000, [{ everyUs: 20, at: () => [50, 50] }], 1e9);
  const step = create(anyOptions(clusterTracker), { tauUs: 5000 }, sensor);
  step.step(packetOf(sensor, events));
  expect(step.counts?.()).toMatchObject({ "clusters at the end": 1 });
  // A mass of 250 fades below 30 within ln(250 / 30) = 2.1 time constants.
  const again = step.step(packetOf(sensor, [[62_000, pixelAddress(52, 52, 1)]], 50_000)) as Packet;
  expect(again.count).toBe(0);
  expect(step.counts?.()).toMatchObject({ "clusters at the end": 0 });
});

test("two that meet become one", () => {
  const meeting: Ball = { everyUs: 25, at: (t) => [Math.max(20 + t / 2000, 170 - t / 1000), 20] };
  const { counts } = shares({ keep: 2 }, [right, meeting], 1e9);
  expect(counts).toMatchObject({ "clusters at the end": 1, "clusters picked up": 2 });
});

test("clusters follow: the events that pass are where the ball is", () => {
  const { events } = scene(200_000, [right], 1e9);
  const out = create(anyOptions(clusterTracker), {}, sensor).step(packetOf(sensor, events)) as Packet;
  expect(out.count).toBeGreaterThan(9000);
  expect(xOf(out.addresses[out.count - 1]!)).toBeGreaterThan(118);
});

test("it keeps what its rules keep, one event after another", () => {
  const fast: Ball = { everyUs: 15, at: (t) => [90 + 80 * Math.sin(t / 9000), 45 + 40 * Math.cos(t / 7000)] };
  const { events } = scene(100_000, [right, left, fast], 12);
  const options = { keep: 2, radius: 9.5, mixing: 0.1, tauUs: 4000, massMin: 25 };
  const out = create(anyOptions(clusterTracker), options, sensor).step(packetOf(sensor, events)) as Packet;
  const expected = followed(events, options);
  expect(expected.length).toBeGreaterThan(5000);
  expect(expected.length).toBeLessThan(events.length * 0.9);
  expect(eventsOf(out)).toEqual(expected);
});

interface Cluster {
  x: number;
  y: number;
  mass: number;
  atUs: number;
  kept: boolean;
}

/** The rules of the docstring, with a list of clusters whose masses fade event by event. */
function followed(
  events: readonly Event[],
  options: { keep: number; radius: number; mixing: number; tauUs: number; massMin: number },
): Event[] {
  const { keep, radius, mixing, tauUs, massMin } = options;
  let clusters: Cluster[] = [];
  let nextUs = 0;
  const fade = (cluster: Cluster, timeUs: number) => {
    cluster.mass *= Math.exp((cluster.atUs - timeUs) / tauUs);
    cluster.atUs = timeUs;
  };
  const judge = (gridUs: number) => {
    for (const cluster of clusters) fade(cluster, gridUs);
    clusters = clusters.filter(({ mass }) => mass >= Math.exp(-1));
    for (const a of clusters)
      for (const b of clusters.slice(clusters.indexOf(a) + 1)) {
        if (a.mass === 0 || b.mass === 0) continue;
        if (Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y)) > radius) continue;
        const mass = a.mass + b.mass;
        Object.assign(a, {
          x: (a.x * a.mass + b.x * b.mass) / mass,
          y: (a.y * a.mass + b.y * b.mass) / mass,
          mass,
        });
        b.mass = 0;
      }
    clusters = clusters.filter(({ mass }) => mass > 0).sort((a, b) => b.mass - a.mass);
    if (clusters.length === 16) clusters.pop();
    clusters.forEach((cluster, i) => {
      cluster.kept = i < keep && cluster.mass >= massMin;
    });
  };
  return events.filter(([timeUs, address]) => {
    const gridUs = Math.floor(timeUs / 1000) * 1000;
    if (timeUs >= nextUs) judge(gridUs);
    nextUs = Math.max(nextUs, gridUs + 1000);
    const [x, y] = [xOf(address), yOf(address)];
    const away = (cluster: Cluster) => Math.max(Math.abs(cluster.x - x), Math.abs(cluster.y - y));
    const [nearest] = clusters.filter((cluster) => away(cluster) <= radius).sort((a, b) => away(a) - away(b));
    if (!nearest) {
      if (clusters.length < 16) clusters.push({ x, y, mass: 1, atUs: timeUs, kept: false });
      return false;
    }
    fade(nearest, timeUs);
    nearest.x += mixing * (x - nearest.x);
    nearest.y += mixing * (y - nearest.y);
    nearest.mass += 1;
    return nearest.kept;
  });
}
