/** Tells over MQTT what a detector recognises: each time an event, and a state that is on for a while. */

import { randomBytes } from "node:crypto";
import type { MqttClient } from "mqtt";
import { z } from "zod";
import { type Geometry, sizeOf } from "../src/events/geometry.ts";
import { defineSink, type Sink, type SinkContext } from "../src/stage.ts";
import {
  type ConnectMqtt,
  connectAny,
  connectingError,
  connectMqtt,
  listenTo,
  loginOf,
  steadyOptions,
} from "./mqtt/connection.ts";
import { birthTopic, detectorParts, discoveryOf } from "./mqtt/home-assistant.ts";
import { baseShape, brokerShape, discoveryShape, nameShape } from "./mqtt/options.ts";

const options = z.strictObject({
  ...brokerShape,
  ...baseShape,
  ...nameShape("the detector's"),
  words: z
    .array(z.string().min(1).max(64))
    .min(1)
    .max(1024)
    .optional()
    .describe("what each neuron stands for, from neuron 0 on; `neuron 3` where it is not said"),
  onMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(1000)
    .describe("the state is on for so long after a spike, milliseconds of packet time"),
  ...discoveryShape("the detector"),
});

type Options = z.output<typeof options>;

/** Events that the broker has not taken yet; beyond it the run waits. */
const pendingMax = 64;
const endUsMax = 2_000_000;

/**
 * A spike is an event on `<base>/<pipeline>/<name>/event`, at QoS 1: `{ "event_type", "neuron", "atUs" }`, with the word of its
 * neuron as the type. `detected` is ON from a spike on and OFF after `onMs` without one; `detected` and `state` are retained.
 */
export async function openMqttDetections(
  given: Options,
  context: SinkContext,
  connect: ConnectMqtt = connectMqtt,
): Promise<Sink> {
  const { id, pipeline, clock, geometry } = context;
  const name = given.name ?? id;
  const topic = (leaf: string) => `${given.base}/${pipeline}/${name}/${leaf}`;
  const wordOf = (neuron: number) => given.words?.[neuron] ?? `neuron ${neuron}`;
  const boot = randomBytes(4).toString("hex");
  const state = (online: boolean) => JSON.stringify({ online, boot });
  const retained = { qos: 1, retain: true } as const;
  const will = { topic: topic("state"), payload: Buffer.from(state(false)), ...retained };
  const home = given.discovery && homeOf(given.discovery, name, geometry, topic, wordOf);
  let client: MqttClient;
  try {
    const setup = { ...steadyOptions(`detections-${boot}`, will), ...loginOf(given, context) };
    client = await connectAny(given.url, setup, connect, [5, 4]);
    if (given.discovery) await listenTo(client, [birthTopic(given.discovery)]);
  } catch (cause) {
    throw connectingError(id, given.url, cause as Error);
  }

  let on = false;
  let offUs = Number.NEGATIVE_INFINITY;
  let pending = 0;
  let events = 0;
  let unsent = 0;
  let settled: (() => void) | undefined;
  const sayDetected = () => client.publish(topic("detected"), on ? "ON" : "OFF", retained);
  const sayOnline = () => {
    client.publish(topic("state"), state(true), retained);
    if (home) client.publish(home.topic, JSON.stringify(home.payload), retained);
    sayDetected();
  };
  sayOnline();
  client.on("connect", sayOnline);
  client.on("message", (_topic, payload) => {
    if (payload.toString() === "online") sayOnline();
  });
  const become = (next: boolean) => {
    if (next === on) return;
    on = next;
    if (client.connected) sayDetected();
  };
  const tell = (neuron: number, atUs: number) => {
    // What can't go out now is lost and counted: an event that comes an hour late is none.
    if (!client.connected) {
      unsent += 1;
      return;
    }
    pending += 1;
    events += 1;
    const event = JSON.stringify({ event_type: wordOf(neuron), neuron, atUs });
    client.publish(topic("event"), event, { qos: 1 }, (error) => {
      pending -= 1;
      if (error) unsent += 1;
      settled?.();
    });
  };
  const idle = (below: number) => {
    if (pending < below || !client.connected) return undefined;
    return new Promise<void>((resolve) => {
      const close = () => settled?.();
      settled = () => {
        if (pending >= below && client.connected) return;
        client.removeListener("close", close);
        settled = undefined;
        resolve();
      };
      client.once("close", close);
    });
  };
  const end = async () => {
    become(false);
    await Promise.race([idle(1), clock.until(clock.nowUs() + endUsMax)]);
    if (client.connected) {
      if (home && given.atEnd === "remove") client.publish(home.topic, "", retained);
      client.publish(topic("state"), state(false), retained);
    }
    const ended = new Promise<void>((resolve) => client.end(!client.connected, () => resolve()));
    await Promise.race([ended, clock.until(clock.nowUs() + endUsMax)]);
    client.end(true);
  };
  return {
    write({ toUs, count, times, addresses }) {
      for (let i = 0; i < count; i++) {
        const atUs = times[i]!;
        if (atUs >= offUs) become(false);
        become(true);
        offUs = atUs + 1000 * given.onMs;
        tell(addresses[i]!, atUs);
      }
      if (toUs >= offUs) become(false);
    },
    settle: () => idle(pendingMax),
    end,
    discard: end,
    counts: () => ({ events }),
    lost: (): Record<string, number> => (unsent > 0 ? { "events while the broker was away": unsent } : {}),
  };
}

export default defineSink({
  name: "mqtt-detections",
  about: "Tells over MQTT what a detector recognises, and Home Assistant if it is asked to.",
  takes: "spikes",
  options,
  open: (given, context) => openMqttDetections(given, context),
});

function homeOf(
  prefix: string,
  name: string,
  geometry: Geometry,
  topic: (leaf: string) => string,
  wordOf: (neuron: number) => string,
) {
  const device = { id: topic("").slice(0, -1), name, stateTopic: topic("state") };
  const eventTypes = Array.from({ length: sizeOf(geometry) }, (_, neuron) => wordOf(neuron));
  const detector = { name, detected: topic("detected"), event: topic("event"), eventTypes };
  return discoveryOf(prefix, device, detectorParts(detector));
}
