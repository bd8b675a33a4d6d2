/** The phase code: one spike a cycle after the reference, and a value to a part in the period. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { decodePhase } from "../../src/encoders/decode.ts";
import { phaseCode } from "../../src/encoders/index.ts";
import { channels, neurons } from "../../src/events/geometry.ts";
import { eventsOf } from "../support/packets.ts";
import { type Row, timedSamples } from "../support/samples.ts";

function code(rows: readonly Row[], options: object, toUs: number) {
  const geometry = channels(rows[0]!.slice(1).map((_, j) => `${j}`));
  const context = { id: "phase", geometry, seed: 0, readText: () => "" };
  const stage = phaseCode.create(phaseCode.options.parse(options), context);
  return { geometry: stage.geometry, spikes: stage.step(timedSamples(geometry, rows, 0, toUs)) };
}

test("each cycle begins with the reference; a channel fires once in it, the later the larger its value before it", () => {
  const rows: Row[] = [
    [0, 0, Number.NaN],
    [100, 1, 0.5],
    [150, 7, Number.NaN],
  ];
  const { geometry, spikes } = code(rows, { periodUs: 100 }, 400);
  expect(geometry).toEqual(neurons(1, 1, 3));
  expect(eventsOf(spikes)).toEqual([
    [100, 2],
    [100, 0],
    [200, 2],
    [249, 1],
    [299, 0],
    [300, 2],
    [349, 1],
    [399, 0],
  ]);
});

test("decoded, the value comes back to a part in the period", () => {
  const value = fc.double({ min: -3, max: 9, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 20 }), (rows) => {
      const options = { min: -3, max: 9, periodUs: 1000 };
      // A row shortly before each cycle.
      const timed = rows.map(([a, b], i): Row => [1000 * i + 700, a, b]);
      const { spikes } = code(timed, options, 1000 * (rows.length + 1));
      for (const channel of [0, 1]) {
        const decoded = decodePhase(spikes, { ...options, channel });
        expect(decoded).toHaveLength(rows.length);
        for (const [k, [timeUs, read]] of decoded.entries()) {
          expect(Math.floor(timeUs / 1000)).toBe(k + 1);
          expect(rows[k]![channel]! - read).toBeGreaterThanOrEqual(-1e-9);
          expect(rows[k]![channel]! - read).toBeLessThan(12 / 999 + 1e-9);
        }
      }
    }),
  );
});

test("refuses a range without extent", () => {
  expect(() => code([[0, 1]], { min: 1, max: 1 }, 10)).toThrow("[phase] min 1 must be below max 1");
});
