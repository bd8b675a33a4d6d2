/** What Home Assistant is told of an actuator: one device-based discovery message, retained. */

/** Topics and facts of a device; topics that it has not are left out, and their components with them. */
export interface HomeDevice {
  /** Unique among all devices of a house. */
  readonly id: string;
  readonly name: string;
  /** Retained JSON with `online`, the last will among it. */
  readonly stateTopic: string;
  /** Takes ON and OFF; `enabledTopic` tells which it is. */
  readonly enableTopic: string;
  readonly enabledTopic: string;
  readonly emergencyStopTopic: string;
  /** JSON with `commandsPerS` and `roundTripMs`, every few seconds. */
  readonly figuresTopic: string;
  /** JSON with `action` and `value`. */
  readonly commandTopic: string;
  readonly unit: string;
  /** Where a servo's position can be set by hand. */
  readonly servo?: {
    readonly setTopic: string;
    readonly min: number;
    readonly max: number;
    readonly step: number;
  };
  /** A detector says ON and OFF, and an event each time that it wakes. */
  readonly detectors?: readonly {
    readonly id: string;
    readonly name: string;
    readonly stateTopic: string;
    readonly eventTopic: string;
    readonly eventTypes: readonly string[];
  }[];
}

/**
 * The topic and the object of the message (home-assistant.io, MQTT discovery: `<prefix>/device/<object id>/config`). A message
 * without content on the same topic removes the device with all of its entities.
 */
export function discoveryOf(prefix: string, device: HomeDevice): { topic: string; payload: object } {
  const { id, servo, detectors = [] } = device;
  const objectId = id.replace(/[^\w-]/g, "-");
  const component = (platform: string, part: string, name: string, more: object) => ({
    [part]: { platform, unique_id: `${objectId}-${part}`, name, ...more },
  });
  const stamped = '{"value": {{ value }}, "sentMs": {{ (now().timestamp() * 1000) | int }} }';
  const components = Object.assign(
    {},
    component("switch", "enable", "Enabled", {
      command_topic: device.enableTopic,
      state_topic: device.enabledTopic,
      payload_on: "ON",
      payload_off: "OFF",
      // A message that waits for a receiver must not arm anything later.
      retain: false,
      qos: 0,
    }),
    component("button", "emergency-stop", "Emergency stop", {
      command_topic: device.emergencyStopTopic,
      payload_press: "PRESS",
      retain: false,
      qos: 1,
    }),
    component("sensor", "position", "Commanded", {
      state_topic: device.commandTopic,
      value_template: "{{ value_json.value if value_json.action == 'move' else none }}",
      unit_of_measurement: device.unit,
      expire_after: 2,
    }),
    component("sensor", "rate", "Commands a second", {
      state_topic: device.figuresTopic,
      value_template: "{{ value_json.commandsPerS }}",
      unit_of_measurement: "1/s",
      state_class: "measurement",
      entity_category: "diagnostic",
    }),
    component("sensor", "latency", "Round trip to the broker", {
      state_topic: device.figuresTopic,
      value_template: "{{ value_json.roundTripMs }}",
      unit_of_measurement: "ms",
      device_class: "duration",
      state_class: "measurement",
      entity_category: "diagnostic",
    }),
    servo &&
      component("number", "set", "Position", {
        command_topic: servo.setTopic,
        command_template: stamped,
        min: servo.min,
        max: servo.max,
        step: servo.step,
        mode: "slider",
        unit_of_measurement: device.unit,
        retain: false,
        qos: 0,
      }),
    ...detectors.flatMap((detector) => [
      component("binary_sensor", `${detector.id}-state`, detector.name, {
        state_topic: detector.stateTopic,
        payload_on: "ON",
        payload_off: "OFF",
      }),
      component("event", `${detector.id}-event`, `${detector.name}, events`, {
        state_topic: detector.eventTopic,
        event_types: detector.eventTypes,
      }),
    ]),
  );
  return {
    topic: `${prefix}/device/${objectId}/config`,
    payload: {
      device: { identifiers: [objectId], name: device.name, manufacturer: "Reflexarc", model: "actuator" },
      origin: { name: "reflexarc" },
      availability: [
        {
          topic: device.stateTopic,
          value_template: "{{ 'online' if value_json.online else 'offline' }}",
        },
      ],
      components,
    },
  };
}
