/** Population vector: where the activity lies, as an angle. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { type NeuronGeometry, sizeOf } from "../events/geometry.ts";
import { defineStage, neuronsIn } from "../stage.ts";
import { commandOptions, sayOnGrid } from "./readout.ts";

/**
 * The mean coordinate of the spikes, each weighted by its age and by its neuron, becomes an angle. At grid point g
 *
 *     W = sum of a(n) exp(-(g - t) / tauUs),   c = sum of a(n) exp(-(g - t) / tauUs) c(n) / W      over spikes t < g
 *     angle = firstDeg + (lastDeg - firstDeg) c / (size - 1)
 *
 * with c(n) the column (axis x) or row (axis y) of neuron n, 0 to size - 1, whatever its channel. a(n) is 1, or with
 * `attend` it falls by `attendRatio` for each row or column farther from that side: with two balls in sight, a goalie
 * minds the nearer. While W < minActivity the last angle is held. Before any evidence it says `restDeg`, or nothing.
 * (Georgopoulos et al., "Neuronal population coding of movement direction", Science 233, 1986.)
 *
 * Throws a usage error when the axis has one neuron only.
 */
export default defineStage({
  name: "population-vector",
  about: "Turns the place of the activity, along x or y, into a servo angle.",
  takes: "spikes",
  gives: "commands",
  options: z.strictObject({
    ...commandOptions,
    axis: z.enum(["x", "y"]).default("x").describe("x: columns count; y: rows count"),
    firstDeg: z.number().describe("angle for activity in the first column (x) or row (y), degrees"),
    lastDeg: z
      .number()
      .describe("angle for activity in the last column or row, degrees; may be the smaller one"),
    tauUs: z
      .number()
      .min(100)
      .default(30_000)
      .describe("time constant with which a spike is forgotten, microseconds"),
    minActivity: z
      .number()
      .positive()
      .default(1)
      .describe("activity, in fresh spikes, below which the last angle is held"),
    restDeg: z
      .number()
      .optional()
      .describe("angle until there is activity, degrees; without it nothing is said until then"),
    attend: z
      .enum(["all", "left", "right", "top", "bottom"])
      .default("all")
      .describe("side whose neurons count most; all: they count alike"),
    attendRatio: z
      .number()
      .min(1)
      .default(2)
      .describe(
        "how many times as much a column or row counts as the next one farther from the attended side",
      ),
  }),
  create(options, context) {
    const { axis, firstDeg, lastDeg, tauUs, minActivity } = options;
    const geometry = neuronsIn(context);
    const size = axis === "x" ? geometry.width : geometry.height;
    if (size < 2)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `needs at least 2 neurons along ${axis}, but gets 1`,
        remedy: `Choose the other axis, or a population with more ${axis === "x" ? "columns" : "rows"}.`,
      });
    const weightOf = attention(geometry, options.attend, options.attendRatio);
    const coordinateOf = Float64Array.from(weightOf, (_, id) =>
      axis === "x" ? columnOf(geometry, id) : rowOf(geometry, id),
    );
    const degPerStep = (lastDeg - firstDeg) / (size - 1);
    let weights = 0;
    let moments = 0;
    let asOfUs = Number.NEGATIVE_INFINITY;

    return sayOnGrid(
      { ...options, id: context.id, unit: "deg", rest: options.restDeg },
      {
        hear({ times, addresses }, from, to, gridUs) {
          if (gridUs > asOfUs) {
            const faded = Math.exp((asOfUs - gridUs) / tauUs);
            weights *= faded;
            moments *= faded;
            asOfUs = gridUs;
          }
          for (let i = from; i < to; i++) {
            const id = addresses[i]!;
            const weight = weightOf[id]! * Math.exp((times[i]! - gridUs) / tauUs);
            weights += weight;
            moments += weight * coordinateOf[id]!;
          }
        },
        valueAt(gridUs) {
          const activity = weights * Math.exp((asOfUs - gridUs) / tauUs);
          return activity < minActivity ? undefined : firstDeg + (moments / weights) * degPerStep;
        },
      },
    );
  },
});

const columnOf = ({ width }: NeuronGeometry, id: number) => id % width;
const rowOf = ({ width, height }: NeuronGeometry, id: number) => Math.floor(id / width) % height;

/** How much each neuron counts: 1 at the attended side. */
function attention(
  geometry: NeuronGeometry,
  side: "all" | "left" | "right" | "top" | "bottom",
  ratio: number,
): Float64Array {
  const distanceOf = {
    all: () => 0,
    left: (id: number) => columnOf(geometry, id),
    right: (id: number) => geometry.width - 1 - columnOf(geometry, id),
    top: (id: number) => rowOf(geometry, id),
    bottom: (id: number) => geometry.height - 1 - rowOf(geometry, id),
  }[side];
  return Float64Array.from({ length: sizeOf(geometry) }, (_, id) => ratio ** -distanceOf(id));
}
