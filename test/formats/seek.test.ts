/** A span of a recording: the same events whether it is sought or read from the start, and few bytes read for it. */

import { describe, expect, test } from "vitest";
import { type OpenAccess, recordingFrom } from "../../drivers/recording.ts";
import { virtualClock } from "../../src/clock.ts";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { formatNamed, formats } from "../../src/formats/index.ts";
import { findRecord } from "../../src/formats/seek.ts";
import { packetsWithin } from "../../src/formats/span.ts";
import { cutPacket, type Event, eventsOf, packetOf } from "../support/packets.ts";
import { asyncPieces, steadyPackets } from "../support/recordings.ts";

const camera = pixels(128, 128);
const packets = steadyPackets(camera, 120_000, 7_000);
const events = packets.flatMap(eventsOf);
const firstUs = events[0]![0];
const lastUs = events.at(-1)![0];

/** Plays a file that lies in memory; tells its events and how many bytes were asked for. */
async function play(file: Uint8Array, options: object, canSeek: boolean) {
  let bytesRead = 0;
  const access: OpenAccess = async () => ({
    size: file.length,
    read: async (offset, length) => {
      bytesRead += Math.min(length, file.length - offset);
      return file.subarray(offset, offset + length);
    },
    close: async () => {},
  });
  const readPieces = async function* (_: string, fromByte = 0) {
    for await (const piece of asyncPieces(file.subarray(fromByte), [10_007])) {
      bytesRead += piece.length;
      yield piece;
    }
  };
  const recording = recordingFrom(readPieces, canSeek ? access : undefined);
  const sensor = await recording.open(recording.options.parse({ file: "f", ...options }), {
    id: "eye",
    pipeline: "test",
    clock: virtualClock(),
    signal: new AbortController().signal,
    seed: 0,
    resolvePath: (path) => path,
    notice: () => {},
  });
  const found: Event[] = [];
  const spans: number[] = [];
  for await (const packet of sensor.packets) {
    for (const event of eventsOf(packet)) found.push(event);
    spans.push(packet.fromUs, packet.toUs);
  }
  return { found, spans, bytesRead };
}

const within = (fromUs: number, toUs: number) =>
  events.filter(([timeUs]) => timeUs >= firstUs + fromUs && timeUs < firstUs + toUs);

const files = formats.flatMap(({ name, encoder }) =>
  encoder && name !== "nmnist" ? [[name, encodeFile(encoder(camera, {}), packets)] as const] : [],
);
const seeking = ["aedat4", "aedat2", "evt2", "dat"];

describe.each([...files, ["evt21", evt21File()] as const])("%s", (format, file) => {
  const lengthUs = lastUs - firstUs;
  test.each([
    [0, lengthUs / 2],
    [lengthUs / 3, lengthUs / 2],
    [lengthUs * 0.9, lengthUs * 2],
    [lengthUs / 2 + 1, lengthUs / 2 + 2],
    [lengthUs * 3, lengthUs * 4],
  ])("from %d us to %d us", async (from, to) => {
    const options = { format, geometry: "128x128", fromUs: Math.round(from), toUs: Math.round(to) };
    if (format === "aedat2") Object.assign(options, { geometry: undefined });
    const sought = await play(file, options, true);
    const read = await play(file, options, false);
    expect(sought.found).toEqual(read.found);
    expect(sought.found).toEqual(within(options.fromUs, options.toUs));
    for (const { spans } of [sought, read]) {
      for (let i = 1; i + 1 < spans.length; i += 2) expect(spans[i]).toBe(spans[i + 1]);
      if (spans.length === 0) continue;
      expect(spans[0]).toBe(firstUs + options.fromUs);
      expect(spans.at(-1)).toBe(Math.min(firstUs + options.toUs, lastUs + 1));
    }
  });

  test("the end of it needs few of its bytes, where the format allows that", async () => {
    const { bytesRead } = await play(
      file,
      {
        format,
        ...(format === "aedat2" ? {} : { geometry: "128x128" }),
        fromUs: Math.round(lengthUs * 0.99),
      },
      true,
    );
    if (seeking.includes(format)) expect(bytesRead - (1 << 18)).toBeLessThan(file.length * 0.5);
    else expect(bytesRead).toBeGreaterThanOrEqual(Math.min(file.length, 1 << 18));
  });
});

test("a file whose times start again is read from the start", async () => {
  const file = encodeFile(formatNamed("dat")!.encoder!(camera, {}), packets);
  const body = file.subarray(file.length - 8 * events.length);
  const twice = new Uint8Array(file.length + body.length);
  twice.set(file);
  twice.set(body, file.length);
  const options = { fromUs: Math.round((lastUs - firstUs) / 2) };
  expect((await play(twice, options, true)).found).toEqual((await play(twice, options, false)).found);
});

test("records without a time are passed over; none at all, and times that fall, find no place", async () => {
  const bytes = new Uint8Array(1 << 20);
  const file = {
    size: bytes.length,
    read: async (at: number, length: number) => bytes.subarray(at, at + length),
  };
  const every = (timeOf: (index: number) => number, timeUs: number) =>
    findRecord(file, 0, 4, (view, at) => timeOf((view.byteOffset + at) / 4), timeUs);
  expect(await every((index) => index, 200_000)).toBeGreaterThan(4 * (200_000 - 16_384 * 2));
  expect(await every((index) => index, 200_000)).toBeLessThan(4 * 200_000);
  const sparse = await every((index) => (index % 50_000 === 0 ? index : Number.NaN), 200_001);
  expect(sparse).toBeLessThanOrEqual(4 * 200_000);
  expect(await every(() => Number.NaN, 5)).toBeUndefined();
  expect(await every((index) => -index, 5)).toBeUndefined();
});

test("a span of packets doesn't depend on how they are cut", async () => {
  const whole = packetOf(camera, events.slice(0, 2000));
  const cuts = [1, 500, 1999].map((i) => events[i]![0]);
  const [from, to] = [events[400]![0] + 1, events[1500]![0]];
  const collect = async (given: readonly (typeof whole)[]) => {
    const found: Event[] = [];
    for await (const packet of packetsWithin(feed(given), from, to)) found.push(...eventsOf(packet));
    return found;
  };
  const expected = events.slice(0, 2000).filter(([timeUs]) => timeUs >= from && timeUs < to);
  expect(await collect([whole])).toEqual(expected);
  expect(await collect(cutPacket(whole, cuts))).toEqual(expected);
});

async function* feed<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** No encoder writes it: a TIME_HIGH before each event, which is a word of its own. */
function evt21File(): Uint8Array {
  const header = new TextEncoder().encode(
    "% evt 2.1\n% format EVT21;height=128;width=128;endianness=little\n% geometry 128x128\n% end\n",
  );
  const file = new Uint8Array(header.length + events.length * 16);
  file.set(header);
  const view = new DataView(file.buffer);
  events.forEach(([timeUs, address], i) => {
    const at = header.length + i * 16;
    const [x, y, on] = [(address >>> 1) & 0x7fff, address >>> 16, address & 1];
    expect(pixelAddress(x, y, on)).toBe(address);
    view.setUint32(at + 4, ((8 << 28) | (timeUs >> 6)) >>> 0, true);
    view.setUint32(at + 8, 1, true);
    view.setUint32(at + 12, ((on << 28) | ((timeUs & 63) << 22) | (x << 11) | y) >>> 0, true);
  });
  return file;
}
