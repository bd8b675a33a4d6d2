/** The anomaly detector: what is rare is strange, told once, judged by what came before it alone. */

import { expect, test } from "vitest";
import { type NeuronGeometry, neurons } from "../../../src/events/geometry.ts";
import type { Packet } from "../../../src/events/packet.ts";
import { seededRandom } from "../../../src/random.ts";
import anomaly from "../../../src/wake/detectors/anomaly.ts";
import { create } from "../../support/check-stage.ts";
import { type Event, eventsOf, packetOf } from "../../support/packets.ts";

const cells = neurons(1, 1, 8);

/** What is told of volleys, one a microsecond, each a list of neurons. */
function told(
  volleys: readonly (readonly number[])[],
  options: object = {},
  geometry: NeuronGeometry = cells,
) {
  const events = volleys.flatMap((ids, timeUs) => ids.map((id): Event => [timeUs, id]));
  const step = create(
    anomaly,
    { threshold: 0, fall: 0, prior: 0.02, surpriseShare: 0.3, context: 20, ...options },
    geometry,
  );
  const out = step.step(packetOf(geometry, events, 0, volleys.length)) as Packet;
  return { spikes: eventsOf(out), counts: step.counts!() };
}

const usual = (count: number, seed = 1) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => [Math.floor(4 * random())]);
};

test("a neuron that never fired is told at once, and its strangeness is what the equations say", () => {
  const volleys = [...Array(999).fill([3]), [5]];
  const { spikes } = told(volleys, { memoryVolleys: 1e9, surpriseShare: 0.5 });
  const surprise = -Math.log(0.02 / (999 + 8 * 0.02));
  const rare = -Math.log(0.5 / 1000);
  expect(spikes.at(-1)).toEqual([999, Math.floor(8 * (0.5 * surprise + rare))]);
});

test("what is usual says nothing above the threshold, what is rare does, and the rarer the more", () => {
  const volleys = [...usual(3000), [6], ...usual(2500, 2), [7], ...usual(50, 3)];
  const { spikes, counts } = told(volleys, { threshold: 70 });
  expect(spikes.map(([timeUs]) => timeUs)).toEqual([3000, 5501]);
  expect(counts).toMatchObject({ detections: 2, volleys: 5552, "synaptic operations": 5552 });
});

test("what goes on is told once; what comes back after a while is told less, as it was learned", () => {
  const long = [...usual(3000), ...Array(40).fill([6]), ...usual(3000, 2), [6]];
  const { spikes } = told(long, { threshold: 40 });
  expect(spikes.filter(([timeUs]) => timeUs >= 3000 && timeUs < 3040)).toHaveLength(1);
  const levelAt = (us: number) => spikes.find(([timeUs]) => timeUs === us)![1];
  expect(levelAt(6040)).toBeLessThan(levelAt(3000) - 16);
});

test("something stranger is told even while the threshold is up", () => {
  const two = neurons(2, 1, 8);
  const both = (count: number, seed: number) => usual(count, seed).map(([id]) => [id!, 8 + (id! % 2)]);
  // The second channel's odd cell has been seen 3 times, the first one's never.
  const seen = [
    [0, 15],
    [1, 15],
    [2, 15],
  ];
  const { spikes } = told(
    [...both(1000, 1), ...seen, ...both(3000, 2), [0, 15], [6, 9]],
    { threshold: 40 },
    two,
  );
  const [mild, strong] = spikes.slice(-2);
  expect([mild![0], strong![0]]).toEqual([4003, 4004]);
  expect(strong![1]).toBeGreaterThan(mild![1]);
});

test("the most surprising channel decides: others that are as usual don't speak against it", () => {
  const one = told([...usual(2000), [6]], { threshold: 60 });
  const wide = neurons(3, 1, 8);
  const quiet = (ids: readonly number[]) => [ids[0]!, 8, 16];
  const three = told([...usual(2000).map(quiet), quiet([6])], { threshold: 60 }, wide);
  expect(three.spikes).toEqual(one.spikes);
});

test("a row of its own: a cell that is usual by day is strange at night", () => {
  // Two phases of eight cells: cells 0 to 3 by day, 4 to 7 at night, in turns of 50 volleys.
  const phased = neurons(1, 2, 8);
  const random = seededRandom(5);
  const cell = (phase: number) => 8 * phase + 4 * phase + Math.floor(4 * random());
  const volleys = Array.from({ length: 4000 }, (_, i) => [cell(Math.floor(i / 50) % 2)]);
  const atNight = told([...volleys.slice(0, 3960), [8 + 1]], { threshold: 60, context: 2 }, phased);
  expect(atNight.spikes.at(-1)![0]).toBe(3960);
  // Without rows the same cell is one of eight.
  const plain = volleys.slice(0, 3960).map(([id]) => [id! % 8]);
  expect(told([...plain, [1]], { threshold: 60, context: 2 }).spikes).toEqual([]);
});

test("nothing is strange before a hundred volleys have come, however odd they are", () => {
  const random = seededRandom(3);
  const wild = Array.from({ length: 100 }, () => [Math.floor(1000 * random())]);
  expect(told(wild, { threshold: 64, surpriseShare: 0.3 }, neurons(1, 1, 1000)).spikes).toEqual([]);
});

test("what has been said of the past does not depend on what comes", () => {
  const past = usual(2000);
  const whole = told([...past, ...Array(500).fill([7]), ...usual(500, 9)]);
  expect(whole.spikes.filter(([timeUs]) => timeUs < 2000)).toEqual(told(past).spikes);
});

test("of cells that never fired, the outer one is stranger", () => {
  const edges = neurons(1, 1, 9);
  const told9 = (id: number) =>
    told(
      [...Array(1000).fill([4]), [id]],
      { fall: 4, memoryVolleys: 1e9, surpriseShare: 1 },
      edges,
    ).spikes.at(-1)![1];
  // From column 5 to column 8 the prior falls by e^(-4 * 2 * 3 / 9).
  expect(Math.abs(told9(8) - told9(5) - (8 * 24) / 9)).toBeLessThanOrEqual(1);
  expect(told9(0)).toBe(told9(8));
});

test("synapses forget: what was usual long ago is strange again", () => {
  const volleys = [...Array(200).fill([6]), ...usual(3000), [6]];
  expect(told(volleys, { threshold: 60, memoryVolleys: 100 }).spikes.at(-1)).toEqual([
    3200,
    expect.any(Number),
  ]);
  expect(told(volleys, { threshold: 60, memoryVolleys: 1e9 }).spikes.filter(([t]) => t === 3200)).toEqual([]);
});

test("a committee says the mean of what its groups say, of those that were asked", () => {
  const two = neurons(2, 1, 8);
  const more = { memoryVolleys: 1e9, surpriseShare: 0.5 };
  // Both groups hear the usual; then both, or one, something new.
  const usualOnes = Array<number[]>(999).fill([3, 11]);
  const alone = told([...Array<number[]>(999).fill([3]), [5]], more).spikes.at(-1)!;
  const both = told([...usualOnes, [5, 13]], { ...more, groups: 2 }, two).spikes.at(-1)!;
  expect(both).toEqual(alone);
  const silent = told([...usualOnes, [5]], { ...more, groups: 2 }, two).spikes.at(-1)!;
  expect(silent).toEqual(alone);
  const [, level] = told([...usualOnes, [5, 11]], { ...more, groups: 2 }, two).spikes.at(-1)!;
  expect(Math.abs(2 * level - alone[1])).toBeLessThanOrEqual(2);
  expect(() => told([[3]], { groups: 3 }, two)).toThrow("can't be 3 groups");
});
