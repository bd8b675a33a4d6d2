/** N-MNIST: five bytes an event, overflow markers, no header. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { nmnist } from "../../src/formats/nmnist.ts";
import { mutate, survive } from "../support/mutate.ts";
import { eventsOf, packetOf } from "../support/packets.ts";
import { decodeAll, lengthsOf, randomPackets, steadyPackets } from "../support/recordings.ts";

const digit = pixels(34, 34);

test("what is written is read, for any cut of the bytes, also over 8.4 s", () => {
  const recordings = fc
    .constantFrom(0, 8_300_000, 30_000_000)
    .chain((startUs) => randomPackets(digit, startUs));
  fc.assert(
    fc.property(recordings, lengthsOf, (packets, lengths) => {
      const { events, decoder } = decodeAll(
        nmnist,
        encodeFile(nmnist.encoder!(digit, {}), packets),
        {},
        lengths,
      );
      expect(events).toEqual(packets.flatMap(eventsOf));
      expect(decoder.problems).toEqual([]);
    }),
  );
});

test("the bytes that others test with; 34x34 unless an option says more", () => {
  const bytes = Uint8Array.from([0x12, 0x10, 0x80, 0x03, 0x7d]);
  const { events, decoder } = decodeAll(nmnist, bytes);
  expect(events).toEqual([[893, pixelAddress(18, 16, 1)]]);
  expect(decoder.geometry).toEqual(digit);
  const large = Uint8Array.from([200, 100, 0, 0, 1]);
  expect(decodeAll(nmnist, large).decoder.problems).toMatchObject([{ firstByte: 0, count: 1, lost: true }]);
  expect(decodeAll(nmnist, large, { geometry: pixels(240, 180) }).events).toEqual([
    [1, pixelAddress(200, 100, 0)],
  ]);
});

test("a marker adds 8192 us to all later times and is no event", () => {
  const bytes = Uint8Array.from([
    1, 1, 0, 0, 5, 9, 240, 0, 0, 0, 1, 1, 0, 0, 5, 0, 240, 0, 0, 0, 1, 1, 0, 0, 6,
  ]);
  const { events, decoder } = decodeAll(nmnist, bytes, {}, [3]);
  expect(events.map(([timeUs]) => timeUs)).toEqual([5, 8197, 16390]);
  expect(decoder.streams).toEqual([{ id: 0, type: "events", count: 3 }]);
});

test("cut at any byte: a prefix of the events; only a cut between two events can't be seen", () => {
  const packets = steadyPackets(digit, 100, 5);
  const whole = packets.flatMap(eventsOf);
  const bytes = encodeFile(nmnist.encoder!(digit, {}), packets);
  for (let end = 0; end <= bytes.length; end++) {
    const { events, cut } = decodeAll(nmnist, bytes.subarray(0, end));
    expect(events).toEqual(whole.slice(0, Math.floor(end / 5)));
    expect(cut).toBe(end % 5 !== 0);
  }
});

test("what five bytes can't hold is counted", () => {
  const encoder = nmnist.encoder!(pixels(300, 260), {});
  const packet = packetOf(pixels(300, 260), [
    [10, pixelAddress(256, 1, 1)],
    [11, pixelAddress(1, 240, 1)],
    [12, pixelAddress(255, 239, 1)],
    [2 ** 40, pixelAddress(1, 1, 1)],
  ]);
  const bytes = encodeFile(encoder, [packet]);
  expect(decodeAll(nmnist, bytes, { geometry: pixels(256, 240) }).events).toEqual([
    [12, pixelAddress(255, 239, 1)],
  ]);
  expect(encoder.leftOut).toMatchObject([{ count: 3 }]);
});

test("1,000 damaged files", async () => {
  const bytes = encodeFile(nmnist.encoder!(digit, {}), steadyPackets(digit, 2000, 1000));
  const outcomes = new Set<string>();
  for (let i = 0; i < 1000; i++) outcomes.add((await survive(nmnist, mutate(bytes, 3, i))).outcome);
  expect(outcomes).toContain("refused");
  expect(outcomes).toContain("told");
});
