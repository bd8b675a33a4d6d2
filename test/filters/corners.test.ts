/** Corners against the definition of eFAST, pixel by pixel. */

import { expect, test } from "vitest";
import { pixelAddress, pixels, xOf, yOf } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { corners } from "../../src/filters/index.ts";
import { seededRandom } from "../../src/random.ts";
import { anyOptions } from "../../src/stage.ts";
import { check, create } from "../support/check-stage.ts";
import { type Event, eventsOf, packetOf } from "../support/packets.ts";

/** Radius, and the arcs that are corners. */
const circles = [
  { radius: 3, least: 3, most: 6 },
  { radius: 4, least: 4, most: 8 },
];

/** The circles of the paper's figure 2, of which a quarter tells all. */
function circle(radius: number): [number, number][] {
  const quarter = radius === 3 ? ["3,0", "3,1", "2,2", "1,3"] : ["4,0", "4,1", "3,2", "2,3", "1,4"];
  return [0, 1, 2, 3].flatMap((turns) =>
    quarter.map((pixel): [number, number] => {
      let [x, y] = pixel.split(",").map(Number) as [number, number];
      for (let turn = 0; turn < turns; turn++) [x, y] = [-y, x];
      return [x, y];
    }),
  );
}

/** Whether some arc of a right length is strictly newer than the rest. */
function hasArc(timesUs: readonly number[], least: number, most: number): boolean {
  for (let length = least; length <= most; length++)
    for (let start = 0; start < timesUs.length; start++) {
      const arc = timesUs.map((_, i) => (i - start + timesUs.length) % timesUs.length < length);
      const oldest = Math.min(...timesUs.filter((_, i) => arc[i]));
      const newest = Math.max(...timesUs.filter((_, i) => !arc[i]));
      if (oldest > newest) return true;
    }
  return false;
}

test.each(["narrow", "both"])("it keeps what the definition keeps, arcs %s", (arcs) => {
  const sensor = pixels(14, 13);
  const random = seededRandom(5);
  const events: Event[] = [];
  // A wedge that grows through noise, so that there are corners, edges and chance.
  for (let timeUs = 0; timeUs < 6000; timeUs++) {
    const noise = random() < 0.1;
    const along = (timeUs / 500) % 12;
    const x = noise ? random() * 14 : Math.min(13, along + random() * 1.5);
    const y = noise ? random() * 13 : Math.min(12, Math.max(0, 6 + (random() - 0.5) * along));
    events.push([Math.floor(timeUs / 3), pixelAddress(Math.floor(x), Math.floor(y), random() < 0.7 ? 1 : 0)]);
  }
  const step = create(anyOptions(corners), { repeatUs: 0, arcs }, sensor);
  const kept = eventsOf(step.step(packetOf(sensor, events)) as Packet);

  const lastUs = [new Map<string, number>(), new Map<string, number>()];
  const expected = events.filter(([timeUs, address]) => {
    const [x, y, last] = [xOf(address), yOf(address), lastUs[address & 1]!];
    last.set(`${x},${y}`, timeUs);
    if (x < 4 || y < 4 || x >= 10 || y >= 9) return false;
    return circles.every(({ radius, least, most }) => {
      const ring = circle(radius).map(([dx, dy]) => last.get(`${x + dx},${y + dy}`) ?? -1);
      const turned = ring.map((time) => -time);
      return hasArc(ring, least, most) || (arcs === "both" && hasArc(turned, least, most));
    });
  });
  expect(kept.length).toBeGreaterThan(20);
  expect(kept.length).toBeLessThan(events.length / 4);
  expect(kept).toEqual(expected);
});

test("an event that repeats its pixel and polarity is dropped until time or the other polarity passed", () => {
  const sensor = pixels(16, 16);
  // An arc of four pixels on both circles, to the right of (8, 8).
  const arc = ["11,7", "11,8", "11,9", "12,7", "12,8", "12,9", "10,6", "11,6", "11,10"]
    .map((pixel, i) => `${i}@${pixel}+`)
    .join(" ");
  const input = `${arc} 20@8,8+ 21@8,8+ 120@8,8+ 221@8,8+ 230@8,8- 231@8,8+`;
  const step = check(anyOptions(corners), { repeatUs: 100 }, input, "20@8,8+ 221@8,8+ 231@8,8+", sensor);
  expect(step.counts?.()).toEqual({ "dropped without a corner": 10, "dropped as repeated": 2 });
});
