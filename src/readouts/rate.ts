/** Rate: how fast neurons fire, as a value. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { sizeOf } from "../events/geometry.ts";
import { units } from "../safety/command.ts";
import { defineStage, neuronsIn } from "../stage.ts";
import { commandOptions, sayOnGrid } from "./readout.ts";

/**
 * The spike rate of neurons firstNeuron to lastNeuron, all together, becomes a value. At grid point g
 *
 *     rate = 1e6 / tauUs * sum of exp(-(g - t) / tauUs) over spikes t < g, in Hz
 *     value = offset + gain rate, no less than min and no more than max
 *
 * Silence is evidence of 0 Hz, so it speaks from the first grid point on (value: offset). A lone spike in steady
 * activity counts 1 in all, whatever tauUs. (Dayan and Abbott, "Theoretical Neuroscience", 2001, section 1.2.)
 *
 * Throws a usage error when the neurons are not in the population, or min exceeds max.
 */
export default defineStage({
  name: "rate",
  about: "Turns the spike rate of some or all neurons into a value of any unit.",
  takes: "spikes",
  gives: "commands",
  options: z.strictObject({
    ...commandOptions,
    unit: z.enum(units).default("deg").describe("unit of the value"),
    tauUs: z.number().min(100).default(100_000).describe("time constant of the rate's average, microseconds"),
    firstNeuron: z.int().min(0).default(0).describe("id of the first neuron that counts"),
    lastNeuron: z
      .int()
      .min(0)
      .optional()
      .describe("id of the last neuron that counts; without it, the population's last"),
    gain: z.number().default(1).describe("value for each Hz"),
    offset: z.number().default(0).describe("value at 0 Hz"),
    min: z.number().optional().describe("the value is never below this; without it, unlimited"),
    max: z.number().optional().describe("the value is never above this; without it, unlimited"),
  }),
  create(options, context) {
    const { tauUs, firstNeuron, gain, offset, min = -Infinity, max = Infinity } = options;
    const size = sizeOf(neuronsIn(context));
    const { lastNeuron = size - 1 } = options;
    const refuse = (what: string, remedy: string) =>
      new ReflexarcError({ kind: "usage", room: context.id, what, remedy });
    if (firstNeuron > lastNeuron || lastNeuron >= size)
      throw refuse(
        `neurons ${firstNeuron} to ${lastNeuron} are not a part of the population`,
        `Its neurons are 0 to ${size - 1}.`,
      );
    if (min > max)
      throw refuse(`min ${min} is above max ${max}`, "Exchange them, and make gain negative to invert.");
    const hzPerSpike = 1e6 / tauUs;
    let spikesLeft = 0;
    let asOfUs = Number.NEGATIVE_INFINITY;

    return sayOnGrid(
      { ...options, id: context.id },
      {
        hear({ times, addresses }, from, to, gridUs) {
          if (gridUs > asOfUs) {
            spikesLeft *= Math.exp((asOfUs - gridUs) / tauUs);
            asOfUs = gridUs;
          }
          for (let i = from; i < to; i++) {
            const id = addresses[i]!;
            if (id >= firstNeuron && id <= lastNeuron) spikesLeft += Math.exp((times[i]! - gridUs) / tauUs);
          }
        },
        valueAt(gridUs) {
          const rateHz = hzPerSpike * spikesLeft * Math.exp((asOfUs - gridUs) / tauUs);
          return Math.min(max, Math.max(min, offset + gain * rateHz));
        },
      },
    );
  },
});
