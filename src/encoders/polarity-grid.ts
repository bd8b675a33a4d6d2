/** Polarity grid: a picture of any size becomes a small layer of input neurons. */

import { z } from "zod";
import { neurons } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";

/**
 * Each event becomes one spike, at its time, of the grid cell that holds its pixel:
 * column = floor(x * columns / width), row = floor(y * rows / height), so one document fits every sensor.
 *
 * Gives neurons of shape (channels, rows, columns), id = (channel * rows + row) * columns + column;
 * split: channel 0 takes OFF events and channel 1 ON events; merge: one channel takes both.
 */
export default defineStage({
  name: "polarity-grid",
  about: "Each event becomes a spike of the grid cell it lies in, by polarity or not.",
  takes: "events",
  gives: "spikes",
  options: z.strictObject({
    columns: z.int().min(1).max(4096).default(8).describe("cells from left to right"),
    rows: z.int().min(1).max(4096).default(8).describe("cells from top to bottom"),
    polarity: z
      .enum(["split", "merge"])
      .default("split")
      .describe("split: channel 0 takes OFF events, channel 1 ON events; merge: one channel takes both"),
  }),
  create({ columns, rows, polarity }, context) {
    const sensor = pixelsIn(context);
    const channels = polarity === "split" ? 2 : 1;
    const geometry = neurons(channels, rows, columns);
    const out = new Packet(geometry);
    // The low half of an address is x and polarity, the high half y: each has its share of the neuron's id.
    const lowOf = Uint32Array.from({ length: sensor.width * 2 }, (_, low) => {
      const channel = channels === 2 ? low & 1 : 0;
      return channel * rows * columns + Math.floor(((low >>> 1) * columns) / sensor.width);
    });
    const highOf = Uint32Array.from(
      { length: sensor.height },
      (_, y) => Math.floor((y * rows) / sensor.height) * columns,
    );
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
          outAddresses[i] = highOf[address >>> 16]! + lowOf[address & 0xffff]!;
        }
        out.count = count;
        return out;
      },
    };
  },
});
