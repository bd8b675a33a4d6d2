/** The polarity grid: cells, channels, and sensors of any size. */

import { expect, test } from "vitest";
import { polarityGrid } from "../../src/encoders/index.ts";
import { neurons, pixelAddress, pixels } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage, create } from "../support/check-stage.ts";
import { eventsOf, packetOf } from "../support/packets.ts";

const grid = anyOptions(polarityGrid);
const check = (options: Record<string, unknown>, input: string, expected: string) =>
  checkStage(grid, options, input, expected);

test("split: OFF cells come first, then ON cells, both in C order", () => {
  const step = check(
    { columns: 4, rows: 2 },
    "1@0,0- 2@7,7- 3@2,0- 4@0,4- 5@0,0+ 6@7,7+",
    "1@0 2@7 3@1 4@4 5@8 6@15",
  );
  expect(step.geometry).toEqual(neurons(2, 2, 4));
});

test("merge: one channel takes both", () => {
  const step = check(
    { columns: 2, rows: 2, polarity: "merge" },
    "1@3,3- 2@4,3+ 3@3,4- 4@4,4+",
    "1@0 2@1 3@2 4@3",
  );
  expect(step.geometry).toEqual(neurons(1, 2, 2));
});

test("more cells than pixels: each pixel still has a cell of its own", () => {
  check({ columns: 16, rows: 1, polarity: "merge" }, "1@0,0+ 2@1,0+ 3@7,0+", "1@0 2@2 3@14");
});

test.each([
  [346, 260],
  [640, 480],
  [240, 180],
  [128, 128],
  [34, 34],
])("every cell of 8x8 holds its share of %ix%i", (width, height) => {
  const pixelsOfCell = new Array<number>(128).fill(0);
  const events = Array.from(
    { length: width * height * 2 },
    (_, i) => [i, pixelAddress((i >> 1) % width, Math.floor((i >> 1) / width), i & 1)] as const,
  );
  const spikes = create(grid, {}, pixels(width, height)).step(
    packetOf(pixels(width, height), events),
  ) as Packet;
  for (const [, id] of eventsOf(spikes)) pixelsOfCell[id] = (pixelsOfCell[id] ?? 0) + 1;
  const shares = [
    Math.floor(width / 8) * Math.floor(height / 8),
    Math.ceil(width / 8) * Math.ceil(height / 8),
  ];
  expect(pixelsOfCell).toHaveLength(128);
  expect(Math.min(...pixelsOfCell)).toBeGreaterThanOrEqual(shares[0]!);
  expect(Math.max(...pixelsOfCell)).toBeLessThanOrEqual(shares[1]!);
});
