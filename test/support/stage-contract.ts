/**
 * The contract that every stage passes, whatever it does.
 *
 *     stageContract(filters, { crop: { options: { x: 2 } }, polarity: { options: { keep: "on" } } });
 *
 * `stageContract(stages, cases)` registers the tests of each stage of a catalog list. A stage is made from its default
 * options; one that has none, or is shy with them, is given a case under its name: `options` as a document would
 * write them, the `geometry` that comes in (without it 12x9 pixels, 2x3x4 neurons, or one channel without a rate), `files`
 * that `readText` finds, and `gapUs`, the longest usual time between two events. Several cases are written as a list.
 * Samples without a rate come with NaN among them; those with one with a gap, after which they have another origin.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type ChannelGeometry,
  channels,
  describeGeometry,
  type Geometry,
  type Layout,
  neurons,
  pixelAddress,
  pixels,
  sameGeometry,
  sizeOf,
  xOf,
  yOf,
} from "../../src/events/geometry.ts";
import { copyPacket, Packet } from "../../src/events/packet.ts";
import { copySamples, Samples } from "../../src/events/samples.ts";
import { seededRandom } from "../../src/random.ts";
import type { Command, Commands } from "../../src/safety/command.ts";
import type { Counts, Flow, Flows, StageDefinition, Step } from "../../src/stage.ts";
import { cutPacket, type Event, eventsOf, packetOf } from "./packets.ts";
import { cutSamples, ratedSamples, rowsOf, timedSamples } from "./samples.ts";

export interface StageCase {
  readonly options?: Record<string, unknown>;
  readonly geometry?: Layout;
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
  const geometry = one.geometry ?? defaultGeometry(stage.takes);
  const make = () => started(stage, one, geometry);
  const gapUs = one.gapUs ?? 4000;
  const streams = geometry.kind === "channels" ? signalsOf(geometry, gapUs) : streamsOf(geometry, gapUs);

  test("any cut of its input gives the same output", () => {
    fc.assert(
      fc.property(streams, (stream) => {
        const whole = run(make(), stream.batches);
        const cut = run(make(), cutUp(stream));
        expect(cut).toEqual(whole);
      }),
    );
  });

  test("its output obeys the law of packets", () => {
    fc.assert(
      fc.property(streams, (stream) => {
        const step = make();
        const commands: Command[] = [];
        for (const piece of cutUp(stream)) {
          const out = step.step(piece);
          if ("commands" in out) commands.push(...obeysCommandLaw(out, piece));
          else obeysPacketLaw(out, piece, step.geometry ?? geometry);
        }
        obeysGrid(commands, stage.options.parse(one.options ?? {}));
      }),
    );
  });

  test("it leaves its input as it was, and neither hands it on nor keeps it", () => {
    fc.assert(
      fc.property(streams, (stream) => {
        const honest = run(make(), cutUp(stream));
        const step = make();
        const spoiled = cutUp(stream).map((piece) => {
          const before = piece instanceof Packet ? copyPacket(piece) : copySamples(piece);
          const out = step.step(piece);
          expect([piece.fromUs, piece.toUs, itemsOf(piece)]).toEqual([
            before.fromUs,
            before.toUs,
            itemsOf(before),
          ]);
          const handedOut = buffersOf(out);
          for (const buffer of buffersOf(piece)) expect(handedOut).not.toContain(buffer);
          const said = itemsOf(out);
          // Whoever lent the packet fills it again.
          spoil(piece);
          return said;
        });
        expect(spoiled.flat()).toEqual(honest.items);
      }),
    );
  });

  test("two instances side by side give the same", () => {
    fc.assert(
      fc.property(streams, (stream) => {
        const [first, second] = [make(), make()];
        for (const piece of cutUp(stream)) {
          const said = itemsOf(first.step(piece));
          expect(itemsOf(second.step(piece))).toEqual(said);
        }
      }),
    );
  });

  test("a packet of 10,000 events gives what its pieces give", () => {
    const batch = longBatch(geometry, gapUs / 100);
    const spanUs = batch.toUs - batch.fromUs;
    const cutsUs = Array.from({ length: 50 }, (_, i) => batch.fromUs + Math.floor((i * spanUs) / 50));
    expect(run(make(), cutUp({ batches: [batch], cutsUs }))).toEqual(run(make(), [batch]));
  });
}

function defaultGeometry(takes: Flow): Layout {
  if (takes === "samples") return channels(["value"]);
  return takes === "spikes" ? neurons(2, 3, 4) : pixels(12, 9);
}

type Input = Packet | Samples;
type AnyStep = { step(batch: Input): Flows[Flow] } & Pick<Step<Flow, Flow>, "geometry" | "counts" | "lost">;

function started(stage: StageDefinition, one: StageCase, geometry: Layout): AnyStep {
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
  if (stage.takes === "commands") throw new Error("the contract feeds packets and samples only");
  return step as AnyStep;
}

/** All that a stage says over these packets. */
function run(step: AnyStep, batches: readonly Input[]): { items: unknown[]; counts?: Counts; lost?: Counts } {
  const items = batches.flatMap((batch) => itemsOf(step.step(batch)));
  return { items, counts: step.counts?.() ?? {}, lost: step.lost?.() ?? {} };
}

/** Copies, since what a step hands out is lent. */
function itemsOf(out: Flows[Flow]): unknown[] {
  if (out instanceof Samples) return rowsOf(out);
  return out instanceof Packet ? eventsOf(out) : out.commands.map((command) => ({ ...command }));
}

function buffersOf(out: Flows[Flow]): ArrayBufferLike[] {
  if (out instanceof Packet) return [out.times.buffer, out.addresses.buffer];
  return out instanceof Samples ? [out.times, ...out.columns].map(({ buffer }) => buffer) : [];
}

function spoil(input: Input): void {
  input.times.fill(Number.NaN);
  if (input instanceof Packet) input.addresses.fill(0xffffffff);
  else for (const column of input.columns) column.fill(1e30);
}

function obeysPacketLaw(out: Input, input: Input, geometry: Layout): void {
  expect([out.fromUs, out.toUs]).toEqual([input.fromUs, input.toUs]);
  expect(out.geometry).toSatisfy(
    (given: Layout) => sameGeometry(given, geometry),
    describeGeometry(geometry),
  );
  let beforeUs = out.fromUs;
  for (let i = 0; i < out.count; i++) {
    const timeUs = out instanceof Packet ? out.times[i]! : out.timeUs(i);
    const lawful =
      timeUs >= beforeUs &&
      timeUs < out.toUs &&
      (out instanceof Samples || (Number.isInteger(timeUs) && isInside(out.addresses[i]!, out.geometry)));
    if (!lawful) expect.fail(`item ${i} at ${timeUs} us: ${JSON.stringify(itemsOf(out)[i])}`);
    beforeUs = timeUs;
  }
}

function isInside(address: number, geometry: Geometry): boolean {
  if (geometry.kind === "neurons") return address < sizeOf(geometry);
  return xOf(address) < geometry.width && yOf(address) < geometry.height;
}

function obeysCommandLaw(out: Commands, input: Input): readonly Command[] {
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
  /** One, or two of a signal that has another origin after a gap. */
  batches: Input[];
  cutsUs: number[];
}

function cutUp({ batches, cutsUs }: Stream): Input[] {
  return batches.flatMap((batch): Input[] =>
    batch instanceof Packet ? cutPacket(batch, cutsUs) : cutSamples(batch, cutsUs),
  );
}

const startsUs = fc.constantFrom(0, 12_345, 1_700_000_000_123_456);
const cutShares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

/** Random events with bursts, equal times and silences, that begin at 0 or at a Unix time; and where to cut them. */
function streamsOf(geometry: Geometry, gapUs: number): fc.Arbitrary<Stream> {
  const addressAt = addressesOf(geometry);
  // Few addresses, so that events meet.
  const addresses = fc.oneof(fc.nat(7), fc.nat(0xffffffff)).map(addressAt);
  return fc
    .record({
      startUs: startsUs,
      leadUs: fc.nat(30_000),
      tailUs: fc.nat(60_000),
      events: fc.array(fc.tuple(gapsOf(gapUs), addresses), { maxLength: 80 }),
      cuts: cutShares,
      cutAtEvents: fc.array(fc.nat(79), { maxLength: 6 }),
    })
    .map(({ startUs, leadUs, tailUs, events, cuts, cutAtEvents }) => {
      let timeUs = startUs + leadUs;
      const timed = events.map(([gap, address]): Event => {
        timeUs += gap;
        return [timeUs, address];
      });
      const packet = packetOf(geometry, timed, startUs, timeUs + 1 + tailUs);
      return { batches: [packet], cutsUs: cutsOf(packet, cuts, timed, cutAtEvents) };
    });
}

/** Signals of tones, steps and noise, loud, faint or silent. */
function signalsOf(geometry: ChannelGeometry, gapUs: number): fc.Arbitrary<Stream> {
  const { rateHz } = geometry;
  return rateHz === undefined ? timedSignals(geometry, gapUs) : ratedSignals(geometry, rateHz);
}

function timedSignals(geometry: ChannelGeometry, gapUs: number): fc.Arbitrary<Stream> {
  const values = fc.oneof(
    { weight: 6, arbitrary: fc.double({ min: -1, max: 1, noNaN: true }) },
    { weight: 2, arbitrary: fc.constantFrom(0, 0, 1e6, -1e6, 1e-9) },
    { weight: 1, arbitrary: fc.constant(Number.NaN) },
  );
  const row = fc.array(values, { minLength: geometry.channels.length, maxLength: geometry.channels.length });
  return fc
    .record({
      startUs: startsUs,
      leadUs: fc.nat(30_000),
      tailUs: fc.nat(60_000),
      rows: fc.array(fc.tuple(gapsOf(gapUs), row), { maxLength: 80 }),
      cuts: cutShares,
      cutAtRows: fc.array(fc.nat(79), { maxLength: 6 }),
    })
    .map(({ startUs, leadUs, tailUs, rows, cuts, cutAtRows }) => {
      let timeUs = startUs + leadUs;
      const timed = rows.map(([gap, given]) => {
        timeUs += gap;
        return [timeUs, ...given];
      });
      const samples = timedSamples(geometry, timed, startUs, timeUs + 1 + tailUs);
      return { batches: [samples], cutsUs: cutsOf(samples, cuts, timed, cutAtRows) };
    });
}

function ratedSignals(geometry: ChannelGeometry, rateHz: number): fc.Arbitrary<Stream> {
  const pieces = fc.record({
    leadUs: fc.nat(3000),
    tailUs: fc.nat(3000),
    seed: fc.nat(1e6),
    count: fc.nat(600),
    cycles: fc.double({ min: 0.001, max: 0.4, noNaN: true }),
    amplitude: fc.constantFrom(0, 1e-5, 0.01, 0.3, 1),
    noise: fc.constantFrom(0, 0, 0.001, 0.1),
  });
  return fc
    .record({ startUs: startsUs, parts: fc.array(pieces, { minLength: 1, maxLength: 2 }), cuts: cutShares })
    .map(({ startUs, parts, cuts }) => {
      let fromUs: number = startUs;
      const batches = parts.map(({ leadUs, tailUs, seed, count, cycles, amplitude, noise }) => {
        const random = seededRandom(seed);
        const columns = geometry.channels.map((_, channel) =>
          Float32Array.from(
            { length: count },
            (_, i) => amplitude * Math.sin(2 * Math.PI * cycles * i + channel) + noise * (random() - 0.5),
          ),
        );
        const originUs = fromUs + leadUs;
        const toUs = Math.floor(originUs + (count * 1e6) / rateHz) + 1 + tailUs;
        const samples = ratedSamples(geometry, columns, originUs, { fromUs, toUs });
        fromUs = toUs;
        return samples;
      });
      const cutsUs = cuts.map((cut) => startUs + Math.floor(cut * (fromUs - startUs)));
      return { batches, cutsUs };
    });
}

function gapsOf(gapUs: number): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 6, arbitrary: fc.nat(Math.ceil(gapUs)) },
    { weight: 1, arbitrary: fc.nat(Math.ceil(gapUs) * 100) },
  );
}

/** Anywhere in the span, and close before and after some events. */
function cutsOf(
  { fromUs, toUs }: Input,
  shares: readonly number[],
  timed: readonly (readonly number[])[],
  atEvents: readonly number[],
): number[] {
  const cutsUs = shares.map((cut) => fromUs + Math.floor(cut * (toUs - fromUs)));
  for (const index of atEvents) {
    const timeUs = timed[index]?.[0];
    if (timeUs !== undefined) cutsUs.push(timeUs, timeUs + 1);
  }
  return cutsUs;
}

/** 10,000 events or samples. */
function longBatch(geometry: Layout, gapUs: number): Input {
  const startUs = 1e15;
  const timeUs = (i: number) => startUs + Math.floor(i * gapUs);
  const indices = Array.from({ length: 10_000 }, (_, i) => i);
  if (geometry.kind !== "channels") {
    const addressAt = addressesOf(geometry);
    const events = indices.map((i): Event => [timeUs(i), addressAt(Math.imul(i, 0x9e3779b1) >>> 0)]);
    return packetOf(geometry, events);
  }
  const value = (i: number, channel: number) => Math.sin(i * i * 1e-5 + channel) * Math.cos(i / 900);
  if (geometry.rateHz !== undefined) {
    const columns = geometry.channels.map((_, channel) => indices.map((i) => value(i, channel)));
    return ratedSamples(geometry, columns, startUs);
  }
  return timedSamples(
    geometry,
    indices.map((i) => [timeUs(i), ...geometry.channels.map((_, channel) => value(i, channel))]),
  );
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
