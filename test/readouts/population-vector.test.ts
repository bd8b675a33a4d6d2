/** The population vector against its equation: weights, attention, rest and hold. */

import { expect, test } from "vitest";
import { neurons, pixels } from "../../src/events/geometry.ts";
import { populationVector } from "../../src/readouts/index.ts";
import type { Commands } from "../../src/safety/command.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage, create } from "../support/check-stage.ts";
import { type Event, packetOf } from "../support/packets.ts";

const readout = anyOptions(populationVector);
// 4 rows of 8: neuron 8 * row + column. 10 degrees a column.
const check = (options: Record<string, unknown>, input: string, expected: string) =>
  checkStage(readout, { firstDeg: 50, lastDeg: 120, ...options }, input, expected);

test("the first column is firstDeg, the last is lastDeg, between them it is linear", () => {
  check({}, "1@0 2@8 |20000", "20000=50");
  check({}, "1@7 2@15 |20000", "20000=120");
  check({}, "1@3 1@5 |20000", "20000=90");
});

test("rows count along y, and the angle may descend", () => {
  check({ axis: "y", firstDeg: 90, lastDeg: 60 }, "1@0 1@16 |20000", "20000=80");
});

test("younger spikes weigh more, by the exponential of their age", () => {
  // Weights at 20 ms: 1/e^2 at column 0, 1 at column 7 and again at 40 ms, in proportion.
  const deg = 50 + (10 * 7) / (1 + Math.exp(-1));
  const expected = Math.round(deg * 1000) / 1000;
  check({ tauUs: 10_000, minActivity: 0.1 }, "5000@0 15000@7 |20000", `20000=${expected}`);
});

test("a spike on a grid point counts at the next", () => {
  check({ tauUs: 1e9, minActivity: 0.5 }, "19999@0 20000@2 |40000", "20000=50 40000=60");
});

test("it holds when activity has faded, and a weak newcomer does not move it", () => {
  check({ tauUs: 2000 }, "19000@2 19000@2 39000@6 59000@6 59500@6 |60000", "20000=70 40000=70 60000=110");
});

test("before any activity it says nothing, or restDeg", () => {
  check({}, "|60000", "");
  check({}, "45000@4 45000@4 |60000", "60000=90");
  check({ restDeg: 88 }, "45000@4 45000@4 |60000", "20000=88 40000=88 60000=90");
});

test("attention halves with each row away from the attended side", () => {
  // Column 0 in the top row, column 7 in the bottom row: weights 1/8 and 1 from below.
  const deg = 50 + (10 * 7) / (1 + 1 / 8);
  check(
    { attend: "bottom", tauUs: 1e9, minActivity: 0.1 },
    "1@0 1@31 |20000",
    `20000=${Math.round(deg * 1000) / 1000}`,
  );
  check({ attend: "top", attendRatio: 1e6, minActivity: 0.1 }, "1@0 1@31 |20000", "20000=50");
  check({ attend: "left", attendRatio: 1e6, axis: "y", minActivity: 0.1 }, "1@24 1@1 |20000", "20000=120");
  check({ attend: "right", attendRatio: 1e6, minActivity: 0.1 }, "1@7 1@1 |20000", "20000=120");
});

test("channels count alike", () => {
  checkStage(readout, { firstDeg: 0, lastDeg: 30 }, "1@1 1@7 |20000", "20000=20", neurons(2, 1, 4));
});

test("it follows a spot that moves at 30 degrees a second within 5 degrees", () => {
  const step = create(readout, { firstDeg: 0, lastDeg: 70 }, neurons(1, 8, 8));
  const degAt = (timeUs: number) => 5 + (timeUs / 1e6) * 30;
  // A soft spot three columns wide, 3000 spikes a second.
  const spikes = Array.from({ length: 6000 }, (_, i): Event => {
    const timeUs = Math.floor((i * 1000) / 3);
    const column = Math.floor(degAt(timeUs) / 10 + (((i * 7) % 10) + 0.5) / 10);
    return [timeUs, 8 * (i % 8) + column];
  });
  const { commands } = step.step(packetOf(neurons(1, 8, 8), spikes, 0, 2_000_000)) as Commands;
  expect(commands).toHaveLength(100);
  for (const { atUs, value } of commands) expect(Math.abs(value - degAt(atUs)), `at ${atUs}`).toBeLessThan(5);
});

test("one column can't tell left from right", () => {
  expect(() => create(readout, { firstDeg: 0, lastDeg: 1 }, neurons(3, 4, 1))).toThrow(
    "[population-vector] needs at least 2 neurons along x, but gets 1. Choose the other axis",
  );
  expect(() => create(readout, { firstDeg: 0, lastDeg: 1 }, pixels(4, 4))).toThrow("takes spikes");
});
