/** Downsample: blocks of pixels become one pixel. */

import { z } from "zod";
import { pixels } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";

/**
 * Moves each event from (x, y) to (floor(x / factor), floor(y / factor)) and keeps its time and polarity. No event is
 * dropped (a refractory filter behind it thins them); the geometry is rounded up, so the last column may be narrower.
 */
export default defineStage({
  name: "downsample",
  about: "Makes one pixel of each block of factor x factor pixels, and keeps every event.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    factor: z.int().min(1).max(0x8000).default(2).describe("side of a block, pixels"),
  }),
  create({ factor }, context) {
    const sensor = pixelsIn(context);
    const geometry = pixels(Math.ceil(sensor.width / factor), Math.ceil(sensor.height / factor));
    const out = new Packet(geometry);
    // The low half of an address is x and polarity, the high half y: a table for each saves the divisions.
    const lowOf = Uint32Array.from(
      { length: sensor.width * 2 },
      (_, low) => (Math.floor((low >>> 1) / factor) << 1) | (low & 1),
    );
    const highOf = Uint32Array.from({ length: sensor.height }, (_, y) => Math.floor(y / factor) << 16);
    return {
      geometry,
      step(packet) {
        const { count, times, addresses } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        const outTimes = out.times;
        const outAddresses = out.addresses;
        for (let i = 0; i < count; i++) {
          const address = addresses[i]!;
          outTimes[i] = times[i]!;
          outAddresses[i] = highOf[address >>> 16]! | lowOf[address & 0xffff]!;
        }
        out.count = count;
        return out;
      },
    };
  },
});
