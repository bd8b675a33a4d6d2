/** The setpoint: the newest sample of a channel on the grid, as long as it is fresh. */

import { expect, test } from "vitest";
import { type ChannelGeometry, channels } from "../../src/events/geometry.ts";
import { setpoint } from "../../src/readouts/index.ts";
import type { Commands } from "../../src/safety/command.ts";
import { timedSamples } from "../support/samples.ts";

const two: ChannelGeometry = channels(["left", "right"]);

const make = (options: object) =>
  setpoint.create(setpoint.options.parse(options), {
    id: "hand",
    geometry: two,
    seed: 1,
    readText: () => "",
  });

function said(options: object, rows: [number, number, number][], toUs: number) {
  const { commands } = make(options).step(timedSamples(two, rows, 0, toUs)) as Commands;
  return commands.map(({ atUs, value }) => [atUs, value]);
}

test("says the newest sample before each grid point, as gain and offset turn it", () => {
  const rows: [number, number, number][] = [
    [5000, 1, 10],
    [19_999, 2, 20],
    [20_000, 3, 30],
  ];
  expect(said({}, rows, 60_000)).toEqual([
    [20_000, 2],
    [40_000, 3],
    [60_000, 3],
  ]);
  expect(said({ channel: "right", gain: 2, offset: 1 }, rows, 20_000)).toEqual([[20_000, 41]]);
});

test("falls silent when nothing was heard for holdUs, and speaks again with the next", () => {
  const rows: [number, number, number][] = [
    [1000, 1, 0],
    [1_000_000, 2, 0],
  ];
  expect(said({ holdUs: 50_000 }, rows, 1_040_000)).toEqual([
    [20_000, 1],
    [40_000, 1],
    [1_020_000, 2],
    [1_040_000, 2],
  ]);
});

test("a value that is not known leaves the last one", () => {
  expect(
    said(
      {},
      [
        [1, 7, 0],
        [2, Number.NaN, 0],
      ],
      20_000,
    ),
  ).toEqual([[20_000, 7]]);
});

test("a channel that there is not is refused with those there are", () => {
  expect(() => make({ channel: "up" })).toThrow(/there is no channel "up".*Channels: left, right/);
});
