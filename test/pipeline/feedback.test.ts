/** Feedback: a sample a step later, the same for any cut; and the pieces in which packets go out for its sake. */

import fc from "fast-check";
import { Subject } from "rxjs";
import { describe, expect, it, test } from "vitest";
import { channels, neurons } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { Samples } from "../../src/events/samples.ts";
import { Feedback, Pieces } from "../../src/pipeline/feedback.ts";
import type { Sensed } from "../../src/pipeline/sources.ts";
import { eventsOf, packetOf } from "../support/packets.ts";
import { ratedSamples, rowsOf, timedSamples } from "../support/samples.ts";
import { runText } from "../support/world.ts";

const geometry = channels(["angleDeg", "load"]);

/** A loop every 10 us whose angle is the time that was asked for. */
function looped() {
  const asked: number[] = [];
  const gave: { fromUs: number; toUs: number; rows: unknown }[] = [];
  const input = new Subject<Sensed>();
  input.subscribe((samples) =>
    gave.push({ fromUs: samples.fromUs, toUs: samples.toUs, rows: rowsOf(samples as Samples) }),
  );
  const feedback = new Feedback([
    {
      readBack: { of: "arm", names: ["angleDeg", "load"], everyUs: 10 },
      geometry,
      input,
      readings(atUs) {
        asked.push(atUs);
        return atUs < 20 ? ({} as Record<string, number>) : { angleDeg: atUs };
      },
    },
  ]);
  return { feedback, asked, gave };
}

describe("a loop", () => {
  it("asks at its grid and no sooner than all have come there", () => {
    const { feedback, asked, gave } = looped();
    feedback.begin(3);
    for (const atUs of [5, 9, 10, 12, 35]) {
      feedback.reached(atUs);
      expect(Math.max(...asked)).toBeLessThanOrEqual(atUs);
    }
    expect(gave).toEqual([
      { fromUs: 3, toUs: 10, rows: [] },
      { fromUs: 10, toUs: 20, rows: [] },
      { fromUs: 20, toUs: 30, rows: [[20, 20, Number.NaN]] },
      { fromUs: 30, toUs: 40, rows: [[30, 30, Number.NaN]] },
    ]);
    expect([feedback.nextCutUs(3), feedback.nextCutUs(10)]).toEqual([10, 20]);
  });

  it("ends with the last of the others, and not at infinity", () => {
    const { feedback, gave } = looped();
    feedback.begin(0);
    feedback.reached(Infinity);
    expect(gave).toHaveLength(1);
  });

  it("that is none cuts nothing", () => {
    expect(new Feedback([]).nextCutUs(5)).toBe(Infinity);
  });
});

describe("pieces", () => {
  const all = (batch: Sensed, nextCutUs: (timeUs: number) => number) => {
    const pieces = new Pieces(nextCutUs);
    pieces.take(batch);
    const seen: { fromUs: number; toUs: number; of: unknown[] }[] = [];
    for (let piece = pieces.next(); piece; piece = pieces.next())
      seen.push({
        fromUs: piece.fromUs,
        toUs: piece.toUs,
        of: piece instanceof Samples ? rowsOf(piece) : eventsOf(piece as Packet),
      });
    return seen;
  };
  const every = (everyUs: number) => (timeUs: number) => (Math.floor(timeUs / everyUs) + 1) * everyUs;

  it("cover a packet without a gap, cross no cut, and hold each event in its span", () => {
    const events = fc.array(fc.tuple(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 0, max: 7 })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(events, fc.integer({ min: 1, max: 120 }), (given, everyUs) => {
        const sorted = given.sort((a, b) => a[0] - b[0]);
        const packet = packetOf(neurons(1, 1, 8), sorted, 0, 100);
        const seen = all(packet, every(everyUs));
        expect(seen.flatMap(({ of }) => of)).toEqual(eventsOf(packet));
        expect(seen.map(({ fromUs }) => fromUs)).toEqual([0, ...seen.slice(0, -1).map(({ toUs }) => toUs)]);
        expect(seen.at(-1)!.toUs).toBe(100);
        for (const { fromUs, toUs, of } of seen) {
          expect(toUs).toBeLessThanOrEqual(every(everyUs)(fromUs));
          for (const [timeUs] of of as [number][]) expect(timeUs >= fromUs && timeUs < toUs).toBe(true);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("of samples keep their times and values, with a rate and without", () => {
    const rated = channels(["a"], { rateHz: 300_000 });
    for (const samples of [
      ratedSamples(rated, [Array.from({ length: 50 }, (_, i) => i)], 7),
      timedSamples(geometry, [
        [1, 5, 6],
        [1, 7, 8],
        [29, 9, 10],
      ]),
    ])
      expect(all(samples, every(10)).flatMap(({ of }) => of)).toEqual(rowsOf(samples));
  });

  it("of what crosses nothing are the thing itself", () => {
    const packet = new Packet(neurons(1, 1, 8)).begin(0, 5);
    const pieces = new Pieces(every(10));
    pieces.take(packet);
    expect(pieces.next()).toBe(packet);
    expect(pieces.next()).toBeUndefined();
  });
});

/** The angle drives itself: what is felt is told to the servo as the place to go to, a bit further on. */
const text = `
stages:
  - { id: eye, use: synthetic, durationMs: 500, width: 16, height: 16, sizePx: 3 }
  - { id: other, use: synthetic, durationMs: 300, width: 16, height: 16, sizePx: 3, seed: 7 }
  - { id: grid, use: polarity-grid, from: [eye, other], columns: 4, rows: 1, polarity: merge }
  - { id: feel, use: read-back, of: arm, everyUs: 13000 }
  - { id: place, use: place-code, cells: 16 }
  - id: brain
    use: core
    from: [grid, place]
    network:
      input: in
      output: out
      populations: { in: {}, out: { shape: [1, 1, 16], neuron: { threshold: 1 } } }
      projections:
        - { from: in, to: out, pattern: convolution, kernel: [1, 5], weights: { kind: rows, rows: [[0.02, 0, 0, 0, 1]] } }
  - { id: aim, use: population-vector, firstDeg: 15, lastDeg: 190, restDeg: 60, tauUs: 20000 }
  - { id: arm, use: dry-run, startDeg: 20, limits: { minDeg: 0, maxDeg: 180, homeDeg: 60, slewDegPerS: 300 } }
`;

test("a closed loop is a function of packets: any cut, any speed, sources of any length", async () => {
  const { trace, summary } = await runText(text);
  expect(summary.exitCode).toBe(0);
  const angles = trace.flatMap((line) => /"angleDeg":([\d.]+)/.exec(line)?.[1] ?? []).map(Number);
  expect(Math.max(...angles)).toBeGreaterThan(65);
  for (const [eyeUs, otherUs] of [
    [1000, 500_000],
    [500_000, 1000],
    [7777, 9999],
  ]) {
    const overrides = [`eye.packetUs=${eyeUs}`, `other.packetUs=${otherUs}`];
    expect((await runText(text, { overrides })).trace).toEqual(trace);
  }
  expect((await runText(text, { speed: 2 })).trace).toEqual(trace);
});

test("without the loop it stays where it was told to be", async () => {
  const { trace } = await runText(text, { overrides: ["feel.readings=[load]"] });
  const angles = trace.flatMap((line) => /"angleDeg":([\d.]+)/.exec(line)?.[1] ?? []).map(Number);
  expect(Math.max(...angles)).toBeLessThan(61);
});
