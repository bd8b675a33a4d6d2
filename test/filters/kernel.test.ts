/** Every kernel keeps what its plain loop keeps, event for event, through jumps of time and cut anywhere. */

import { afterEach, expect, test } from "vitest";
import { type PixelGeometry, pixelAddress, pixels } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { clusterTracker, corners, lineTracker, surfaceThreshold } from "../../src/filters/index.ts";
import { filterKernels } from "../../src/filters/kernel.ts";
import { seededRandom } from "../../src/random.ts";
import { anyOptions, type StageDefinition } from "../../src/stage.ts";
import { create } from "../support/check-stage.ts";
import { cutPacket, type Event, eventsOf, packetOf } from "../support/packets.ts";

afterEach(() => filterKernels.switch("on"));

test("there are kernels here, so that this file compares them with something", () => {
  expect(filterKernels.open({}).kernel).toBeDefined();
});

/** A bar that turns, a ball that flies and noise: bursts of equal times, pauses, and now and then a jump of `jumpUs`. */
function scene({ width, height }: PixelGeometry, seed: number, jumpUs: number): Event[] {
  const random = seededRandom(seed);
  const events: Event[] = [];
  let timeUs = 1_000_000;
  for (let i = 0; i < 12_000; i++) {
    if (random() < 0.6) timeUs += Math.floor(random() * 12);
    if (random() < 0.0005) timeUs += Math.floor(random() * jumpUs);
    const kind = random();
    const along = (random() - 0.5) * width;
    let [x, y] = [random() * width, random() * height];
    if (kind < 0.4) x = width / 2 + along * Math.cos(i / 3000);
    if (kind < 0.4) y = height / 2 + along * Math.sin(i / 3000);
    else if (kind < 0.7) [x, y] = [((i / 100) % width) + 3 * random(), height / 3 + 3 * random()];
    const within = (value: number, size: number) => Math.max(0, Math.min(size - 1, Math.floor(value)));
    events.push([timeUs, pixelAddress(within(x, width), within(y, height), random() < 0.6 ? 1 : 0)]);
  }
  return events;
}

/** What a filter gives for packets, all in one list, and what it counts. */
function kept(
  filter: StageDefinition,
  options: Record<string, unknown>,
  sensor: PixelGeometry,
  packets: Packet[],
) {
  const step = create(filter, options, sensor);
  const events = packets.flatMap((packet) => eventsOf(step.step(packet) as Packet));
  return { events, counts: step.counts?.() };
}

const cases: readonly [StageDefinition, Record<string, unknown>][] = [
  [anyOptions(surfaceThreshold), {}],
  [anyOptions(surfaceThreshold), { radius: 3, tauUs: 100, min: 0.01, max: 0.3, polarity: "same" }],
  [anyOptions(corners), {}],
  [anyOptions(corners), { repeatUs: 0 }],
  [anyOptions(corners), { repeatUs: 300, arcs: "both" }],
  [anyOptions(lineTracker), {}],
  [
    anyOptions(lineTracker),
    { tauUs: 1000, votesMin: 0, everyUs: 100, angles: 7, voteEvery: 3, distance: 0.5 },
  ],
  [anyOptions(lineTracker), { votesMin: 10, angles: 180, voteEvery: 1 }],
  [anyOptions(clusterTracker), {}],
  [anyOptions(clusterTracker), { keep: 5, radius: 4.5, mixing: 1, massMin: 3, tauUs: 1000 }],
  [anyOptions(clusterTracker), { keep: 16, radius: 30, mixing: 0.3, massMin: 0 }],
];

test.each(cases.map(([filter, options]) => [filter.name, options, filter] as const))(
  "%s %j",
  (_name, options, filter) => {
    let passed = 0;
    for (const [sensor, jumpUs] of [
      [pixels(64, 48), 3000],
      [pixels(131, 9), 2 ** 30],
      // Corners have times in 16 bits, of 128 us each, beside the exact ones.
      [pixels(40, 30), 8_000_000],
      [pixels(6, 90), 500_000],
    ] as const) {
      const whole = packetOf(sensor, scene(sensor, passed + 1, jumpUs));
      const cuts = [1, 2, 3].map((part) => whole.fromUs + ((whole.toUs - whole.fromUs) * part) / 7);
      filterKernels.switch("off");
      const plain = kept(filter, options, sensor, [whole]);
      filterKernels.switch("on");
      expect(kept(filter, options, sensor, [whole])).toEqual(plain);
      expect(kept(filter, options, sensor, cutPacket(whole, cuts.map(Math.round)))).toEqual(plain);
      passed += plain.events.length;
    }
    expect(passed).toBeGreaterThan(100);
    expect(passed).toBeLessThan(47_900);
  },
);
