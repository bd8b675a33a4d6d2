/** Pulse count: a value becomes as many spikes as its size asks for, of the neuron for its sign. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { neurons } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { channelsIn, defineStage } from "../stage.ts";

/**
 * A sample v of channel j at time t becomes n = ceil(pulses * min(1, |v| / range)) spikes of neuron 2 j, or 2 j + 1 for v > 0, at
 * t, t + everyUs, t + 2 everyUs and so on. A new sample ends what is left of the one before; a value that is not a number
 * gives none. (The spike encoder of TENNLab's controllers: J. S. Plank et al., "The Cart-Pole Application as a Benchmark for
 * Neuromorphic Computing", JLPEA 15(1):5, 2025.)
 *
 * Gives neurons of shape (1, channels, 2). Throws a usage error unless there is a range for each channel.
 */
export default defineStage({
  name: "pulse-count",
  about: "A value becomes as many spikes as its size asks for, of the neuron for its sign.",
  takes: "samples",
  gives: "spikes",
  options: z.strictObject({
    ranges: z
      .array(z.number().positive())
      .min(1)
      .describe("size of each channel's value that asks for all pulses, in the channel's unit"),
    pulses: z.int().min(1).max(1000).default(8).describe("most spikes of a sample"),
    everyUs: z.int().min(1).max(1_000_000).default(3000).describe("time from spike to spike, microseconds"),
  }),
  create({ ranges, pulses, everyUs }, context) {
    const incoming = channelsIn(context);
    const count = incoming.channels.length;
    if (ranges.length !== count)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `has ${ranges.length} ranges for ${count} channels`,
        remedy: `Give one for each of ${incoming.channels.map(({ name }) => name).join(", ")}.`,
      });
    const geometry = neurons(1, count, 2);
    const out = new Packet(geometry);
    /** Of each channel: the neuron that speaks, when next, and how often still. */
    const speaker = new Uint32Array(count);
    const nextUs = new Float64Array(count).fill(Infinity);
    const left = new Uint32Array(count);

    /** Says what is due before a time, in order of time and then of channels. */
    const sayUntil = (untilUs: number) => {
      for (;;) {
        let first = 0;
        for (let j = 1; j < count; j++) if (nextUs[j]! < nextUs[first]!) first = j;
        if (!(nextUs[first]! < untilUs)) return;
        out.push(nextUs[first]!, speaker[first]!);
        left[first]! -= 1;
        nextUs[first] = left[first] === 0 ? Infinity : nextUs[first]! + everyUs;
      }
    };

    return {
      geometry,
      step(samples) {
        out.begin(samples.fromUs, samples.toUs);
        for (let i = 0; i < samples.count; i++) {
          const timeUs = Math.ceil(samples.timeUs(i));
          sayUntil(timeUs);
          for (let j = 0; j < count; j++) {
            const value = samples.columns[j]![i]!;
            const size = Math.ceil(pulses * Math.min(1, Math.abs(value) / ranges[j]!));
            speaker[j] = 2 * j + (value > 0 ? 1 : 0);
            left[j] = size > 0 ? size : 0;
            nextUs[j] = size > 0 ? timeUs : Infinity;
          }
        }
        sayUntil(samples.toUs);
        return out;
      },
    };
  },
});
