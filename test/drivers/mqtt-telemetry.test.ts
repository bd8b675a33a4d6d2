/** Telemetry over MQTT: numbers and JSON through a broker, what is none, a broker that isn't there. */

import { afterAll, expect, test } from "vitest";
import { openBroker } from "../../drivers/mqtt/broker.ts";
import mqttTelemetry, { openMqttTelemetry } from "../../drivers/mqtt-telemetry.ts";
import type { Samples } from "../../src/events/samples.ts";
import { collectSamples, liveContext, turn } from "../support/live.ts";
import { joinBroker } from "../support/mqtt.ts";
import { rowsOf } from "../support/samples.ts";
import { until } from "../support/sensor-contract.ts";

const topic = "plant/pump/state";
const broker = await openBroker({ port: 0, base: "plant", guestTopics: [topic], room: "test" });
afterAll(() => broker.close());
const given = (more: object = {}) => mqttTelemetry.options.parse({ url: broker.url, topic, ...more });

/** The values of all rows, and a check that their times lie in the spans, in order; messages may come in one microsecond. */
function valuesOf(batches: readonly Samples[]): (readonly number[])[] {
  let reachedUs = batches[0]?.fromUs ?? 0;
  return batches.flatMap((samples) => {
    expect([samples.fromUs, samples.toUs > samples.fromUs]).toEqual([reachedUs, true]);
    reachedUs = samples.toUs;
    const rows = rowsOf(samples);
    for (const [i, [timeUs]] of rows.entries())
      expect(timeUs! >= (rows[i - 1]?.[0] ?? samples.fromUs) && timeUs! < samples.toUs).toBe(true);
    return rows.map(([, ...values]) => values);
  });
}

async function open(more: object = {}) {
  const context = liveContext("meter");
  const sensor = await openMqttTelemetry(given(more), context);
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
  expect(mqttTelemetry).toMatchObject({ name: "mqtt-telemetry", gives: "samples", live: true });
  for (const option of Object.values(mqttTelemetry.options.shape)) expect(option.description).toMatch(/\w/);
  expect(() => given({ topic: "plant/#" })).toThrow("must be one topic");
});

test("plain numbers, one after the other; other messages are left out and counted", async () => {
  const { context, sensor, guest, batches, leave } = await open();
  expect(sensor.geometry.channels.map(({ name }) => name)).toEqual(["state"]);
  for (const text of ["1.5", "on", " -2 ", "", "NaN", "3e2"]) guest.publish(topic, text);
  await until("all samples", () => valuesOf(batches).length === 3, context);
  expect(valuesOf(batches)).toEqual([[1.5], [-2], [300]]);
  await until("all told", () => sensor.counts!()["messages left out"] === 3, context);
  expect(sensor.lost!()).toEqual({});
  await leave();
});

test("fields of JSON, a channel each; one that is missing is not known", async () => {
  const { context, sensor, guest, batches, leave } = await open({ values: ["pump.load", "temp"] });
  guest.publish(topic, '{"pump":{"load":0.5},"temp":20}');
  guest.publish(topic, '{"temp":21}');
  await until("both rows", () => sensor.counts!().rows === 2, context);
  await until("both given", () => valuesOf(batches).length === 2, context);
  expect(valuesOf(batches)).toEqual([
    [0.5, 20],
    [Number.NaN, 21],
  ]);
  expect(sensor.counts!()).toMatchObject({ "values that are no number": 1 });
  await leave();
});

test("rows that nobody takes drop the oldest, and it is counted", async () => {
  const context = liveContext("meter");
  const sensor = await openMqttTelemetry(given({ queueRows: 3 }), context);
  const guest = await joinBroker(broker.url);
  for (let i = 0; i < 10; i++) guest.publish(topic, `${i}`);
  await until("all rows", () => sensor.counts!().rows === 10);
  const { batches, ended } = collectSamples(sensor.packets);
  await until("the last ones", () => valuesOf(batches).length === 3, context);
  expect(valuesOf(batches)).toEqual([[7], [8], [9]]);
  expect(sensor.lost!()).toEqual({ "rows too many for the queue (drop-oldest)": 7 });
  guest.end(true);
  context.ending.abort();
  await ended;
});

test("time is told while nothing comes, and the source is stale after three periods", async () => {
  const { context, sensor, batches, leave } = await open({ periodMs: 1000 });
  for (let ms = 0; ms < 100; ms += 5) {
    context.clock.advance(context.clock.nowUs() + 5000);
    await turn();
  }
  expect(batches.length).toBeGreaterThan(8);
  expect(sensor.stale!()).toBeUndefined();
  context.clock.advance(context.clock.nowUs() + 3_000_000);
  expect(sensor.stale!()).toMatchObject({ lost: false, why: expect.stringContaining("nothing was heard") });
  await leave();
});

test("a broker that nobody answers at is told", async () => {
  const opening = openMqttTelemetry(given({ url: "mqtt://127.0.0.1:1" }), liveContext("meter"));
  await expect(opening).rejects.toThrow(/\[meter\].*127\.0\.0\.1:1/s);
  await turn();
});
