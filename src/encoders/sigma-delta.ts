/** Sigma-delta: a spike for each step that a value has moved, of the neuron for its direction. */

import { z } from "zod";
import { neurons } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { channelsIn, defineStage } from "../stage.ts";

/**
 * A feedback r of each channel follows its value v in steps: at a sample, while v - r >= step a spike of neuron 2 j + 1 leaves
 * and r += step; while r - v >= step, one of neuron 2 j, and r -= step. So |v - r| < step after each sample, but where `spikesMax`
 * was not enough: then r comes after with the next ones. What doesn't move costs nothing. A value that is not known (NaN)
 * leaves all as it is. (Asynchronous delta modulation: Inose et al., IEEE Trans. Space Electron. Telem., 1966.)
 *
 * `decodeSigmaDelta` adds the steps up again. Gives neurons of shape (1, channels, 2), spikes of a sample at its time.
 */
export default defineStage({
  name: "sigma-delta",
  about: "A value becomes a spike for each step that it has moved up or down.",
  takes: "samples",
  gives: "spikes",
  options: z.strictObject({
    step: z.number().positive().default(1).describe("how far a value moves for a spike, in its unit"),
    origin: z.number().default(0).describe("where the feedback begins, in the value's unit"),
    spikesMax: z.int().min(1).max(10_000).default(100).describe("most spikes of a channel at one sample"),
  }),
  create({ step, origin, spikesMax }, context) {
    const { channels } = channelsIn(context);
    const geometry = neurons(1, channels.length, 2);
    const out = new Packet(geometry);
    /** Steps from the origin, a whole number: the decoder's sum is the same one, bit for bit. */
    const steps = new Float64Array(channels.length);
    return {
      geometry,
      step(samples) {
        out.begin(samples.fromUs, samples.toUs);
        for (let i = 0; i < samples.count; i++) {
          const timeUs = Math.floor(samples.timeUs(i));
          for (let j = 0; j < channels.length; j++) {
            const away = (samples.columns[j]![i]! - origin) / step - steps[j]!;
            const count = Math.min(spikesMax, Math.floor(Math.abs(away)));
            if (!(count > 0)) continue;
            for (let k = 0; k < count; k++) out.push(timeUs, 2 * j + (away > 0 ? 1 : 0));
            steps[j] = steps[j]! + Math.sign(away) * count;
          }
        }
        return out;
      },
    };
  },
});
