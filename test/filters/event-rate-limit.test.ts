/** The event rate limit: never more than so many in a window, first come or evenly. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { eventRateLimit } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage, create } from "../support/check-stage.ts";
import { type Event, eventsOf, packetOf } from "../support/packets.ts";

const check = (options: Record<string, unknown>, input: string, expected: string) =>
  checkStage(anyOptions(eventRateLimit), { windowUs: 10, events: 2, ...options }, input, expected);

const at = (...timesUs: number[]) => timesUs.map((timeUs) => `${timeUs}@1,1+`).join(" ");

test("first: the first of each window pass, and windows lie on the grid", () => {
  const step = check({ rule: "first" }, at(7, 8, 9, 10, 19, 19, 20, 45), at(7, 8, 10, 19, 20, 45));
  expect(step.counts?.()).toEqual({ "dropped above the rate limit": 2, "windows at the limit": 2 });
});

test("even: after a window with six events, every third passes", () => {
  check({}, at(0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 20), at(0, 1, 12, 15));
});

test("even: a silent window is forgotten", () => {
  check({}, at(0, 1, 2, 3, 4, 5, 20, 21, 22), at(0, 1, 20, 21));
});

test("even: a window that grows busier still keeps the bound", () => {
  check({ events: 1 }, at(0, 1, 10, 11, 12, 13, 14), at(0, 11));
});

test.each(["even", "first"])("%s: no window passes more than the limit, none below it loses any", (rule) => {
  const sensor = pixels(4, 4);
  const gaps = fc.array(fc.oneof(fc.nat(3), fc.nat(300)), { maxLength: 300 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 20 }), (list, events) => {
      let timeUs = 0;
      const input = list.map((gap): Event => {
        timeUs += gap;
        return [timeUs, pixelAddress(1, 1, 0)];
      });
      const step = create(anyOptions(eventRateLimit), { windowUs: 50, events, rule }, sensor);
      const passed = tally(eventsOf(step.step(packetOf(sensor, input)) as Packet));
      const came = tally(input);
      for (const [window, count] of came) {
        const through = passed.get(window) ?? 0;
        expect(through).toBeLessThanOrEqual(events);
        const calmBefore = (came.get(window - 1) ?? 0) <= events;
        if (rule === "first" || calmBefore) expect(through).toBe(Math.min(events, count));
      }
    }),
  );
});

function tally(events: readonly Event[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const [timeUs] of events) {
    const window = Math.floor(timeUs / 50);
    counts.set(window, (counts.get(window) ?? 0) + 1);
  }
  return counts;
}
