/** The discovery messages by Home Assistant's own rules, and that these can refuse. */

import { expect, test } from "vitest";
import {
  type Components,
  commandParts,
  detectorParts,
  discoveryOf,
  operatingParts,
  settingParts,
} from "../../../drivers/mqtt/home-assistant.ts";
import { discoveryTopic, homeAssistantDevice } from "../../support/home-assistant.ts";

const at = (leaf: string) => `reflexarc/follow/pan/${leaf}`;
const device = { id: "reflexarc/follow/pan", name: "pan", stateTopic: at("state") };
const actuator: Components = {
  ...operatingParts({ enable: at("enable"), enabled: at("enabled"), emergencyStop: at("emergency-stop") }),
  ...commandParts({ command: at("command"), figures: at("figures"), unit: "deg" }),
};
const servo = { set: at("set"), setpoint: at("setpoint"), min: 20, max: 160, step: 0.5, unit: "deg" };
const clap = { name: "Clap", detected: at("detected"), event: at("event"), eventTypes: ["clap"] };
const whole: Components = { ...actuator, ...settingParts(servo), ...detectorParts(clap) };
const told = (components: Components, prefix = "homeassistant") =>
  discoveryOf(prefix, device, components).payload;
// Spoilt by hand: what is deleted has no type any more.
type Loose = Record<string, Record<string, Record<string, unknown>>>;
const platforms = (given: Components) =>
  Object.values(homeAssistantDevice.parse(told(given)).components)
    .map(({ platform }) => platform)
    .sort();

test("an actuator is a switch, a button and sensors; a servo also a number, a detector a binary sensor and an event", () => {
  expect(platforms(actuator)).toEqual(["button", "sensor", "sensor", "sensor", "switch"]);
  expect(platforms(whole)).toEqual([
    "binary_sensor",
    "button",
    "event",
    "number",
    "sensor",
    "sensor",
    "sensor",
    "switch",
  ]);
});

test("the topic and the ids name the device, and each id is there once", () => {
  const { topic, payload } = discoveryOf("homeassistant", device, whole);
  expect(topic).toBe("homeassistant/device/reflexarc-follow-pan/config");
  expect(topic).toMatch(discoveryTopic);
  const part = discoveryOf("homeassistant", { ...device, part: "set" }, settingParts(servo));
  expect(part.topic).toBe("homeassistant/device/reflexarc-follow-pan-set/config");
  expect(homeAssistantDevice.parse(part.payload).device).toEqual(homeAssistantDevice.parse(payload).device);
  const ids = Object.values(homeAssistantDevice.parse(payload).components).map(({ unique_id }) => unique_id);
  expect(new Set(ids).size).toBe(8);
});

test("nothing that moves or arms is asked to be retained, or to wait for a receiver", () => {
  const { components } = homeAssistantDevice.parse(told(whole));
  const asking = Object.values(components).filter((component) => "command_topic" in component);
  expect(asking).toHaveLength(3);
  for (const one of asking) expect(one).toMatchObject({ retain: false, message_expiry_interval: 2 });
});

test.each<[string, (payload: Loose) => unknown]>([
  ["no identifiers", (payload) => delete payload.device!.identifiers],
  ["no origin", (payload) => delete payload.origin],
  ["a component without a platform", (payload) => delete payload.components!.enable!.platform],
  ["a number without a topic to set it", (payload) => delete payload.components!.set!.command_topic],
  ["a wildcard", (payload) => Object.assign(payload.components!.enable!, { command_topic: "reflexarc/#" })],
  ["a component that can't be told from others", (payload) => delete payload.components!.set!.unique_id],
  ["a state without a topic", (payload) => delete payload.components!.detected!.state_topic],
  ["a control character", (payload) => Object.assign(payload.components!.set!, { command_topic: "a\n" })],
  ["an expiry that is none", (p) => Object.assign(p.components!.set!, { message_expiry_interval: "soon" })],
  ["a limit upside down", (payload) => Object.assign(payload.components!.set!, { min: 200 })],
  ["an event without types", (payload) => Object.assign(payload.components!.event!, { event_types: [] })],
  ["an option that there is not", (payload) => Object.assign(payload.components!.enable!, { colour: "red" })],
])("the rules refuse %s", (_what, spoil) => {
  const payload = structuredClone(told(whole)) as Loose;
  spoil(payload);
  expect(homeAssistantDevice.safeParse(payload).success).toBe(false);
});
