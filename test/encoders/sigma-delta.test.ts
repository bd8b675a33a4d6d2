/** Sigma-delta: steps up and down, and the decoder that adds them up again. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeSigmaDelta } from "../../src/encoders/decode.ts";
import { sigmaDelta } from "../../src/encoders/index.ts";
import { channels, neurons } from "../../src/events/geometry.ts";
import { eventsOf } from "../support/packets.ts";
import { timedSamples } from "../support/samples.ts";

function code(values: readonly (readonly number[])[], options: object) {
  const geometry = channels(values[0]!.map((_, j) => `${j}`));
  const context = { id: "delta", geometry, seed: 0, readText: () => "" };
  const stage = sigmaDelta.create(sigmaDelta.options.parse(options), context);
  return {
    stage,
    spikes: stage.step(
      timedSamples(
        geometry,
        values.map((row, i) => [10 * i, ...row]),
      ),
    ),
  };
}

test("a spike for each step that a value has moved, of the neuron for its direction", () => {
  const { stage, spikes } = code([[0.9], [2.5], [2.5], [0.4], [Number.NaN], [0]], { step: 1 });
  expect(stage.geometry).toEqual(neurons(1, 1, 2));
  expect(eventsOf(spikes)).toEqual([
    [10, 1],
    [10, 1],
    [30, 0],
    [50, 0],
  ]);
});

test("what spikesMax left is made up for by the next samples", () => {
  const { spikes } = code([[5], [5], [5], [5]], { step: 1, spikesMax: 2 });
  expect(eventsOf(spikes).map(([timeUs]) => timeUs)).toEqual([0, 0, 10, 10, 20]);
});

test("decoded, each channel is less than a step away from its value after every sample", () => {
  const value = fc.double({ min: -50, max: 50, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 50 }),
      fc.double({ min: 0.1, max: 3, noNaN: true }),
      fc.double({ min: -5, max: 5, noNaN: true }),
      (rows, step, origin) => {
        const { spikes } = code(rows, { step, origin, spikesMax: 10_000 });
        for (const channel of [0, 1]) {
          const decoded = decodeSigmaDelta(spikes, { step, origin, channel });
          let at = 0;
          let known = origin;
          for (const [i, row] of rows.entries()) {
            while (at < decoded.length && decoded[at]![0] <= 10 * i) known = decoded[at++]![1];
            expect(Math.abs(row[channel]! - known)).toBeLessThan(step * (1 + 1e-9));
          }
        }
      },
    ),
  );
});
