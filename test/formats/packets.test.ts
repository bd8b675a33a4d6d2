/** Packets of a recording: the law, any cut of the bytes, repairs, and the good prefix before any error. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { ReflexarcError } from "../../src/errors.ts";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { type Packet, packetEventsMax } from "../../src/events/packet.ts";
import { aedat4 } from "../../src/formats/aedat4.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { packetDefaults, readPackets } from "../../src/formats/packets.ts";
import { aedat4File, eventsPayload, join } from "../support/aedat4-file.ts";
import { type Event, eventsOf, packetOf } from "../support/packets.ts";
import { asyncPieces, lengthsOf, packetsAll, randomPackets, steadyPackets } from "../support/recordings.ts";

const camera = pixels(346, 260);
const file = (packets: readonly Packet[]) => encodeFile(aedat4.encoder!(camera, {}), packets);
const fileOf = (times: readonly number[]) =>
  file([
    packetOf(
      camera,
      times.map((timeUs, i) => [timeUs, pixelAddress(i % 300, 5, 1)] as const),
    ),
  ]);
const timesOf = (packets: readonly Packet[]) => packets.flatMap(eventsOf).map(([timeUs]) => timeUs);

/** The whole law: order, spans, no gap, the ends, equal times together, the two bounds. */
function expectLaw(
  packets: readonly Packet[],
  events: readonly Event[],
  packetEvents: number,
  packetUs: number,
) {
  expect(packets.flatMap(eventsOf)).toEqual(events);
  if (events.length === 0) {
    expect(packets).toEqual([]);
    return;
  }
  expect(packets[0]!.fromUs).toBe(events[0]![0]);
  expect(packets.at(-1)!.toUs).toBe(events.at(-1)![0] + 1);
  packets.forEach((packet, i) => {
    expect(packet.fromUs).toBeLessThan(packet.toUs);
    if (i > 0) expect(packet.fromUs).toBe(packets[i - 1]!.toUs);
    expect(Math.ceil(packet.toUs / packetUs) - Math.floor(packet.fromUs / packetUs)).toBeLessThanOrEqual(1);
    const list = eventsOf(packet);
    for (const [timeUs] of list) expect(timeUs >= packet.fromUs && timeUs < packet.toUs).toBe(true);
    const beyond = list[packetEvents];
    if (beyond) expect(beyond[0]).toBe(list[packetEvents - 1]![0]);
  });
}

test("packets keep the law, whatever their bounds, and no cut of the bytes changes them", async () => {
  await fc.assert(
    fc.asyncProperty(
      randomPackets(camera, 1_000_000),
      lengthsOf,
      fc.integer({ min: 1, max: 70 }),
      fc.constantFrom(1000, 10_000, 333_333),
      async (made, lengths, packetEvents, packetUs) => {
        const bytes = file(made);
        const { packets, error, reader } = await packetsAll(
          aedat4,
          bytes,
          { packetEvents, packetUs },
          {},
          lengths,
        );
        expect(error).toBe(undefined);
        expect(reader.repairs).toEqual({ steppedBack: 0, jumpedAhead: 0, tooManyAtOnce: 0 });
        expectLaw(packets, made.flatMap(eventsOf), packetEvents, packetUs);
      },
    ),
    { numRuns: 80 },
  );
});

test("silence comes as ticks on the grid", async () => {
  const { packets } = await packetsAll(aedat4, fileOf([12_345, 47_000]), packetDefaults);
  expect(packets.map(({ fromUs, toUs, count }) => [fromUs, toUs, count])).toEqual([
    [12_345, 20_000, 1],
    [20_000, 30_000, 0],
    [30_000, 40_000, 0],
    [40_000, 47_001, 1],
  ]);
});

test("one packet is lent again and again", async () => {
  const bytes = file(steadyPackets(camera, 50_000, 0));
  const reader = await readPackets(asyncPieces(bytes), aedat4, aedat4.decoder({}), "test");
  const columns = new Set<unknown>();
  for await (const packet of reader.packets) columns.add(packet).add(packet.times).add(packet.addresses);
  expect(columns.size).toBe(3);
});

test("a step back is set to the time before it, and counted", async () => {
  const { packets, reader, error } = await packetsAll(
    aedat4,
    fileOf([10, 20, 15, 18, 20, 21, 3]),
    packetDefaults,
  );
  expect(error).toBe(undefined);
  expect(timesOf(packets)).toEqual([10, 20, 20, 20, 20, 21, 21]);
  expect(reader.repairs.steppedBack).toBe(3);
});

test("a jump far ahead is believed when time goes on from there, and left out when it steps back", async () => {
  const away = 60_000_000;
  for (const lengths of [[65536], [1]]) {
    const glitch = await packetsAll(aedat4, fileOf([10, away, 20, 30]), packetDefaults, {}, lengths);
    expect(timesOf(glitch.packets)).toEqual([10, 20, 30]);
    expect(glitch.reader.repairs.jumpedAhead).toBe(1);
    const silence = await packetsAll(
      aedat4,
      fileOf([10, away, away - 3, away + 5]),
      packetDefaults,
      {},
      lengths,
    );
    expect(timesOf(silence.packets)).toEqual([10, away, away, away + 5]);
    expect(silence.packets).toHaveLength(6001);
    const last = await packetsAll(aedat4, fileOf([10, away]), packetDefaults, {}, lengths);
    expect(timesOf(last.packets)).toEqual([10, away]);
    const first = await packetsAll(aedat4, fileOf([away, 10, 20]), packetDefaults, {}, lengths);
    expect(timesOf(first.packets)).toEqual([10, 20]);
  }
});

test("a silence of more than an hour ends the recording, after its good events", async () => {
  const { packets, error } = await packetsAll(aedat4, fileOf([10, 20, 2 ** 52, 2 ** 52 + 1]), packetDefaults);
  expect(timesOf(packets)).toEqual([10, 20]);
  expect(packets.at(-1)!.toUs).toBe(21);
  expect(error).toBeInstanceOf(ReflexarcError);
  expect((error as Error).message).toMatch(/more than an hour/);
});

test("more events of one time than a packet holds are counted, not kept", async () => {
  const packet = packetOf(camera, []);
  for (let i = 0; i < packetEventsMax + 7; i++) packet.push(5, pixelAddress(1, 1, 1));
  packet.push(6, pixelAddress(2, 2, 1));
  const { packets, reader } = await packetsAll(aedat4, file([packet]), packetDefaults);
  expect(packets.map(({ count }) => count)).toEqual([packetEventsMax, 1]);
  expect(reader.repairs.tooManyAtOnce).toBe(7);
});

test("a cut file: all good packets, then an error that says what, where and what to do", async () => {
  const made = steadyPackets(camera, 5000, 0);
  const bytes = file(made);
  const { packets, error } = await packetsAll(aedat4, bytes.subarray(0, bytes.length * 0.6), packetDefaults);
  const good = timesOf(packets).length;
  expect(good).toBeGreaterThan(1000);
  expectLaw(packets, made.flatMap(eventsOf).slice(0, good), 4096, 10_000);
  expect(error).toBeInstanceOf(ReflexarcError);
  expect((error as ReflexarcError).detail).toMatchObject({
    kind: "input",
    room: "aedat4",
    what: "the file is cut: it ends before its data table",
    where: expect.stringMatching(/^test, byte \d+$/),
    remedy: expect.stringContaining(`The ${good} events before it are good`),
  });
});

test("a disk that fails half-way: the good packets first, then its error", async () => {
  const bytes = file(steadyPackets(camera, 5000, 0));
  async function* failing() {
    yield bytes.subarray(0, 20_000);
    throw new ReflexarcError({ kind: "input", room: "test", what: "the disk is gone" });
  }
  const reader = await readPackets(failing(), aedat4, aedat4.decoder({}), "test");
  let events = 0;
  const reading = (async () => {
    for await (const packet of reader.packets) events += packet.count;
  })();
  await expect(reading).rejects.toThrow("the disk is gone");
  expect(events).toBeGreaterThan(1000);
});

test("bytes are let go of when nobody reads on, and when the size is unknown", async () => {
  let closed = 0;
  async function* watched(bytes: Uint8Array) {
    try {
      yield* asyncPieces(bytes, [500]);
    } finally {
      closed += 1;
    }
  }
  const good = await readPackets(
    watched(file(steadyPackets(camera, 5000, 0))),
    aedat4,
    aedat4.decoder({}),
    "test",
  );
  for await (const packet of good.packets) if (packet.count > 0) break;
  expect(closed).toBe(1);
  const sizeless = aedat4File(
    [{ id: 0, type: "EVTS" }],
    [{ stream: 0, payload: eventsPayload([[1, 1, 1, 1]]) }],
  );
  const refused = readPackets(watched(sizeless), aedat4, aedat4.decoder({}), "test");
  await expect(refused).rejects.toThrow(/size of its sensor.*geometry: 346x260/s);
  expect(closed).toBe(2);
});

test("a file of nothing but a header gives no packet", async () => {
  const { packets, error } = await packetsAll(aedat4, file([]), packetDefaults);
  expect(packets).toEqual([]);
  expect(error).toBe(undefined);
  const garbage = packetsAll(aedat4, join([new Uint8Array(100)]), packetDefaults);
  await expect(garbage).rejects.toThrow("not AEDAT 4.0");
});
