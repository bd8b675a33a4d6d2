/** Winner-take-all: evidence, hysteresis, ties, rest and hold. */

import { expect, test } from "vitest";
import { neurons } from "../../src/events/geometry.ts";
import { winnerTakeAll } from "../../src/readouts/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage, create } from "../support/check-stage.ts";

const readout = anyOptions(winnerTakeAll);
const check = (options: Record<string, unknown>, input: string, expected: string) =>
  checkStage(readout, { values: [10, 20, 30], ...options }, input, expected, neurons(3, 1, 1));

test("the neuron with the most evidence chooses its value, and keeps it in silence", () => {
  check({}, "1@0 2@2 3@2 |60000", "20000=30 40000=30 60000=30");
});

test("of equals the first wins", () => check({ minActivity: 0.1 }, "1@2 1@1 |20000", "20000=20"));

test("recent spikes outweigh older ones", () => {
  check(
    { tauUs: 10_000 },
    "1@0 1@0 1@0 1@0 1@0 39000@1 39000@1 |40000",
    "20000=undefined 40000=20".slice(16),
  );
});

test("the winner stays until it is beaten by the margin", () => {
  const five = "1@0 1@0 1@0 1@0 1@0";
  const later = (spikes: number) => " 20001@1".repeat(spikes);
  check({ tauUs: 1e9, margin: 0.3 }, `${five} ${later(6)} |40000`, "20000=10 40000=10");
  check({ tauUs: 1e9, margin: 0.3 }, `${five} ${later(7)} |40000`, "20000=10 40000=20");
  check({ tauUs: 1e9, margin: 0 }, `${five} ${later(6)} |40000`, "20000=10 40000=20");
});

test("before it has a winner it says nothing, or rest", () => {
  check({ minActivity: 3 }, "1@1 2@1 |40000", "");
  check({ minActivity: 2.5, rest: 90 }, "1@1 2@1 20001@1 20002@1 |40000", "20000=90 40000=20");
});

test("a weak newcomer does not replace a winner that has faded", () => {
  check({ tauUs: 2000 }, "19999@0 19999@0 59000@2 |60000", "20000=10 40000=10 60000=10");
});

test("values for channels: all neurons of a channel are one candidate", () => {
  const input = "1@0 1@1 1@2 1@4 1@4 |20000";
  checkStage(readout, { values: [1, 2] }, input, "20000=1", neurons(2, 2, 2));
  checkStage(readout, { values: [0, 1, 2, 3, 4, 5, 6, 7] }, input, "20000=4", neurons(2, 2, 2));
});

test("as many values as neither neurons nor channels are refused", () => {
  expect(() => create(readout, { values: [1, 2, 3] }, neurons(2, 2, 2))).toThrow(
    "[winner-take-all] has 3 values for 2x2x2 neurons. Give 8, one for each neuron, or 2, one for each channel.",
  );
});
