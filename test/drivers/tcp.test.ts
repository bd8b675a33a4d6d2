/** TCP over the loopback: DV's stream, other formats and frames, a sender that goes and comes, one that says nonsense. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import tcp, { openTcp } from "../../drivers/tcp.ts";
import { EventFrameWriter } from "../../drivers/wire/event-frame.ts";
import { pixels } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { formatNamed } from "../../src/formats/index.ts";
import { collect, eventsOfAll, type LiveContext, liveContext } from "../support/live.ts";
import { steadyPackets } from "../support/recordings.ts";
import { sensorContract, until } from "../support/sensor-contract.ts";

const geometry = pixels(128, 128);
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A sender that listens; each connection is handed out as it comes. */
async function sender(greet: (socket: Socket) => void = () => {}) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    greet(socket);
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { sockets, server, port: (server.address() as AddressInfo).port };
}

const optionsOf = (more: object) => tcp.options.parse(more);
const addressesIn = (packets: readonly Packet[]) =>
  packets.flatMap(({ addresses, count }) => [...addresses.subarray(0, count)]);
const heardIn = (packets: readonly Packet[]) => eventsOfAll(packets).map(([, address]) => address);

async function finish(context: LiveContext, ended: Promise<void>) {
  context.ending.abort();
  await ended;
}

sensorContract({
  definition: tcp,
  options: { geometry: "128x128" },
  open: async (options, context) => openTcp({ ...options, port: (await sender()).port }, context),
});

describe.each(["aedat4", "evt3", "aedat2", "csv"])("%s", (format) => {
  test("is read as it comes, and its size is known where it tells it", async () => {
    const packets = steadyPackets(geometry, 5000, 1_000_000);
    const encoder = formatNamed(format)!.encoder!(geometry, {});
    const { port } = await sender((socket) => {
      socket.write(encoder.start());
      for (const packet of packets) socket.write(encoder.push(packet));
    });
    const context = liveContext();
    const tells = format === "aedat4" || format === "evt3";
    const sensor = await openTcp(
      optionsOf({ port, format, ...(!tells && { geometry: "128x128" }) }),
      context,
    );
    expect(sensor.geometry).toEqual(geometry);
    const { packets: heard, ended } = collect(sensor.packets);
    await until("all events", () => heardIn(heard).length === 5000, context);
    expect(heardIn(heard)).toEqual(addressesIn(packets));
    expect(sensor.lost!()).toEqual({});
    await finish(context, ended);
  });
});

test("a sender that goes comes back by itself, and what it said in the middle of is given up", async () => {
  const packets = steadyPackets(geometry, 1000, 0, 100);
  const { port, sockets } = await sender();
  const context = liveContext();
  const sensor = await openTcp(optionsOf({ port, format: "frames", geometry: "128x128" }), context);
  const { packets: heard, ended } = collect(sensor.packets);
  await until("the connection", () => sockets.length === 1);
  const frames = new EventFrameWriter(geometry, 1);
  for (const packet of packets.slice(0, 5)) sockets[0]!.write(frames.frame(packet));
  sockets[0]!.write(frames.frame(packets[5]!).subarray(0, 50));
  await until("the first half", () => heardIn(heard).length === 500, context);
  sockets[0]!.destroy();
  await until("the loss", () => sensor.stale!()?.lost === true);
  await until("the next connection", () => sockets.length === 2, context);
  const again = new EventFrameWriter(geometry, 2);
  for (const packet of packets.slice(6)) sockets[1]!.write(again.frame(packet));
  await until("the rest", () => heardIn(heard).length === 900, context);
  expect(sensor.stale!()).toBeUndefined();
  expect(sensor.counts!()["connections lost"]).toBe(1);
  expect(heardIn(heard)).toEqual([...addressesIn(packets.slice(0, 5)), ...addressesIn(packets.slice(6))]);
  await finish(context, ended);
});

test("who listens takes one sender at a time", async () => {
  const context = liveContext();
  const sensor = await openTcp(
    optionsOf({ mode: "listen", port: 0, format: "frames", geometry: "128x128" }),
    context,
  );
  const port = Number(/port (\d+)/.exec(context.notices[0]!)![1]);
  const { packets: heard, ended } = collect(sensor.packets);
  const [first, second] = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
  second.on("error", () => {});
  let refused = false;
  second.on("close", () => {
    refused = true;
  });
  await until("the refusal", () => refused);
  const packet = steadyPackets(geometry, 100, 0)[0]!;
  first.write(new EventFrameWriter(geometry, 1).frame(packet));
  await until("the events", () => heardIn(heard).length === 100, context);
  first.destroy();
  await until("the loss", () => sensor.stale!()?.lost === true);
  await finish(context, ended);
});

test("a fast sender waits: nothing is lost, and no more than the queue is held", async () => {
  const packets = steadyPackets(geometry, 400_000, 0, 8000);
  const frames = new EventFrameWriter(geometry, 1);
  const { port } = await sender((socket) => {
    for (const packet of packets) socket.write(frames.frame(packet));
  });
  const context = liveContext();
  const sensor = await openTcp(optionsOf({ port, format: "frames", geometry: "128x128" }), context);
  await until("a full queue", () => sensor.counts!().events! > 40_000);
  for (let i = 0; i < 200; i++) await until("a turn", () => true);
  expect(sensor.counts!().events).toBeLessThan(70_000);
  const { packets: heard, ended } = collect(sensor.packets);
  await until("all", () => sensor.counts!().events === 400_000, context);
  await until("all", () => heard.reduce((sum, { count }) => sum + count, 0) === 400_000, context);
  expect(heardIn(heard)).toEqual(addressesIn(packets));
  expect(sensor.lost!()).toEqual({});
  await finish(context, ended);
});

describe("at the opening", () => {
  test("nobody there, nonsense, and a size that is never told are device errors with a remedy", async () => {
    const { port, server } = await sender((socket) => socket.end("what?".repeat(1000)));
    await expect(openTcp(optionsOf({ port }), liveContext())).rejects.toThrow(
      /nothing told the sensor's size: .*not AEDAT 4/,
    );
    server.close();
    await once(server, "close");
    await expect(openTcp(optionsOf({ port }), liveContext())).rejects.toThrow(/nobody answers: ECONNREFUSED/);
    const silent = await sender();
    const context = liveContext();
    const opening = openTcp(optionsOf({ port: silent.port }), context);
    opening.catch(() => {});
    await until("the connection", () => silent.sockets.length === 1);
    context.clock.advance(context.clock.nowUs() + 3_100_000);
    await expect(opening).rejects.toThrow(/nothing told the sensor's size/);
    context.ending.abort();
  });

  test("who listens must know the size", async () => {
    await expect(openTcp(optionsOf({ mode: "listen" }), liveContext())).rejects.toThrow(/geometry: 346x260/);
  });
});
