/** What every live source lets a user choose. */

import { z } from "zod";
import { type PixelGeometry, pixels } from "../../src/events/geometry.ts";
import { packetEventsMax } from "../../src/events/packet.ts";
import type { QueuePolicy, queuePolicies } from "./event-queue.ts";

const portMax = 65_535;
const waitMsMax = 1000;
/** Two portions of a decoder: less would make it wait for itself. */
const queueEventsMin = 32_768;
const queueEventsMax = packetEventsMax;

export const geometryOption = z
  .string()
  .regex(/^[1-9]\d{0,4}x[1-9]\d{0,4}$/, 'must be a width and a height in pixels, such as "346x260"')
  .describe("the sensor's size in pixels, such as 346x260; events outside it are dropped and counted");

export const portOption = z.int().min(0).max(portMax);

/** Reads a geometry as the option has it. */
export function sizeFrom(text: string): PixelGeometry {
  const [width, height] = text.split("x").map(Number);
  return pixels(width!, height!);
}

/** The options of a live source; `policies` are those that it can keep, its default first. */
export function liveShape(policies: readonly [QueuePolicy, ...QueuePolicy[]]) {
  return {
    times: z
      .enum(["device", "arrival"])
      .default("device")
      .describe(
        "device: the source's own times, laid over the run's clock and followed as they drift; arrival: when the bytes came",
      ),
    offsetUs: z
      .int()
      .min(-10_000_000)
      .max(10_000_000)
      .default(0)
      .describe(
        "added to every time, microseconds: lays this source over another one that it is merged with",
      ),
    waitMs: z
      .number()
      .min(0)
      .max(waitMsMax)
      .default(20)
      .describe(
        "how long a merge waits for what this source may still send, at most, milliseconds: less once it is seen to be quicker; what comes later is moved, and counted",
      ),
    aheadUs: z
      .int()
      .min(0)
      .max(100_000)
      .default(0)
      .describe(
        "a packet's time ends at a multiple of this, that far ahead of the clock at most, microseconds: given the everyUs of its actuator, a command leaves with what it answers and not at the next point of the grid; 0 keeps to the clock",
      ),
    queueEvents: z
      .int()
      .min(queueEventsMin)
      .max(queueEventsMax)
      .default(65_536)
      .describe("events that may wait for the run"),
    whenFull: z
      .enum(policies as [QueuePolicy, ...QueuePolicy[]])
      .default(policies[0])
      .describe(
        "when they are too many: block lets the source wait, drop-oldest drops the oldest, keep-latest all but the newest",
      ),
  };
}

export interface LiveOptions {
  readonly times: "device" | "arrival";
  readonly offsetUs: number;
  readonly waitMs: number;
  readonly aheadUs: number;
  readonly queueEvents: number;
  readonly whenFull: (typeof queuePolicies)[number];
}
