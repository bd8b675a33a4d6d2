/** Polarity filter: brighter, darker, or simply changed. */

import { z } from "zod";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";

/** Keeps ON events, or OFF events, or merges both: then every event passes and is marked ON. */
export default defineStage({
  name: "polarity",
  about: "Keeps the ON events or the OFF events, or marks all of them ON.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    keep: z
      .enum(["on", "off", "merged"])
      .describe("on: events of pixels that grew brighter; off: darker; merged: all, and all marked ON"),
  }),
  create({ keep }, context) {
    const out = new Packet(pixelsIn(context));
    // An address passes when, after `marked` is set in it, its polarity bit is `wanted`.
    const marked = keep === "merged" ? 1 : 0;
    const wanted = keep === "off" ? 0 : 1;
    let dropped = 0;
    return {
      step(packet) {
        const { count, times, addresses } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        const outTimes = out.times;
        const outAddresses = out.addresses;
        let kept = 0;
        for (let i = 0; i < count; i++) {
          const address = addresses[i]! | marked;
          outTimes[kept] = times[i]!;
          outAddresses[kept] = address;
          if ((address & 1) === wanted) kept += 1;
        }
        out.count = kept;
        dropped += count - kept;
        return out;
      },
      counts: () => ({ "dropped for their polarity": dropped }),
    };
  },
});
