/** Rate code: how large a value is, as how often its neuron fires. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { neurons } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { channelsIn, defineStage } from "../stage.ts";

/**
 * A neuron of each channel integrates, from sample to sample,
 *
 *     rate = minHz + (maxHz - minHz) (v - min) / (max - min),   no less than minHz and no more than maxHz
 *
 * and fires each time that the integral has grown by 1: evenly, if the value holds. A value that is not known (NaN) leaves the rate
 * as it was; before the first one the neuron is silent. `decodeRate` counts spikes in a window.
 *
 * Gives neurons of shape (1, 1, channels); a spike is rounded up to whole microseconds. Throws a usage error for a range
 * without extent.
 */
export default defineStage({
  name: "rate-code",
  about: "A value becomes the rate at which its neuron fires.",
  takes: "samples",
  gives: "spikes",
  options: z.strictObject({
    min: z.number().default(0).describe("value that fires at minHz"),
    max: z.number().default(1).describe("value that fires at maxHz"),
    minHz: z.number().min(0).max(10_000).default(0).describe("rate of the least value, spikes a second"),
    maxHz: z
      .number()
      .positive()
      .max(10_000)
      .default(100)
      .describe("rate of the largest value, spikes a second"),
  }),
  create({ min, max, minHz, maxHz }, context) {
    const count = channelsIn(context).channels.length;
    if (min >= max || minHz >= maxHz)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `min ${min} must be below max ${max}, and minHz ${minHz} below maxHz ${maxHz}`,
        remedy: "Give the range that the value has, and its rates.",
      });
    const geometry = neurons(1, 1, count);
    const out = new Packet(geometry);
    /** Of each channel: its rate, since when, how much of a spike it had gathered then, and its next one. */
    const perUs = new Float64Array(count);
    const sinceUs = new Float64Array(count);
    const gathered = new Float64Array(count);
    const nextUs = new Float64Array(count).fill(Infinity);

    function sayUntil(untilUs: number): void {
      for (;;) {
        let first = 0;
        for (let j = 1; j < count; j++) if (Math.ceil(nextUs[j]!) < Math.ceil(nextUs[first]!)) first = j;
        const timeUs = Math.ceil(nextUs[first]!);
        if (!(timeUs < untilUs)) return;
        out.push(timeUs, first);
        sinceUs[first] = nextUs[first]!;
        gathered[first] = 0;
        nextUs[first] = nextUs[first]! + 1 / perUs[first]!;
      }
    }

    function hear(j: number, value: number, timeUs: number): void {
      if (Number.isNaN(value)) return;
      if (perUs[j]! > 0) gathered[j] = Math.min(1, gathered[j]! + perUs[j]! * (timeUs - sinceUs[j]!));
      sinceUs[j] = timeUs;
      const share = Math.min(1, Math.max(0, (value - min) / (max - min)));
      perUs[j] = (minHz + (maxHz - minHz) * share) / 1e6;
      // What was due in this very microsecond is said in it, whatever the rate is now.
      nextUs[j] = gathered[j] === 1 ? timeUs : timeUs + (1 - gathered[j]!) / perUs[j]!;
    }

    return {
      geometry,
      step(samples) {
        out.begin(samples.fromUs, samples.toUs);
        for (let i = 0; i < samples.count; i++) {
          const timeUs = Math.floor(samples.timeUs(i));
          sayUntil(timeUs);
          for (let j = 0; j < count; j++) hear(j, samples.columns[j]![i]!, timeUs);
        }
        sayUntil(samples.toUs);
        return out;
      },
    };
  },
});
