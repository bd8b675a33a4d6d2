/** Packet time by the wall: nothing is due while batches come in time, and what is due comes at the pace of life. */

import { describe, expect, test } from "vitest";
import { WallPace } from "../../src/pipeline/wall-pace.ts";

function paced(speed = 1, everyUs = 20_000) {
  let wallUs = 5_000_000;
  const pace = new WallPace(() => wallUs, { speed, everyUs, batchUs: 0 });
  return {
    pace,
    at(us: number) {
      wallUs = 5_000_000 + us;
      return pace;
    },
  };
}

describe("the wall's pace", () => {
  test("begins with the first batch", () => {
    const { pace, at } = paced();
    expect(at(1_000_000).due()).toBeUndefined();
    pace.heard(0, 20_000);
    expect(pace.due()).toBeUndefined();
  });

  test("is that of the most punctual batch, and leaves others two grid steps", () => {
    const { at } = paced();
    at(20_000).heard(0, 20_000);
    at(75_000).heard(20_000, 40_000);
    expect(at(80_000).due()).toBeUndefined();
    // A tenth of a percent of what has passed is left to the drift of clocks.
    const due = at(84_000).due()!;
    expect(due.fromUs).toBe(40_000);
    expect(44_000 - due.toUs).toBeLessThan(100);
    expect(due.toUs).toBeLessThanOrEqual(44_000);
    expect(at(84_000).due()).toBeUndefined();
    at(90_000).heard(40_000, 60_000);
    expect(at(99_000).due()).toBeUndefined();
    expect(at(101_000).due()?.fromUs).toBe(60_000);
  });

  test("leaves others 10 ms on a fine grid", () => {
    const { at } = paced(1, 1000);
    at(1000).heard(0, 1000);
    at(10_500).heard(1000, 2000);
    expect(at(11_900).due()).toBeUndefined();
    const due = at(13_000).due()!;
    expect(due.fromUs).toBe(2000);
    expect(due.toUs).toBeGreaterThan(2900);
    expect(due.toUs).toBeLessThanOrEqual(3000);
  });

  test("leaves long batches two of their own length", () => {
    const { at } = paced();
    at(100_000).heard(0, 100_000);
    expect(at(299_000).due()).toBeUndefined();
    expect(at(301_000).due()).toEqual({ fromUs: 100_000, toUs: 101_000 });
  });

  test("leaves those that doze a tenth of a second after their end", () => {
    const { at } = paced();
    at(200_000).heard(0, 200_000);
    expect(at(499_000).due()).toBeUndefined();
    expect(at(501_000).due()).toEqual({ fromUs: 200_000, toUs: 201_000 });
  });

  test("is slower when the run is", () => {
    const { at } = paced(0.5);
    at(40_000).heard(0, 20_000);
    expect(at(119_000).due()).toBeUndefined();
    expect(at(124_000).due()).toEqual({ fromUs: 20_000, toUs: 22_000 });
  });

  test("makes up for nothing that it has missed itself", () => {
    const { at } = paced();
    at(20_000).heard(0, 20_000);
    expect(at(3_000_000).due()).toEqual({ fromUs: 2_940_000, toUs: 2_960_000 });
    expect(at(3_000_000).due()).toBeUndefined();
    expect(at(3_010_000).due()).toEqual({ fromUs: 2_960_000, toUs: 2_970_000 });
  });

  test("follows a source whose clock is a little slow", () => {
    const { at } = paced();
    // 0.05 % slow: after 200 s it is 100 ms behind, and still in time.
    for (let us = 20_000; us <= 200e6; us += 20_000) {
      expect(at(us * 1.0005).due()).toBeUndefined();
      at(us * 1.0005).heard(us - 20_000, us);
    }
  });
});
