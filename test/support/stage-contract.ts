/**
 * The contract that every stage passes, whatever it does.
 *
 *     stageContract(filters, { crop: { options: { x: 2 } }, polarity: { options: { keep: "on" } } });
 *
 * `stageContract(stages, cases)` registers the tests of each stage of a catalog list. A stage is made from its default
 * options; one that has none, or is shy with them, is given a case under its name: `options` as a document would
 * write them, the `geometry` that comes in (without it 12x9 pixels or 2x3x4 neurons), `files` that `readText` finds,
 * and `gapUs`, the longest usual time between two events. Several cases are written as a list.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type Geometry,
  neurons,
  pixelAddress,
  pixels,
  sameGeometry,
  sizeOf,
  xOf,
  yOf,
} from "../../src/events/geometry.ts";
import { copyPacket, Packet } from "../../src/events/packet.ts";
import type { Command, Commands } from "../../src/safety/command.ts";
import type { Counts, Flow, Flows, StageDefinition, Step } from "../../src/stage.ts";
import { cutPacket, type Event, eventsOf, packetOf } from "./packets.ts";

export interface StageCase {
  readonly options?: Record<string, unknown>;
  readonly geometry?: Geometry;
  readonly files?: Readonly<Record<string, string>>;
  readonly gapUs?: number;
}

export function stageContract(
  stages: readonly StageDefinition[],
  cases: Readonly<Record<string, StageCase | readonly StageCase[]>> = {},
): void {
  test("each case names a stage of the list", () => {
    expect(stages.map((stage) => stage.name)).toEqual(expect.arrayContaining(Object.keys(cases)));
    expect(stages.length).toBeGreaterThan(0);
  });
  for (const stage of stages) {
    describe(`${stage.name} keeps the contract`, () => {
      describesItself(stage);
      for (const one of [cases[stage.name] ?? {}].flat())
        describe(`with ${JSON.stringify(one.options ?? {})}`, () => worksLawfully(stage, one));
    });
  }
}

function describesItself(stage: StageDefinition): void {
  test("its name is kebab-case, and its about one sentence", () => {
    expect(stage.name).toMatch(/^[a-z]+[a-z0-9]*(-[a-z0-9]+)*$/);
    expect(stage.about).toMatch(/^[A-Z][^.]*(\.\d[^.]*)*\.$/);
  });

  test("each option has a description, and an unknown one is refused", () => {
    const schema = z.toJSONSchema(stage.options, { io: "input" });
    for (const [name, option] of Object.entries(schema.properties ?? {}))
      expect(option, name).toHaveProperty("description", expect.stringMatching(/\w/));
    const refused = stage.options.safeParse({ noSuchOption: 1 }).error?.issues ?? [];
    expect(refused.map((issue) => issue.code)).toContain("unrecognized_keys");
  });
}

function worksLawfully(stage: StageDefinition, one: StageCase): void {
  const geometry = one.geometry ?? (stage.takes === "spikes" ? neurons(2, 3, 4) : pixels(12, 9));
  const make = () => started(stage, one, geometry);
  const streams = streamsOf(geometry, one.gapUs ?? 4000);

  test("any cut of its input gives the same output", () => {
    fc.assert(
      fc.property(streams, ({ packet, cutsUs }) => {
        const whole = run(make(), [packet]);
        const cut = run(make(), cutPacket(packet, cutsUs));
        expect(cut).toEqual(whole);
      }),
    );
  });

  test("its output obeys the law of packets", () => {
    fc.assert(
      fc.property(streams, ({ packet, cutsUs }) => {
        const step = make();
        const commands: Command[] = [];
        for (const piece of cutPacket(packet, cutsUs)) {
          const out = step.step(piece);
          if (out instanceof Packet) obeysPacketLaw(out, piece, step.geometry ?? geometry);
          else commands.push(...obeysCommandLaw(out, piece));
        }
        obeysGrid(commands, stage.options.parse(one.options ?? {}));
      }),
    );
  });

  test("it leaves its input as it was, and neither hands it on nor keeps it", () => {
    fc.assert(
      fc.property(streams, ({ packet, cutsUs }) => {
        const honest = run(make(), cutPacket(packet, cutsUs));
        const step = make();
        const spoiled = cutPacket(packet, cutsUs).map((piece) => {
          const before = copyPacket(piece);
          const out = step.step(piece);
          expect([piece.fromUs, piece.toUs, eventsOf(piece)]).toEqual([
            before.fromUs,
            before.toUs,
            eventsOf(before),
          ]);
          if (out instanceof Packet) {
            expect(out.times.buffer).not.toBe(piece.times.buffer);
            expect(out.addresses.buffer).not.toBe(piece.addresses.buffer);
          }
          const said = itemsOf(out);
          // Whoever lent the packet fills it again.
          piece.times.fill(Number.NaN);
          piece.addresses.fill(0xffffffff);
          return said;
        });
        expect(spoiled.flat()).toEqual(honest.items);
      }),
    );
  });

  test("two instances side by side give the same", () => {
    fc.assert(
      fc.property(streams, ({ packet, cutsUs }) => {
        const [first, second] = [make(), make()];
        for (const piece of cutPacket(packet, cutsUs)) {
          const said = itemsOf(first.step(piece));
          expect(itemsOf(second.step(piece))).toEqual(said);
        }
      }),
    );
  });

  test("a packet of 10,000 events gives what its pieces give", () => {
    const addressAt = addressesOf(geometry);
    const gapUs = (one.gapUs ?? 4000) / 100;
    const events = Array.from(
      { length: 10_000 },
      (_, i) => [1e15 + Math.floor(i * gapUs), addressAt(Math.imul(i, 0x9e3779b1) >>> 0)] as const,
    );
    const packet = packetOf(geometry, events);
    const cutsUs = Array.from({ length: 50 }, (_, i) => packet.fromUs + Math.floor(i * gapUs * 200));
    expect(run(make(), cutPacket(packet, cutsUs))).toEqual(run(make(), [packet]));
  });
}

function started(stage: StageDefinition, one: StageCase, geometry: Geometry): Step<"events", Flow> {
  const step = stage.create(stage.options.parse(one.options ?? {}), {
    id: stage.name,
    geometry,
    seed: 7,
    readText(path) {
      const text = one.files?.[path];
      if (text === undefined) throw new Error(`the case of ${stage.name} has no file ${path}`);
      return text;
    },
  });
  if (stage.takes === "commands") throw new Error("the contract feeds packets only");
  return step as Step<"events", Flow>;
}

/** All that a stage says over these packets. */
function run(
  step: Step<"events", Flow>,
  packets: readonly Packet[],
): { items: unknown[]; counts?: Counts; lost?: Counts } {
  const items = packets.flatMap((packet) => itemsOf(step.step(packet)));
  return { items, counts: step.counts?.() ?? {}, lost: step.lost?.() ?? {} };
}

/** Copies, since what a step hands out is lent. */
function itemsOf(out: Flows[Flow]): unknown[] {
  return out instanceof Packet ? eventsOf(out) : out.commands.map((command) => ({ ...command }));
}

function obeysPacketLaw(out: Packet, input: Packet, geometry: Geometry): void {
  expect([out.fromUs, out.toUs]).toEqual([input.fromUs, input.toUs]);
  expect(out.geometry).toSatisfy((given: Geometry) => sameGeometry(given, geometry));
  let beforeUs = out.fromUs;
  for (const [timeUs, address] of eventsOf(out)) {
    expect(timeUs).toBeGreaterThanOrEqual(beforeUs);
    expect(timeUs).toBeLessThan(out.toUs);
    expect(address).toSatisfy((given: number) => isInside(given, geometry));
    beforeUs = timeUs;
  }
}

function isInside(address: number, geometry: Geometry): boolean {
  if (geometry.kind === "neurons") return address < sizeOf(geometry);
  return xOf(address) < geometry.width && yOf(address) < geometry.height;
}

function obeysCommandLaw(out: Commands, input: Packet): readonly Command[] {
  expect([out.fromUs, out.toUs]).toEqual([input.fromUs, input.toUs]);
  for (const { atUs, value, ttlUs } of out.commands) {
    expect(atUs).toBeGreaterThan(out.fromUs);
    expect(atUs).toBeLessThanOrEqual(out.toUs);
    expect(value).toSatisfy(Number.isFinite);
    expect(ttlUs).toBeGreaterThan(0);
  }
  return out.commands;
}

/** Once it has begun to speak, a readout says one command of a name at each grid point. */
function obeysGrid(commands: readonly Command[], options: { everyUs?: unknown }): void {
  const everyUs = Number(options.everyUs);
  const last = new Map<string, Command>();
  for (const command of commands) {
    const { atUs, name, sequence } = command;
    const before = last.get(name) ?? { atUs: atUs - everyUs, sequence: -1 };
    expect({ offGridUs: atUs % everyUs, atUs, sequence }).toEqual({
      offGridUs: 0,
      atUs: before.atUs + everyUs,
      sequence: before.sequence + 1,
    });
    last.set(name, command);
  }
}

interface Stream {
  packet: Packet;
  cutsUs: number[];
}

/** Random events with bursts, equal times and silences, that begin at 0 or at a Unix time; and where to cut them. */
function streamsOf(geometry: Geometry, gapUs: number): fc.Arbitrary<Stream> {
  const addressAt = addressesOf(geometry);
  const gaps = fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 6, arbitrary: fc.nat(Math.ceil(gapUs)) },
    { weight: 1, arbitrary: fc.nat(Math.ceil(gapUs) * 100) },
  );
  // Few addresses, so that events meet.
  const addresses = fc.oneof(fc.nat(7), fc.nat(0xffffffff)).map(addressAt);
  return fc
    .record({
      startUs: fc.constantFrom(0, 12_345, 1_700_000_000_123_456),
      leadUs: fc.nat(30_000),
      tailUs: fc.nat(60_000),
      events: fc.array(fc.tuple(gaps, addresses), { maxLength: 80 }),
      cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
      cutAtEvents: fc.array(fc.nat(79), { maxLength: 6 }),
    })
    .map(({ startUs, leadUs, tailUs, events, cuts, cutAtEvents }) => {
      let timeUs = startUs + leadUs;
      const timed = events.map(([gap, address]): Event => {
        timeUs += gap;
        return [timeUs, address];
      });
      const packet = packetOf(geometry, timed, startUs, timeUs + 1 + tailUs);
      const spanUs = packet.toUs - packet.fromUs;
      const cutsUs = cuts.map((cut) => startUs + Math.floor(cut * spanUs));
      for (const index of cutAtEvents) if (timed[index]) cutsUs.push(timed[index][0], timed[index][0] + 1);
      return { packet, cutsUs };
    });
}

/** Any number becomes a lawful address; small numbers become neighbours. */
function addressesOf(geometry: Geometry): (any: number) => number {
  const { width } = geometry;
  const size = sizeOf(geometry);
  if (geometry.kind === "neurons") return (any) => any % size;
  return (any) => {
    const pixel = (any >>> 1) % size;
    return pixelAddress(pixel % width, Math.floor(pixel / width), any & 1);
  };
}
