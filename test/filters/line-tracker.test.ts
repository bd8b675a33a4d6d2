/** The line tracker: which line it finds, and what lies on it. */

import { expect, test } from "vitest";
import { pixelAddress, pixels, xOf, yOf } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { lineTracker } from "../../src/filters/index.ts";
import { seededRandom } from "../../src/random.ts";
import { anyOptions } from "../../src/stage.ts";
import { create } from "../support/check-stage.ts";
import { type Event, eventsOf, packetOf } from "../support/packets.ts";

const sensor = pixels(101, 81);
const options = { voteEvery: 1, votesMin: 100, angles: 180 };

/** `count` events on the line x cos + y sin = offset (from the middle), 10 us apart, each followed by noise. */
function lineInNoise(angleDeg: number, offset: number, count: number, fromUs = 0): Event[] {
  const random = seededRandom(9);
  const [cosine, sine] = [Math.cos((angleDeg * Math.PI) / 180), Math.sin((angleDeg * Math.PI) / 180)];
  const events: Event[] = [];
  while (events.length < 2 * count) {
    const along = (random() - 0.5) * 130;
    const [x, y] = [50 + offset * cosine - along * sine, 40 + offset * sine + along * cosine].map(Math.round);
    if (x! < 0 || y! < 0 || x! > 100 || y! > 80) continue;
    const timeUs = fromUs + events.length * 5;
    events.push([timeUs, pixelAddress(x!, y!, 1)]);
    events.push([timeUs, pixelAddress(Math.floor(random() * 101), Math.floor(random() * 81), 0)]);
  }
  return events;
}

test.each([
  [0, 20],
  [90, -15],
  [45, 10],
  [120, -20],
  [179, 5],
])("finds the line at %i degrees and %i pixels", (angleDeg, offset) => {
  const events = lineInNoise(angleDeg, offset, 4000);
  const step = create(anyOptions(lineTracker), { ...options, distance: 1.5 }, sensor);
  const kept = eventsOf(step.step(packetOf(sensor, events)) as Packet).filter(([timeUs]) => timeUs >= 10_000);
  const counts = step.counts?.() ?? {};
  expect(Math.abs(counts["angle of the line at the end, degrees"]! - angleDeg)).toBeLessThanOrEqual(1);
  expect(Math.abs(counts["offset of the line at the end, pixels"]! - offset)).toBeLessThanOrEqual(1);
  const onLine = kept.filter(([, address]) => (address & 1) === 1).length;
  const after = events.filter(([timeUs]) => timeUs >= 10_000).length / 2;
  expect(onLine / after).toBeGreaterThan(0.97);
  expect((kept.length - onLine) / after).toBeLessThan(0.08);
});

test("all that passes is within the distance, and nothing passes before a line is found", () => {
  const events = lineInNoise(90, 0, 4000);
  const out = create(anyOptions(lineTracker), { ...options, distance: 2 }, sensor).step(
    packetOf(sensor, events),
  );
  const kept = eventsOf(out as Packet);
  expect(kept.length).toBeGreaterThan(2000);
  expect(kept[0]![0]).toBeGreaterThanOrEqual(10_000);
  for (const [, address] of kept) {
    expect(Math.abs(yOf(address) - 40)).toBeLessThanOrEqual(3);
    expect(xOf(address)).toBeLessThan(101);
  }
});

test("noise alone has no line, and a line is forgotten", () => {
  const step = create(anyOptions(lineTracker), { ...options, tauUs: 5000 }, sensor);
  step.step(packetOf(sensor, lineInNoise(0, 0, 2000)));
  expect(step.counts?.()).toHaveProperty("offset of the line at the end, pixels", 0);
  const noise = lineInNoise(0, 0, 2000, 200_000).filter(([, address]) => (address & 1) === 0);
  const out = step.step(packetOf(sensor, noise, 10_000)) as Packet;
  expect(out.count).toBe(0);
  expect(Object.keys(step.counts?.() ?? {})).toEqual(["dropped beside the line"]);
});
