/** The MQTT sender at our own receiver. */

import { expect, test } from "vitest";
import mqttEvents, { openMqttEvents } from "../../drivers/mqtt-events.ts";
import mqttEventsSend, { openMqttEventsSend } from "../../drivers/mqtt-events-send.ts";
import { pixels } from "../../src/events/geometry.ts";
import { collect, eventsOfAll, liveContext } from "../support/live.ts";
import { steadyPackets } from "../support/recordings.ts";

const geometry = pixels(128, 128);

test("sends every event once, and says what had no broker", async () => {
  const context = liveContext();
  const sensor = await openMqttEvents(mqttEvents.options.parse({ geometry: "128x128", port: 0 }), context);
  const url = /mqtt:\S+/.exec(context.notices[0]!)![0];
  const { packets: heard, ended } = collect(sensor.packets);
  const sink = await openMqttEventsSend(mqttEventsSend.options.parse({ url }), {
    ...context,
    id: "out",
    geometry,
    resolveOutput: (path: string) => path,
  });
  const packets = steadyPackets(geometry, 20_000, 1000, 2500);
  for (const packet of packets) {
    sink.write(packet);
    await sink.settle?.();
  }
  for (const endMs = performance.now() + 10_000; eventsOfAll(heard).length < 20_000; ) {
    if (performance.now() > endMs) throw new Error("not all came");
    context.clock.advance(context.clock.nowUs() + 500);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(eventsOfAll(heard).map(([, address]) => address)).toEqual(
    packets.flatMap(({ addresses, count }) => [...addresses.subarray(0, count)]),
  );
  expect(sink.counts!()).toEqual({ messages: 24 });
  expect(sink.lost!()).toEqual({});
  expect(sensor.lost!()).toEqual({});
  context.ending.abort();
  await ended;
  for (const endMs = performance.now() + 5000; !sink.lost!()["events while the broker was away"]; ) {
    if (performance.now() > endMs) throw new Error("the loss was not told");
    await new Promise((resolve) => setTimeout(resolve, 5));
    sink.write(packets[0]!);
  }
  await sink.end();
});

test("no broker there is a device error", async () => {
  const options = mqttEventsSend.options.parse({ url: "mqtt://127.0.0.1:9" });
  const context = { ...liveContext(), geometry, resolveOutput: (path: string) => path };
  await expect(openMqttEventsSend(options, context)).rejects.toThrow(/no broker answers/);
});
