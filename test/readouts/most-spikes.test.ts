/** Most spikes: each decision counts its own spikes, ties, silence. */

import { expect, test } from "vitest";
import { neurons } from "../../src/events/geometry.ts";
import { mostSpikes } from "../../src/readouts/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage, create } from "../support/check-stage.ts";

const readout = anyOptions(mostSpikes);
const check = (options: Record<string, unknown>, input: string, expected: string) =>
  checkStage(readout, { values: [-1, 1], unit: "duty", ...options }, input, expected, neurons(1, 1, 2));

test("each decision counts the spikes since the last one, and no older ones", () => {
  check({}, "1@1 2@1 3@1 4@0 20000@0 39999@0 40000@1 |60000", "20000=1 40000=-1 60000=1");
});

test("of equals the first wins", () => check({}, "1@1 2@0 |20000", "20000=-1"));

test("in silence the last value is held, or it is the first one's", () => {
  check({}, "1@1 |40000", "20000=1 40000=1");
  check({ silence: "first" }, "1@1 |40000", "20000=1 40000=-1");
  check({ silence: "first" }, "|20000", "20000=-1");
  check({ rest: 0 }, "20001@1 |40000", "20000=0 40000=1");
  check({}, "20001@1 |40000", "40000=1");
});

test("there is a value for each neuron", () => {
  expect(() => create(readout, { values: [1] }, neurons(1, 1, 2))).toThrow("has 1 values for 1x1x2 neurons");
});
