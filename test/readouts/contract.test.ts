/** Every readout keeps the contract of stages, refuses camera events, and shares the rules of when to speak. */

import { describe, expect, test } from "vitest";
import { channels, neurons, pixels } from "../../src/events/geometry.ts";
import { readouts } from "../../src/readouts/index.ts";
import type { Commands } from "../../src/safety/command.ts";
import { create, packetFrom } from "../support/check-stage.ts";
import { stageContract } from "../support/stage-contract.ts";

const population = neurons(2, 3, 4);
const shortest = {
  "most-spikes": { values: Array.from({ length: 24 }, (_, i) => i) },
  "population-vector": { firstDeg: 30, lastDeg: 150 },
  rate: {},
  "winner-take-all": { values: [30, 150] },
};

stageContract(readouts, {
  "most-spikes": [
    { options: shortest["most-spikes"] },
    { options: { ...shortest["most-spikes"], unit: "duty", silence: "first", everyUs: 5000, rest: 1 } },
  ],
  "population-vector": [
    { options: shortest["population-vector"] },
    {
      options: {
        firstDeg: 150,
        lastDeg: 30,
        axis: "y",
        tauUs: 5000,
        everyUs: 7000,
        minActivity: 1.5,
        restDeg: 90,
        attend: "left",
        attendRatio: 3,
      },
    },
  ],
  rate: [
    { options: {} },
    { options: { unit: "duty", gain: 0.01, min: 0, max: 1, firstNeuron: 3, lastNeuron: 5, everyUs: 1000 } },
  ],
  // It may fall silent between two samples, which the contract's grid knows not: see setpoint.test.ts.
  setpoint: [
    { options: { holdUs: 60_000_000 } },
    {
      options: { unit: "duty", gain: 0.1, offset: -1, everyUs: 7000, holdUs: 60_000_000 },
      geometry: channels(["value"], { rateHz: 1000 }),
    },
  ],
  "winner-take-all": [
    { options: shortest["winner-take-all"] },
    {
      options: {
        values: Array.from({ length: 24 }, (_, i) => i),
        tauUs: 3000,
        margin: 0.5,
        minActivity: 2,
        rest: 99,
      },
    },
  ],
});

describe.each(readouts.filter(({ takes }) => takes === "spikes"))("$name", (readout) => {
  const options = shortest[readout.name as keyof typeof shortest];

  test("refuses camera events", () => {
    expect(() => create(readout, options, pixels(8, 8))).toThrow(
      "takes spikes, but gets the camera events of 8x8",
    );
  });

  test("labels its commands with its id, or as it is told, and gives them their time-to-live", () => {
    const said = (more: object) =>
      (
        create(readout, { ...options, ...more }, population).step(
          packetFrom("1@0 2@0 |20000", population),
        ) as Commands
      ).commands;
    expect(said({})).toMatchObject([{ atUs: 20_000, name: readout.name, ttlUs: 100_000, sequence: 0 }]);
    expect(said({ command: "pan", ttlUs: 5 })).toMatchObject([{ name: "pan", ttlUs: 5 }]);
  });

  test("falls silent after 2^18 grid points without a spike, and speaks again at the next", () => {
    const step = create(readout, { ...options, everyUs: 1000 }, population);
    const said = (line: string, shiftUs: number) => {
      const packet = packetFrom(line, population);
      packet.fromUs += shiftUs;
      packet.toUs += shiftUs;
      packet.times.forEach((timeUs, i) => {
        packet.times[i] = timeUs + shiftUs;
      });
      return (step.step(packet) as Commands).commands;
    };
    // Fifty years in one packet, as a damaged clock tells them.
    expect(said("1@0 2@0 |1600000000000000", 0)).toHaveLength(2 ** 18);
    expect(said("|5000", 1.6e15)).toEqual([]);
    expect(said("100@0 200@0 |3000", 1.6e15 + 5000).map(({ sequence }) => sequence - 2 ** 18)).toEqual([
      0, 1, 2,
    ]);
  });
});
