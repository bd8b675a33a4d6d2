/** Telemetry that comes as MQTT messages: plain numbers, or JSON objects that hold some. */

import { randomBytes } from "node:crypto";
import { z } from "zod";
import { channels } from "../src/events/geometry.ts";
import { telemetryReader } from "../src/formats/series.ts";
import { defineSensor, type Sensor, type SensorContext } from "../src/stage.ts";
import { TelemetryStream } from "./live/telemetry.ts";
import { type ConnectMqtt, connectAny, connectingError, connectMqtt, loginOf } from "./mqtt/connection.ts";
import { brokerShape, topicShape } from "./mqtt/options.ts";

const options = z.strictObject({
  ...brokerShape,
  ...topicShape("the telemetry", "plant/pump/state"),
  values: z
    .array(z.string().min(1).max(256))
    .min(1)
    .max(64)
    .optional()
    .describe("fields of a JSON message, a channel each; a.b is b in a. Left out, a message is one number"),
  periodMs: z
    .int()
    .min(1)
    .max(86_400_000)
    .default(60_000)
    .describe("a message comes at least this often, milliseconds; stale after three times as long"),
  queueRows: z
    .int()
    .min(1)
    .max(100_000)
    .default(1000)
    .describe("messages that may wait for the run; beyond them the oldest is dropped, and counted"),
});

type Options = z.output<typeof options>;

const connectMsMax = 3000;
const reconnectMs = 500;
/** A message that is larger is no telemetry. */
const messageBytesMax = 1 << 16;

/** Subscribes at QoS 0, and again when the connection was lost. Throws a device error when the broker can't be reached. */
export async function openMqttTelemetry(
  given: Options,
  context: SensorContext,
  connect: ConnectMqtt = connectMqtt,
): Promise<Sensor<"samples">> {
  const { id, clock, signal, dozeUs } = context;
  const { url, topic } = given;
  const geometry = channels(given.values ?? [topic.split("/").at(-1)!]);
  const stream = new TelemetryStream({
    geometry,
    clock,
    signal,
    dozeUs,
    queueRows: given.queueRows,
    periodUs: given.periodMs * 1000,
  });
  const read = telemetryReader(given.values);
  let others = 0;
  const settings = {
    clean: true,
    keepalive: 2,
    connectTimeout: connectMsMax,
    reconnectPeriod: reconnectMs,
    clientId: `telemetry-${randomBytes(4).toString("hex")}`,
    ...loginOf(given, context),
  };
  const client = await connectAny(url, settings, connect, [5, 4]).catch((cause) => {
    throw connectingError(id, url, cause as Error);
  });
  client.on("message", (from, payload, { retain }) => {
    // A retained message is of another time.
    const values =
      from !== topic || retain || payload.length > messageBytesMax ? undefined : read(payload.toString());
    if (values) stream.offer(values);
    else others += 1;
  });
  client.on("close", () => {
    if (!signal.aborted) stream.connection("lost", "the connection to the broker closed");
  });
  client.on("connect", () => stream.connection("back"));
  const [granted] = await client.subscribeAsync(topic, { qos: 0 });
  if (!granted || granted.qos >= 128) {
    client.end(true);
    throw connectingError(id, url, new Error(`the broker refuses the subscription to ${topic}`));
  }
  signal.addEventListener("abort", () => client.end(true), { once: true });
  if (signal.aborted) client.end(true);
  return {
    geometry,
    packets: stream.packets,
    stale: () => stream.stale(),
    counts: () => ({ ...stream.counts(), ...(others > 0 && { "messages left out": others }) }),
    lost: () => stream.lost(),
  };
}

export default defineSensor({
  name: "mqtt-telemetry",
  about: "Takes telemetry from MQTT messages, plain numbers or JSON.",
  gives: "samples",
  live: true,
  options,
  open: (given, context) => openMqttTelemetry(given, context),
});
