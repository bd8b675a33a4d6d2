/** NAB's score: on series that are small enough to add up by hand, and against the benchmark's own words. */

import { expect, test } from "vitest";
import {
  bestScore,
  type Profile,
  probationOf,
  profiles,
  type ScoredSeries,
  scoreAt,
  worthOf,
} from "../../src/cli/nab-score.ts";
import { upperTail, windowedGaussian } from "../../src/cli/windowed-gaussian.ts";

const [standard, lowFalseAlarms, lowMisses] = profiles as [Profile, Profile, Profile];
const sigmoid = (y: number) => 2 / (1 + Math.exp(5 * y)) - 1;

/** Rows are 0 but for those given. */
function series(rows: number, windows: [number, number][], scores: Record<number, number>): ScoredSeries {
  const column = new Float64Array(rows);
  for (const [row, score] of Object.entries(scores)) column[Number(row)] = score;
  return { scores: column, windows: windows.map(([first, last]) => ({ first, last })) };
}

test("a row is worth most at the left edge of a window, falls to its right edge, and below 0 behind it", () => {
  const worth = worthOf(100, [{ first: 40, last: 49 }]);
  expect(worth[39]).toBe(-1);
  expect(worth[40]).toBe(1);
  expect(worth[45]).toBeCloseTo(sigmoid(-0.5) / 0.98661, 4);
  expect(worth[49]).toBeCloseTo(sigmoid(-0.1) / 0.98661, 4);
  expect(worth[50]).toBeCloseTo(sigmoid(1 / 9), 12);
  expect(worth[49 + 27]).toBeCloseTo(sigmoid(3), 12);
  expect(worth[49 + 28]).toBe(-1);
});

test("probation is 15 % of the rows, 750 at most, and nothing counts in it", () => {
  expect([99, 100, 5000, 9000].map(probationOf)).toEqual([14, 15, 750, 750]);
  const early = series(100, [[50, 59]], { 14: 1 });
  expect(scoreAt([early], standard, 1)).toMatchObject({ falseAlarms: 0, score: 0 });
  expect(scoreAt([series(100, [[50, 59]], { 15: 1 })], standard, 1)).toMatchObject({ falseAlarms: 1 });
});

test("nothing detected is 0, every window at its left edge 100, in each profile", () => {
  const windows: [number, number][] = [
    [30, 39],
    [60, 79],
  ];
  for (const profile of profiles) {
    expect(bestScore([series(100, windows, {})], profile)).toMatchObject({
      threshold: Number.POSITIVE_INFINITY,
      score: 0,
      found: 0,
    });
    expect(bestScore([series(100, windows, { 30: 0.7, 60: 0.9 })], profile)).toEqual({
      threshold: 0.7,
      score: 100,
      found: 2,
      windows: 2,
      falseAlarms: 0,
    });
  }
});

test("of a window the best detection counts, misses and false alarms cost what the profile says", () => {
  // One window of two is found, at its row 5 of 10, and two false alarms are far from any window.
  const two = [series(100, [[40, 49]], { 45: 1, 47: 1, 20: 1, 90: 1 }), series(100, [[40, 49]], { 41: 0.1 })];
  const found = sigmoid(-0.5) / sigmoid(-1);
  for (const { falseAlarm, miss, name } of profiles) {
    const expected = (100 * (found - miss - 2 * falseAlarm + 2 * miss)) / (2 + 2 * miss);
    expect(scoreAt(two, { falseAlarm, miss, name }, 1).score).toBeCloseTo(expected, 10);
  }
});

test("one threshold is chosen for all series, by what each profile holds dear", () => {
  // Below 0.5 one more window is found, at the price of five false alarms.
  const mixed = [
    series(100, [[40, 49]], { 40: 0.9 }),
    series(100, [[80, 89]], { 80: 0.5, 30: 0.5, 31: 0.5, 32: 0.5, 33: 0.5, 34: 0.5 }),
  ];
  expect(bestScore(mixed, standard)).toMatchObject({ threshold: 0.5, found: 2, falseAlarms: 5 });
  expect(bestScore(mixed, lowMisses)).toMatchObject({ threshold: 0.5 });
  expect(bestScore(mixed, { ...lowFalseAlarms, falseAlarm: 0.5 })).toMatchObject({
    threshold: 0.9,
    found: 1,
  });
});

test("a threshold between two scores is worth what the higher one is", () => {
  const one = series(100, [[40, 49]], { 40: 0.9, 20: 0.2 });
  expect(scoreAt([one], standard, 0.5)).toEqual({ ...scoreAt([one], standard, 0.9), threshold: 0.5 });
});

test("the normal distribution's tail", () => {
  // Abramowitz and Stegun, table 26.1 and 26.2.
  for (const [z, tail] of [
    [0, 0.5],
    [1, 0.15865525393145707],
    [2, 0.02275013194817921],
    [3, 0.0013498980316300933],
    [5, 2.866515718791933e-7],
    [8, 6.220960574271819e-16],
  ] as const)
    expect(upperTail(z) / tail).toBeCloseTo(1, 8);
  // Its two ways meet.
  expect(upperTail(3 - 1e-9) / upperTail(3)).toBeCloseTo(1, 7);
});

test("the windowed Gaussian scores a value by those before it, and forgets a hundred at a time", () => {
  const scores = windowedGaussian([1, 3, 2, 2 + Math.sqrt(2 / 3)]);
  expect([...scores.slice(0, 3)]).toEqual([0, 1, 0.5]);
  expect(scores[3]).toBeCloseTo(1 - 0.15865525393145707, 8);
  // 6,500 zeros and ones, then threes: what they are scored by is exchanged only with row 6,500 and 6,600.
  const values = Float64Array.from({ length: 6700 }, (_, i) => (i < 6500 ? i % 2 : 3));
  const long = windowedGaussian(values);
  expect(new Set(long.slice(6500, 6600)).size).toBe(1);
  expect(long[6600]).toBeLessThan(long[6599]!);
});
