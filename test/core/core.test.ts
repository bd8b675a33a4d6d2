/** The stage `core`: its contract, and a network by hand. */

import { expect, test } from "vitest";
import { core } from "../../src/core/index.ts";
import { neurons, pixels } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { anyOptions } from "../../src/stage.ts";
import { check as checkStage, create, packetFrom } from "../support/check-stage.ts";
import { stageContract } from "../support/stage-contract.ts";

const stage = anyOptions(core);

const follow = `
about: Cells that pool the picture, the neighbours of the winner held down.
input: pixels
output: aim
populations:
  pixels: {}
  cells: { shape: [1, 3, 4], neuron: { tauMs: 10, threshold: 2, refractoryUs: 1500 } }
  aim: { shape: [1, 1, 4], neuron: { tauMs: 20, threshold: 0.9, reset: -0.5 } }
projections:
  - { from: pixels, to: cells, pattern: pool, weights: { kind: by-channel, values: [1, 0.8] } }
  - { from: cells, to: cells, pattern: dense, self: false, weights: -0.2, delayUs: 700 }
  - { from: cells, to: aim, pattern: dense, weights: { kind: gaussian, peak: 1, sigmaCells: 0.8 }, bits: 8 }
  - from: aim
    to: cells
    pattern: sparse
    probability: 0.5
    weights: { kind: uniform, min: 0, max: 1 }
    delayUs: { minUs: 100, maxUs: 900, stepUs: 100 }
`;

stageContract([stage], {
  core: [
    { options: { network: "nets/follow.yaml" }, files: { "nets/follow.yaml": follow } },
    {
      options: { network: "nets/follow.yaml", engine: "stepped", dtUs: 700, noise: 0.3 },
      files: { "nets/follow.yaml": follow },
    },
  ],
});

test("in steps, what a step's spikes make fire leaves when the step is over", () => {
  const stepped = { ...pairOf({ threshold: 1 }), engine: "stepped", dtUs: 100 };
  check(stepped, "10@0 99@1 |200", "100@0");
  check(stepped, "10@0 99@1 |100", "");
  check(stepped, "10@0 100@1 |300", "200@0");
});

test("noise is for steps, and fires what gets nothing else", () => {
  expect(() => create(stage, { ...pairOf({ threshold: 1 }), noise: 1 }, neurons(1, 1, 2))).toThrow(
    "noise needs steps",
  );
  const noisy = { ...pairOf({ threshold: 1 }), engine: "stepped", noise: 1 };
  const quiet = packetFrom("|50000", neurons(1, 1, 2));
  const { count } = create(stage, noisy, neurons(1, 1, 2)).step(quiet) as Packet;
  expect(count).toBeGreaterThan(0);
});

/** Two inputs, one LIF neuron: the rules of time, by hand. */
const pairOf = (neuron: Record<string, number>, delayUs = 0) => ({
  network: {
    input: "in",
    output: "out",
    populations: { in: { shape: [1, 1, 2] }, out: { shape: [1, 1, 1], neuron } },
    projections: [{ from: "in", to: "out", pattern: "dense", weights: 0.6, delayUs }],
  },
});
const check = (options: Record<string, unknown>, input: string, expected: string) =>
  checkStage(stage, options, input, expected, neurons(1, 1, 2));

test("charge of one microsecond is summed before the test, and one microsecond fires once", () => {
  check(pairOf({ tauMs: 10 }), "5@0 5@1 5@1 5@0", "5@0");
  check(pairOf({ tauMs: 10, threshold: 1.2 }), "5@1 5@0", "5@0");
});

test("what leaks away is not there: 0.6 exp(-7/10) + 0.6 is below 1, 0.6 exp(-4/10) + 0.6 above", () => {
  check(pairOf({ tauMs: 10 }), "0@0 7000@1", "");
  check(pairOf({ tauMs: 10 }), "0@0 4000@1", "4000@0");
  check(pairOf({}), "0@0 9000000000@1", "9000000000@0");
});

test("input before the end of the refractory period is ignored, at its end it counts", () => {
  check(pairOf({ threshold: 0.5, refractoryUs: 100 }), "10@0 11@0 109@0 110@0 150@1", "10@0 110@0");
});

test("a delay moves the spike, beyond the packet's end too", () => {
  check(pairOf({ threshold: 0.5 }, 30), "10@0 |41", "40@0");
  check(pairOf({ threshold: 0.5 }, 30), "10@0 |40", "");
});

test("a sum that is equal to the threshold on paper fires, at any time", () => {
  const fifths = pairOf({ tauMs: 7 });
  fifths.network.projections[0]!.weights = 0.2;
  for (const t of [1, 12_345, 262_143, 99_999_999])
    check(fifths, [0, 1, 0, 1, 0].map((id) => `${t}@${id}`).join(" "), `${t}@0`);
});

test("a network that runs away is bounded, and says so", () => {
  const loop = {
    spikesPerMsMax: 100,
    network: {
      input: "in",
      output: "out",
      populations: { in: { shape: [1, 1, 2] }, out: { shape: [1, 1, 4], neuron: { threshold: 0.5 } } },
      projections: [
        { from: "in", to: "out", pattern: "dense", weights: 1 },
        { from: "out", to: "out", pattern: "dense", weights: 1 },
      ],
    },
  };
  const step = create(stage, loop, neurons(1, 1, 2));
  step.step(packetFrom("0@0 |1000", neurons(1, 1, 2)));
  expect(step.counts?.()).toMatchObject({ spikes: 100 });
  expect(step.lost?.()).toMatchObject({ "spikes of a runaway network": 4 });
});

test("camera events are refused", () => {
  expect(() => create(stage, pairOf({}), pixels(2, 1))).toThrow(
    '[core] 2x1 pixels come in, but a network takes spikes (stage "core"). Put an encoder before it, for example polarity-grid.',
  );
});
