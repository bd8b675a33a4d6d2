/** The time surface against its equation. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { timeSurface } from "../../src/encoders/index.ts";
import { neurons, pixelAddress, pixels } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage, create } from "../support/check-stage.ts";
import { type Event, eventsOf, packetOf } from "../support/packets.ts";

const check = (options: Record<string, unknown>, input: string, expected: string) =>
  checkStage(
    anyOptions(timeSurface),
    { columns: 1, rows: 1, radius: 1, tauUs: 1000, levels: 8, ...options },
    input,
    expected,
  );

test("with 8 levels and radius 1, a level is a neighbour that fired just now", () => {
  const input = "5@3,3+ 5@4,3+ 5@5,3+ 5@3,4+ 5@4,4+ 5@3,5+ 5@4,5+ 5@5,4+ 5@5,5+ 5@4,4+";
  const step = check({ polarity: "merge" }, input, "5@0 5@1 5@1 5@2 5@4 5@2 5@3 5@4 5@3 5@7");
  expect(step.geometry).toEqual(neurons(8, 1, 1));
});

test("it fades with tau: e^-1 of eight neighbours is 2.9 of them", () => {
  const ring = "3@3,3+ 3@4,3+ 3@5,3+ 3@3,4+ 3@5,4+ 3@3,5+ 3@4,5+ 3@5,5+";
  const ringLevels = "3@0 3@1 3@1 3@2 3@2 3@1 3@3 3@2";
  check({ polarity: "merge" }, `${ring} 1003@4,4+`, `${ringLevels} 1003@2`);
  check({ polarity: "merge" }, `${ring} 9003@4,4+`, `${ringLevels} 9003@0`);
});

test("split: the other polarity is no company, and ON channels follow the OFF channels", () => {
  check({ levels: 8 }, "1@3,3- 1@4,3+ 1@4,4+ 1@3,4-", "1@0 1@8 1@9 1@1");
});

test("a pixel is not its own company", () => {
  check({ polarity: "merge" }, "1@3,3+ 2@3,3+", "1@0 2@0");
});

test("the grid cell is that of the pixel", () => {
  check(
    { columns: 2, rows: 2, levels: 1, polarity: "merge" },
    "1@3,3- 2@4,3+ 3@3,4- 4@4,4+",
    "1@0 2@1 3@2 4@3",
  );
});

test("it equals the plain equation, but for sums at a level's edge", () => {
  const sensor = pixels(5, 4);
  // The longest silence is one of 500 time constants, so that the map's zero of time moves.
  const gaps = fc.oneof({ weight: 9, arbitrary: fc.nat(3000) }, { weight: 1, arbitrary: fc.nat(1_000_000) });
  const events = fc.array(fc.tuple(gaps, fc.nat(4), fc.nat(3)), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(events, (list) => {
      let timeUs = 0;
      const timed = list.map(([gap, x, y]): Event => {
        timeUs += gap;
        return [timeUs, pixelAddress(x, y, 1)];
      });
      const options = { columns: 1, rows: 1, radius: 2, tauUs: 2000, levels: 6, polarity: "merge" };
      const spikes = create(anyOptions(timeSurface), options, sensor).step(packetOf(sensor, timed)) as Packet;
      const lastUs = new Map<string, number>();
      eventsOf(spikes).forEach(([, level], i) => {
        const [atUs] = timed[i]!;
        const [, x, y] = list[i]!;
        let sum = 0;
        for (let dy = -2; dy <= 2; dy++)
          for (let dx = -2; dx <= 2; dx++) {
            const u = lastUs.get(`${x + dx},${y + dy}`);
            if (u !== undefined && (dx || dy)) sum += Math.exp(-(atUs - u) / 2000);
          }
        lastUs.set(`${x},${y}`, atUs);
        const exact = (sum / 24) * 6;
        expect([Math.floor(exact - 1e-7), Math.floor(exact + 1e-7)]).toContain(level);
      });
    }),
  );
});
