/** Camera events that come as MQTT messages, each a packet. */

import { randomBytes } from "node:crypto";
import type { IClientOptions, MqttClient } from "mqtt";
import { z } from "zod";
import { defineSensor, type Sensor, type SensorContext } from "../src/stage.ts";
import { stagedEvents } from "./live/feed.ts";
import { geometryOption, liveShape, sizeFrom } from "./live/options.ts";
import { LiveStream } from "./live/stream.ts";
import { openBroker, ownerIdPrefix } from "./mqtt/broker.ts";
import { type ConnectMqtt, connectAny, connectingError, connectMqtt, loginOf } from "./mqtt/connection.ts";
import { anyBrokerShape, baseShape } from "./mqtt/options.ts";
import { datagramFormats, datagramReader } from "./wire/datagrams.ts";

const options = z.strictObject({
  geometry: geometryOption,
  ...anyBrokerShape,
  ...baseShape,
  name: z
    .string()
    .regex(/^[\w-]+$/)
    .optional()
    .describe("the sensor's part of the topic <base>/<name>/events; the stage's id by default"),
  format: z
    .enum(datagramFormats)
    .default("frames")
    .describe("what a message holds: frames (Reflexarc's own, numbered, with a checksum), or see udp"),
  ...liveShape(["block", "drop-oldest", "keep-latest"]),
});

type Options = z.output<typeof options>;

/** Our own sender beats each 20 ms, whatever its camera sees. */
const beatUs = 20_000;
const connectMsMax = 3000;
/** A message that is larger is no packet of events. */
const messageBytesMax = 1 << 20;

/** Subscribes at QoS 0. Throws a device error when the broker can't be reached or started. */
export async function openMqttEvents(
  given: Options,
  context: SensorContext,
  connect: ConnectMqtt = connectMqtt,
  startBroker = openBroker,
): Promise<Sensor> {
  const { id, clock, signal, notice, dozeUs } = context;
  const topic = `${given.base}/${given.name ?? id}/events`;
  const geometry = sizeFrom(given.geometry);
  const reader = datagramReader(given.format, { geometry });
  const stream = new LiveStream({
    geometry,
    clock,
    signal,
    dozeUs,
    options: given,
    ...(given.format === "frames" && { periodUs: beatUs }),
  });
  const staged = stagedEvents();
  let messages = 0;
  let others = 0;
  const broker = given.url
    ? undefined
    : await startBroker({ port: given.port, base: given.base, guestTopics: [topic], room: id });
  const url = given.url ?? broker!.url;
  const client = await subscribe(url, topic, connect, {
    // The broker of another Reflexarc keeps its own prefix to itself.
    clientId: `${broker ? ownerIdPrefix : "events-"}${randomBytes(4).toString("hex")}`,
    ...(broker
      ? { username: broker.username, password: broker.password, protocolVersion: 4 }
      : loginOf(given, context)),
  }).catch(async (cause) => {
    await broker?.close();
    throw connectingError(id, url, cause as Error);
  });
  if (broker) notice(`${id}: a broker in this process listens on ${broker.url}`);
  client.on("message", (from, payload, { retain }) => {
    // A retained packet is of another time.
    if (from !== topic || retain || payload.length > messageBytesMax) {
      others += 1;
      return;
    }
    messages += 1;
    staged.count = 0;
    reader.decode(payload, staged);
    stream.heard();
    stream.offer(staged, { untimed: reader.untimed });
  });
  // The next message waits for room, and with it the broker.
  client.handleMessage = (_packet, done) => {
    void stream.room().then(() => done());
  };
  client.on("close", () => {
    if (!signal.aborted) stream.connection("lost", "the connection to the broker closed");
  });
  client.on("connect", () => stream.connection("back"));
  const leave = async () => {
    client.end(true);
    await broker?.close();
  };
  signal.addEventListener("abort", () => void leave(), { once: true });
  if (signal.aborted) await leave();
  return {
    geometry,
    packets: stream.packets,
    stale: () => stream.stale(),
    counts: () => ({
      ...stream.counts(),
      messages,
      ...reader.counts(),
      ...(others > 0 && { "messages left out": others }),
      ...broker?.counts(),
    }),
    lost: () => ({ ...stream.lost(), ...reader.lost() }),
    problems: () =>
      reader.numbered ? [] : [`what was lost on the way can't be known: ${given.format} has no numbers`],
  };
}

export default defineSensor({
  name: "mqtt-events",
  about: "Takes camera events from MQTT messages.",
  gives: "events",
  live: true,
  options,
  open: (options, context) => openMqttEvents(options, context),
});

async function subscribe(
  url: string,
  topic: string,
  connect: ConnectMqtt,
  options: IClientOptions,
): Promise<MqttClient> {
  const client = await connectAny(
    url,
    { clean: true, keepalive: 2, connectTimeout: connectMsMax, reconnectPeriod: 0, ...options },
    connect,
    options.protocolVersion ? [options.protocolVersion as 4] : [5, 4],
  );
  const [granted] = await client.subscribeAsync(topic, { qos: 0 });
  if (granted && granted.qos < 128) return client;
  client.end(true);
  throw new Error(`the broker refuses the subscription to ${topic}`);
}
