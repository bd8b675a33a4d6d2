/** Events over MQTT: the broker in the process with a guest that sends, losses, strangers, a broker that goes. */

import { expect, test } from "vitest";
import { openBroker } from "../../drivers/mqtt/broker.ts";
import mqttEvents, { openMqttEvents } from "../../drivers/mqtt-events.ts";
import { datagramFormats, datagramWriter } from "../../drivers/wire/datagrams.ts";
import { pixels } from "../../src/events/geometry.ts";
import { collect, eventsOfAll, liveContext } from "../support/live.ts";
import { joinBroker } from "../support/mqtt.ts";
import { steadyPackets } from "../support/recordings.ts";
import { sensorContract, until } from "../support/sensor-contract.ts";

const geometry = pixels(128, 128);
const optionsOf = (more: object) => mqttEvents.options.parse({ geometry: "128x128", port: 0, ...more });
const patience = async (what: string, look: () => boolean, context: ReturnType<typeof liveContext>) => {
  for (const endMs = performance.now() + 10_000; !look(); ) {
    if (performance.now() > endMs) throw new Error(`not seen: ${what}`);
    await until(what, () => true);
    context.clock.advance(context.clock.nowUs() + 500);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
};

sensorContract({
  definition: mqttEvents,
  options: { geometry: "128x128", port: 0 },
  open: (options, context) => openMqttEvents(options, context),
});

test.each(datagramFormats)("%s arrives whole from a guest of the broker in the process", async (format) => {
  const context = liveContext();
  const sensor = await openMqttEvents(optionsOf({ format }), context);
  const url = /mqtt:\S+/.exec(context.notices[0]!)![0];
  const { packets: heard, ended } = collect(sensor.packets);
  const guest = await joinBroker(url);
  const writer = datagramWriter(format, { geometry, session: 1 });
  const packets = steadyPackets(geometry, 3000, 1000, 300);
  for (const packet of packets)
    guest.publish("reflexarc/eye/events", Buffer.from(writer.encode(packet, 0, packet.count)));
  await patience("all events", () => eventsOfAll(heard).length === 3000, context);
  expect(eventsOfAll(heard).map(([, address]) => address)).toEqual(
    packets.flatMap(({ addresses, count }) => [...addresses.subarray(0, count)]),
  );
  expect(sensor.lost!()).toEqual({});
  guest.end(true);
  context.ending.abort();
  await ended;
});

test("a packet that is missing is counted", async () => {
  const context = liveContext();
  const sensor = await openMqttEvents(optionsOf({}), context);
  const guest = await joinBroker(/mqtt:\S+/.exec(context.notices[0]!)![0]);
  const writer = datagramWriter("frames", { geometry, session: 1 });
  const frames = steadyPackets(geometry, 300, 0, 100).map((packet) => writer.encode(packet, 0, packet.count));
  guest.publish("reflexarc/eye/events", Buffer.from(frames[0]!));
  guest.publish("reflexarc/eye/events", Buffer.from(frames[2]!));
  await patience("two", () => sensor.counts!().messages === 2, context);
  expect(sensor.lost!()).toEqual({ "frames lost on the way": 1, "events lost on the way": 100 });
  guest.end(true);
  context.ending.abort();
});

test("a fast sender waits at the broker: nothing is lost, and no more than the queue is held", async () => {
  const context = liveContext();
  const sensor = await openMqttEvents(optionsOf({}), context);
  const guest = await joinBroker(/mqtt:\S+/.exec(context.notices[0]!)![0]);
  const writer = datagramWriter("frames", { geometry, session: 1 });
  const packets = steadyPackets(geometry, 200_000, 0, 4000);
  for (const packet of packets)
    guest.publish("reflexarc/eye/events", Buffer.from(writer.encode(packet, 0, packet.count)));
  await patience("a full queue", () => sensor.counts!().events! > 40_000, context);
  for (let i = 0; i < 100; i++) await until("a turn", () => true);
  expect(sensor.counts!().events).toBeLessThan(70_000);
  const { packets: heard, ended } = collect(sensor.packets);
  await patience("all", () => heard.reduce((sum, { count }) => sum + count, 0) === 200_000, context);
  expect(sensor.lost!()).toEqual({});
  guest.end(true);
  context.ending.abort();
  await ended;
});

test("a broker that goes and comes back is told, and events flow again", async () => {
  const setup = { base: "reflexarc", guestTopics: ["reflexarc/eye/events"], room: "test" };
  const first = await openBroker({ ...setup, port: 0 });
  const context = liveContext();
  const sensor = await openMqttEvents(optionsOf({ url: first.url, format: "spif" }), context);
  await first.close();
  await patience("the loss", () => sensor.stale!()?.lost === true, context);
  const second = await openBroker({ ...setup, port: first.port });
  await patience("the return", () => sensor.stale!() === undefined, context);
  const guest = await joinBroker(second.url);
  await patience(
    "an event",
    () => {
      guest.publish("reflexarc/eye/events", Buffer.from([9, 128, 5, 128]));
      return sensor.counts!().events! > 0;
    },
    context,
  );
  guest.end(true);
  context.ending.abort();
  await second.close();
});

test("no broker there is a device error", async () => {
  const broker = await openBroker({ base: "reflexarc", guestTopics: [], room: "test", port: 0 });
  await broker.close();
  await expect(openMqttEvents(optionsOf({ url: broker.url }), liveContext())).rejects.toThrow(
    /no broker answers/,
  );
});
