/** Pulse count: how many spikes, of which neuron, when. */

import { expect, test } from "vitest";
import { pulseCount } from "../../src/encoders/index.ts";
import { channels } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { eventsOf } from "../support/packets.ts";
import { type Row, timedSamples } from "../support/samples.ts";

const geometry = channels(["x", "angle"]);
const create = (given: object = {}) =>
  pulseCount.create(pulseCount.options.parse({ ranges: [2, 0.5], pulses: 4, everyUs: 100, ...given }), {
    ...{ id: "code", geometry, seed: 0 },
    readText: () => "",
  });
const spikes = (rows: readonly Row[], toUs: number, options: object = {}) =>
  eventsOf(create(options).step(timedSamples(geometry, rows, 0, toUs)) as Packet).map(
    ([timeUs, id]) => `${timeUs}@${id}`,
  );

test("a value speaks by the neuron for its sign, as often as its part of the range asks for", () => {
  expect(spikes([[0, 2, 0]], 1000)).toEqual(["0@1", "100@1", "200@1", "300@1"]);
  expect(spikes([[0, -0.6, 0.1]], 1000)).toEqual(["0@0", "0@3", "100@0"]);
  expect(spikes([[0, -99, 1e-9]], 1000)).toEqual(["0@0", "0@3", "100@0", "200@0", "300@0"]);
});

test("nothing, and what is not a number, are silent", () => {
  expect(spikes([[0, 0, Number.NaN]], 1000)).toEqual([]);
});

test("a new sample ends what is left of the one before", () => {
  expect(
    spikes(
      [
        [0, 2, 0],
        [150, -0.1, 0],
      ],
      1000,
    ),
  ).toEqual(["0@1", "100@1", "150@0"]);
  expect(
    spikes(
      [
        [0, 2, 0],
        [100, 0, 0],
      ],
      1000,
    ),
  ).toEqual(["0@1"]);
});

test("there is a range for each channel", () => {
  expect(() => create({ ranges: [1] })).toThrow("has 1 ranges for 2 channels");
});
