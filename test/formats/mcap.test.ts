import { describe, expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { mcap } from "../../src/formats/mcap.ts";
import { readerKeepsTheLaws } from "../support/format-contract.ts";
import type { Event } from "../support/packets.ts";
import { decodeAll } from "../support/recordings.ts";
import { encodings, eventArray, eventPacket, mcapFile, type Topic } from "../support/ros-files.ts";

const geometry = pixels(128, 128);
const batch = (k: number): Event[] =>
  Array.from({ length: 40 }, (_, i) => [k * 1000 + i * 9, pixelAddress(i, (i * k) % 128, i & 1)]);
const group = (k: number): Topic[] => [
  {
    type: "event_camera_msgs/msg/EventPacket",
    messages: [0, 1, 2].map((i) =>
      eventPacket(true, { geometry, encoding: "evt3", events: encodings.evt3(geometry, batch(3 * k + i)) }),
    ),
  },
  { type: "sensor_msgs/msg/Image", messages: [new Uint8Array(300), new Uint8Array(40)] },
];
const expected = [0, 1, 2, 3, 4, 5].flatMap(batch);

describe.each(["unchunked", "none", "lz4", "zstd"] as const)("chunks with compression %s", (compression) => {
  const bytes = mcapFile([group(0), group(1)], compression);
  test("all events come", () => {
    const { events, decoder } = decodeAll(mcap, bytes);
    expect(events).toEqual(expected);
    expect(decoder.problems).toEqual([]);
    expect(decoder.streams).toEqual([
      { id: 0, type: "events", count: 240 },
      { id: 1, type: "frames", count: 4 },
    ]);
    expect(mcap.sniff(bytes, "x")).toBe("sure");
  });
  readerKeepsTheLaws(mcap, bytes, { isBorder: () => false });
});

test("messages of ROS 1 in MCAP", () => {
  const topic = { type: "dvs_msgs/EventArray", messages: [eventArray(false, geometry, batch(2))] };
  expect(decodeAll(mcap, mcapFile([[topic]], "none", "ros1")).events).toEqual(batch(2));
  const json = decodeAll(mcap, mcapFile([[topic]], "none", "json"));
  expect(json.events).toEqual([]);
  expect(json.decoder.streams).toEqual([{ id: 0, type: "other", count: 1 }]);
});

test("damage is refused", () => {
  const why = (bytes: Uint8Array) => decodeAll(mcap, bytes).decoder.problems.find(({ fatal }) => fatal)?.what;
  const good = mcapFile([group(0)], "lz4");
  const changed = (place: number, ...bytes: number[]) => {
    const file = good.slice();
    file.set(bytes, place);
    return file;
  };
  const chunk = Buffer.from(good).indexOf("lz4") - 4 - 32 + 4;
  expect(why(changed(0, 1))).toBe("not an MCAP file");
  expect(why(changed(chunk + 24, 1, 2))).toBe("a chunk's checksum is wrong");
  expect(why(changed(chunk + 16, 0, 0, 0, 0, 1))).toBe("a chunk claims too large a size");
  expect(why(changed(chunk + 16, good[chunk + 16]! ^ 1))).toMatch(/LZ4|size/);
  expect(why(changed(chunk - 8, 255, 255, 255, 255, 255, 255, 255))).toBe(
    "the header of a record is damaged",
  );
  expect(why(changed(good.length - 3, 0))).toBe("the end of the file is damaged");
  expect(why(mcapFile([group(0)], "none").subarray(0, -40))).toMatch(/the file is cut/);
});
