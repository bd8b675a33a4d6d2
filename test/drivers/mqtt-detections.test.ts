/** What a detector recognises, over MQTT: an event each time, a state for a while, and Home Assistant's rules for both. */

import { afterEach, expect, test } from "vitest";
import mqttDetections, { openMqttDetections } from "../../drivers/mqtt-detections.ts";
import { neurons } from "../../src/events/geometry.ts";
import { discoveryTopic, homeAssistantDevice, homeAssistantEvent } from "../support/home-assistant.ts";
import { liveContext } from "../support/live.ts";
import { joinBroker, otherBroker } from "../support/mqtt.ts";
import { packetOf } from "../support/packets.ts";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const words = neurons(1, 1, 3);

async function open(more: object = {}) {
  const other = await otherBroker();
  endings.push(() => other.close());
  const guest = await joinBroker(other.url);
  endings.push(() => guest.end(true));
  const heard: [topic: string, payload: string][] = [];
  guest.on("message", (topic, payload) => heard.push([topic, payload.toString()]));
  await guest.subscribeAsync("#", { qos: 1 });
  const context = { ...liveContext("word"), geometry: words, resolveOutput: (path: string) => path };
  const options = mqttDetections.options.parse({ url: other.url, ...more });
  const sink = await openMqttDetections(options, context);
  endings.push(() => sink.discard());
  const of = (leaf: string) =>
    heard.filter(([topic]) => topic === `reflexarc/follow/word/${leaf}`).map(([, payload]) => payload);
  return { other, guest, sink, heard, of, context };
}

test("each spike is an event, in order, and the state is on from the first until onMs after the last", async () => {
  const { sink, of } = await open({ words: ["yes", "no"], onMs: 100 });
  sink.write(
    packetOf(
      words,
      [
        [1000, 0],
        [50_000, 1],
      ],
      0,
      60_000,
    ),
  );
  sink.write(packetOf(words, [], 60_000, 149_999));
  sink.write(packetOf(words, [[300_000, 2]], 149_999, 300_001));
  await sink.end();
  await expect.poll(() => of("state").map((state) => JSON.parse(state).online)).toEqual([true, false]);
  expect(of("event").map((event) => JSON.parse(event))).toEqual([
    { event_type: "yes", neuron: 0, atUs: 1000 },
    { event_type: "no", neuron: 1, atUs: 50_000 },
    { event_type: "neuron 2", neuron: 2, atUs: 300_000 },
  ]);
  expect(of("detected")).toEqual(["OFF", "ON", "OFF", "ON", "OFF"]);
  expect(sink.counts!()).toEqual({ events: 3 });
  expect(sink.lost!()).toEqual({});
});

test("Home Assistant finds a binary sensor and an event, takes our events, hears again when it starts anew, and loses them", async () => {
  const { sink, heard, guest, of } = await open({ discovery: "homeassistant", atEnd: "remove" });
  const config = "homeassistant/device/reflexarc-follow-word/config";
  expect(config).toMatch(discoveryTopic);
  const messages = () => heard.filter(([topic]) => topic === config).map(([, payload]) => payload);
  await expect.poll(messages).toHaveLength(1);
  const { components } = homeAssistantDevice.parse(JSON.parse(messages()[0]!));
  const [binary, event] = Object.values(components);
  expect(binary).toMatchObject({ platform: "binary_sensor", state_topic: "reflexarc/follow/word/detected" });
  if (event?.platform !== "event") throw new Error("no event");
  expect(event.event_types).toEqual(["neuron 0", "neuron 1", "neuron 2"]);
  await guest.publishAsync("homeassistant/status", "online", { qos: 1 });
  await expect.poll(messages).toHaveLength(2);
  sink.write(packetOf(words, [[1000, 2]], 0, 2000));
  await expect.poll(() => of("event")).toHaveLength(1);
  expect(homeAssistantEvent(of("event")[0]!, event.event_types)).toBe("neuron 2");
  expect(() => homeAssistantEvent('{"event_type": "neuron 3"}', event.event_types)).toThrow();
  await sink.end();
  await expect.poll(() => messages().at(-1)).toBe("");
});

test("what has no broker is lost and counted, and nothing of it comes later", async () => {
  const { sink, other, of } = await open();
  sink.write(packetOf(words, [[1000, 0]], 0, 2000));
  await expect.poll(() => of("event")).toHaveLength(1);
  other.hangUp();
  await expect
    .poll(() => {
      sink.write(packetOf(words, [], 2000, 3000));
      return sink.settle!();
    })
    .toBeUndefined();
  const before = sink.counts!().events!;
  const lost = () => Object.values(sink.lost!()).reduce((sum, count) => sum + count, 0);
  sink.write(packetOf(words, [[5000, 1]], 3000, 6000));
  expect(sink.counts!().events! - before + lost()).toBeGreaterThanOrEqual(1);
});
