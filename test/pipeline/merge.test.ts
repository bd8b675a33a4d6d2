/** Merging: by time, whatever the cuts, and never ahead of the slowest input. */

import fc from "fast-check";
import { Subject } from "rxjs";
import { expect, test } from "vitest";
import { type Geometry, neurons, pixels } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { joinCommands, joinPackets, mergeBy, mergedGeometry } from "../../src/pipeline/merge.ts";
import type { Command, Commands } from "../../src/safety/command.ts";
import { cutPacket, type Event, eventsOf, packetOf } from "../support/packets.ts";

/** Feeds pieces in order of their end, as a run does, and answers what left. */
function merge(geometries: readonly Geometry[], inputs: readonly Packet[][]) {
  const join = joinPackets(geometries, "merge");
  const subjects = inputs.map(() => new Subject<Packet>());
  const events: Event[] = [];
  const spans: [number, number][] = [];
  mergeBy(subjects, join).subscribe((packet) => {
    for (const [timeUs] of eventsOf(packet))
      expect(timeUs >= packet.fromUs && timeUs < packet.toUs).toBe(true);
    events.push(...eventsOf(packet));
    spans.push([packet.fromUs, packet.toUs]);
  });
  const pieces = inputs.flatMap((packets, index) => packets.map((packet) => ({ index, packet })));
  pieces.sort((a, b) => a.packet.toUs - b.packet.toUs);
  const left = inputs.map((packets) => packets.length);
  for (const { index, packet } of pieces) {
    subjects[index]!.next(packet);
    left[index]! -= 1;
    if (left[index] === 0) subjects[index]!.complete();
  }
  return { events, spans };
}

const someEvents = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 3 })), { maxLength: 40 })
  .map((events) => events.sort((a, b) => a[0] - b[0]));
const someCuts = fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 10 });

test("any cuts of two inputs give the same merged events, sorted, without a gap", () => {
  fc.assert(
    fc.property(someEvents, someEvents, someCuts, someCuts, (left, right, cutsLeft, cutsRight) => {
      const camera = pixels(4, 4);
      const whole = [left, right].map((events) => packetOf(camera, events, 0, 1001));
      const { events, spans } = merge(
        [camera, camera],
        [cutPacket(whole[0]!, cutsLeft), cutPacket(whole[1]!, cutsRight)],
      );
      const expected = [...left, ...right].sort((a, b) => a[0] - b[0]);
      expect(events).toEqual(expected);
      expect(spans[0]![0]).toBe(0);
      expect(spans.at(-1)![1]).toBe(1001);
      for (let i = 1; i < spans.length; i++) expect(spans[i]![0]).toBe(spans[i - 1]![1]);
    }),
  );
});

test("equal times keep the order of the inputs", () => {
  const camera = pixels(4, 4);
  const { events } = merge(
    [camera, camera],
    [[packetOf(camera, [[5, 1]], 0, 10)], [packetOf(camera, [[5, 2]], 0, 10)]],
  );
  expect(events).toEqual([
    [5, 1],
    [5, 2],
  ]);
});

test("populations are stacked: the second one's ids follow the first one's", () => {
  const a = neurons(1, 2, 3);
  const b = neurons(2, 1, 2);
  expect(mergedGeometry([a, b], "merge")).toEqual(neurons(1, 1, 10));
  const { events } = merge([a, b], [[packetOf(a, [[1, 5]], 0, 10)], [packetOf(b, [[2, 3]], 0, 10)]]);
  expect(events).toEqual([
    [1, 5],
    [2, 9],
  ]);
});

test("an input that ended holds nothing back; one that has not come holds all", () => {
  const camera = pixels(4, 4);
  const join = joinPackets([camera, camera], "merge");
  expect(join.add(0, packetOf(camera, [[1, 0]], 0, 100))).toBeUndefined();
  const first = join.add(1, packetOf(camera, [[2, 0]], 0, 50));
  expect(first && [first.fromUs, first.toUs, eventsOf(first)]).toEqual([
    0,
    50,
    [
      [1, 0],
      [2, 0],
    ],
  ]);
  const rest = join.end(1);
  expect(rest && [rest.fromUs, rest.toUs, eventsOf(rest)]).toEqual([50, 100, []]);
});

test("cameras of different sizes are refused by name", () => {
  expect(() => mergedGeometry([pixels(4, 4), pixels(8, 8)], "both")).toThrow(
    /\[both\].*4x4 pixels and 8x8 pixels/,
  );
});

test("commands merge by time and then by input", () => {
  const say = (name: string, atUs: number): Command => ({
    atUs,
    name,
    value: 1,
    unit: "deg",
    ttlUs: 1000,
    sequence: 0,
  });
  const join = joinCommands(2);
  expect(join.add(0, { fromUs: 0, toUs: 40, commands: [say("a", 20), say("a", 40)] })).toBeUndefined();
  const first: Commands | undefined = join.add(1, { fromUs: 0, toUs: 20, commands: [say("b", 20)] });
  expect(first?.commands.map(({ name, atUs }) => `${name}${atUs}`)).toEqual(["a20", "b20"]);
  expect(first?.commands.map(({ sequence }) => sequence)).toEqual([0, 1]);
  expect(join.end(1)?.commands.map(({ name, atUs }) => `${name}${atUs}`)).toEqual(["a40"]);
});
