/** What the messages of event topics mean, whatever file they are in. */

import { expect, test } from "vitest";
import type { Beside } from "../../src/events/beside.ts";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { mcap } from "../../src/formats/mcap.ts";
import { rosbag } from "../../src/formats/rosbag.ts";
import type { Event } from "../support/packets.ts";
import { words } from "../support/raw.ts";
import { decodeAll } from "../support/recordings.ts";
import {
  bagFile,
  encodings,
  eventArray,
  eventPacket,
  image,
  imu,
  mcapFile,
  type Topic,
} from "../support/ros-files.ts";

const geometry = pixels(346, 260);
const packetType = (isCdr: boolean) =>
  isCdr ? "event_camera_msgs/msg/EventPacket" : "event_camera_msgs/EventPacket";
const at = (timeUs: number, x: number, y: number, on: number): Event => [timeUs, pixelAddress(x, y, on)];
const batches = Array.from({ length: 5 }, (_, k) =>
  Array.from({ length: 60 }, (_, i) => at(k * 1000 + i * 7, (i * 5 + k) % 346, (i * 11) % 260, i & 1)),
);
const baseNs = 1_700_000_000_123_456_789n;
const baseUs = 1_700_000_000_123_456;

function read(isCdr: boolean, topics: readonly Topic[], options = {}) {
  return isCdr ? decodeAll(mcap, mcapFile([topics]), options) : decodeAll(rosbag, bagFile([topics]), options);
}

const packets = (isCdr: boolean, encoding: string, payloads: readonly Uint8Array[], base = 0n): Topic => ({
  type: packetType(isCdr),
  messages: payloads.map((events) => eventPacket(isCdr, { geometry, encoding, events, baseNs: base })),
});

test.each([true, false])("each encoding gives its events, CDR %s", (isCdr) => {
  for (const [encoding, encode] of Object.entries(encodings)) {
    const payloads = batches.map((events) => encode(geometry, events));
    const isRaw = encoding === "evt3";
    const { events, decoder } = read(isCdr, [packets(isCdr, encoding, payloads, isRaw ? 0n : baseNs)]);
    expect(decoder.problems).toEqual([]);
    expect(decoder.geometry).toEqual(geometry);
    expect(decoder.streams).toEqual([{ id: 0, type: "events", count: 300 }]);
    // mono counts nanoseconds, so that the 789 of its base stay.
    expect(events).toEqual(batches.flat().map(([t, a]) => [isRaw ? t : baseUs + t, a]));
  }
});

test("arrays of structs, packed and aligned", () => {
  const list = batches.flat().map(([t, a]): Event => [baseUs + t, a]);
  for (const [isCdr, type] of [
    [true, "dvs_msgs/msg/EventArray"],
    [false, "dvs_msgs/EventArray"],
  ] as const) {
    const { events, decoder } = read(isCdr, [
      { type, messages: [eventArray(isCdr, geometry, list), eventArray(isCdr, geometry, [])] },
    ]);
    expect(events).toEqual(list);
    expect(decoder.problems).toEqual([]);
  }
});

test("libcaer: time runs over once within a message", () => {
  const events = [at(2 ** 31 - 5, 1, 2, 1), at(3, 4, 5, 0)];
  const { events: found } = read(true, [
    packets(true, "libcaer", [encodings.libcaer(geometry, events)], 7000n),
  ]);
  expect(found).toEqual([at(2 ** 31 + 2, 1, 2, 1), at(2 ** 31 + 10, 4, 5, 0)]);
});

test("libcaer_cmp by hand: vectors of rows, time from the time base in each message", () => {
  const first = words(2, [0x0001, 0x1005, 0x2003, 0x4809, 0x5081, 0x5003, 0x6000]);
  const second = words(2, [0x1002, 0x3002]);
  const { events, decoder } = read(false, [packets(false, "libcaer_cmp", [first, second], 10_000n)]);
  expect(events).toEqual([
    at(10 + 4096 + 5, 3, 9, 1),
    at(10 + 4096 + 5, 3, 16, 1),
    at(10 + 4096 + 5, 3, 17, 1),
    at(10 + 4096 + 5, 3, 18, 1),
    at(12, 3, 2, 0),
  ]);
  expect(decoder.problems).toMatchObject([{ what: "word of no known type, left out", count: 1, lost: true }]);
});

test("mono by hand", () => {
  const payload = words(4, [1999, 0x8000_0001 + (2 << 16), 4_000_000_000, 5 + (6 << 16)]);
  const { events } = read(false, [packets(false, "mono", [payload], 1n)]);
  expect(events).toEqual([at(2, 1, 2, 1), at(4_000_000, 5, 6, 0)]);
});

test("EVT3 goes on from message to message, triggers counted", () => {
  const first = words(2, [0x8000, 0x6001, 0x0007, 0x2805]);
  const second = words(2, [0x2006, 0xa101, 0x6010, 0x2007]);
  const { events, decoder } = read(true, [packets(true, "evt3;height=260;width=346", [first, second])]);
  expect(events).toEqual([at(1, 5, 7, 1), at(1, 6, 7, 0), at(16, 7, 7, 0)]);
  expect(decoder.streams).toEqual([
    { id: 0, type: "events", count: 3 },
    { id: 1, type: "triggers", count: 1 },
  ]);
});

test("of several cameras the first with events is read, or the one that is asked for; all are counted", () => {
  const topics: Topic[] = [
    { type: "sensor_msgs/Image", messages: [new Uint8Array(5), new Uint8Array(9)] },
    packets(false, "mono", [new Uint8Array(0)]),
    packets(false, "mono", [encodings.mono(geometry, [at(5, 1, 1, 1)])]),
    {
      type: "dvs_msgs/EventArray",
      messages: [eventArray(false, pixels(128, 100), [at(6, 2, 2, 0), at(7, 3, 3, 0)])],
    },
    { type: "sensor_msgs/Imu", messages: [new Uint8Array(1)] },
    { type: "std_msgs/String", messages: [new Uint8Array(1)] },
  ];
  const { events, decoder } = read(false, topics);
  expect(events).toEqual([at(5, 1, 1, 1)]);
  expect(decoder.streams.map(({ type, count }) => [type, count])).toEqual([
    ["frames", 2],
    ["events", 0],
    ["events", 1],
    ["events", 2],
    ["imu", 1],
    ["other", 1],
  ]);
  const other = read(false, topics, { stream: 3 });
  expect(other.events).toEqual([at(6, 2, 2, 0), at(7, 3, 3, 0)]);
  expect(other.decoder.geometry).toEqual(pixels(128, 100));
});

test("what can't be read of a message is left out and counted, and the next one is read", () => {
  const good = encodings.mono(geometry, [at(5, 1, 1, 1), at(6, 346, 1, 1), at(7, 2, 2, 0)]);
  const fields = { geometry, encoding: "mono", events: good };
  const messages = [
    eventPacket(true, fields).subarray(0, 30),
    eventPacket(true, { ...fields, encoding: "evt9" }),
    eventPacket(true, { ...fields, isBigEndian: true }),
    eventPacket(true, { ...fields, baseNs: 2n ** 63n }),
    Uint8Array.from([0, 0, ...eventPacket(true, fields).subarray(2)]),
    eventPacket(true, { ...fields, events: good.subarray(0, -1) }),
    eventPacket(true, fields).subarray(0, -1),
  ];
  const sizeless = eventPacket(true, { ...fields, geometry: pixels(0, 0) });
  const { events, decoder, cut } = read(true, [{ type: packetType(true), messages }]);
  expect(cut).toBe(false);
  expect(events).toEqual([at(5, 1, 1, 1)]);
  expect(decoder.problems.map(({ what, count, lost }) => [what, count, lost])).toEqual([
    ["message that is cut, left out", 1, true],
    ["event packet in an unknown encoding, left out", 1, true],
    ["event packet in big-endian order, left out", 1, true],
    ["event packet with an impossible time, left out", 1, true],
    ["message in another kind of CDR, left out", 1, true],
    ["event packet that ends inside a word, its end left out", 1, true],
    ["event outside the sensor, left out", 1, true],
    ["event packet that is cut, left out", 1, true],
  ]);
  const told = read(true, [{ type: packetType(true), messages: [sizeless] }], { geometry });
  expect(told.events.length).toBe(2);
  const untold = read(true, [{ type: packetType(true), messages: [sizeless] }]).decoder;
  expect(untold).toMatchObject({ geometry: null });
  expect(untold.problems[0]?.what).toBe("message that doesn't tell the sensor's size, left out");
});

test("a message of more events than one read hands out", () => {
  const many = Array.from({ length: 40_000 }, (_, i) => at(i, i % 346, i % 260, i & 1));
  for (const [encoding, encode] of Object.entries(encodings)) {
    const { events } = read(true, [packets(true, encoding, [encode(geometry, many)])]);
    expect(events.length).toBe(40_000);
    expect(events.at(-1)).toEqual(many.at(-1));
  }
});

test.each([true, false])(
  "frames, samples and triggers of a bag are records beside its events, CDR %s",
  (isCdr) => {
    const named = (name: string) => (isCdr ? `sensor_msgs/msg/${name}` : `sensor_msgs/${name}`);
    const gray = {
      width: 3,
      height: 2,
      encoding: "mono8",
      stride: 4,
      data: Uint8Array.of(1, 2, 3, 0, 4, 5, 6),
    };
    const red = { width: 1, height: 1, encoding: "rgb8", stride: 3, data: Uint8Array.of(200, 100, 50) };
    const deep = { width: 1, height: 1, encoding: "mono16", stride: 2, data: Uint8Array.of(0, 1) };
    const cut = { ...gray, data: gray.data.subarray(0, 5) };
    // EVT3: two triggers of channel 3, a rising and a falling edge, between time words.
    const edges = words(2, [0x8000, 0x6001, 0xa301, 0x6002, 0xa300]);
    const topics: Topic[] = [
      packets(isCdr, "evt3", [encodings.evt3(geometry, batches[0]!), edges]),
      { type: named("Image"), messages: [gray, red, deep, cut].map((one) => image(isCdr, one)) },
      { type: named("Imu"), messages: [imu(isCdr, [Math.PI, 0, -Math.PI], [0, 9.80665, -19.6133])] },
      // A second camera is not mixed in.
      { type: named("Image"), messages: [image(isCdr, red)] },
    ];
    const records: Beside[] = [];
    const { events, decoder } = read(isCdr, topics, { beside: (record: Beside) => records.push(record) });
    expect(events).toEqual(batches[0]);
    const timeUs = 1_700_000_000_000_000;
    const times = {
      timeUs,
      fromUs: timeUs,
      toUs: timeUs,
      exposureFromUs: timeUs,
      exposureToUs: timeUs,
      x: 0,
      y: 0,
    };
    const of = (type: Beside["type"]) => records.filter((record) => record.type === type);
    expect(of("frames")).toEqual([
      { type: "frames", ...times, width: 3, height: 2, channels: 1, pixels: Uint8Array.of(1, 2, 3, 4, 5, 6) },
      { type: "frames", ...times, width: 1, height: 1, channels: 3, pixels: Uint8Array.of(50, 100, 200) },
    ]);
    expect(of("imu")).toEqual([
      {
        type: "imu",
        timeUs,
        temperatureC: 0,
        rotation: [180, 0, -180],
        acceleration: [0, 1, -2],
        magneticField: [0, 0, 0],
      },
    ]);
    expect(
      of("triggers").map((record) => record.type === "triggers" && [record.mark, record.channel]),
    ).toEqual([
      ["signal-rising", 3],
      ["signal-falling", 3],
    ]);
    expect(decoder.problems.map(({ what }) => what).sort()).toEqual([
      "image in an encoding of more than a byte a channel, left out",
      "image that is cut, left out",
    ]);
    expect(decoder.streams.map(({ type, count }) => [type, count])).toEqual([
      ["events", 60],
      ["frames", 4],
      ["imu", 1],
      ["frames", 1],
      ["triggers", 2],
    ]);
  },
);
