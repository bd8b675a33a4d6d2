/** Standard input: a recording in a pipe keeps its own times, a live source is laid over the clock. */

import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import stdin, { openStdin } from "../../drivers/stdin.ts";
import { EventFrameWriter } from "../../drivers/wire/event-frame.ts";
import { pixels } from "../../src/events/geometry.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { formatNamed } from "../../src/formats/index.ts";
import { collect, eventsOfAll, liveContext } from "../support/live.ts";
import { eventsOf } from "../support/packets.ts";
import { asyncPieces, steadyPackets } from "../support/recordings.ts";
import { sensorContract, until } from "../support/sensor-contract.ts";

const geometry = pixels(128, 128);
const optionsOf = (more: object) => stdin.options.parse(more);
const packets = steadyPackets(geometry, 3000, 1_000_000);
const events = packets.flatMap(eventsOf);
const fileOf = (format: string) => encodeFile(formatNamed(format)!.encoder!(geometry, {}), packets);

sensorContract({
  definition: stdin,
  options: { format: "frames", geometry: "128x128", times: "device" },
  open: (options, context) => openStdin(options, context, new PassThrough()),
});

describe.each(["csv", "evt3", "aedat4"])("%s", (format) => {
  test("is played as the recording that it is", async () => {
    const context = liveContext();
    const input = asyncPieces(fileOf(format), [1000]);
    const sensor = await openStdin(optionsOf({ geometry: "128x128" }), context, input);
    expect(sensor.live).toBe(false);
    const { packets: heard, ended } = collect(sensor.packets);
    await ended;
    expect(eventsOfAll(heard)).toEqual(events);
    expect(sensor.lost!()).toEqual({});
  });

  test("is live when it is told so, and ends with its input", async () => {
    const context = liveContext();
    const input = asyncPieces(fileOf(format), [1000]);
    const sensor = await openStdin(
      optionsOf({ times: "device", ...(format === "csv" && { geometry: "128x128" }) }),
      context,
      input,
    );
    expect(sensor.geometry).toEqual(geometry);
    const { packets: heard, ended } = collect(sensor.packets);
    await until("the end", () => eventsOfAll(heard).length === 3000, context);
    await ended;
    expect(eventsOfAll(heard).map(([, address]) => address)).toEqual(events.map(([, address]) => address));
  });
});

test("frames are live, in any cut", async () => {
  const frames = new EventFrameWriter(geometry, 1);
  const bytes = Buffer.concat(packets.map((packet) => frames.frame(packet)));
  const context = liveContext();
  const sensor = await openStdin(
    optionsOf({ format: "frames", times: "device", geometry: "128x128" }),
    context,
    asyncPieces(bytes, [333]),
  );
  const { packets: heard, ended } = collect(sensor.packets);
  await until("the end", () => eventsOfAll(heard).length === 3000, context);
  await ended;
  expect(sensor.lost!()).toEqual({});
});

test("a broken pipe is told after its last event", async () => {
  const context = liveContext();
  const bytes = fileOf("aedat4");
  bytes.fill(0xee, bytes.length / 2);
  const sensor = await openStdin(optionsOf({ times: "arrival" }), context, asyncPieces(bytes, [1000]));
  const { packets: heard, ended } = collect(sensor.packets);
  const failed = expect(ended).rejects.toThrow(/\[eye\].*standard input/);
  await until("some", () => eventsOfAll(heard).length > 500, context);
  for (let i = 0; i < 50; i++) {
    context.clock.advance(context.clock.nowUs() + 1000);
    await until("a turn", () => true);
  }
  await failed;
});

test("a size that nothing tells, and frames as a recording, are usage errors", async () => {
  const rows = new TextEncoder().encode("t,x,y,p\n1,2,3,1\n2,2,3,0\n");
  await expect(openStdin(optionsOf({ times: "device" }), liveContext(), asyncPieces(rows))).rejects.toThrow(
    /size/,
  );
  await expect(openStdin(optionsOf({}), liveContext(), asyncPieces(rows))).rejects.toThrow(/size/);
  await expect(openStdin(optionsOf({ format: "frames" }), liveContext(), asyncPieces(rows))).rejects.toThrow(
    /times: device/,
  );
});
