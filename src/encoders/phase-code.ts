/** Phase code: how large a value is, as how late in each cycle of an oscillation its neuron fires. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { neurons } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { nextGridUs } from "../events/time.ts";
import { channelsIn, defineStage } from "../stage.ts";

/**
 * The oscillation begins a cycle at each multiple of `periodUs`, and its own neuron fires there: the reference. In each cycle the
 * neuron of a channel fires once, after
 *
 *     floor((periodUs - 1) (v - min) / (max - min))  microseconds,   v between min and max
 *
 * where v is the newest value before the cycle's beginning: one spike tells a value to a part in periodUs, a cycle late. Before
 * a channel's first value it is silent; one that is not known (NaN) leaves the last. (Hopfield, "Pattern recognition computation using
 * action potential timing", Nature 376, 1995.) `decodePhase` reads it.
 *
 * Gives neurons of shape (1, 1, channels + 1), the last one the reference. Throws a usage error for a range without extent.
 */
export default defineStage({
  name: "phase-code",
  about: "A value becomes the phase at which its neuron fires in each cycle of an oscillation.",
  takes: "samples",
  gives: "spikes",
  options: z.strictObject({
    min: z.number().default(0).describe("value that fires as the cycle begins"),
    max: z.number().default(1).describe("value that fires as it ends"),
    periodUs: z
      .int()
      .min(10)
      .max(3_600_000_000)
      .default(100_000)
      .describe("length of a cycle, microseconds; 100 ms are the brain's theta, about"),
  }),
  create({ min, max, periodUs }, context) {
    const count = channelsIn(context).channels.length;
    if (min >= max)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `min ${min} must be below max ${max}`,
        remedy: "Give the range that the value has.",
      });
    const geometry = neurons(1, 1, count + 1);
    const out = new Packet(geometry);
    const values = new Float64Array(count).fill(Number.NaN);
    /** Of each channel, and of the reference: its spike that is still to come in this cycle. */
    const dueUs = new Float64Array(count + 1).fill(Infinity);
    let cycleUs = Number.NaN;

    function sayUntil(untilUs: number): void {
      for (;;) {
        // Of equal times the reference first.
        let first = count;
        for (let j = 0; j < count; j++) if (dueUs[j]! < dueUs[first]!) first = j;
        if (!(dueUs[first]! < untilUs)) return;
        out.push(dueUs[first]!, first);
        dueUs[first] = Infinity;
      }
    }

    /** Says what is due before a time, and begins the cycles up to it: a sample of that time is too late for them. */
    function advance(timeUs: number): void {
      for (; cycleUs <= timeUs; cycleUs += periodUs) {
        sayUntil(cycleUs);
        dueUs[count] = cycleUs;
        for (let j = 0; j < count; j++) {
          const share = Math.min(1, Math.max(0, (values[j]! - min) / (max - min)));
          if (!Number.isNaN(share)) dueUs[j] = cycleUs + Math.floor((periodUs - 1) * share);
        }
      }
      sayUntil(timeUs);
    }

    return {
      geometry,
      step(samples) {
        out.begin(samples.fromUs, samples.toUs);
        if (Number.isNaN(cycleUs)) cycleUs = nextGridUs(samples.fromUs, periodUs);
        for (let i = 0; i < samples.count; i++) {
          advance(Math.floor(samples.timeUs(i)));
          for (let j = 0; j < count; j++) {
            const value = samples.columns[j]![i]!;
            if (!Number.isNaN(value)) values[j] = value;
          }
        }
        advance(samples.toUs);
        return out;
      },
    };
  },
});
