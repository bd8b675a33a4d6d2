/** What Home Assistant is told of a device: device-based discovery messages, retained. */

import { ReflexarcError } from "../../src/errors.ts";

/** A device; several messages with the same `id` tell of parts of one. */
export interface HomeDevice {
  /** Unique among all devices of a house. */
  readonly id: string;
  readonly name: string;
  /** Which part of the device this message tells of, where it is not the only one. */
  readonly part?: string;
  /** Retained JSON with `online`, the last will among it. */
  readonly stateTopic: string;
}

/** What a device has: a name of ours each, and what Home Assistant takes for that platform. */
export type Components = Readonly<
  Record<string, Readonly<Record<string, unknown>> & { readonly platform: string; readonly name: string }>
>;

/** Home Assistant says `online` here when it has started; what it was told before, it may have forgotten. */
export const birthTopic = (prefix: string) => `${prefix}/status`;

/**
 * The topic and the object of the message (home-assistant.io, MQTT discovery: `<prefix>/device/<object id>/config`). A message
 * without content on the same topic removes what it told of.
 */
export function discoveryOf(
  prefix: string,
  { id, name, part, stateTopic }: HomeDevice,
  components: Components,
): { topic: string; payload: object } {
  const deviceId = id.replace(/[^\w-]/g, "-");
  const objectId = part === undefined ? deviceId : `${deviceId}-${part}`;
  return {
    topic: `${prefix}/device/${objectId}/config`,
    payload: {
      device: { identifiers: [deviceId], name, manufacturer: "Reflexarc" },
      origin: { name: "reflexarc" },
      availability: [
        { topic: stateTopic, value_template: "{{ 'online' if value_json.online else 'offline' }}" },
      ],
      components: Object.fromEntries(
        Object.entries(components).map(([key, component]) => [
          key,
          { ...component, unique_id: `${deviceId}-${key}` },
        ]),
      ),
    },
  };
}

/** A message that waits for a receiver must not arm or move anything later: MQTT 5 brokers drop it after this. */
const expiryS = 2;
/** Asks for something at once: never retained, and soon expired. */
const atOnce = { retain: false, message_expiry_interval: expiryS };

/** Arms and disarms, and stops everything. */
export function operatingParts(topics: {
  /** Takes ON and OFF; `enabled` tells which it is. */
  readonly enable: string;
  readonly enabled: string;
  readonly emergencyStop: string;
}): Components {
  return {
    enable: {
      platform: "switch",
      name: "Enabled",
      command_topic: topics.enable,
      state_topic: topics.enabled,
      payload_on: "ON",
      payload_off: "OFF",
      ...atOnce,
      qos: 0,
    },
    "emergency-stop": {
      platform: "button",
      name: "Emergency stop",
      command_topic: topics.emergencyStop,
      payload_press: "PRESS",
      ...atOnce,
      qos: 1,
    },
  };
}

/** What an actuator is told, and how well that goes. */
export function commandParts(topics: {
  /** JSON with `action` and `value`. */
  readonly command: string;
  /** JSON with `commandsPerS` and `roundTripMs`, every few seconds. */
  readonly figures: string;
  readonly unit: string;
}): Components {
  const figure = { platform: "sensor", state_topic: topics.figures, state_class: "measurement" };
  return {
    position: {
      platform: "sensor",
      name: "Commanded",
      state_topic: topics.command,
      value_template: "{{ value_json.value if value_json.action == 'move' else none }}",
      unit_of_measurement: topics.unit,
      expire_after: 2,
    },
    rate: {
      ...figure,
      name: "Commands a second",
      value_template: "{{ value_json.commandsPerS }}",
      unit_of_measurement: "1/s",
      entity_category: "diagnostic",
    },
    latency: {
      ...figure,
      name: "Round trip to the broker",
      value_template: "{{ value_json.roundTripMs }}",
      unit_of_measurement: "ms",
      device_class: "duration",
      entity_category: "diagnostic",
    },
  };
}

/** A value that somebody sets by hand. */
export function settingParts(setting: {
  readonly set: string;
  /** Retained: what is set, or None. */
  readonly setpoint: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly unit: string;
}): Components {
  return {
    set: {
      platform: "number",
      name: "Position",
      command_topic: setting.set,
      command_template: '{"value": {{ value }}, "sentMs": {{ (now().timestamp() * 1000) | int }}}',
      state_topic: setting.setpoint,
      min: setting.min,
      max: setting.max,
      step: setting.step,
      mode: "slider",
      unit_of_measurement: setting.unit,
      ...atOnce,
      qos: 0,
    },
  };
}

/** A detector says ON and OFF, and an event each time that it recognises something. */
export function detectorParts(detector: {
  readonly name: string;
  readonly detected: string;
  /** JSON with `event_type`. */
  readonly event: string;
  readonly eventTypes: readonly string[];
}): Components {
  return {
    detected: {
      platform: "binary_sensor",
      name: detector.name,
      state_topic: detector.detected,
      payload_on: "ON",
      payload_off: "OFF",
    },
    event: {
      platform: "event",
      name: `${detector.name}, events`,
      state_topic: detector.event,
      event_types: detector.eventTypes,
    },
  };
}

export function noHomeHere(room: string): ReflexarcError {
  const what = "Home Assistant can't be told over the broker in this process";
  const remedy = "Give the url of the broker that Home Assistant uses.";
  return new ReflexarcError({ kind: "usage", room, what, remedy });
}
