/** Every filter keeps the contract of stages, and refuses what is not camera events. */

import { expect, test } from "vitest";
import { neurons } from "../../src/events/geometry.ts";
import { filters } from "../../src/filters/index.ts";
import { stageContract } from "../support/stage-contract.ts";

const cases = {
  crop: [{}, { options: { x: 2, y: 1, width: 7, height: 5 } }],
  downsample: [{}, { options: { factor: 5 } }],
  "hot-pixel": { options: { windowMs: 20, minHz: 100, factor: 2 } },
  polarity: [{ options: { keep: "on" } }, { options: { keep: "off" } }, { options: { keep: "merged" } }],
  refractory: { options: { periodUs: 3000 } },
  "background-activity": { options: { windowUs: 9000 } },
};

stageContract(filters, cases);

test.each(filters)("$name refuses neurons", (filter) => {
  const options = [cases[filter.name as keyof typeof cases]].flat()[0]?.options ?? {};
  const context = { id: "clean", geometry: neurons(1, 8, 8), seed: 0, readText: () => "" };
  expect(() => filter.create(filter.options.parse(options), context)).toThrow(
    "[clean] takes camera events, but gets the spikes of 1x8x8 neurons. Put it before the encoder.",
  );
});
