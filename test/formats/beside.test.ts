/** What recordings hold beside their events: written and read again, by hand and at random, in any pieces. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Beside, type Trigger, triggerMarks } from "../../src/events/beside.ts";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { aedat2 } from "../../src/formats/aedat2.ts";
import { aedat4 } from "../../src/formats/aedat4.ts";
import { compressions } from "../../src/formats/aedat4-write.ts";
import { aedat31 } from "../../src/formats/aedat31.ts";
import { evt2 } from "../../src/formats/evt2.ts";
import { evt3 } from "../../src/formats/evt3.ts";
import { evt21 } from "../../src/formats/evt21.ts";
import type { DecodeOptions, EncodeOptions, Format } from "../../src/formats/format.ts";
import { setKernels } from "../../src/formats/kernel.ts";
import { aedat4File, eventsPayload, int32, join, vectorPayload } from "../support/aedat4-file.ts";
import { type Event, packetOf } from "../support/packets.ts";
import { decodeAll, lengthsOf } from "../support/recordings.ts";

const camera = pixels(240, 180);

function read(format: Format, bytes: Uint8Array, options: DecodeOptions = {}, lengths = [65536]) {
  const records: Beside[] = [];
  const decoded = decodeAll(format, bytes, { ...options, beside: (one) => records.push(one) }, lengths);
  return { ...decoded, records };
}

/** Writes packets, each after the records that come before its end. */
function write(
  format: Format,
  packets: readonly Packet[],
  records: readonly Beside[],
  options: EncodeOptions = {},
) {
  const encoder = format.encoder!(camera, { beside: format.writesBeside!, ...options });
  const parts = [encoder.start()];
  let at = 0;
  for (const packet of packets) {
    for (; at < records.length && records[at]!.timeUs < packet.toUs; at++)
      parts.push(encoder.pushBeside!(records[at]!));
    parts.push(encoder.push(packet));
  }
  for (const record of records.slice(at)) parts.push(encoder.pushBeside!(record));
  parts.push(encoder.end());
  const bytes = join(parts);
  for (const patch of encoder.patches()) bytes.set(patch.bytes, patch.offset);
  return { bytes, leftOut: encoder.leftOut };
}

const float = fc.float({ noNaN: true, noDefaultInfinity: true });
const triple = fc.tuple(float, float, float);
const time = fc.integer({ min: 0, max: 2 ** 51 });
const anyTrigger: fc.Arbitrary<Beside> = fc.record({
  type: fc.constant("triggers" as const),
  timeUs: time,
  mark: fc.constantFrom(...triggerMarks),
  channel: fc.constant(0),
});
const anyImu: fc.Arbitrary<Beside> = fc.record({
  type: fc.constant("imu" as const),
  timeUs: time,
  temperatureC: float,
  acceleration: triple,
  rotation: triple,
  magneticField: triple,
});
const anyFrame: fc.Arbitrary<Beside> = fc
  .record({ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }) })
  .chain(({ width, height }) =>
    fc.constantFrom(1 as const, 3 as const, 4 as const).chain((channels) =>
      fc.record({
        type: fc.constant("frames" as const),
        timeUs: time,
        fromUs: time,
        toUs: time,
        exposureFromUs: time,
        exposureToUs: time,
        x: fc.nat(500),
        y: fc.nat(500),
        width: fc.constant(width),
        height: fc.constant(height),
        channels: fc.constant(channels),
        pixels: fc.uint8Array({
          minLength: width * height * channels,
          maxLength: width * height * channels,
        }),
      }),
    ),
  );

/** Records by type, since each type is a stream of its own. */
const byType = (records: readonly Beside[]) =>
  (["frames", "imu", "triggers"] as const).map((type) => records.filter((one) => one.type === type));

describe("aedat4", () => {
  test.each(compressions)(
    "with compression %s holds frames, IMU samples and triggers exactly",
    (compression) => {
      const events = packetOf(camera, [[1000, pixelAddress(3, 4, 1)]]);
      fc.assert(
        fc.property(
          fc.array(fc.oneof(anyTrigger, anyImu, anyFrame), { maxLength: 30 }),
          lengthsOf,
          (records, lengths) => {
            const { bytes, leftOut } = write(aedat4, [events], records, { compression });
            const again = read(aedat4, bytes, {}, lengths);
            expect(leftOut).toEqual([]);
            expect(again.cut).toBe(false);
            expect(again.decoder.problems).toEqual([]);
            expect(byType(again.records)).toEqual(byType(records));
            expect(again.events).toHaveLength(1);
            expect(again.decoder.streams.map(({ type, count }) => [type, count])).toEqual([
              ["events", 1],
              ...byType(records).map((list, i) => [["frames", "imu", "triggers"][i], list.length]),
            ]);
          },
        ),
        { numRuns: 30 },
      );
    },
  );

  test("many samples come in several packets, and the data table leads past them", () => {
    const records = Array.from(
      { length: 1000 },
      (_, i): Beside => ({
        type: "imu",
        timeUs: i * 1000,
        temperatureC: 30,
        acceleration: [0, -1, 0],
        rotation: [i, 0, 0],
        magneticField: [0, 0, 0],
      }),
    );
    const packets = [0, 1, 2].map((i) => packetOf(camera, [[i * 400_000, pixelAddress(1, 1, 1)]]));
    const { bytes } = write(aedat4, packets, records);
    const again = read(aedat4, bytes);
    expect(again.records).toEqual(records);
    expect(again.events).toHaveLength(3);
  });

  test("an edge on a second input is left out, since the format names none", () => {
    const edge = (channel: number): Trigger => ({
      type: "triggers",
      timeUs: 5,
      mark: "signal-rising",
      channel,
    });
    const { bytes, leftOut } = write(aedat4, [], [edge(6), edge(2), edge(6)]);
    expect(read(aedat4, bytes).records).toHaveLength(2);
    expect(leftOut).toMatchObject([{ count: 1, lost: true }]);
  });

  test("a small packet that claims millions of samples is refused, and the events go on", () => {
    const slots = 1 << 17;
    // All slots are 0 and lead to themselves.
    const bomb = vectorPayload("IMUS", slots, new Uint8Array(4 * slots));
    const file = aedat4File(
      [
        { id: 0, type: "EVTS", width: 240, height: 180 },
        { id: 1, type: "IMUS" },
      ],
      [
        { stream: 1, payload: bomb },
        { stream: 0, payload: eventsPayload([[5, 1, 2, 1]]) },
      ],
    );
    const { records, events, decoder } = read(aedat4, file);
    expect(records).toEqual([]);
    expect(events).toHaveLength(1);
    expect(decoder.problems).toMatchObject([{ what: "a packet of imu is damaged, left out", lost: true }]);
  });

  test("damaged frames, samples and triggers end in problems, never in anything else", () => {
    const records = fc.sample(fc.oneof(anyTrigger, anyImu, anyFrame), { numRuns: 20, seed: 1 });
    const { bytes } = write(aedat4, [packetOf(camera, [[5, 0]])], records, { compression: "none" });
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), (place, value) => {
        const damaged = bytes.slice();
        damaged[place] = value;
        for (const record of read(aedat4, damaged).records)
          if (record.type === "frames")
            expect(record.pixels.length).toBe(record.width * record.height * record.channels);
      }),
      { numRuns: 500 },
    );
  });
});

describe.each([
  ["evt2", evt2, 32],
  ["evt3", evt3, 16],
] as const)("%s", (_, format, channels) => {
  /** Events and edges in order of time, in packets of 10 ms. */
  const scene = fc
    .array(
      fc.record({
        stepUs: fc.oneof(fc.constant(0), fc.nat(100), fc.nat(30_000)),
        x: fc.nat(239),
        y: fc.nat(179),
        on: fc.nat(1),
        isEdge: fc.boolean(),
        channel: fc.nat(channels - 1),
      }),
      { minLength: 1, maxLength: 200 },
    )
    .map((steps) => {
      const events: Event[] = [];
      const triggers: Trigger[] = [];
      let timeUs = 0;
      for (const { stepUs, x, y, on, isEdge, channel } of steps) {
        timeUs += stepUs;
        const mark = on === 1 ? "signal-rising" : "signal-falling";
        if (isEdge) triggers.push({ type: "triggers", timeUs, mark, channel });
        else events.push([timeUs, pixelAddress(x, y, on)]);
      }
      const packets: Packet[] = [];
      for (let fromUs = 0; fromUs <= timeUs; fromUs += 10_000) {
        const inside = events.filter(([atUs]) => atUs >= fromUs && atUs < fromUs + 10_000);
        const packet = packetOf(camera, inside);
        packet.fromUs = fromUs;
        packet.toUs = fromUs + 10_000;
        packets.push(packet);
      }
      return { events, triggers, packets };
    });

  test.each(["on", "off"] as const)("holds edges on its inputs exactly, kernels %s", (which) => {
    setKernels(which);
    try {
      fc.assert(
        fc.property(scene, lengthsOf, ({ events, triggers, packets }, lengths) => {
          const { bytes, leftOut } = write(format, packets, triggers);
          const again = read(format, bytes, {}, lengths);
          expect(leftOut).toEqual([]);
          expect(again.records).toEqual(triggers);
          expect(again.events).toEqual(events);
        }),
        { numRuns: 50 },
      );
    } finally {
      setKernels("on");
    }
  });

  test("what is no edge on one of its inputs is left out", () => {
    const others: Trigger[] = [
      { type: "triggers", timeUs: 5, mark: "frame-start", channel: 0 },
      { type: "triggers", timeUs: 6, mark: "signal-rising", channel: channels },
    ];
    const { bytes, leftOut } = write(format, [packetOf(camera, [[7, 0]])], others);
    expect(leftOut).toMatchObject([{ count: 2, lost: true }]);
    expect(read(format, bytes).records).toEqual([]);
  });
});

test("evt21: an edge in the words between", () => {
  const header = new TextEncoder().encode("% evt 2.1\n% geometry 64x64\n% end\n");
  const word = (upper: number, lower = 0) => join([int32(upper | 0), int32(lower)]);
  const high = (8 << 28) | 3;
  const trigger = (10 << 28) | (17 << 22) | (5 << 8) | 1;
  const { records } = read(evt21, join([header, word(high), word(trigger)]));
  expect(records).toEqual([{ type: "triggers", timeUs: 3 * 64 + 17, mark: "signal-rising", channel: 5 }]);
});

test("aedat31: special events, IMU samples of both kinds and a colour frame", () => {
  const packet = (type: number, size: number, records: Uint8Array[]) => {
    const head = new DataView(new ArrayBuffer(28));
    head.setInt16(0, type, true);
    [size, 4, 1, records.length, records.length, records.length].forEach((value, i) => {
      head.setInt32(4 + 4 * i, value, true);
    });
    return join([new Uint8Array(head.buffer), ...records]);
  };
  const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
  const special = (kind: number, timeUs: number) => join([int32((kind << 1) | 1), int32(timeUs)]);
  const imu6 = join([int32(1), int32(70), floats(0.5, -1, 0.25, 10, 20, 30, 25)]);
  const imu9 = join([int32(1), int32(80), floats(0.5, -1, 0.25, 10, 20, 30, 25, 1, 2, 3)]);
  const frame = join([
    int32((3 << 1) | 1),
    ...[10, 40, 20, 30, 2, 1, 7, 9].map(int32),
    // Red, green, blue of two pixels, 16 bits each.
    new Uint8Array(Uint16Array.from([0x1100, 0x2200, 0x3300, 0x4400, 0x5500, 0x6600]).buffer),
  ]);
  const bytes = join([
    new TextEncoder().encode("#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n"),
    packet(0, 8, [special(2, 50), special(0, 51), special(10, 52), special(16, 53)]),
    packet(3, 36, [imu6]),
    packet(4, 48, [imu9]),
    packet(2, frame.length, [frame]),
  ]);
  const turnUs = 2 ** 31;
  const imu = { type: "imu", temperatureC: 25, acceleration: [0.5, -1, 0.25], rotation: [10, 20, 30] };
  for (const lengths of [[65536], [1], [7, 13]]) {
    const { records, decoder } = read(aedat31, bytes, {}, lengths);
    expect(records).toEqual([
      { type: "triggers", timeUs: turnUs + 50, mark: "signal-rising", channel: 0 },
      { type: "triggers", timeUs: turnUs + 52, mark: "signal-falling", channel: 2 },
      { type: "triggers", timeUs: turnUs + 53, mark: "exposure-start", channel: 0 },
      { ...imu, timeUs: turnUs + 70, magneticField: [0, 0, 0] },
      { ...imu, timeUs: turnUs + 80, magneticField: [1, 2, 3] },
      {
        type: "frames",
        timeUs: turnUs + 25,
        fromUs: turnUs + 10,
        toUs: turnUs + 40,
        exposureFromUs: turnUs + 20,
        exposureToUs: turnUs + 30,
        x: 7,
        y: 9,
        width: 2,
        height: 1,
        channels: 3,
        pixels: Uint8Array.of(0x33, 0x22, 0x11, 0x66, 0x55, 0x44),
      },
    ]);
    expect(decoder.problems).toEqual([]);
  }
});

describe("aedat2", () => {
  const big = (...values: number[]) => {
    const view = new DataView(new ArrayBuffer(4 * values.length));
    values.forEach((value, i) => {
      view.setUint32(4 * i, value >>> 0);
    });
    return new Uint8Array(view.buffer);
  };
  const file = (chip: string, words: Uint8Array[]) =>
    join([
      new TextEncoder().encode(`#!AER-DAT2.0\r\n# AEChip: ${chip}\r\n#End Of ASCII Header\r\n`),
      ...words,
    ]);
  const imu = (kind: number, value: number, timeUs: number) =>
    big(0x80000000 | (kind << 28) | ((value & 0xffff) << 12) | 0xc00, timeUs);
  const sample = (timeUs: number, values = [8192, -8192, 4096, 340, 655, -655, 0]) =>
    values.map((value, kind) => imu(kind, value, timeUs));

  test.each(["on", "off"] as const)("IMU samples and edges of a DAVIS, kernels %s", (which) => {
    setKernels(which);
    try {
      const words = [...sample(100), big(0x400, 150), imu(3, 1, 160), ...sample(200)];
      for (const lengths of [[65536], [1], [7, 13]]) {
        const { records, events } = read(aedat2, file("DAVIS240C", words), {}, lengths);
        const at = (timeUs: number) => ({
          type: "imu",
          timeUs,
          temperatureC: 36,
          acceleration: [1, -1, 0.5],
          rotation: [10, -10, 0],
          magneticField: [0, 0, 0],
        });
        expect(records).toEqual([
          at(100),
          { type: "triggers", timeUs: 150, mark: "signal-pulse", channel: 0 },
          at(200),
        ]);
        expect(events).toEqual([]);
      }
    } finally {
      setKernels("on");
    }
  });

  test("a frame of a DAVIS is the difference of its reads, from below up, x as it is stored", () => {
    const { width, height } = camera;
    const reads = (type: number, startUs: number, levelAt: (x: number, y: number) => number) =>
      Array.from({ length: width * height }, (_, i) => {
        const x = Math.floor(i / height);
        const y = i % height;
        return big(0x80000000 | (y << 22) | (x << 12) | (type << 10) | levelAt(x, y), startUs + x);
      });
    const light = (x: number, y: number) => (x + 2 * y) % 200;
    const frame = (startUs: number) => [
      ...reads(0, startUs, () => 1000),
      ...reads(1, startUs + 1000, (x, y) => 1000 - 4 * light(x, y)),
    ];
    // A frame that was cut short is forgotten.
    const words = [...reads(0, 10, () => 900).slice(0, 500), ...frame(5000)];
    const { records } = read(aedat2, file("DAVIS240C", words));
    expect(records).toHaveLength(1);
    const [one] = records;
    expect(one).toMatchObject({
      type: "frames",
      fromUs: 5000,
      exposureFromUs: 5239,
      exposureToUs: 6000,
      toUs: 6239,
      timeUs: 5619,
      width: 240,
      height: 180,
      channels: 1,
    });
    const gray = (one as Extract<Beside, { type: "frames" }>).pixels;
    const wrong = Array.from({ length: width * height }, (_, i) => i).filter(
      (i) => gray[i] !== light(i % width, height - 1 - Math.floor(i / width)),
    );
    expect(wrong).toEqual([]);
  });

  test("an edge of a DVS128", () => {
    const { records } = read(aedat2, file("DVS128", [big(1 << 8, 7), big(0x8000, 9)]));
    expect(records).toEqual([{ type: "triggers", timeUs: 9, mark: "signal-pulse", channel: 0 }]);
  });
});
