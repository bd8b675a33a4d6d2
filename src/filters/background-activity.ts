/** Background activity filter: an event that no neighbour supports is noise. */

import { z } from "zod";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";

/**
 * Lets an event pass when one of its 8 neighbours fired at most `windowUs` before it, whatever the polarities
 * (T. Delbruck, "Frame-free dynamic digital vision", 2008; jAER's BackgroundActivityFilter). A pixel does not support
 * itself, so a hot pixel on its own is noise too; an event that is dropped still supports its neighbours.
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
  }),
  create({ windowUs }, context) {
    const geometry = pixelsIn(context);
    // When a neighbour of each pixel fired last. A border around the sensor saves the test for its edge.
    const stride = geometry.width + 2;
    const supportedUs = new Float64Array(stride * (geometry.height + 2)).fill(-Infinity);
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
          outTimes[kept] = timeUs;
          outAddresses[kept] = address;
          if (timeUs - supportedUs[pixel]! <= windowUs) kept += 1;
          // Eight stores and one load are two to four times as fast as one store and eight loads.
          const above = pixel - stride;
          const below = pixel + stride;
          supportedUs[above - 1] = timeUs;
          supportedUs[above] = timeUs;
          supportedUs[above + 1] = timeUs;
          supportedUs[pixel - 1] = timeUs;
          supportedUs[pixel + 1] = timeUs;
          supportedUs[below - 1] = timeUs;
          supportedUs[below] = timeUs;
          supportedUs[below + 1] = timeUs;
        }
        out.count = kept;
        dropped += count - kept;
        return out;
      },
      counts: () => ({ "dropped as background activity": dropped }),
    };
  },
});
