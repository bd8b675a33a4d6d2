/** Every filter keeps the contract of stages, and refuses what is not camera events. */

import { expect, test } from "vitest";
import { neurons, pixels } from "../../src/events/geometry.ts";
import { filters } from "../../src/filters/index.ts";
import { stageContract } from "../support/stage-contract.ts";

const cases = {
  crop: [{}, { options: { x: 2, y: 1, width: 7, height: 5 } }],
  downsample: [{}, { options: { factor: 5 } }],
  "hot-pixel": { options: { windowMs: 20, minHz: 100, factor: 2 } },
  polarity: [{ options: { keep: "on" } }, { options: { keep: "off" } }, { options: { keep: "merged" } }],
  refractory: { options: { periodUs: 3000 } },
  "background-activity": { options: { windowUs: 9000 } },
  "anti-flicker": [
    { options: { minHz: 10, maxHz: 5000, periods: 1, toleranceUs: 100_000 } },
    { options: { keep: "flicker", minHz: 1, maxHz: 100_000, periods: 1 }, gapUs: 2e7 },
  ],
  "cluster-tracker": [
    { options: { radius: 2, massMin: 1, keep: 3 } },
    { options: { massMin: 2 }, gapUs: 50 },
  ],
  corners: [
    {},
    { options: { repeatUs: 0, arcs: "both" }, gapUs: 300 },
    { geometry: pixels(5, 3) },
    { gapUs: 2e7 },
  ],
  "event-rate-limit": [{ options: { events: 2, windowUs: 3000 } }, { options: { events: 2, rule: "first" } }],
  "line-tracker": [
    { options: { votesMin: 5, voteEvery: 2 } },
    { options: { votesMin: 2, angles: 7 }, gapUs: 2e5 },
  ],
  regularize: [{}, { options: { every: 3, size: 5, polarity: "together" } }],
  "spatio-temporal-correlation": [
    {},
    { options: { windowUs: 30_000, supporters: 1, polarity: "same" } },
    { options: { windowUs: 500_000_000, supporters: 1 }, gapUs: 2e7 },
  ],
  "surface-threshold": [
    {},
    { options: { radius: 8, min: 0.01, polarity: "same", tauUs: 1000.5 } },
    { gapUs: 3e5 },
  ],
  flip: [{}, { options: { exchange: "up-down" } }, { options: { exchange: "both" } }],
  rotate: [{}, { options: { degrees: 180 } }, { options: { degrees: 270 } }],
  rescale: [{ options: { width: 5, height: 20 } }],
  region: { options: { rectangles: [{ x: 1, y: 2, width: 5, height: 3 }], keep: "outside" } },
  mask: [{}, { options: { file: "dots" }, files: { dots: "##..#.".repeat(18) } }],
  undistort: { options: { fx: 10, fy: 11, k1: -0.3, p1: 0.01 } },
};

stageContract(filters, cases);

test.each(filters)("$name refuses neurons", (filter) => {
  const options = [cases[filter.name as keyof typeof cases]].flat()[0]?.options ?? {};
  const context = { id: "clean", geometry: neurons(1, 8, 8), seed: 0, readText: () => "" };
  expect(() => filter.create(filter.options.parse(options), context)).toThrow(
    "[clean] takes camera events, but gets the spikes of 1x8x8 neurons. Put it before the encoder.",
  );
});
