/** Optical flow: edges that move at a known velocity give spikes of its direction and speed. */

import { describe, expect, test } from "vitest";
import { opticalFlow } from "../../src/encoders/index.ts";
import { neurons, pixelAddress, pixels } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { anyOptions } from "../../src/stage.ts";
import { create } from "../support/check-stage.ts";
import { type Event, eventsOf, packetOf } from "../support/packets.ts";

const sensor = pixels(32, 32);

/** A straight edge that moves across the sensor in the given direction: each pixel fires as it passes. */
function edge(directionDeg: number, pxPerS: number, fromUs = 0, on = 1): Event[] {
  const [dx, dy] = [Math.cos((directionDeg * Math.PI) / 180), Math.sin((directionDeg * Math.PI) / 180)];
  const events: Event[] = [];
  for (let y = 0; y < 32; y++)
    for (let x = 0; x < 32; x++) {
      const way = (x - 15.5) * dx + (y - 15.5) * dy + 23;
      events.push([fromUs + Math.round((way * 1e6) / pxPerS), pixelAddress(x, y, on)]);
    }
  return events.sort((a, b) => a[0] - b[0]);
}

function spikesOf(options: Record<string, unknown>, events: readonly Event[]) {
  const step = create(
    anyOptions(opticalFlow),
    { columns: 1, rows: 1, windowUs: 100_000, ...options },
    sensor,
  );
  const spikes = eventsOf(step.step(packetOf(sensor, events)) as Packet);
  const channels = new Map<number, number>();
  for (const [, id] of spikes) channels.set(id, (channels.get(id) ?? 0) + 1);
  return { step, spikes, channels };
}

describe.each([60, 500, 5000])("at %i pixels a second", (pxPerS) => {
  test.each([0, 45, 90, 135, 180, 225, 270, 315])("an edge that moves at %i degrees", (directionDeg) => {
    const { spikes, channels } = spikesOf({}, edge(directionDeg, pxPerS));
    expect(spikes.length).toBeGreaterThan(800);
    expect(channels.get(directionDeg / 45)! / spikes.length).toBeGreaterThan(0.99);
  });
});

test("an old edge of the same polarity does not bend the plane of a new one", () => {
  const events = [...edge(0, 1000), ...edge(90, 1000, 50_000)];
  const { spikes } = spikesOf({}, events);
  const later = spikes.filter(([timeUs]) => timeUs >= 50_000);
  expect(later.length).toBeGreaterThan(700);
  expect(later.filter(([, id]) => id === 2).length / later.length).toBeGreaterThan(0.9);
});

test("bands of speed follow each other, each with all directions", () => {
  const options = { directions: 4, bandsPxPerS: [100, 1000] };
  for (const [pxPerS, band] of [
    [60, 0],
    [300, 1],
    [3000, 2],
  ] as const) {
    const { step, spikes, channels } = spikesOf(options, edge(90, pxPerS));
    expect(step.geometry).toEqual(neurons(12, 1, 1));
    expect(channels.get(band * 4 + 1)! / spikes.length).toBeGreaterThan(0.99);
  }
});

test("too slow and too fast edges give nothing, and what is silent is counted", () => {
  const { spikes, step } = spikesOf({ minPxPerS: 100, maxPxPerS: 1000 }, edge(0, 60));
  expect(spikes.length).toBe(0);
  expect(step.counts?.()).toEqual({ "events without flow": 1024 });
  expect(spikesOf({ minPxPerS: 100, maxPxPerS: 1000 }, edge(0, 5000)).spikes.length).toBe(0);
});

test("the grid cell is that of the pixel", () => {
  const { step, spikes } = spikesOf({ columns: 4, rows: 2, directions: 4 }, edge(0, 500));
  expect(step.geometry).toEqual(neurons(4, 2, 4));
  const right = spikes.filter(([, id]) => id < 8);
  expect(right.length / spikes.length).toBeGreaterThan(0.99);
  for (const [timeUs, id] of right)
    expect(Math.abs((timeUs * 500) / 1e6 - 7.5 - ((id % 4) * 8 + 3.5))).toBeLessThan(6);
});

test("pixels on one line, and lonely ones, have no plane", () => {
  const row = Array.from({ length: 20 }, (_, x): Event => [x * 1000, pixelAddress(x, 5, 1)]);
  expect(spikesOf({ support: 3 }, row).spikes).toEqual([]);
});

test("an empty band is refused", () => {
  expect(() => create(anyOptions(opticalFlow), { minPxPerS: 11, maxPxPerS: 10 }, sensor)).toThrow(
    /between .* and .*\. Give a min/,
  );
});
