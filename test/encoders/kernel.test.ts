/** The kernel of optical flow gives what its plain loop gives, spike for spike, through jumps of time and cut anywhere. */

import { afterEach, expect, test } from "vitest";
import { opticalFlow } from "../../src/encoders/index.ts";
import { encoderKernels } from "../../src/encoders/kernel.ts";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { seededRandom } from "../../src/random.ts";
import { anyOptions } from "../../src/stage.ts";
import { create } from "../support/check-stage.ts";
import { cutPacket, type Event, eventsOf, packetOf } from "../support/packets.ts";

afterEach(() => encoderKernels.switch("on"));

test("there is a kernel here, so that this file compares it with something", () => {
  expect(encoderKernels.open({}).kernel).toBeDefined();
});

const sensor = pixels(61, 37);

/** Edges that pass one after another, each from elsewhere and at its own speed, in noise; pauses of up to `pauseUs`. */
function edges(seed: number, pauseUs: number): Event[] {
  const random = seededRandom(seed);
  const events: Event[] = [];
  let fromUs = 1_000_000;
  for (let edge = 0; edge < 8; edge++) {
    // Every third one lies along the pixels or their diagonals, where slopes are equal or 0.
    const angle = edge % 3 === 0 ? (Math.floor(random() * 8) * Math.PI) / 4 : random() * 2 * Math.PI;
    const usPerPx = 10 ** (1.5 + 3.5 * random());
    const jitterUs = edge % 2 === 0 ? 0 : usPerPx * random();
    const passing: Event[] = [];
    for (let y = 0; y < sensor.height; y++)
      for (let x = 0; x < sensor.width; x++) {
        const wayPx = 80 + (x - 30) * Math.cos(angle) + (y - 18) * Math.sin(angle);
        const timeUs = fromUs + Math.round(wayPx * usPerPx + jitterUs * random());
        passing.push([timeUs, pixelAddress(x, y, edge & 1)]);
        const [noiseX, noiseY] = [random() * sensor.width, random() * sensor.height];
        if (random() < 0.1)
          passing.push([
            timeUs,
            pixelAddress(Math.floor(noiseX), Math.floor(noiseY), random() < 0.5 ? 1 : 0),
          ]);
      }
    passing.sort((a, b) => a[0] - b[0]);
    for (const event of passing) events.push(event);
    fromUs = passing.at(-1)![0] + Math.floor(random() * pauseUs);
  }
  return events;
}

function spikesOf(options: Record<string, unknown>, packets: readonly Packet[]) {
  const step = create(anyOptions(opticalFlow), options, sensor);
  const events = packets.flatMap((packet) => eventsOf(step.step(packet) as Packet));
  return { events, counts: step.counts?.() };
}

test.each([
  {},
  { directions: 4, columns: 5, rows: 3, support: 3, windowUs: 1_000_000, minPxPerS: 0, maxPxPerS: 1e6 },
  { directions: 7, bandsPxPerS: [3000, 30, 300], windowUs: 5000, support: 12 },
  { directions: 64, windowUs: 200_000, support: 14, minPxPerS: 20, maxPxPerS: 20_000 },
])("%j", (options) => {
  let [told, came] = [0, 0];
  for (const [seed, pauseUs] of [
    [1, 1000],
    [2, 300_000],
    [3, 2 ** 29],
  ] as const) {
    const whole = packetOf(sensor, edges(seed, pauseUs));
    const cuts = [1, 2, 5].map((part) => whole.fromUs + Math.round(((whole.toUs - whole.fromUs) * part) / 7));
    encoderKernels.switch("off");
    const plain = spikesOf(options, [whole]);
    encoderKernels.switch("on");
    expect(spikesOf(options, [whole])).toEqual(plain);
    expect(spikesOf(options, cutPacket(whole, cuts))).toEqual(plain);
    told += plain.events.length;
    came += whole.count;
  }
  expect(told).toBeGreaterThan(1000);
  expect(told).toBeLessThan(0.98 * came);
});
