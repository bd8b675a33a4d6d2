/** The discovery message by Home Assistant's own rules, and that these can refuse. */

import { expect, test } from "vitest";
import { discoveryOf, type HomeDevice } from "../../../drivers/mqtt/home-assistant.ts";
import { discoveryTopic, homeAssistantDevice } from "../../support/home-assistant.ts";

const device: HomeDevice = {
  id: "reflexarc/follow/pan",
  name: "pan",
  unit: "deg",
  stateTopic: "reflexarc/follow/pan/state",
  enableTopic: "reflexarc/follow/pan/enable",
  enabledTopic: "reflexarc/follow/pan/enabled",
  emergencyStopTopic: "reflexarc/follow/pan/emergency-stop",
  figuresTopic: "reflexarc/follow/pan/figures",
  commandTopic: "reflexarc/follow/pan/command",
};
const whole: HomeDevice = {
  ...device,
  servo: { setTopic: "reflexarc/follow/pan/set", min: 20, max: 160, step: 0.5 },
  detectors: [
    {
      id: "clap",
      name: "Clap",
      stateTopic: "reflexarc/clap/state",
      eventTopic: "reflexarc/clap/event",
      eventTypes: ["awake"],
    },
  ],
};
// Spoilt by hand: what is deleted has no type any more.
type Loose = Record<string, Record<string, Record<string, unknown>>>;
const platforms = (given: HomeDevice) =>
  Object.values(homeAssistantDevice.parse(discoveryOf("homeassistant", given).payload).components)
    .map(({ platform }) => platform)
    .sort();

test("an actuator is a switch, a button and sensors; a servo also a number, a detector a binary sensor and an event", () => {
  expect(platforms(device)).toEqual(["button", "sensor", "sensor", "sensor", "switch"]);
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
  const { topic, payload } = discoveryOf("homeassistant", whole);
  expect(topic).toBe("homeassistant/device/reflexarc-follow-pan/config");
  expect(topic).toMatch(discoveryTopic);
  const ids = Object.values(homeAssistantDevice.parse(payload).components).map(({ unique_id }) => unique_id);
  expect(new Set(ids).size).toBe(8);
});

test("nothing that moves or arms is asked to be retained", () => {
  const { components } = homeAssistantDevice.parse(discoveryOf("homeassistant", whole).payload);
  const asking = Object.values(components).filter((component) => "command_topic" in component);
  expect(asking.map(({ retain }) => retain)).toEqual([false, false, false]);
});

test.each<[string, (payload: Loose) => unknown]>([
  ["no identifiers", (payload) => delete payload.device!.identifiers],
  ["no origin", (payload) => delete payload.origin],
  ["a component without a platform", (payload) => delete payload.components!.enable!.platform],
  ["a number without a topic to set it", (payload) => delete payload.components!.set!.command_topic],
  ["a wildcard", (payload) => Object.assign(payload.components!.enable!, { command_topic: "reflexarc/#" })],
  ["a limit upside down", (payload) => Object.assign(payload.components!.set!, { min: 200 })],
  [
    "an event without types",
    (payload) => Object.assign(payload.components!["clap-event"]!, { event_types: [] }),
  ],
  ["an option that there is not", (payload) => Object.assign(payload.components!.enable!, { colour: "red" })],
])("the rules refuse %s", (_what, spoil) => {
  const payload = structuredClone(discoveryOf("homeassistant", whole).payload) as Loose;
  spoil(payload);
  expect(homeAssistantDevice.safeParse(payload).success).toBe(false);
});
