/** The UDP sender at our own receiver: every event once, and heartbeats in silence. */

import { expect, test } from "vitest";
import udp, { openUdp } from "../../drivers/udp.ts";
import udpSend, { openUdpSend } from "../../drivers/udp-send.ts";
import { datagramFormats } from "../../drivers/wire/datagrams.ts";
import { pixels } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { collect, eventsOfAll, liveContext } from "../support/live.ts";
import { steadyPackets } from "../support/recordings.ts";
import { until } from "../support/sensor-contract.ts";

const geometry = pixels(128, 128);

test.each(datagramFormats)("sends %s that its receiver reads", async (format) => {
  const context = liveContext();
  const sensor = await openUdp(udp.options.parse({ geometry: "128x128", port: 0, format }), context);
  const port = Number(/port (\d+)/.exec(context.notices[0]!)![1]);
  const heard = collect(sensor.packets);
  const sink = await openUdpSend(udpSend.options.parse({ port, format }), {
    ...context,
    geometry,
    resolveOutput: (path: string) => path,
  });
  const packets = steadyPackets(geometry, 3000, 1000, 700);
  for (const packet of packets) {
    sink.write(packet);
    await sink.settle?.();
    await until("a packet", () => true);
  }
  sink.write(new Packet(geometry).begin(20_000, 60_000));
  await sink.end();
  await until("all events", () => eventsOfAll(heard.packets).length === 3000, context);
  expect(eventsOfAll(heard.packets).map(([, address]) => address)).toEqual(
    packets.flatMap(({ addresses, count }) => [...addresses.subarray(0, count)]),
  );
  const beats = format === "frames" || format === "jaer" ? 1 : 0;
  expect(sink.counts!().datagrams! - beats).toBeGreaterThanOrEqual(Math.ceil(3000 / 180));
  await until("the beat", () => sensor.counts!().datagrams === sink.counts!().datagrams);
  expect(sink.lost!()).toEqual({});
  expect(sensor.lost!()).toEqual({});
  context.ending.abort();
  await heard.ended;
});
