/** The activity detector: when a rate is reached, when it is left, and how often that is told. */

import { describe, expect, test } from "vitest";
import { neurons } from "../../../src/events/geometry.ts";
import activity from "../../../src/wake/detectors/activity.ts";
import { check, create } from "../../support/check-stage.ts";

// In a window of 1 s, 3 Hz is a sum of 3 spikes: this close together nothing has faded yet.
const told = (options: object, input: string, expected: string) =>
  check(activity, { overHz: 2.9, underHz: 1.5, tauUs: 1e6, repeatUs: 2e6, ...options }, input, expected);

describe("activity", () => {
  test("begins with the spike that brings the rate there, of whatever neuron", () =>
    void told({}, "10@1 20@5 30@7 40@1 | 1000", "30@0"));

  test("counts all spikes of a time before it is told", () => void told({}, "10@1 10@2 10@3 | 1000", "10@0"));

  test("ends when the rate has faded to the lower threshold: 3 exp(-t) = 1.5 after 0.693 s", () =>
    void told({ tells: "under" }, "0@1 0@2 0@3 | 1000000", "693148@0"));

  test("is told again while it lasts", () =>
    void told({ repeatUs: 300_000 }, "0@1 0@2 0@3 | 1000000", "0@0 300000@0 600000@0"));

  test("and so is its end, until it begins anew", () =>
    void told(
      { tells: "under", repeatUs: 100_000 },
      "0@1 0@2 0@3 900000@1 900000@1 900000@1 | 1000000",
      "693148@0 793148@0 893148@0",
    ));

  test("goes on between the two thresholds, and does not begin there", () => {
    told({ repeatUs: 1e9 }, "0@1 0@2 0@3 500000@1 | 1000000", "0@0");
    told({}, "0@1 0@2 | 1000000", "");
  });

  test("that never was has not ended", () => void told({ tells: "under" }, "0@1 | 3000000", ""));
});

test("thresholds the wrong way round are refused", () => {
  expect(() => create(activity, { overHz: 10, underHz: 20 }, neurons(1, 1, 1))).toThrow(
    "begins at 10 Hz can't end below 20 Hz",
  );
});
