/** UDP over the loopback: each format from a sender, losses, strangers, and ports that can't be had. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, test } from "vitest";
import udp, { openUdp } from "../../drivers/udp.ts";
import { datagramFormats, datagramWriter } from "../../drivers/wire/datagrams.ts";
import { pixels } from "../../src/events/geometry.ts";
import { collect, eventsOfAll, liveContext } from "../support/live.ts";
import { steadyPackets } from "../support/recordings.ts";
import { sensorContract, until } from "../support/sensor-contract.ts";

const geometry = pixels(128, 128);
const optionsOf = (more: object) => udp.options.parse({ geometry: "128x128", port: 0, ...more });

sensorContract({ definition: udp, options: { geometry: "128x128", port: 0 }, open: udp.open });

async function bench(more: object = {}) {
  const context = liveContext();
  const sensor = await openUdp(optionsOf(more), context);
  const port = Number(/port (\d+)/.exec(context.notices[0]!)![1]);
  const heard = collect(sensor.packets);
  const socket = createSocket("udp4");
  const send = async (datagram: Uint8Array) => {
    socket.send(datagram, port, "127.0.0.1");
    await until("the datagram", () => true);
  };
  const end = async () => {
    context.ending.abort();
    await heard.ended;
    socket.close();
  };
  return { context, sensor, heard, send, end, port };
}

const addresses = (packets: Parameters<typeof eventsOfAll>[0]) =>
  eventsOfAll(packets).map(([, address]) => address);

test.each(datagramFormats)("%s arrives whole, its times kept apart as they were", async (format) => {
  const { context, sensor, heard, send, end } = await bench({ format });
  const writer = datagramWriter(format, { geometry, session: 1 });
  const sent = steadyPackets(geometry, 2000, 5_000_000, 100);
  for (const packet of sent) await send(writer.encode(packet, 0, packet.count));
  await until("all events", () => sensor.counts!().events === 2000, context);
  await until("all packets", () => addresses(heard.packets).length === 2000, context);
  expect(addresses(heard.packets)).toEqual(
    sent.flatMap(({ addresses, count }) => [...addresses.subarray(0, count)]),
  );
  const times = eventsOfAll(heard.packets).map(([timeUs]) => timeUs);
  expect(times.at(99)! - times[0]!).toBe(sent[0]!.times[99]! - sent[0]!.times[0]!);
  expect(sensor.lost!()).toEqual({});
  expect(sensor.problems!().join()).toMatch(
    format === "frames" || format === "jaer" ? /^$/ : /can't be known: .* has no sequence numbers/,
  );
  await end();
});

test("datagrams that don't arrive are counted, with their events", async () => {
  const { context, sensor, send, end } = await bench();
  const writer = datagramWriter("frames", { geometry, session: 1 });
  const datagrams = steadyPackets(geometry, 1000, 0, 100).map((packet) =>
    writer.encode(packet, 0, packet.count),
  );
  for (const [i, datagram] of datagrams.entries()) if (i !== 3 && i !== 4) await send(datagram);
  await until("the rest", () => sensor.counts!().events === 800, context);
  expect(sensor.lost!()).toEqual({ "frames lost on the way": 2, "events lost on the way": 200 });
  await end();
});

test("datagrams of others are left out", async () => {
  const { context, sensor, send, end } = await bench({ from: "127.0.0.9" });
  await send(new Uint8Array(13));
  await until("the stranger", () => sensor.counts!()["datagrams of others, left out"] === 1, context);
  expect(sensor.counts!().events).toBe(0);
  await end();
});

test("a sender that beats and falls silent is stale after 200 ms", async () => {
  const { context, sensor, send, end } = await bench();
  const writer = datagramWriter("frames", { geometry, session: 1 });
  await send(writer.encode(steadyPackets(geometry, 1, 0)[0]!, 0, 0));
  await until("the beat", () => sensor.counts!().datagrams === 1);
  context.clock.advance(context.clock.nowUs() + 150_000);
  expect(sensor.stale!()).toBeUndefined();
  context.clock.advance(context.clock.nowUs() + 60_000);
  expect(sensor.stale!()?.lost).toBe(false);
  await end();
});

test("a port that is taken or an address of another machine is a device error, and names the remedy", async () => {
  const holder = createSocket("udp4").bind(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address();
  await expect(openUdp(optionsOf({ port }), liveContext())).rejects.toThrow(
    /the port is in use.*choose another/,
  );
  await expect(openUdp(optionsOf({ host: "192.0.2.1" }), liveContext())).rejects.toThrow(/no such address/);
  holder.close();
});
