/** Background activity filter: an event that no neighbour supports is noise. */

import { z } from "zod";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";

/**
 * Lets an event pass when at least `supporters` of its 8 neighbours fired at most `windowUs` before it, whatever the
 * polarities (T. Delbruck, "Frame-free dynamic digital vision", 2008; jAER's BackgroundActivityFilter). A pixel does
 * not support itself, so a hot pixel on its own is noise too; an event that is dropped still supports its neighbours.
 */
export default defineStage({
  name: "background-activity",
  about: "Drops an event that has no recent event in its 8 neighbours.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    windowUs: z
      .int()
      .positive()
      .default(5000)
      .describe("how recent a neighbour's event must be, microseconds"),
    supporters: z
      .int()
      .min(1)
      .max(8)
      .default(1)
      .describe("how many of the 8 neighbours must have fired, 1 to 8"),
  }),
  create({ windowUs, supporters }, context) {
    const geometry = pixelsIn(context);
    // A border of pixels that never fire saves the test for the sensor's edge.
    const stride = geometry.width + 2;
    const lastUs = new Float64Array(stride * (geometry.height + 2)).fill(-Infinity);
    const out = new Packet(geometry);
    let dropped = 0;
    return {
      step(packet) {
        const { count, times, addresses } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        const outTimes = out.times;
        const outAddresses = out.addresses;
        let kept = 0;
        for (let i = 0; i < count; i++) {
          const timeUs = times[i]!;
          const address = addresses[i]!;
          const pixel = ((address >>> 16) + 1) * stride + ((address >>> 1) & 0x7fff) + 1;
          lastUs[pixel] = timeUs;
          outTimes[kept] = timeUs;
          outAddresses[kept] = address;
          const sinceUs = timeUs - windowUs;
          const above = pixel - stride;
          const below = pixel + stride;
          // Eight loads without a branch: noise would mispredict every one.
          const support =
            (lastUs[above - 1]! >= sinceUs ? 1 : 0) +
            (lastUs[above]! >= sinceUs ? 1 : 0) +
            (lastUs[above + 1]! >= sinceUs ? 1 : 0) +
            (lastUs[pixel - 1]! >= sinceUs ? 1 : 0) +
            (lastUs[pixel + 1]! >= sinceUs ? 1 : 0) +
            (lastUs[below - 1]! >= sinceUs ? 1 : 0) +
            (lastUs[below]! >= sinceUs ? 1 : 0) +
            (lastUs[below + 1]! >= sinceUs ? 1 : 0);
          if (support >= supporters) kept += 1;
        }
        out.count = kept;
        dropped += count - kept;
        return out;
      },
      counts: () => ({ "dropped as background activity": dropped }),
    };
  },
});
