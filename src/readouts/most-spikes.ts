/** Most spikes: whoever fired most since the last decision chooses a value from a list. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { describeGeometry, sizeOf } from "../events/geometry.ts";
import { units } from "../safety/command.ts";
import { defineStage, neuronsIn } from "../stage.ts";
import { commandOptions, sayOnGrid } from "./readout.ts";

/**
 * Each of `values` belongs to one neuron. At grid point g the neuron with the most spikes in g - everyUs <= t < g wins, of equals
 * the first. Where none fired, the last value is held, or it is the first one's: nobody is equal too.
 *
 * Throws a usage error unless there is a value for each neuron.
 */
export default defineStage({
  name: "most-spikes",
  about: "The neuron with the most spikes since the last decision chooses one of several values.",
  takes: "spikes",
  gives: "commands",
  options: z.strictObject({
    ...commandOptions,
    values: z.array(z.number()).min(1).describe("value for each neuron, in order of their ids"),
    unit: z.enum(units).default("deg").describe("unit of the values"),
    silence: z
      .enum(["hold", "first"])
      .default("hold")
      .describe("hold: without a spike the last value is said again; first: it is the first one's"),
    rest: z
      .number()
      .optional()
      .describe("value until there is a spike; without it nothing is said until then"),
  }),
  create({ values, silence, ...options }, context) {
    const geometry = neuronsIn(context);
    if (values.length !== sizeOf(geometry))
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `has ${values.length} values for ${describeGeometry(geometry)}`,
        remedy: `Give ${sizeOf(geometry)}, one for each neuron.`,
      });
    const counts = new Uint32Array(values.length);
    let countedUs = Number.NEGATIVE_INFINITY;

    return sayOnGrid(
      { ...options, id: context.id },
      {
        hear({ addresses }, from, to, gridUs) {
          if (gridUs > countedUs) counts.fill(0);
          countedUs = gridUs;
          for (let i = from; i < to; i++) counts[addresses[i]!]! += 1;
        },
        valueAt(gridUs) {
          if (gridUs > countedUs) return silence === "first" ? values[0] : undefined;
          let most = 0;
          for (let id = 1; id < counts.length; id++) if (counts[id]! > counts[most]!) most = id;
          return values[most];
        },
      },
    );
  },
});
