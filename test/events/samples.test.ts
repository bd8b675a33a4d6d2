/** Samples: times of a rate, cuts, copies. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { channels, describeGeometry, pixels, sameGeometry } from "../../src/events/geometry.ts";
import { copySamples, Samples, samplesBefore, sampleTimeUs } from "../../src/events/samples.ts";
import { cutSamples, ratedSamples, rowsOf, timedSamples } from "../support/samples.ts";

const rates = fc.constantFrom(1, 7.5, 8000, 11_025, 16_000, 44_100, 48_000, 192_000);
const origins = fc.constantFrom(0, 12_345, 1_700_000_000_123_456);

test("the index of a time is that of the first sample at or after it", () => {
  fc.assert(
    fc.property(rates, origins, fc.nat(1e12), (rateHz, originUs, laterUs) => {
      const index = samplesBefore(originUs + laterUs, originUs, rateHz);
      expect(sampleTimeUs(originUs, index, rateHz)).toBeGreaterThanOrEqual(originUs + laterUs);
      if (index > 0) expect(sampleTimeUs(originUs, index - 1, rateHz)).toBeLessThan(originUs + laterUs);
    }),
  );
});

test("samples of a rate keep their times and values in any cut, in a copy, and moved", () => {
  fc.assert(
    fc.property(rates, origins, fc.array(fc.double({ min: 0, max: 1 })), (rateHz, originUs, shares) => {
      const geometry = channels(["left", "right"], { rateHz });
      const left = Float32Array.from({ length: 50 }, (_, i) => Math.sin(i));
      const whole = ratedSamples(geometry, [left, left.map((value) => -value)], originUs);
      const spanUs = whole.toUs - whole.fromUs;
      const pieces = cutSamples(
        whole,
        shares.map((share) => whole.fromUs + Math.floor(share * spanUs)),
      );
      expect(pieces.flatMap(rowsOf)).toEqual(rowsOf(whole));
      for (const piece of pieces)
        for (const [timeUs] of rowsOf(copySamples(piece)))
          expect(timeUs! >= piece.fromUs && timeUs! < piece.toUs).toBe(true);
      const moved = new Samples(geometry, 1).take(whole, 1000);
      expect(rowsOf(moved)).toEqual(rowsOf(ratedSamples(geometry, whole.columns, originUs + 1000)));
      expect([moved.fromUs, moved.toUs]).toEqual([whole.fromUs + 1000, whole.toUs + 1000]);
    }),
  );
});

test("samples with times of their own hold doubles, NaN and equal times", () => {
  const geometry = channels([{ name: "count", unit: "ticks" }]);
  const rows = [
    [5, 2 ** 40 + 1],
    [5, Number.NaN],
    [9, 0.1],
  ];
  const samples = timedSamples(geometry, rows, 0, 20);
  expect(rowsOf(new Samples(geometry, 1).take(samples, 7))).toEqual(
    rows.map(([timeUs, value]) => [timeUs! + 7, value]),
  );
  samples.reserve(1000);
  expect(rowsOf(samples)).toEqual(rows);
});

test("channels are the same with the same names, units and rate, and say what they are", () => {
  const stereo = channels(["left", "right"], { rateHz: 48_000 });
  expect(sameGeometry(stereo, channels(["left", "right"], { rateHz: 48_000 }))).toBe(true);
  expect(sameGeometry(stereo, channels(["left", "right"], { rateHz: 44_100 }))).toBe(false);
  expect(sameGeometry(stereo, channels(["left", "rear"], { rateHz: 48_000 }))).toBe(false);
  expect(sameGeometry(stereo, channels(["left"], { rateHz: 48_000 }))).toBe(false);
  expect(sameGeometry(stereo, pixels(2, 2))).toBe(false);
  expect(describeGeometry(stereo)).toBe("2 channels at 48000 Hz (left, right)");
  expect(describeGeometry(channels([{ name: "oil", unit: "degC" }]))).toBe("1 channel (oil in degC)");
});
