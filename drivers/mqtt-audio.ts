/** Sound that comes as MQTT messages, each a piece of bare samples. */

import { randomBytes } from "node:crypto";
import { z } from "zod";
import { channels } from "../src/events/geometry.ts";
import { pcmNames } from "../src/formats/pcm.ts";
import { defineSensor, type Sensor, type SensorContext } from "../src/stage.ts";
import { SoundStream } from "./live/sound.ts";
import { type ConnectMqtt, connectAny, connectingError, connectMqtt, loginOf } from "./mqtt/connection.ts";
import { brokerShape, topicShape } from "./mqtt/options.ts";
import { channelNames } from "./wav.ts";

const options = z.strictObject({
  ...brokerShape,
  ...topicShape("the sound", "home/kitchen/audio"),
  encoding: z.enum(pcmNames).default("s16le").describe("of the samples in a message"),
  rateHz: z.int().min(8000).max(192_000).default(16_000).describe("samples a second in each channel"),
  channels: z.int().min(1).max(8).default(1).describe("how many, interleaved"),
  skipBytes: z
    .int()
    .min(0)
    .max(4096)
    .default(0)
    .describe("bytes at the beginning of each message that are no samples: 44 where each is a WAV file"),
  periodMs: z
    .int()
    .min(1)
    .max(60_000)
    .default(200)
    .describe(
      "a message comes at least this often, milliseconds; the source is stale after three times as long",
    ),
  queueMs: z
    .int()
    .min(100)
    .max(60_000)
    .default(2000)
    .describe("sound that may wait for the run, milliseconds; beyond it the oldest is dropped, and counted"),
});

type Options = z.output<typeof options>;

const connectMsMax = 3000;
const reconnectMs = 500;
/** A message that is larger is no piece of sound. */
const messageBytesMax = 1 << 20;

/** Subscribes at QoS 0, and again when the connection was lost. Throws a device error when the broker can't be reached. */
export async function openMqttAudio(
  given: Options,
  context: SensorContext,
  connect: ConnectMqtt = connectMqtt,
): Promise<Sensor<"samples">> {
  const { id, clock, signal, dozeUs } = context;
  const { url, topic, skipBytes } = given;
  const geometry = { ...channels(channelNames(given.channels)), rateHz: given.rateHz };
  const stream = new SoundStream({
    geometry,
    encoding: given.encoding,
    clock,
    signal,
    dozeUs,
    queueUs: given.queueMs * 1000,
    periodUs: given.periodMs * 1000,
  });
  let messages = 0;
  let others = 0;
  const settings = {
    clean: true,
    keepalive: 2,
    connectTimeout: connectMsMax,
    reconnectPeriod: reconnectMs,
    clientId: `audio-${randomBytes(4).toString("hex")}`,
    ...loginOf(given, context),
  };
  const client = await connectAny(url, settings, connect, [5, 4]).catch((cause) => {
    throw connectingError(id, url, cause as Error);
  });
  client.on("message", (from, payload, { retain }) => {
    // A retained message is of another time.
    if (from !== topic || retain || payload.length > messageBytesMax || payload.length <= skipBytes) {
      others += 1;
      return;
    }
    messages += 1;
    stream.offer(payload.subarray(skipBytes));
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
    counts: () => ({
      ...stream.counts(),
      messages,
      ...(others > 0 && { "messages left out": others }),
    }),
    lost: () => stream.lost(),
    problems: () => ["what was lost on the way can't be known: the messages have no numbers"],
  };
}

export default defineSensor({
  name: "mqtt-audio",
  about: "Takes sound from MQTT messages of bare samples.",
  gives: "samples",
  live: true,
  options,
  open: (given, context) => openMqttAudio(given, context),
});
