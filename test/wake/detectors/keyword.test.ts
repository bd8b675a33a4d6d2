/** The keyword detector: evidence, lead, hold-off, and the words that it must beat. */

import { describe, expect, test } from "vitest";
import { neurons } from "../../../src/events/geometry.ts";
import keyword from "../../../src/wake/detectors/keyword.ts";
import { check, create } from "../../support/check-stage.ts";

const words = neurons(1, 1, 4);
const told = (options: object, input: string, expected: string) =>
  check(keyword, { evidence: 3, margin: 1, tauUs: 1e6, holdOffUs: 100, ...options }, input, expected, words);

describe("a word is told", () => {
  test("at the spike that makes its evidence enough, once", () =>
    void told({ evidence: 2.9 }, "10@2 20@2 30@2 40@2 50@2 60@2 | 1000", "30@2"));

  test("when it leads by the margin", () =>
    void told({ evidence: 1.9, margin: 1.9 }, "10@2 20@1 30@2 40@2 | 100", "40@2"));

  test("with all spikes of its time", () =>
    void told({ evidence: 0.9, margin: 0.9 }, "10@1 10@2 20@3 20@3 | 100", "20@3"));

  test("again after the hold-off, from evidence that began after it", () =>
    void told({ evidence: 1.9, holdOffUs: 50 }, "10@0 20@0 30@0 69@0 70@0 80@0 | 200", "20@0 80@0"));
});

test("old spikes have faded", () => {
  told({ evidence: 2.9, tauUs: 1000 }, "0@1 5000@1 10000@1 | 20000", "");
  told({ evidence: 2.9 }, "0@1 5000@1 10000@1 | 20000", "10000@1");
});

test("another word that leads is not told, but takes the evidence: the wake word must beat it", () => {
  const step = told({ evidence: 1.9, words: [3] }, "10@1 20@1 30@3 | 100", "");
  expect(step.counts?.()).toEqual({ detections: 0, "other words": 1 });
  told({ evidence: 1.9, words: [3] }, "10@3 20@3 | 100", "20@3");
});

test("with a margin below 0 a wake word may be behind others by so much, and goes first", () => {
  told({ evidence: 0.9, margin: -2.1, words: [3] }, "10@1 10@1 10@1 10@3 | 100", "10@3");
  told({ evidence: 0.9, margin: -1.9, words: [3] }, "10@1 10@1 10@1 10@3 | 100", "");
  told({ evidence: 1.9, margin: -2.1, words: [3] }, "10@1 10@1 10@1 10@3 | 100", "");
});

test("a word that the network doesn't have is refused", () => {
  expect(() => create(keyword, { words: [4] }, words)).toThrow(
    "listens for word 4, but gets 4 words, 0 to 3",
  );
});
