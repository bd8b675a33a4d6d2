/** A stage that keeps all spikes: what `evaluate` puts behind a stage that it listens to. */

import { z } from "zod";
import { anyOptions, defineStage } from "../stage.ts";
import type { Spikes } from "./evaluate-listen.ts";

/** Adds what comes to `timesUs` and `ids`. */
export function hear({ timesUs, ids }: Spikes) {
  return anyOptions(
    defineStage({
      name: "hear",
      about: "Keeps what comes.",
      takes: "spikes",
      gives: "spikes",
      options: z.strictObject({}),
      create: () => (packet) => {
        for (let i = 0; i < packet.count; i++) {
          timesUs.push(packet.times[i]!);
          ids.push(packet.addresses[i]!);
        }
        return packet;
      },
    }),
  );
}
