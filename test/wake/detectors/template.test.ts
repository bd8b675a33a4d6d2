/** The template detector: what it was taught it finds again, jittered, with gaps and extra spikes, and nothing else. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { neurons } from "../../../src/events/geometry.ts";
import type { Packet } from "../../../src/events/packet.ts";
import { seededRandom } from "../../../src/random.ts";
import template from "../../../src/wake/detectors/template.ts";
import { PatternTaker, readPattern, writePattern } from "../../../src/wake/pattern.ts";
import { type Event, eventsOf, packetOf } from "../../support/packets.ts";

const geometry = neurons(1, 1, 8);

/** What is told of a stream, by a template that was taught these spikes. */
function told(
  options: object,
  taught: readonly Event[],
  stream: readonly Event[],
  toUs = 10_000_000,
): number[] {
  const taker = new PatternTaker(0, toUs);
  taker.take(packetOf(geometry, taught));
  const text = writePattern(taker.pattern("in a test", 8));
  const stage = template.create(template.options.parse({ pattern: "taught.yaml", ...options }), {
    ...{ id: "template", geometry, seed: 1 },
    readText: () => text,
  });
  return eventsOf(stage.step(packetOf(geometry, stream, 0, toUs)) as Packet).map(([timeUs]) => timeUs);
}

/** `count` spikes within 200 ms, each its own way. */
function example(seed: number, count = 40): Event[] {
  const random = seededRandom(seed);
  return sorted(
    Array.from({ length: count }, () => [Math.floor(random() * 200_000), Math.floor(random() * 8)] as const),
  );
}
const sorted = (events: readonly Event[]) => [...events].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
const later = (events: readonly Event[], byUs: number) =>
  events.map(([timeUs, id]): Event => [timeUs + byUs, id]);
const endOf = (events: readonly Event[]) => events.at(-1)![0];

describe("the example itself", () => {
  test("is told at its last spike, whenever it comes again, to the microsecond and at a likeness of 1", () => {
    const taught = example(1);
    const stream = [...later(taught, 1_000_000), ...later(taught, 3_000_000)];
    expect(told({ jitterUs: 0, likeness: 1 }, taught, stream)).toEqual([
      1_000_000 + endOf(taught),
      3_000_000 + endOf(taught),
    ]);
  });

  test("is not told twice within the hold-off", () => {
    const taught = example(1);
    const stream = [...later(taught, 1_000_000), ...later(taught, 1_300_000)];
    expect(told({ holdOffUs: 400_000 }, taught, stream)).toHaveLength(1);
    expect(told({ holdOffUs: 200_000 }, taught, stream)).toHaveLength(2);
  });
});

/** Each spike moved by up to `jitterUs`, each left out with a chance of `missing`, and so many more in the same time. */
function worn(events: readonly Event[], seed: number, { jitterUs = 0, missing = 0, extra = 0 }): Event[] {
  const random = seededRandom(seed);
  const kept = events.filter(() => random() >= missing);
  const moved = kept.map(([timeUs, id]): Event => [timeUs + Math.round((2 * random() - 1) * jitterUs), id]);
  const more = Array.from(
    { length: extra },
    (): Event => [Math.floor(random() * 200_000), Math.floor(random() * 8)],
  );
  return sorted(later([...moved, ...more], 1_000_000));
}

describe("an example from one showing is known again", () => {
  test("when each spike comes up to 5 ms early or late", () => {
    for (let seed = 1; seed <= 20; seed++)
      expect(
        told(
          { jitterUs: 5000, likeness: 0.95 },
          example(seed),
          worn(example(seed), seed, { jitterUs: 5000 }),
        ),
      ).toHaveLength(1);
  });

  test("when one of ten spikes is missing and a quarter came on top", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const again = worn(example(seed), seed, { jitterUs: 3000, missing: 0.1, extra: 10 });
      expect(told({ jitterUs: 5000, likeness: 0.7 }, example(seed), again)).toHaveLength(1);
    }
  });
});

describe("what is not the example is not told", () => {
  test("another one, or the same backwards, or the same of other neurons", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const taught = example(seed);
      const backwards = sorted(taught.map(([timeUs, id]): Event => [200_000 - timeUs, id]));
      const others = taught.map(([timeUs, id]): Event => [timeUs, (id + 3) % 8]);
      for (const stream of [example(seed + 100), backwards, others])
        expect(told({ jitterUs: 5000, likeness: 0.7 }, taught, later(stream, 1_000_000))).toEqual([]);
    }
  });

  test("whatever is so dense that everything is in it", () => {
    const dense = Array.from({ length: 8000 }, (_, k): Event => [250 * k, k % 8]);
    expect(told({ jitterUs: 5000 }, example(1), dense)).toEqual([]);
  });
});

test("its matches are those that counting all votes anew gives, bounded as it is", () => {
  const rare = fc.record({
    jitterUs: fc.constantFrom(0, 3, 20),
    likeness: fc.constantFrom(0.3, 0.5, 0.8, 1),
  });
  const events = (length: number) =>
    fc
      .array(fc.tuple(fc.nat(120), fc.nat(3)), { minLength: 1, maxLength: length, size: "max" })
      .map((list) => sorted(list));
  let matches = 0;
  fc.assert(
    fc.property(rare, events(8), events(40), (options, taught, stream) => {
      const firstUs = taught[0]![0];
      const spanUs = endOf(taught) - firstUs;
      const votes = stream.flatMap(([timeUs, id]) =>
        taught.flatMap(([atUs, of], part) =>
          of === id ? [{ part, atUs: timeUs + spanUs - (atUs - firstUs) }] : [],
        ),
      );
      const windowUs = 2 * options.jitterUs;
      const expected = [...new Set(votes.map(({ atUs }) => atUs))]
        .sort((a, b) => a - b)
        .filter((nowUs) => {
          const inWindow = votes.filter(({ atUs }) => atUs <= nowUs && atUs >= nowUs - windowUs);
          const matched = new Set(inWindow.map(({ part }) => part)).size;
          const seen = stream.filter(([t]) => t <= nowUs && t >= nowUs - windowUs - spanUs).length;
          return 2 * matched >= options.likeness * (taught.length + seen);
        });
      matches += expected.length;
      expect(told({ ...options, holdOffUs: 0 }, taught, stream, 1000)).toEqual(expected);
    }),
    { numRuns: 300 },
  );
  expect(matches).toBeGreaterThan(100);
});

describe("a pattern file", () => {
  test("is read as it was written", () => {
    const pattern = {
      about: "one: two",
      neurons: 8,
      spanUs: 30,
      spikes: [
        [0, 7],
        [30, 2],
      ] as const,
    };
    expect(readPattern(writePattern(pattern), "taught.yaml")).toEqual(pattern);
  });

  test.each([
    [
      "neurons: 2\nspanUs: 10\nspikes:\n  - [0, 1]\n  - [5, 2]\n",
      "there is no neuron 2 of 2",
      "taught.yaml:5",
    ],
    ["neurons: 2\nspanUs: 10\nspikes:\n  - [5, 1]\n  - [4, 1]\n", "out of order", "taught.yaml:5"],
    ["neurons: 2\nspanUs: 10\nspikes: []\n", "this is no pattern", "taught.yaml:3"],
  ])("with a mistake is refused, with its line", (text, what, where) => {
    expect(() => readPattern(text, "taught.yaml")).toThrow(what);
    expect(() => readPattern(text, "taught.yaml")).toThrow(where);
  });

  test("of another population is refused", () => {
    const text = writePattern({ neurons: 9, spanUs: 0, spikes: [[0, 1]] });
    const context = { id: "template", geometry, seed: 1, readText: () => text };
    expect(() => template.create(template.options.parse({ pattern: "taught.yaml" }), context)).toThrow(
      "its pattern is one of 9 neurons, but 8 come in",
    );
  });
});
