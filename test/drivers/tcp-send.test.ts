/** The TCP sender at our own receiver, both ways round. */

import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import tcp, { openTcp } from "../../drivers/tcp.ts";
import tcpSend, { openTcpSend } from "../../drivers/tcp-send.ts";
import { pixels } from "../../src/events/geometry.ts";
import { collect, eventsOfAll, type LiveContext, liveContext } from "../support/live.ts";
import { steadyPackets } from "../support/recordings.ts";
import { until } from "../support/sensor-contract.ts";

const geometry = pixels(128, 128);
const packets = steadyPackets(geometry, 4000, 1000, 700);
const sent = packets.flatMap(({ addresses, count }) => [...addresses.subarray(0, count)]);
const portIn = (context: LiveContext) => Number(/port (\d+)/.exec(context.notices[0]!)![1]);
const sinkContext = (context: LiveContext) => ({
  ...context,
  geometry,
  resolveOutput: (path: string) => path,
});

test.each(["aedat4", "evt2", "frames"])("sends %s to whoever connects", async (format) => {
  const [here, there] = [liveContext("out"), liveContext("eye")];
  const sink = await openTcpSend(tcpSend.options.parse({ port: 0, format }), sinkContext(here));
  const sensor = await openTcp(tcp.options.parse({ port: portIn(here), format, geometry: "128x128" }), there);
  const { packets: heard, ended } = collect(sensor.packets);
  await until("the connection", () => sensor.stale!() === undefined);
  await until("a turn", () => true);
  for (let i = 0; i < 20; i++) await until("a turn", () => true);
  for (const packet of packets) {
    sink.write(packet);
    await sink.settle?.();
  }
  await until("all", () => eventsOfAll(heard).length === 4000, there);
  expect(eventsOfAll(heard).map(([, address]) => address)).toEqual(sent);
  there.ending.abort();
  await ended;
  await sink.end();
  expect(sink.lost!()).toEqual({});
});

test("goes to a receiver that listens, and says when there is none", async () => {
  const there = liveContext("eye");
  const sensor = await openTcp(
    tcp.options.parse({ mode: "listen", port: 0, format: "frames", geometry: "128x128" }),
    there,
  );
  const { packets: heard, ended } = collect(sensor.packets);
  const sink = await openTcpSend(
    tcpSend.options.parse({ mode: "connect", port: portIn(there), format: "frames" }),
    sinkContext(liveContext("out")),
  );
  sink.write(packets[0]!);
  await until("a packet", () => eventsOfAll(heard).length === 700, there);
  await sink.end();
  there.ending.abort();
  await ended;
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const { port } = gone.address() as { port: number };
  gone.close();
  await once(gone, "close");
  const options = tcpSend.options.parse({ mode: "connect", port });
  await expect(openTcpSend(options, sinkContext(liveContext()))).rejects.toThrow(/nobody answers/);
});

test("events that nobody hears are told", async () => {
  const context = liveContext("out");
  const sink = await openTcpSend(tcpSend.options.parse({ port: 0 }), sinkContext(context));
  sink.write(packets[0]!);
  expect(sink.counts!()).toEqual({ "events while nobody was connected": 700 });
  await sink.end();
});
