/** The score of denoisers: noise with labels, what passes, and the area under the curve. */

import { describe, expect, test } from "vitest";
import { areaUnder, noiseMixer, rocSvg, scorer } from "../../src/cli/roc.ts";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { flip, polarity, refractory } from "../../src/filters/index.ts";
import type { Step } from "../../src/stage.ts";
import { anyOptions } from "../../src/stage.ts";
import { create } from "../support/check-stage.ts";
import { cutPacket, eventsOf, packetOf } from "../support/packets.ts";

const sensor = pixels(16, 10);
const clean = packetOf(
  sensor,
  Array.from({ length: 500 }, (_, i) => [1000 + i * 37, pixelAddress(i % 16, i % 10, 1)] as const),
  500,
  2_000_000,
);

describe("noise", () => {
  test("is the same for every cut of the packets, and keeps the order of times", () => {
    const mixed = (cutsUs: number[]) => {
      const mix = noiseMixer(sensor, 20, 7);
      return cutPacket(clean, cutsUs).flatMap((piece) => {
        const { packet, isNoise } = mix(piece);
        return eventsOf(packet).map((event, i) => [...event, isNoise[i]!] as const);
      });
    };
    const whole = mixed([]);
    expect(mixed([900, 1000, 1001, 50_000, 1_999_999])).toEqual(whole);
    const times = whole.map(([timeUs]) => timeUs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(whole.filter(([, , label]) => label === 0).map(([time, address]) => [time, address])).toEqual(
      eventsOf(clean),
    );
  });

  test("has its rate, and reaches every pixel in both polarities", () => {
    const { packet, isNoise } = noiseMixer(sensor, 100, 3)(clean);
    const noise = eventsOf(packet).filter((_, i) => isNoise[i] === 1);
    // 160 pixels x 100 Hz x 2 s: 32,000 with a standard deviation of 179.
    expect(Math.abs(noise.length - 32_000)).toBeLessThan(5 * 179);
    expect(new Set(noise.map(([, address]) => address)).size).toBe(320);
    expect(noise.every(([timeUs]) => timeUs >= 500 && timeUs < 2_000_000)).toBe(true);
  });

  test("depends on the seed, and has a bound", () => {
    const of = (seed: number) => eventsOf(noiseMixer(sensor, 5, seed)(clean).packet);
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
    expect(() => noiseMixer(pixels(1280, 720), 50, 1)).toThrow("Give --noise-hz at most 21.7.");
  });
});

describe("the score", () => {
  test("counts what passes by its label", () => {
    const noisy = noiseMixer(sensor, 20, 7)(clean);
    const step = create(anyOptions(polarity), { keep: "on" }, sensor) as Step<"events", "events">;
    const labels = Array.from(noisy.isNoise.subarray(0, noisy.packet.count));
    const onNoise = labels.filter((label, i) => label === 1 && (noisy.packet.addresses[i]! & 1) === 1).length;
    expect(onNoise).toBeGreaterThan(1000);
    expect(scorer(step, "polarity")(noisy)).toEqual({ signal: 500, noise: onNoise });
  });

  test("adds packets up", () => {
    const mix = noiseMixer(sensor, 20, 7);
    const step = create(anyOptions(refractory), { periodUs: 1 }, sensor) as Step<"events", "events">;
    const score = scorer(step, "refractory");
    const passed = cutPacket(clean, [10_000, 20_000]).map((piece) => ({ ...score(mix(piece)) }));
    expect(passed.at(-1)!.signal).toBeGreaterThan(495);
    expect(passed[0]!.signal).toBeLessThan(passed[1]!.signal);
  });

  test("refuses what moves events", () => {
    const step = create(anyOptions(flip), {}, sensor) as Step<"events", "events">;
    expect(() => scorer(step, "flip")(noiseMixer(sensor, 20, 7)(clean))).toThrow("[flip] it changes events");
  });
});

describe("the area under the curve", () => {
  const point = (fpr: number, tpr: number) => ({ value: "1", fpr, tpr });
  test.each([
    [[], 0.5],
    [[point(0, 1)], 1],
    [[point(1, 0)], 0],
    [[point(0.5, 0.75), point(0.25, 0.5)], 0.25 * 0.25 + 0.25 * 0.625 + 0.5 * 0.875],
  ])("%j", (points, area) => expect(areaUnder(points)).toBeCloseTo(area, 12));
});

test("the plot holds every point, and no text breaks it", () => {
  const svg = rocSvg('<"a" & b>', [
    { value: "500", fpr: 0, tpr: 0.5 },
    { value: "1000", fpr: 0.25, tpr: 1 },
  ]);
  expect(svg).toContain('points="60.0,440.0 60.0,240.0 160.0,40.0 460.0,40.0"');
  expect(svg).toContain(">1000</text>");
  expect(svg).toContain("&#60;&#34;a&#34; &#38; b&#62;");
  expect(svg.match(/<circle/g)).toHaveLength(2);
});
