/** Winner-take-all: the most active neuron, or channel, chooses a value from a list. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { describeGeometry, sizeOf } from "../events/geometry.ts";
import { units } from "../safety/command.ts";
import { defineStage, neuronsIn } from "../stage.ts";
import { commandOptions, sayOnGrid } from "./readout.ts";

/**
 * Each of `values` belongs to one neuron of the population, or to one of its channels, whichever it has as many of.
 * At grid point g the evidence of candidate k is
 *
 *     E(k) = sum of exp(-(g - t) / tauUs) over its spikes t < g
 *
 * The strongest wins, of equals the first; but the winner so far stays until another's evidence exceeds
 * (1 + margin) times its own, and until that other has at least minActivity. The winner's value is held in silence.
 * Before the first winner it says `rest`, or nothing.
 *
 * Throws a usage error when there are as many values neither as neurons nor as channels.
 */
export default defineStage({
  name: "winner-take-all",
  about: "The most active neuron or channel chooses one of several values.",
  takes: "spikes",
  gives: "commands",
  options: z.strictObject({
    ...commandOptions,
    values: z
      .array(z.number())
      .min(1)
      .describe("value for each neuron, or for each channel, in order of their ids"),
    unit: z.enum(units).default("deg").describe("unit of the values"),
    tauUs: z
      .number()
      .min(100)
      .default(100_000)
      .describe("time constant with which a spike is forgotten, microseconds"),
    margin: z
      .number()
      .min(0)
      .default(0.2)
      .describe("by which part of the winner's evidence another must exceed it to replace it"),
    minActivity: z.number().positive().default(1).describe("evidence, in fresh spikes, that it takes to win"),
    rest: z.number().optional().describe("value until something wins; without it nothing is said until then"),
  }),
  create(options, context) {
    const { values, tauUs, margin, minActivity } = options;
    const geometry = neuronsIn(context);
    const size = sizeOf(geometry);
    if (values.length !== size && values.length !== geometry.channels)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `has ${values.length} values for ${describeGeometry(geometry)}`,
        remedy: `Give ${size}, one for each neuron, or ${geometry.channels}, one for each channel.`,
      });
    const neuronsEach = size / values.length;
    const candidateOf = Uint32Array.from({ length: size }, (_, id) => Math.floor(id / neuronsEach));
    const evidence = new Float64Array(values.length);
    let asOfUs = Number.NEGATIVE_INFINITY;
    let winner: number | undefined;

    return sayOnGrid(
      { ...options, id: context.id },
      {
        hear({ times, addresses }, from, to, gridUs) {
          if (gridUs > asOfUs) {
            const faded = Math.exp((asOfUs - gridUs) / tauUs);
            for (let k = 0; k < evidence.length; k++) evidence[k] = evidence[k]! * faded;
            asOfUs = gridUs;
          }
          for (let i = from; i < to; i++) {
            const k = candidateOf[addresses[i]!]!;
            evidence[k] = evidence[k]! + Math.exp((times[i]! - gridUs) / tauUs);
          }
        },
        valueAt(gridUs) {
          const strongest = indexOfLargest(evidence);
          const active = evidence[strongest]! * Math.exp((asOfUs - gridUs) / tauUs) >= minActivity;
          const beaten = winner === undefined || evidence[strongest]! > evidence[winner]! * (1 + margin);
          if (active && beaten) winner = strongest;
          return winner === undefined ? undefined : values[winner];
        },
      },
    );
  },
});

function indexOfLargest(numbers: Float64Array): number {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i]! > numbers[best]!) best = i;
  return best;
}
