/** Every encoder keeps the contract of stages, and refuses what is not its own. */

import { expect, test } from "vitest";
import { encoders } from "../../src/encoders/index.ts";
import { channels, neurons, pixels } from "../../src/events/geometry.ts";
import { stageContract } from "../support/stage-contract.ts";

const shortest: Readonly<Record<string, object>> = { "pulse-count": { ranges: [1] } };

stageContract(encoders, {
  cochlea: [
    { geometry: channels(["sound"], { rateHz: 8000 }), options: { leak: 0.2, rateHz: 1000 } },
    {
      geometry: channels(["left", "right"], { rateHz: 44_100 }),
      options: { bands: 16, spikes: "level", gainTauMs: 20 },
    },
  ],
  "optical-flow": [
    { options: { support: 3, minPxPerS: 0, maxPxPerS: 1e6 } },
    {
      options: {
        support: 3,
        minPxPerS: 0,
        maxPxPerS: 1e6,
        radius: 4,
        directions: 3,
        bandsPxPerS: [500, 100],
      },
    },
    { options: { support: 3, minPxPerS: 0, maxPxPerS: 1e6, windowUs: 1_000_000 }, gapUs: 2e7 },
  ],
  "phase-code": [
    { options: { min: -1, periodUs: 1000 } },
    { options: { min: -1, periodUs: 7777 }, geometry: channels(["a", "b"]) },
    { options: { min: -1, periodUs: 100 }, geometry: channels(["left", "right"], { rateHz: 44_100 }) },
  ],
  "rate-code": [
    { options: { min: -1, maxHz: 2000 } },
    { options: { min: -1, minHz: 10, maxHz: 500 }, geometry: channels(["a", "b"]) },
    { options: { min: -1, maxHz: 10_000 }, geometry: channels(["left", "right"], { rateHz: 44_100 }) },
  ],
  "sigma-delta": [
    { options: { step: 0.1, spikesMax: 7 } },
    { options: { step: 0.3, origin: 0.5 }, geometry: channels(["a", "b"]) },
    { options: { step: 0.05 }, geometry: channels(["left", "right"], { rateHz: 44_100 }) },
  ],
  "place-code": [
    {},
    { options: { cells: 2, min: -1, max: 1 }, geometry: channels(["a", "b"], { rateHz: 44_100 }) },
  ],
  population: [
    {},
    {
      options: {
        features: [
          { of: "value", phases: 3 },
          { of: "change", rows: 2 },
          { of: "mean", rows: 5 },
          { of: "deviation", rows: 4, phases: 2 },
        ],
        cells: 7,
        adaptRows: 10,
        cycleS: 0.05,
      },
      geometry: channels(["a", "b"]),
    },
    { geometry: channels(["left", "right"], { rateHz: 44_100 }) },
  ],
  "pulse-count": [
    { options: { ranges: [3] } },
    { options: { ranges: [2, 9], pulses: 3, everyUs: 700 }, geometry: channels(["x", "angle"]) },
    { options: { ranges: [0.5, 1] }, geometry: channels(["left", "right"], { rateHz: 1100 }) },
  ],
  "polarity-grid": [{}, { options: { columns: 5, rows: 20, polarity: "merge" } }],
  "time-surface": [
    {},
    { options: { columns: 3, rows: 2, levels: 7, radius: 1, tauUs: 1000.5, polarity: "merge" } },
    { options: { radius: 8 }, geometry: pixels(3, 2) },
  ],
});

test.each(encoders)("$name refuses neurons", (encoder) => {
  const takes = encoder.takes === "samples" ? "samples" : "camera events";
  const context = { id: "grid", geometry: neurons(1, 8, 8), seed: 0, readText: () => "" };
  expect(() => encoder.create(encoder.options.parse(shortest[encoder.name] ?? {}), context)).toThrow(
    `[grid] takes ${takes}`,
  );
});
