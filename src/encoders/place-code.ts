/** Place code: where a value lies, as spikes of the cell that stands for that place. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { neurons } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { channelsIn, defineStage } from "../stage.ts";

/**
 * Each sample becomes one spike, at its time, of one cell of its channel: cell = floor((value - min) / (max - min) * cells),
 * and the first or last cell for what lies outside. So a value that is asked for at a steady rate keeps its cell firing
 * steadily, as muscle spindles and place cells do. A value that is not known (NaN) gives no spike.
 *
 * Gives neurons of shape (channels, 1, cells). A sample's time need not be a whole microsecond: its spike is rounded down.
 */
export default defineStage({
  name: "place-code",
  about: "Each sample becomes a spike of the cell that stands for its value.",
  takes: "samples",
  gives: "spikes",
  options: z.strictObject({
    cells: z.int().min(2).max(4096).default(16).describe("cells from min to max, for each channel"),
    min: z.number().default(0).describe("value at which the first cell begins"),
    max: z.number().default(180).describe("value at which the last cell ends"),
  }),
  create({ cells, min, max }, context) {
    const { channels } = channelsIn(context);
    if (min >= max)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `min ${min} must be below max ${max}`,
        remedy: "Give the range that the value has.",
      });
    const geometry = neurons(channels.length, 1, cells);
    const out = new Packet(geometry);
    return {
      geometry,
      step(samples) {
        out.begin(samples.fromUs, samples.toUs);
        for (let i = 0; i < samples.count; i++) {
          const timeUs = Math.floor(samples.timeUs(i));
          for (const [channel, column] of samples.columns.entries()) {
            const place = Math.floor(((column[i]! - min) / (max - min)) * cells);
            if (!Number.isNaN(place))
              out.push(timeUs, channel * cells + Math.min(Math.max(place, 0), cells - 1));
          }
        }
        return out;
      },
    };
  },
});
