/** AEDAT 4: round trips, streams beside the events, cuts, lies and bombs. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { aedat4 } from "../../src/formats/aedat4.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { encodeZstdFrame } from "../../src/formats/zstd.ts";
import { aedat4File, eventsPayload, int32, join, vectorPayload } from "../support/aedat4-file.ts";
import { mutate, survive } from "../support/mutate.ts";
import { records, recordsZstd } from "../support/packed.ts";
import { eventsOf } from "../support/packets.ts";
import { decodeAll, lengthsOf, randomPackets, steadyPackets } from "../support/recordings.ts";

const davis = pixels(346, 260);
const startUs = 1631717221674515;
const compressions = ["none", "lz4", "lz4_high", "zstd", "zstd_high"] as const;
const camera = { id: 0, type: "EVTS", width: 346, height: 260 };

describe.each(compressions)("compression %s", (compression) => {
  test("what is written is read, for any cut of the bytes", () => {
    fc.assert(
      fc.property(randomPackets(davis, startUs), lengthsOf, (packets, lengths) => {
        const file = encodeFile(aedat4.encoder!(davis, { compression }), packets);
        const { events, decoder } = decodeAll(aedat4, file, {}, lengths);
        expect(events).toEqual(packets.flatMap(eventsOf));
        expect(decoder.problems).toEqual([]);
        expect(decoder.geometry).toEqual(davis);
        expect(decoder.streams).toEqual([{ id: 0, type: "events", count: events.length }]);
      }),
      { numRuns: 60 },
    );
  });

  test("cut at any byte: a prefix of the events, and it says so", () => {
    const packets = steadyPackets(davis, 90, startUs, 40);
    const file = encodeFile(aedat4.encoder!(davis, { compression }), packets);
    const whole = packets.flatMap(eventsOf);
    for (let end = 0; end < file.length; end++) {
      const { events, cut } = decodeAll(aedat4, file.subarray(0, end));
      expect(cut, `cut at ${end}`).toBe(true);
      expect([0, 40, 80, 90].includes(events.length), `cut at ${end}`).toBe(true);
      expect(events).toEqual(whole.slice(0, events.length));
    }
  });
});

test("a packet of more events than one read hands out", () => {
  const [packet] = steadyPackets(davis, 500, startUs);
  const many = steadyPackets(davis, 100_000, startUs).flatMap(eventsOf);
  packet!.count = 0;
  for (const [timeUs, address] of many) packet!.push(timeUs, address);
  const file = encodeFile(aedat4.encoder!(davis, { compression: "lz4" }), [packet!]);
  expect(decodeAll(aedat4, file).events).toEqual(many);
});

test("frames, IMU samples and triggers are counted, in any order; streams may be empty or undeclared", () => {
  const file = aedat4File(
    [
      camera,
      { id: 1, type: "FRME", width: 346, height: 260 },
      { id: 2, type: "IMUS" },
      { id: 3, type: "TRIG" },
    ],
    [
      { stream: 3, payload: vectorPayload("TRIG", 2, new Uint8Array(8)) },
      { stream: 0, payload: eventsPayload([]) },
      { stream: 2, payload: vectorPayload("IMUS", 3, new Uint8Array(12)) },
      {
        stream: 0,
        payload: eventsPayload([
          [startUs, 1, 2, 1],
          [startUs, 3, 4, 0],
        ]),
      },
      { stream: 1, payload: vectorPayload("FRME", 0, new Uint8Array(0)) },
      { stream: 9, payload: vectorPayload("IMUS", 1, new Uint8Array(4)) },
      { stream: 0, payload: eventsPayload([[startUs + 5, 345, 259, 1]]) },
    ],
  );
  const { events, decoder } = decodeAll(aedat4, file, {}, [11]);
  expect(events).toEqual([
    [startUs, pixelAddress(1, 2, 1)],
    [startUs, pixelAddress(3, 4, 0)],
    [startUs + 5, pixelAddress(345, 259, 1)],
  ]);
  expect(decoder.problems).toEqual([]);
  expect(decoder.streams).toEqual([
    { id: 0, type: "events", count: 3 },
    { id: 1, type: "frames", count: 1 },
    { id: 2, type: "imu", count: 3 },
    { id: 3, type: "triggers", count: 2 },
    { id: 9, type: "imu", count: 1 },
  ]);
});

test("of several streams of events the first that has some, or the one that is asked for", () => {
  const file = aedat4File(
    [camera, { id: 1, type: "EVTS", width: 100, height: 80 }, { id: 2, type: "EVTS", width: 50, height: 40 }],
    [
      { stream: 0, payload: eventsPayload([]) },
      { stream: 1, payload: eventsPayload([[10, 99, 79, 1]]) },
      { stream: 2, payload: eventsPayload([[11, 49, 39, 0]]) },
      { stream: 0, payload: eventsPayload([[12, 1, 1, 1]]) },
    ],
  );
  const first = decodeAll(aedat4, file);
  expect(first.events).toEqual([[10, pixelAddress(99, 79, 1)]]);
  expect(first.decoder.geometry).toEqual(pixels(100, 80));
  const third = decodeAll(aedat4, file, { stream: 2 });
  expect(third.events).toEqual([[11, pixelAddress(49, 39, 0)]]);
  expect(third.decoder.geometry).toEqual(pixels(50, 40));
  const none = decodeAll(aedat4, file, { stream: 7 });
  expect(none.events).toEqual([]);
  expect(none.decoder.problems).toMatchObject([
    { what: "the file has no stream of events of that number", fatal: true },
  ]);
});

test("two declared and empty streams are no problem, and have a size", () => {
  const { decoder } = decodeAll(aedat4, aedat4File([camera, { ...camera, id: 1 }], []));
  expect(decoder.problems).toEqual([]);
  expect(decoder.geometry).toEqual(davis);
});

test("a file without a size takes the given one; events outside it are counted", () => {
  const file = aedat4File(
    [{ id: 0, type: "EVTS" }],
    [
      {
        stream: 0,
        payload: eventsPayload([
          [1, 5, 5, 1],
          [2, 6, 5, 1],
          [3, -1, 5, 1],
          [4, 5, -1, 1],
          [5, 0, 0, 0],
        ]),
      },
    ],
  );
  expect(decodeAll(aedat4, file).decoder.geometry).toBe(null);
  const { events, decoder } = decodeAll(aedat4, file, { geometry: pixels(6, 6) });
  expect(events.map(([timeUs]) => timeUs)).toEqual([1, 5]);
  expect(decoder.problems).toMatchObject([
    { what: "event outside the sensor, left out", count: 3, lost: true },
  ]);
});

test("times that no clock shows are left out", () => {
  const file = aedat4File(
    [camera],
    [
      {
        stream: 0,
        payload: eventsPayload([
          [7, 1, 1, 1],
          [-1, 1, 1, 1],
          [2 ** 53, 1, 1, 1],
          [2 ** 53 - 1, 1, 1, 1],
        ]),
      },
    ],
  );
  const { events, decoder } = decodeAll(aedat4, file);
  expect(events.map(([timeUs]) => timeUs)).toEqual([7, 2 ** 53 - 1]);
  expect(decoder.problems).toMatchObject([{ what: "event with an impossible time, left out", count: 2 }]);
});

test("Zstandard as the reference compressor writes it", () => {
  const payload = eventsPayload(
    Array.from({ length: 400 }, (_, i) => [
      startUs + ((i * i) % 997) + i * 40,
      (i * 131) % 346,
      (i * i) % 260,
      i & 1,
    ]),
  );
  const head = encodeZstdFrame(payload.subarray(0, payload.length - records.length));
  const file = aedat4File([camera], [{ stream: 0, payload: join([head, recordsZstd]) }], { compression: 3 });
  expect(decodeAll(aedat4, file).decoder.problems).toEqual([]);
  expect(decodeAll(aedat4, file).events).toEqual(
    decodeAll(aedat4, aedat4File([camera], [{ stream: 0, payload }])).events,
  );
});

test("damage in another stream is told and passed, damage in the events ends them", () => {
  const bad = int32(0x7ffffff0);
  const good = { stream: 0, payload: eventsPayload([[1, 1, 1, 1]]) };
  const streams = [camera, { id: 2, type: "IMUS" }];
  const passed = decodeAll(aedat4, aedat4File(streams, [{ stream: 2, payload: bad }, good]));
  expect(passed.events).toHaveLength(1);
  expect(passed.decoder.problems).toMatchObject([
    { what: "a packet of imu is damaged, left out", fatal: false },
  ]);
  const ended = decodeAll(aedat4, aedat4File(streams, [good, { stream: 0, payload: bad }, good]));
  expect(ended.events).toHaveLength(1);
  expect(ended.decoder.problems).toMatchObject([{ fatal: true }]);
});

test("a data table that isn't where the header says", () => {
  const packet = { stream: 0, payload: eventsPayload([[1, 1, 1, 1]]) };
  const size = aedat4File([camera], [packet]).length;
  const early = decodeAll(aedat4, aedat4File([camera], [packet], { tableOffset: 3 }));
  expect(early.events).toHaveLength(1);
  expect(early.decoder.problems).toMatchObject([
    { what: "the header gives a wrong place of the data table", fatal: false },
  ]);
  const inside = decodeAll(aedat4, aedat4File([camera], [packet], { tableOffset: size - 9 }));
  expect(inside.events).toHaveLength(0);
  expect(inside.cut).toBe(true);
  const beyond = decodeAll(aedat4, aedat4File([camera], [packet], { tableOffset: size + 1 }));
  expect(beyond.events).toHaveLength(1);
  expect(beyond.decoder.problems).toMatchObject([
    { what: "the file is cut: it ends before its data table", fatal: true },
  ]);
  const missing = decodeAll(aedat4, aedat4File([camera], [packet], { tableOffset: size }));
  expect(missing.events).toHaveLength(1);
  expect(missing.cut).toBe(true);
});

test("bombs are refused at once: F7, F8 and lying sizes", () => {
  const before = process.memoryUsage().rss;
  const lz4Hang = Uint8Array.from([0x04, 0x22, 0x4d, 0x18, 0x64, 0x40, 0xa7, 0xff, 0xff, 0xff, 0x7f]);
  const zstd = (...bytes: number[]) => Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes]);
  const cases: [number, Uint8Array][] = [
    [1, lz4Hang],
    // One segment of 1,572,864,000 bytes, one empty block.
    [3, zstd(0xa0, 0x00, 0x00, 0xc0, 0x5d, 1, 0, 0)],
    [3, zstd(0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0)],
    // A window of 2 GB and no size.
    [3, zstd(0x00, 0xa8, 1, 0, 0)],
    // 4,000 blocks that each repeat one byte 131,071 times.
    [
      3,
      zstd(
        0x00,
        0x58,
        ...Array.from({ length: 4000 }, () => [0xfa, 0xff, 0x0f, 7]).flat(),
        0xfb,
        0xff,
        0x0f,
        7,
      ),
    ],
    [0, join([int32(-1), new Uint8Array(20)])],
    [0, vectorPayload("EVTS", 0x7fffffff, new Uint8Array(64))],
  ];
  for (const [compression, payload] of cases) {
    const { events, decoder } = decodeAll(
      aedat4,
      aedat4File([camera], [{ stream: 0, payload }], { compression }),
    );
    expect(events).toEqual([]);
    expect(decoder.problems).toMatchObject([{ fatal: true }]);
  }
  const hugePacket = join([aedat4File([camera], []), int32(0), int32(0x7fffffff), new Uint8Array(50)]);
  expect(decodeAll(aedat4, hugePacket).decoder.problems[0]!.what).toMatch(/too large/);
  const hugeHeader = join([
    new TextEncoder().encode("#!AER-DAT4.0\r\n"),
    int32(0x7fffffff),
    new Uint8Array(50),
  ]);
  expect(decodeAll(aedat4, hugeHeader).decoder.problems[0]!.what).toMatch(/too large/);
  expect(process.memoryUsage().rss - before).toBeLessThan(128e6);
});

test("a header of 20,000 streams is refused at once", () => {
  const streams = Array.from({ length: 20_000 }, (_, id) => ({ id, type: "EVTS" }));
  expect(decodeAll(aedat4, aedat4File(streams, [])).decoder.problems).toMatchObject([
    { what: "the file names too many streams", fatal: true },
  ]);
});

test("rows that 16 bits don't hold are counted, not written", () => {
  const [packet] = steadyPackets(davis, 10, startUs);
  packet!.push(startUs + 100, pixelAddress(1, 0x8000, 1));
  const encoder = aedat4.encoder!(davis, {});
  const file = encodeFile(encoder, [packet!]);
  expect(decodeAll(aedat4, file).events).toHaveLength(10);
  expect(encoder.leftOut).toMatchObject([{ count: 1 }]);
});

test.each(compressions)("1,000 damaged files, %s", async (compression) => {
  const file = encodeFile(aedat4.encoder!(davis, { compression }), steadyPackets(davis, 1500, startUs));
  const outcomes = new Set<string>();
  for (let i = 0; i < 200; i++) outcomes.add((await survive(aedat4, mutate(file, 1, i))).outcome);
  expect(outcomes).toContain("refused");
});
