/** Refractory filter: a pixel that has fired is deaf for a while. */

import { z } from "zod";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";

/**
 * Drops an event of a pixel whose last event that passed is less than `periodUs` ago, whatever their polarities.
 * An event that is dropped does not make the pixel deaf for longer.
 */
export default defineStage({
  name: "refractory",
  about: "Drops an event when its pixel let one pass less than a period before.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    periodUs: z
      .int()
      .positive()
      .default(1000)
      .describe("how long a pixel stays deaf after an event, microseconds"),
  }),
  create({ periodUs }, context) {
    const geometry = pixelsIn(context);
    const { width, height } = geometry;
    const passedUs = new Float64Array(width * height).fill(-Infinity);
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
          const pixel = (address >>> 16) * width + ((address >>> 1) & 0x7fff);
          if (timeUs - passedUs[pixel]! < periodUs) continue;
          passedUs[pixel] = timeUs;
          outTimes[kept] = timeUs;
          outAddresses[kept] = address;
          kept += 1;
        }
        out.count = kept;
        dropped += count - kept;
        return out;
      },
      counts: () => ({ "dropped in the refractory period": dropped }),
    };
  },
});
