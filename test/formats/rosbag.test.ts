import { describe, expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { rosbag } from "../../src/formats/rosbag.ts";
import { readerKeepsTheLaws } from "../support/format-contract.ts";
import { chunkBzip2, chunkTopics } from "../support/packed-bzip2.ts";
import type { Event } from "../support/packets.ts";
import { decodeAll } from "../support/recordings.ts";
import { bagChunk, bagFile, encodings, eventArray, eventPacket, type Topic } from "../support/ros-files.ts";

const geometry = pixels(128, 128);
const batch = (k: number): Event[] =>
  Array.from({ length: 40 }, (_, i) => [k * 1000 + i * 9, pixelAddress(i, (i * k) % 128, i & 1)]);
const group = (k: number): Topic[] => [
  {
    type: "event_camera_msgs/EventPacket",
    messages: [0, 1, 2].map((i) =>
      eventPacket(false, {
        geometry,
        encoding: "libcaer",
        events: encodings.libcaer(geometry, batch(3 * k + i)),
      }),
    ),
  },
  { type: "sensor_msgs/Imu", messages: [new Uint8Array(30), new Uint8Array(40)] },
];
const expected = [0, 1, 2, 3, 4, 5].flatMap(batch);

describe.each(["none", "lz4"] as const)("chunks with compression %s", (compression) => {
  const bytes = bagFile([group(0), group(1)], compression);
  test("all events come", () => {
    const { events, decoder } = decodeAll(rosbag, bytes);
    expect(events).toEqual(expected);
    expect(decoder.problems).toEqual([]);
    expect(decoder.streams).toEqual([
      { id: 0, type: "events", count: 240 },
      { id: 1, type: "imu", count: 4 },
    ]);
    expect(rosbag.sniff(bytes, "x")).toBe("sure");
  });
  readerKeepsTheLaws(rosbag, bytes, { isBorder: () => false });
});

test("a chunk that bzip2 has packed", () => {
  const bytes = bagFile([chunkTopics], "bz2", chunkBzip2);
  const plain = bagFile([chunkTopics], "none");
  const { events, cut } = decodeAll(rosbag, bytes);
  expect(cut).toBe(false);
  expect(events.length).toBe(200);
  expect(events).toEqual(decodeAll(rosbag, plain).events);
  expect(bagChunk(chunkTopics).length).toBeGreaterThan(chunkBzip2.length);
});

test("a bag that wasn't closed is read, and told", () => {
  const closed = bagFile([
    [{ type: "dvs_msgs/EventArray", messages: [eventArray(false, geometry, batch(1))] }],
  ]);
  const open = closed.slice();
  const place = Buffer.from(open).indexOf("chunk_count=") + 12;
  open.fill(0, place, place + 4);
  const { events, decoder, cut } = decodeAll(rosbag, open);
  expect(cut).toBe(false);
  expect(events).toEqual(batch(1));
  expect(decoder.problems).toMatchObject([
    { what: "the bag was not closed by its recorder, and may be cut", lost: false },
  ]);
});

test.each<[string, Uint8Array, string]>([
  ["another file", new TextEncoder().encode("#ROSBAG V1.2\n..."), "not a ROS bag"],
  ["an unknown compression", damagedAt("compression=", [0x72]), "unknown compression"],
  ["a size that lies", damagedAt("size=", [0xff, 0xff, 0xff, 0x7f]), "a chunk claims too large a size"],
  ["a size that is too small", damagedAt("size=", [9, 0, 0, 0]), ""],
  ["a header without a value", damagedAt("\0\0op", [0x20]), "the header of a record is damaged"],
])("%s: refused", (_, bytes, why) => {
  const { decoder, cut } = decodeAll(rosbag, bytes);
  expect(cut).toBe(true);
  expect(decoder.problems.find(({ fatal }) => fatal)?.what).toContain(why);
});

function damagedAt(mark: string, bytes: readonly number[]): Uint8Array {
  const file = bagFile([group(0)], "lz4");
  file.set(bytes, Buffer.from(file).indexOf(Buffer.from(mark, "latin1")) + mark.length);
  return file;
}
