/** Proprioception: what an actuator of the same document shows (its angle, load, heat), as samples for the network. */

import { z } from "zod";
import { channels } from "../src/events/geometry.ts";
import { defineSensor } from "../src/stage.ts";

const options = z.strictObject({
  of: z.string().min(1).max(64).describe("id of the actuator in this document"),
  readings: z
    .array(z.string().regex(/^[a-z][A-Za-z0-9]*$/))
    .min(1)
    .max(16)
    .default(["angleDeg"])
    .describe("which of its readings, a channel each: angleDeg, pulseUs, load, temperatureC, voltageV ..."),
  everyUs: z
    .int()
    .min(1000)
    .max(1_000_000)
    .default(20_000)
    .describe("time between two samples, microseconds"),
});

/** Units by the ending of a reading's name, the longest first. */
const units = [
  ["DegPerS", "deg/s"],
  ["Deg", "deg"],
  ["Us", "us"],
  ["C", "degC"],
  ["V", "V"],
  ["A", "A"],
] as const;

export default defineSensor({
  name: "read-back",
  about: "What an actuator of the same document shows (angle, load, heat), as samples.",
  gives: "samples",
  live: false,
  options,
  readsBack: ({ of, readings, everyUs }) => ({ of, names: readings, everyUs }),
  async open({ readings }) {
    const named = readings.map((name) => ({
      name,
      unit: units.find(([ending]) => name.endsWith(ending))?.[1] ?? "",
    }));
    return { geometry: channels(named), packets: none() };
  },
});

/** The run gives its samples. */
async function* none(): AsyncGenerator<never> {}
