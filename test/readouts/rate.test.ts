/** The rate readout against its equation: Hz, range, gain and bounds. */

import { expect, test } from "vitest";
import { neurons } from "../../src/events/geometry.ts";
import { rate } from "../../src/readouts/index.ts";
import type { Commands } from "../../src/safety/command.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage, create } from "../support/check-stage.ts";
import { type Event, packetOf } from "../support/packets.ts";

const readout = anyOptions(rate);
const check = (options: Record<string, unknown>, input: string, expected: string) =>
  checkStage(readout, options, input, expected);

test("silence is 0 Hz, said from the first grid point on", () => {
  check({ offset: 90 }, "|40000", "20000=90 40000=90");
});

test("a spike is 1e6 / tauUs Hz and fades with tauUs", () => {
  const at = (ageUs: number) => Math.round(10_000 * Math.exp(-ageUs / 100_000)) / 1000;
  check({}, "10000@3 |40000", `20000=${at(10_000)} 40000=${at(30_000)}`);
});

test("regular spikes give their rate, as gain and offset turn it", () => {
  const step = create(readout, { gain: 0.5, offset: 10, tauUs: 200_000 }, neurons(1, 1, 2));
  const spikes = Array.from({ length: 800 }, (_, i): Event => [i * 2500, i % 2]);
  const { commands } = step.step(packetOf(neurons(1, 1, 2), spikes, 0, 2_000_000)) as Commands;
  expect(commands.at(-1)?.value).toBeCloseTo(10 + 0.5 * 400, -0.5);
});

test("only neurons of the range count", () => {
  check({ firstNeuron: 2, lastNeuron: 3 }, "1@1 1@4 |20000", "20000=0");
  check({ firstNeuron: 2, lastNeuron: 3, tauUs: 1e6, max: 1.5 }, "1@2 1@3 |20000", "20000=1.5");
});

test("min and max bound the value", () => {
  check({ gain: -1, min: -5, unit: "duty" }, "19999@1 |20000", "20000=-5");
  check({ offset: 7, max: 3 }, "|20000", "20000=3");
});

test.each([
  [{ lastNeuron: 32 }, "[rate] neurons 0 to 32 are not a part of the population. Its neurons are 0 to 31."],
  [{ firstNeuron: 32 }, "[rate] neurons 32 to 31 are not a part of the population"],
  [{ min: 2, max: 1 }, "[rate] min 2 is above max 1"],
])("%j is refused", (options, message) => {
  expect(() => create(readout, options, neurons(1, 4, 8))).toThrow(message);
});
