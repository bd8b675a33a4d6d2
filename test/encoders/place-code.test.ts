/** The place code: which cell a value makes fire, and when. */

import { expect, test } from "vitest";
import { placeCode } from "../../src/encoders/index.ts";
import { channels, neurons } from "../../src/events/geometry.ts";
import { anyOptions } from "../../src/stage.ts";
import { eventsOf } from "../support/packets.ts";
import { ratedSamples, timedSamples } from "../support/samples.ts";

function made(options: object, geometry = channels(["angleDeg"])) {
  const stage = anyOptions(placeCode);
  const context = { id: "place", geometry, seed: 0, readText: () => "" };
  return stage.create(stage.options.parse(options), context);
}

test("cells share the range evenly, and its ends take what lies outside", () => {
  const geometry = channels(["angleDeg"]);
  const values = [-1000, 0, 44.9, 45, 90, 179.9, 180, 1000, Number.NaN];
  const step = made({ cells: 4 });
  const out = step.step(
    timedSamples(
      geometry,
      values.map((value, i) => [i, value]),
    ) as never,
  );
  expect(step.geometry).toEqual(neurons(1, 1, 4));
  expect(eventsOf(out as never)).toEqual([0, 0, 0, 1, 2, 3, 3, 3].map((cell, i) => [i, cell]));
});

test("each channel has its own cells", () => {
  const geometry = channels(["a", "b"]);
  const step = made({ cells: 2, min: -1, max: 1 }, geometry);
  expect(step.geometry).toEqual(neurons(2, 1, 2));
  const out = step.step(timedSamples(geometry, [[5, -0.5, 0.5]]) as never);
  expect(eventsOf(out as never)).toEqual([
    [5, 0],
    [5, 3],
  ]);
});

test("a sample between two microseconds spikes at the earlier one", () => {
  const geometry = channels(["a"], { rateHz: 300_000 });
  const out = made({ cells: 2, max: 1 }, geometry).step(ratedSamples(geometry, [[0, 0, 1, 1]]) as never);
  expect(eventsOf(out as never)).toEqual([
    [0, 0],
    [3, 0],
    [6, 1],
    [10, 1],
  ]);
});

test("refuses a range without extent, and camera events", () => {
  expect(() => made({ min: 1, max: 1 })).toThrow("[place] min 1 must be below max 1");
});
