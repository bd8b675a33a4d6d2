/** What Home Assistant accepts as a device's discovery message, written down from its own source. */

import { z } from "zod";

/**
 * A topic is UTF-8 without control characters; one to publish to has no wildcards (`valid_topic`, `valid_publish_topic` in
 * homeassistant/components/mqtt/util.py, revision 00e441b). We use none with wildcards at all.
 */
const topic = z
  .string()
  .min(1)
  .max(65_535)
  .regex(/^[^#+\p{Cc}]+$/u);
const template = z.string().min(1);
const text = z.string();

/**
 * Options of every entity (`MQTT_ENTITY_COMMON_SCHEMA` in mqtt/schemas.py, `SCHEMA_BASE` in mqtt/config.py). In a device's
 * message `unique_id` is required (`check_unique_id`). `message_expiry_interval` is new: where a version of Home Assistant
 * doesn't know it, it removes it (`extra=vol.REMOVE_EXTRA`), as it does all that it doesn't know. We refuse that here: what
 * is removed has no effect.
 */
const entity = {
  unique_id: z.string().min(1),
  name: z.string().nullable(),
  entity_category: z.enum(["config", "diagnostic"]).optional(),
  message_expiry_interval: z.int().min(0).optional(),
  qos: z.union([z.literal(0), z.literal(1), z.literal(2)]).optional(),
};
const retain = z.boolean().optional();

/**
 * The platforms that Reflexarc uses: mqtt/number.py (`_PLATFORM_SCHEMA_BASE`, `validate_config`), switch.py (revision 5896343),
 * button.py (05fd736), sensor.py (17309b7 and `validate_sensor_state_and_device_class_config` in util.py), binary_sensor.py
 * (00ffd2c), event.py (03ffd74). `MQTT_RW_SCHEMA` requires a command topic, `MQTT_RO_SCHEMA` a state topic (config.py, 459c79f).
 */
const components = [
  z
    .strictObject({
      platform: z.literal("number"),
      ...entity,
      command_topic: topic,
      command_template: template.optional(),
      state_topic: topic.optional(),
      min: z.number().optional(),
      max: z.number().optional(),
      step: z.number().min(1e-3).optional(),
      mode: z.enum(["auto", "box", "slider"]).optional(),
      unit_of_measurement: text.optional(),
      retain,
    })
    .refine(({ min = 1, max = 100 }) => min < max, "min must be below max"),
  z.strictObject({
    platform: z.literal("switch"),
    ...entity,
    command_topic: topic,
    state_topic: topic.optional(),
    payload_on: text.optional(),
    payload_off: text.optional(),
    retain,
  }),
  z.strictObject({
    platform: z.literal("button"),
    ...entity,
    command_topic: topic,
    payload_press: text.optional(),
    retain,
  }),
  z
    .strictObject({
      platform: z.literal("sensor"),
      ...entity,
      state_topic: topic,
      value_template: template.optional(),
      unit_of_measurement: text.optional(),
      device_class: z.enum(["duration"]).optional(),
      state_class: z.enum(["measurement", "total", "total_increasing"]).optional(),
      expire_after: z.int().min(0).optional(),
    })
    .refine(
      ({ device_class, unit_of_measurement = "" }) =>
        device_class !== "duration" || ["d", "h", "min", "s", "ms", "\u00b5s"].includes(unit_of_measurement),
      "a duration has a unit of time",
    ),
  z.strictObject({
    platform: z.literal("binary_sensor"),
    ...entity,
    state_topic: topic,
    payload_on: text.optional(),
    payload_off: text.optional(),
  }),
  z.strictObject({
    platform: z.literal("event"),
    ...entity,
    state_topic: topic,
    // An empty list passes there, and then no event is of a type that it knows.
    event_types: z.array(z.string()).min(1),
  }),
] as const;

/** `DEVICE_DISCOVERY_SCHEMA` of homeassistant/components/mqtt/schemas.py (revision 0f5c1b5), as far as Reflexarc goes. */
export const homeAssistantDevice = z.strictObject({
  device: z
    .strictObject({
      identifiers: z.array(z.string()).optional(),
      name: text.optional(),
      manufacturer: text.optional(),
      model: text.optional(),
      sw_version: text.optional(),
    })
    .refine(({ identifiers = [] }) => identifiers.length > 0, "at least one identifying value"),
  origin: z.strictObject({ name: text, sw_version: text.optional(), support_url: z.url().optional() }),
  availability: z.array(z.strictObject({ topic, value_template: template.optional() })).optional(),
  components: z.record(z.string().min(1), z.union(components)),
});

/** `<prefix>/device/<object id>/config` (discovery.py: an object id of letters, digits, `_` and `-`). */
export const discoveryTopic = /^[\w-]+(\/[\w-]+)*\/device\/[\w-]+\/config$/;

/**
 * What a discovered event entity takes of a message (`_event_received` in event.py): not a retained one, and a JSON object
 * whose `event_type` is one of its types. The answer is the type.
 */
export function homeAssistantEvent(payload: string, eventTypes: readonly string[]): string {
  return z.looseObject({ event_type: z.enum(eventTypes) }).parse(JSON.parse(payload)).event_type;
}
