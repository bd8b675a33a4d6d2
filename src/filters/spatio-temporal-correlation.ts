/** Spatio-temporal correlation filter: an event that several neighbours don't support is noise. */

import { z } from "zod";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { baseUsMax, lookbackUsMax, moveBase, neverUs } from "./pixel-times.ts";

/**
 * Keeps an event when at least `supporters` of its 8 neighbours fired within `windowUs` before it, its own pixel not
 * counted: the STCF of Guo and Delbruck, "Low Cost and Latency Event Camera Background Activity Denoising", PAMI
 * 45(1), 2023 (jAER's SpatioTemporalCorrelationFilter). With polarity "same", only events of the event's own polarity
 * support it. Every event supports the events after it, whether it passed or not; at one time, the earlier in the
 * packet supports the later. A pixel beyond the edge never fires. One supporter is the background activity filter.
 */
export default defineStage({
  name: "spatio-temporal-correlation",
  about: "Drops events that fewer than k of their neighbours support (STCF).",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    windowUs: z
      .int()
      .positive()
      .max(lookbackUsMax)
      .default(5000)
      .describe("how recent a neighbour's event must be, microseconds"),
    supporters: z.int().min(1).max(8).default(2).describe("how many neighbours must have fired"),
    polarity: z.enum(["any", "same"]).default("any").describe("which events support an event"),
  }),
  create({ windowUs, supporters, polarity }, context) {
    const geometry = pixelsIn(context);
    // A border around the sensor saves the test for its edge; the second plane is that of ON events.
    const stride = geometry.width + 2;
    const planeSize = stride * (geometry.height + 2);
    const lastUs = new Int32Array(polarity === "same" ? 2 * planeSize : planeSize).fill(neverUs);
    const onPlane = polarity === "same" ? planeSize : 0;
    let baseUs = -Infinity;
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
          if (timeUs - baseUs > baseUsMax) {
            moveBase(lastUs, timeUs - baseUs);
            baseUs = timeUs;
          }
          const sinceUs = (timeUs - baseUs) | 0;
          const oldUs = (sinceUs - windowUs) | 0;
          const pixel =
            (((address >>> 16) + 1) * stride + ((address >>> 1) & 0x7fff) + 1 + (address & 1) * onPlane) | 0;
          const above = pixel - stride;
          const below = pixel + stride;
          // The sign of a difference is -1 for a pixel that fired before the window: a sum without a branch.
          const silent =
            ((lastUs[above - 1]! - oldUs) >> 31) +
            ((lastUs[above]! - oldUs) >> 31) +
            ((lastUs[above + 1]! - oldUs) >> 31) +
            ((lastUs[pixel - 1]! - oldUs) >> 31) +
            ((lastUs[pixel + 1]! - oldUs) >> 31) +
            ((lastUs[below - 1]! - oldUs) >> 31) +
            ((lastUs[below]! - oldUs) >> 31) +
            ((lastUs[below + 1]! - oldUs) >> 31);
          lastUs[pixel] = sinceUs;
          outTimes[kept] = timeUs;
          outAddresses[kept] = address;
          if (silent + 8 >= supporters) kept += 1;
        }
        out.count = kept;
        dropped += count - kept;
        return out;
      },
      counts: () => ({ "dropped without support": dropped }),
    };
  },
});
