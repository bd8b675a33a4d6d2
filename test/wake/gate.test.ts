/** The gate: each event within the pre-roll and after the waking goes on once and in order, whatever the cuts. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { core } from "../../src/core/index.ts";
import { neurons } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { readDocument } from "../../src/pipeline/document.ts";
import gate from "../../src/wake/gate.ts";
import { awakeTimes, inputs, merged, type Rules, throughGate } from "../support/gate-bench.ts";
import type { Event } from "../support/packets.ts";
import { catalog } from "../support/world.ts";

/** A network whose neurons would be worked on in every step. */
const relay = {
  input: "in",
  output: "out",
  populations: { in: { shape: [1, 2, 2] }, out: { shape: [1, 2, 2], neuron: { tauMs: 10, threshold: 1 } } },
  projections: [{ from: "in", to: "out", pattern: "one-to-one", weights: 2 }],
};

const someRules: fc.Arbitrary<Rules> = fc.record({
  preRollUs: fc.constantFrom(0, 1, 50, 400),
  combine: fc.constantFrom("any", "all", "sequence"),
  detections: fc.constantFrom(1, 1, 2, 3),
  withinUs: fc.constantFrom(0, 60, 300),
  holdUs: fc.constantFrom(1, 40, 200),
  awakeUsMax: fc.constantFrom(1, 150, 100_000),
  refractoryUs: fc.constantFrom(0, 0, 80, 500),
});
/** Spikes of neurons 0 to 3, and detections among them; of one time in the order in which a merge gives them. */
const someEvents: fc.Arbitrary<Event[]> = fc
  .array(
    fc.tuple(
      fc.oneof(
        { weight: 2, arbitrary: fc.constant(0) },
        { weight: 5, arbitrary: fc.nat(60) },
        { weight: 1, arbitrary: fc.nat(900) },
      ),
      fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.integer({ min: 4, max: 6 }) }),
    ),
    { maxLength: 120, size: "max" },
  )
  .map((gaps) => {
    let timeUs = 0;
    const events = gaps.map(([gapUs, address]): Event => {
      timeUs += gapUs;
      return [timeUs, address];
    });
    const rank = (address: number) => (address < 4 ? 0 : address < 6 ? 1 : 2);
    return events.sort((a, b) => a[0] - b[0] || rank(a[1]) - rank(b[1]));
  });
const someCuts = fc.array(fc.nat(6000), { maxLength: 12 });
const endOf = (events: readonly Event[]) => (events.at(-1)?.[0] ?? 0) + 700;

test("what came within the pre-roll and while it is awake goes on, once and in order, for any cut", () => {
  let wakings = 0;
  fc.assert(
    fc.property(someRules, someEvents, someCuts, (rules, events, cutsUs) => {
      const toUs = endOf(events);
      const { passed, lost, duty, withheld } = throughGate({ ...rules }, events, { toUs, cutsUs });
      const awake = awakeTimes(rules, events);
      const expected = events.filter(
        ([timeUs, address]) => address < 4 && awake.some((one) => timeUs >= one.sinceUs && timeUs < one.toUs),
      );
      expect(passed).toEqual(expected);
      expect([lost, duty.wakings, duty.passed]).toEqual([0, awake.length, expected.length]);
      const spentUs = awake.reduce((sum, one) => sum + Math.min(one.toUs, toUs) - one.fromUs, 0);
      expect([duty.awakeUs, duty.asleepUs]).toEqual([spentUs, toUs - spentUs]);
      // What is neither passed on nor let go of can still be asked for.
      const held = events.filter(([, address]) => address < 4).length - passed.length - withheld;
      expect(held).toBeGreaterThanOrEqual(0);
      wakings += awake.length;
    }),
    { numRuns: 200 },
  );
  expect(wakings).toBeGreaterThan(200);
});

test("any cut gives the same, bound and all", () => {
  fc.assert(
    fc.property(
      someRules,
      fc.integer({ min: 1, max: 9 }),
      someEvents,
      someCuts,
      (rules, max, events, cutsUs) => {
        const options = { ...rules, preRollEventsMax: max };
        const toUs = endOf(events);
        const { pieces: _, ...whole } = throughGate(options, events, { toUs });
        const { pieces: __, ...cut } = throughGate(options, events, { toUs, cutsUs });
        expect(cut).toEqual(whole);
      },
    ),
    { numRuns: 150 },
  );
});

test("its pieces follow each other; asleep they are empty, and only at a waking older than their span", () => {
  fc.assert(
    fc.property(someRules, someEvents, someCuts, (rules, events, cutsUs) => {
      const { pieces } = throughGate({ ...rules }, events, { toUs: endOf(events), cutsUs });
      let beforeUs = 0;
      for (const [k, { fromUs, toUs, asleep, events: own }] of pieces.entries()) {
        expect(fromUs).toBe(beforeUs);
        expect(toUs).toBeGreaterThan(fromUs);
        beforeUs = toUs;
        if (asleep) expect(own).toEqual([]);
        for (const [timeUs] of own) expect(timeUs).toBeLessThan(toUs);
        // With nothing between them, one sleep and the next waking can share a time.
        const late = own.filter(([timeUs]) => timeUs < fromUs);
        if (late.length > 0) expect(pieces[k - 1]!.asleep).toBe(true);
      }
    }),
  );
});

const rules = { preRollUs: 100, holdUs: 50, withinUs: 200 };
const passed = (options: object, events: readonly Event[], toUs = 2000) =>
  throughGate({ ...rules, ...options }, events, { toUs });

describe("it wakes", () => {
  test("at a detection, with what came since the pre-roll, and sleeps after the hold", () => {
    const { pieces } = passed({}, [
      [10, 0],
      [150, 1],
      [200, 2],
      [200, 4],
      [240, 3],
      [250, 0],
    ]);
    expect(pieces).toEqual([
      { fromUs: 0, toUs: 200, asleep: true, events: [] },
      {
        fromUs: 200,
        toUs: 250,
        asleep: false,
        events: [
          [150, 1],
          [200, 2],
          [240, 3],
        ],
      },
      { fromUs: 250, toUs: 2000, asleep: true, events: [] },
    ]);
  });

  test("and a second waking doesn't hand on again what the first one did", () =>
    void expect(
      passed({}, [
        [150, 1],
        [200, 4],
        [240, 2],
        [260, 3],
        [300, 4],
      ]).passed,
    ).toEqual([
      [150, 1],
      [240, 2],
      [260, 3],
    ]));

  test("when all have spoken; it is armed since the first, and keeps what led to it", () => {
    const { passed: events, duty } = passed({ combine: "all" }, [
      [50, 0],
      [120, 1],
      [200, 4],
      [390, 6],
    ]);
    expect(events).toEqual([[120, 1]]);
    expect(duty.armedUs).toBe(190);
    expect(duty.latencyUs).toEqual({ mean: 190, max: 190 });
    expect(duty.reachUs).toEqual({ mean: 270, max: 270 });
  });

  test("not when the second comes too late: armed no longer", () => {
    const { duty } = passed({ combine: "all" }, [
      [200, 4],
      [401, 6],
    ]);
    expect([duty.wakings, duty.armedUs]).toEqual([0, 400]);
  });

  test("in the order of the sequence only", () => {
    expect(
      passed({ combine: "sequence" }, [
        [200, 4],
        [300, 6],
      ]).duty.wakings,
    ).toBe(1);
    expect(
      passed({ combine: "sequence" }, [
        [200, 6],
        [300, 4],
      ]).duty.wakings,
    ).toBe(0);
    expect(
      passed({ combine: "sequence" }, [
        [200, 6],
        [300, 4],
        [400, 6],
      ]).duty.wakings,
    ).toBe(1);
  });

  test("at the second detection where it takes two, and one keeps it awake", () => {
    const { pieces } = passed({ detections: 2 }, [
      [200, 4],
      [250, 5],
      [290, 6],
    ]);
    expect(pieces.filter(({ asleep }) => !asleep)).toMatchObject([{ fromUs: 250, toUs: 340 }]);
  });
});

describe("it sleeps", () => {
  test("after the longest time awake, and then wakes for nothing until the refractory period is over", () => {
    const every10: Event[] = Array.from({ length: 100 }, (_, k) => [10 * k, 4]);
    const { pieces } = passed({ awakeUsMax: 300, refractoryUs: 120 }, every10, 1000);
    expect(pieces.filter(({ asleep }) => !asleep).map(({ fromUs, toUs }) => [fromUs, toUs])).toEqual([
      [0, 300],
      [420, 720],
      [840, 1000],
    ]);
  });

  test("never, if it is told so", () => {
    const { pieces, duty } = passed({ sleep: "never" }, [
      [10, 1],
      [200, 4],
      [900, 2],
    ]);
    expect(pieces).toEqual([
      {
        fromUs: 0,
        toUs: 2000,
        asleep: false,
        events: [
          [10, 1],
          [900, 2],
        ],
      },
    ]);
    expect(duty).toMatchObject({ asleepUs: 0, wakings: 0, detections: [1, 0] });
  });
});

test("what a full ring has no room for is counted as lost", () => {
  const events: Event[] = [
    [150, 0],
    [160, 1],
    [170, 2],
    [180, 3],
    [200, 4],
  ];
  const { passed: kept, lost, withheld } = passed({ preRollEventsMax: 3 }, events);
  expect(kept).toEqual(events.slice(1, 4));
  expect([lost, withheld]).toEqual([1, 1]);
});

test("a silent hour leaves nothing behind, and costs the network nothing", () => {
  const context = { id: "gate", geometry: merged, inputs, seed: 1, readText: () => "" };
  const stage = gate.create(gate.options.parse({}), context);
  const network = core.create(core.options.parse({ engine: "stepped", dtUs: 1000, network: relay }), {
    ...context,
    geometry: inputs[0]!,
  });
  const noise = new Packet(merged);
  const sizes = new Set<number>();
  let pieces = 0;
  for (let fromUs = 0; fromUs < 3_600_000_000; fromUs += 20_000) {
    noise.begin(fromUs, fromUs + 20_000);
    // Some noise that wakes nobody.
    if (fromUs % 1_000_000 === 0) for (let k = 0; k < 100; k++) noise.push(fromUs + k, k % 4);
    const out = stage.step(noise);
    if (stage.more!()) pieces += 1;
    network.step(out);
    sizes.add(out.times.length);
  }
  expect(network.counts!()).toMatchObject({ "synaptic operations": 0, "neuron updates": 0, spikes: 0 });
  expect(stage.duty!()).toMatchObject({ asleepUs: 3_600_000_000, wakings: 0, eventsIn: 360_000, passed: 0 });
  expect([sizes.size, pieces]).toEqual([1, 0]);
});

describe("a document", () => {
  const stages = (...behind: string[]) => `
stages:
  - { id: ears, use: wav, file: any.wav }
  - { id: cochlea, use: cochlea }
  - { id: loud, use: activity, overHz: 400 }
  - { id: gate, use: gate, from: [cochlea, loud] }
${behind.join("\n")}`;
  const brain = "  - { id: brain, use: core, network: any.nir }";
  const read = (text: string) => readDocument(text, "night.yaml", catalog);

  test("has a core behind a gate", () => void expect(read(stages(brain)).nodes).toHaveLength(5));

  test("with anything else behind it is refused, as late events mean nothing there", () => {
    expect(() => read(stages("  - { id: word, use: keyword }"))).toThrow(
      `"word" (keyword) can't take what "gate" (gate) held back`,
    );
    expect(() => read(stages("  - { id: brain, use: core, network: any.nir, from: [gate, loud] }"))).toThrow(
      `"brain" (core) can't merge what "gate" (gate) held back`,
    );
  });
});

test("without a detector it is refused", () => {
  const context = { id: "gate", geometry: neurons(1, 1, 4), seed: 1, readText: () => "" };
  expect(() => gate.create(gate.options.parse({}), context)).toThrow("has no detector that could wake it");
});
