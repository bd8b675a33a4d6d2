/** Sound over MQTT: chunks through a broker, strangers left out, a broker that refuses. */

import { afterAll, expect, test } from "vitest";
import { openBroker } from "../../drivers/mqtt/broker.ts";
import mqttAudio, { openMqttAudio } from "../../drivers/mqtt-audio.ts";
import { collectSamples, liveContext, samplesOfAll, turn } from "../support/live.ts";
import { joinBroker } from "../support/mqtt.ts";
import { until } from "../support/sensor-contract.ts";

const topic = "home/kitchen/audio";
const broker = await openBroker({ port: 0, base: "home", guestTopics: [topic], room: "test" });
afterAll(() => broker.close());
const given = (more: object = {}) => mqttAudio.options.parse({ url: broker.url, topic, ...more });

function chunk(from: number, count: number): Buffer {
  const bytes = Buffer.alloc(2 * count);
  for (let i = 0; i < count; i++) bytes.writeInt16LE(from + i, 2 * i);
  return bytes;
}

/** The broker wants a name for whoever is not a guest: this is one. */
async function open(more: object = {}) {
  const context = liveContext("ears");
  const sensor = await openMqttAudio(given(more), context);
  const guest = await joinBroker(broker.url);
  const { batches, ended } = collectSamples(sensor.packets);
  const leave = async () => {
    guest.end(true);
    context.ending.abort();
    await ended;
  };
  return { context, sensor, guest, batches, leave };
}

test("says what it is, and what each option means", () => {
  expect(mqttAudio).toMatchObject({ name: "mqtt-audio", gives: "samples", live: true });
  for (const option of Object.values(mqttAudio.options.shape)) expect(option.description).toMatch(/\w/);
  expect(() => given({ topic: "home/+/audio" })).toThrow("must be one topic");
});

test("chunks arrive in order, each behind a header that is passed over; empty ones are left out", async () => {
  const { context, sensor, guest, batches, leave } = await open({ skipBytes: 4 });
  guest.publish(topic, Buffer.alloc(3));
  for (let i = 0; i < 20; i++) guest.publish(topic, Buffer.concat([Buffer.alloc(4), chunk(160 * i, 160)]));
  await until("all samples", () => sensor.counts!().samples === 3200, context);
  await until("all given", () => samplesOfAll(batches).length === 3200, context);
  expect(samplesOfAll(batches).map(([, value]) => Math.round(value * 32_768))).toEqual(
    Array.from({ length: 3200 }, (_, i) => i),
  );
  expect(sensor.counts!()).toMatchObject({ messages: 20, "messages left out": 1 });
  await leave();
});

test("a broker that nobody answers at is told", async () => {
  const opening = openMqttAudio(given({ url: "mqtt://127.0.0.1:1" }), liveContext("ears"));
  await expect(opening).rejects.toThrow(/\[ears\].*127\.0\.0\.1:1/s);
  await turn();
});
