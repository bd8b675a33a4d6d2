/** What the drivers on a broker let a user choose, each said once. */

import { z } from "zod";
import { portOption } from "../live/options.ts";
import { brokerUrl, loginShape } from "./connection.ts";

const segments = z.string().regex(/^[\w-]+(\/[\w-]+)*$/);

/** A broker elsewhere. */
export const brokerShape = {
  url: brokerUrl.describe("the broker, for example mqtt://192.168.1.10:1883"),
  ...loginShape,
};

/** A broker elsewhere, or one in the process. */
export const anyBrokerShape = {
  url: brokerUrl
    .optional()
    .describe("the broker, for example mqtt://192.168.1.10:1883; a broker in the process by default"),
  ...loginShape,
  port: portOption
    .default(1883)
    .describe("TCP port of the broker in the process, on 127.0.0.1; 0 takes any free one"),
};

export const baseShape = {
  base: segments.default("reflexarc").describe("beginning of all topics"),
};

/** `whose`: "the actuator's", "the detector's". */
export const nameShape = (whose: string) => ({
  name: z
    .string()
    .regex(/^[\w-]+$/)
    .optional()
    .describe(`${whose} part of its topics; the stage's id by default`),
});

/** `of` is what Home Assistant is told of. */
export const discoveryShape = (of: string) => ({
  discovery: segments
    .optional()
    .describe(`tells Home Assistant of ${of}, under this prefix (its own is homeassistant)`),
  atEnd: z
    .enum(["offline", "remove"])
    .default("offline")
    .describe("what becomes of Home Assistant's device when the run ends: it stays, offline, or goes"),
});

/** `example` is one that a user may know. */
export const topicShape = (holds: string, example: string) => ({
  topic: z
    .string()
    .min(1)
    .max(512)
    .regex(/^[^+#\0]+$/, "must be one topic, without + or #")
    .describe(`topic whose messages are ${holds}, ${example} for example`),
});
