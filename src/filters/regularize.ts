/** Regularize: each place of the picture is thinned by the same factor. */

import { z } from "zod";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";

/**
 * Divides the picture into cells of size x size pixels and lets the first of each `every` events of a cell pass. A
 * random or a global decimation leaves lively places denser by chance; this one leaves exactly one in `every` of each
 * cell, evenly over time and space, so a slow edge and a fast one keep their proportion. With `polarity` "apart", ON
 * and OFF events of a cell are counted each for themselves.
 */
export default defineStage({
  name: "regularize",
  about: "Lets one in so many events of each cell of pixels pass, so that all places are thinned alike.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    every: z.int().min(1).max(0xffff).default(4).describe("one event in so many passes"),
    size: z.int().min(1).max(0x8000).default(1).describe("side of a cell, pixels"),
    polarity: z
      .enum(["together", "apart"])
      .default("apart")
      .describe("whether ON and OFF events of a cell are counted together"),
  }),
  create({ every, size, polarity }, context) {
    const geometry = pixelsIn(context);
    const columns = Math.ceil(geometry.width / size);
    const cells = columns * Math.ceil(geometry.height / size);
    const onPlane = polarity === "apart" ? cells : 0;
    const left = new Uint16Array(cells + onPlane);
    const out = new Packet(geometry);
    // The low half of an address is x and polarity, the high half y: a table for each saves the divisions.
    const lowOf = Uint32Array.from(
      { length: geometry.width * 2 },
      (_, low) => Math.floor((low >>> 1) / size) + (low & 1) * onPlane,
    );
    const highOf = Uint32Array.from({ length: geometry.height }, (_, y) => Math.floor(y / size) * columns);
    let dropped = 0;
    return {
      step(packet) {
        const { count, times, addresses } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        const outTimes = out.times;
        const outAddresses = out.addresses;
        let kept = 0;
        for (let i = 0; i < count; i++) {
          const address = addresses[i]!;
          const cell = highOf[address >>> 16]! + lowOf[address & 0xffff]!;
          const skip = left[cell]!;
          outTimes[kept] = times[i]!;
          outAddresses[kept] = address;
          left[cell] = skip === 0 ? every - 1 : skip - 1;
          if (skip === 0) kept += 1;
        }
        out.count = kept;
        dropped += count - kept;
        return out;
      },
      counts: () => ({ "dropped to thin evenly": dropped }),
    };
  },
});
