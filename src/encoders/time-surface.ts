/** Time surface: a spike tells not only where something changed, but how lively its surroundings were. */

import { z } from "zod";
import { neurons } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";

/** The map's zero of time moves on after so many time constants, long before e^x overflows. */
const frameTaus = 256;

/**
 * Each event becomes one spike, at its time, in the grid cell of its pixel, in a channel that codes how recently the
 * pixels around it fired. For an event at pixel p and time t, with T(u) the last time that pixel u fired,
 *
 *     s = mean over u of exp(-(t - T(u)) / tauUs),   level = min(levels - 1, floor(s * levels))
 *
 * where u runs over the (2 radius + 1)^2 - 1 pixels around p; one beyond the edge, or that never fired, counts 0. With
 * polarity "split", T holds events of the same polarity only. This is the mean of the time surface of Lagorce et al.,
 * "HOTS", PAMI 39(7), 2017, equations 1 to 3, quantised: level 0 is lonely (noise), the middle an edge that passes,
 * the highest a dense and fast texture. A sum less than 1e-9 below a level's edge counts as on it.
 *
 * Gives neurons of shape (channels, rows, columns), id = (channel * rows + row) * columns + column, and
 * channel = polarity * levels + level (split: OFF first) or level (merge).
 */
export default defineStage({
  name: "time-surface",
  about: "Each event becomes a spike of its grid cell, in a channel for how recently its surroundings fired.",
  takes: "events",
  gives: "spikes",
  options: z.strictObject({
    columns: z.int().min(1).max(4096).default(8).describe("cells from left to right"),
    rows: z.int().min(1).max(4096).default(8).describe("cells from top to bottom"),
    tauUs: z
      .number()
      .min(100)
      .default(20_000)
      .describe("how fast the surroundings are forgotten, microseconds"),
    levels: z.int().min(1).max(64).default(4).describe("into how many channels liveliness is divided"),
    radius: z.int().min(1).max(8).default(2).describe("how far the surroundings reach, pixels of the sensor"),
    polarity: z
      .enum(["split", "merge"])
      .default("split")
      .describe("split: each polarity has surroundings and channels of its own; merge: both are one"),
  }),
  create({ columns, rows, tauUs, levels, radius, polarity }, context) {
    const sensor = pixelsIn(context);
    const polarities = polarity === "split" ? 2 : 1;
    const geometry = neurons(polarities * levels, rows, columns);
    const out = new Packet(geometry);

    // A border of pixels that never fire saves the test for the sensor's edge.
    const stride = sensor.width + 2 * radius;
    const planeSize = stride * (sensor.height + 2 * radius);
    // Holds exp((T(u) - originUs) / tauUs), so that a sum over pixels needs one exponential an event, not one a pixel.
    const traces = new Float64Array(planeSize * polarities);
    let originUs = -Infinity;
    const frameUs = frameTaus * tauUs;
    const side = 2 * radius + 1;
    const levelsPerSum = levels / (side * side - 1);

    /** Moves the map's zero of time; with it what is too old to matter underflows to 0. */
    function moveOrigin(timeUs: number): void {
      const faded = Math.exp((originUs - timeUs) / tauUs);
      for (let u = 0; u < traces.length; u++) traces[u] = traces[u]! * faded;
      originUs = timeUs;
    }

    const columnOf = Uint32Array.from({ length: sensor.width }, (_, x) =>
      Math.floor((x * columns) / sensor.width),
    );
    const rowOf = Uint32Array.from(
      { length: sensor.height },
      (_, y) => Math.floor((y * rows) / sensor.height) * columns,
    );
    const cells = rows * columns;

    return {
      geometry,
      step(packet) {
        const { count, times, addresses } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        const outTimes = out.times;
        const outAddresses = out.addresses;
        for (let i = 0; i < count; i++) {
          const timeUs = times[i]!;
          const address = addresses[i]!;
          const x = (address >>> 1) & 0x7fff;
          const y = address >>> 16;
          const plane = polarities === 2 ? address & 1 : 0;
          const pixel = plane * planeSize + (y + radius) * stride + x + radius;
          if (timeUs - originUs > frameUs) moveOrigin(timeUs);
          const trace = Math.exp((timeUs - originUs) / tauUs);
          traces[pixel] = 0;
          let sum = 0;
          for (let row = pixel - radius * stride - radius, dy = 0; dy < side; dy++, row += stride) {
            // A sum a row: the rows' additions don't wait for each other.
            let rowSum = 0;
            for (let u = row; u < row + side; u++) rowSum += traces[u]!;
            sum += rowSum;
          }
          traces[pixel] = trace;
          const level = Math.min(levels - 1, ((sum / trace) * levelsPerSum + 1e-9) | 0);
          outTimes[i] = timeUs;
          outAddresses[i] = (plane * levels + level) * cells + rowOf[y]! + columnOf[x]!;
        }
        out.count = count;
        return out;
      },
    };
  },
});
