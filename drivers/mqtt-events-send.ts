/** Camera events that leave as MQTT messages, each a packet. */

import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { PixelGeometry } from "../src/events/geometry.ts";
import { defineSink, type Sink, type SinkContext } from "../src/stage.ts";
import { type ConnectMqtt, connectAny, connectingError, connectMqtt, loginOf } from "./mqtt/connection.ts";
import { brokerShape } from "./mqtt/options.ts";
import { datagramFormats, datagramWriter } from "./wire/datagrams.ts";

const options = z.strictObject({
  ...brokerShape,
  topic: z
    .string()
    .regex(/^[\w-]+(\/[\w-]+)*$/)
    .default("reflexarc/eye/events")
    .describe("the topic to publish to: that of the receiver, <base>/<name>/events"),
  format: z.enum(datagramFormats).default("frames").describe("what a message holds; see mqtt-events"),
  messageEvents: z
    .int()
    .positive()
    .max(7000)
    .default(1024)
    .describe("events in a message, at most; a broker in the process takes 64 kB"),
});

type Options = z.output<typeof options>;

/** Messages that may wait for the broker before the run waits, too. */
const pendingMax = 64;
const beatUs = 20_000;
const reconnectMs = 500;

export async function openMqttEventsSend(
  given: Options,
  context: SinkContext,
  connect: ConnectMqtt = connectMqtt,
): Promise<Sink> {
  const { id, geometry } = context;
  const session = randomBytes(4).readUInt32LE();
  const writer = datagramWriter(given.format, { geometry: geometry as PixelGeometry, session });
  const perMessage = Math.min(writer.eventsMax, given.messageEvents);
  const setup = { clean: true, keepalive: 2, connectTimeout: 3000, reconnectPeriod: 0, queueQoSZero: false };
  const client = await connectAny(given.url, { ...setup, ...loginOf(given, context) }, connect, [5, 4]).catch(
    (cause) => {
      throw connectingError(id, given.url, cause as Error);
    },
  );
  client.options.reconnectPeriod = reconnectMs;
  let pending = 0;
  let messages = 0;
  let unsent = 0;
  let spokeUs = Number.NEGATIVE_INFINITY;
  let settled: (() => void) | undefined;
  const send = (payload: Uint8Array, events: number) => {
    pending += 1;
    messages += 1;
    client.publish(
      given.topic,
      Buffer.from(payload.buffer, payload.byteOffset, payload.length),
      { qos: 0 },
      (error) => {
        pending -= 1;
        if (error) unsent += events;
        settled?.();
      },
    );
  };
  const idle = (below: number) => {
    if (pending < below) return undefined;
    return new Promise<void>((resolve) => {
      settled = () => {
        if (pending >= below) return;
        settled = undefined;
        resolve();
      };
    });
  };
  const end = async () => {
    if (client.connected) await idle(1);
    await new Promise<void>((resolve) => client.end(!client.connected, () => resolve()));
  };
  return {
    write(packet) {
      if (packet.count > 0) spokeUs = packet.toUs;
      for (let from = 0; from < packet.count; from += perMessage) {
        const to = Math.min(packet.count, from + perMessage);
        if (client.connected) send(writer.encode(packet, from, to), to - from);
        else unsent += to - from;
      }
      if (packet.count > 0 || !writer.beats || packet.toUs - spokeUs < beatUs || !client.connected) return;
      send(writer.encode(packet, 0, 0), 0);
      spokeUs = packet.toUs;
    },
    settle: () => (client.connected ? idle(pendingMax) : undefined),
    end,
    discard: end,
    counts: () => ({ messages }),
    lost: (): Record<string, number> => (unsent > 0 ? { "events while the broker was away": unsent } : {}),
  };
}

export default defineSink({
  name: "mqtt-events-send",
  about: "Sends camera events as MQTT messages.",
  takes: "events",
  options,
  open: (options, context) => openMqttEventsSend(options, context),
});
