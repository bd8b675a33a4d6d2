/** Surface threshold: only events whose surroundings are as lively as asked pass. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { indexAtOrAfter, Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { growingScale } from "./growing-scale.ts";
import { filterKernels } from "./kernel.ts";

/**
 * Keeps an event at pixel p and time t when the mean of the time surface around it lies between `min` and `max`. With
 * T(u) the last time that pixel u fired,
 *
 *     s = mean over u of exp(-(t - T(u)) / tauUs)
 *
 * where u runs over the (2 radius + 1)^2 - 1 pixels around p; one beyond the edge, or that never fired, counts 0
 * (Lagorce et al., "HOTS", PAMI 39(7), 2017, equations 1 to 3). A `min` drops what is lonely (noise), a `max` what is
 * dense (texture, flicker). With polarity "same", T holds events of the event's polarity only. The encoder
 * `time-surface` gives the same s as a channel. Throws a usage error when `min` is above `max`.
 */
export default defineStage({
  name: "surface-threshold",
  about: "Keeps events whose surroundings fired as recently as asked, by the mean of their time surface.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    tauUs: z
      .number()
      .min(100)
      .default(20_000)
      .describe("how fast the surroundings are forgotten, microseconds"),
    radius: z.int().min(1).max(8).default(1).describe("how far the surroundings reach, pixels"),
    min: z.number().min(0).max(1).default(0.2).describe("least mean of the time surface"),
    max: z.number().min(0).max(1).default(1).describe("greatest mean of the time surface"),
    polarity: z.enum(["any", "same"]).default("any").describe("which events make up an event's surroundings"),
  }),
  create({ tauUs, radius, min, max, polarity }, context) {
    const geometry = pixelsIn(context);
    if (min > max)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `no mean lies between min ${min} and max ${max}`,
        remedy: "Give a min that is not above max.",
      });
    // A border of pixels that never fire saves the test for the sensor's edge.
    const stride = geometry.width + 2 * radius;
    const planeSize = stride * (geometry.height + 2 * radius);
    const onPlane = polarity === "same" ? planeSize : 0;
    const { frameUs, at, fine, coarse } = growingScale(tauUs);
    const { columns, kernel } = filterKernels.open({
      traces: [Float64Array, planeSize + onPlane],
      fine,
      coarse,
    });
    const { traces } = columns;
    let originUs = -Infinity;
    const side = 2 * radius + 1;
    const sumMin = min * (side * side - 1);
    const sumMax = max * (side * side - 1);
    const out = new Packet(geometry);
    let dropped = 0;

    /** Moves the scale's origin; what is too old to matter underflows to 0. */
    function moveOrigin(timeUs: number): void {
      const faded = Math.exp((originUs - timeUs) / tauUs);
      for (let u = 0; u < traces.length; u++) traces[u] = traces[u]! * faded;
      originUs = timeUs;
    }

    /** Appends those of events `from` to `to` that pass, all of one frame of the scale. */
    function plain({ times, addresses }: Packet, from: number, to: number): void {
      let kept = out.count;
      for (let i = from; i < to; i++) {
        const timeUs = times[i]!;
        const address = addresses[i]!;
        const pixel =
          ((address >>> 16) + radius) * stride +
          ((address >>> 1) & 0x7fff) +
          radius +
          (address & 1) * onPlane;
        const trace = at((timeUs - originUs) | 0);
        traces[pixel] = 0;
        let sum = 0;
        for (let row = pixel - radius * stride - radius, dy = 0; dy < side; dy++, row += stride) {
          // A sum a row: the rows' additions don't wait for each other.
          let rowSum = 0;
          for (let u = row; u < row + side; u++) rowSum += traces[u]!;
          sum += rowSum;
        }
        traces[pixel] = trace;
        out.times[kept] = timeUs;
        out.addresses[kept] = address;
        if (sum >= sumMin * trace && sum <= sumMax * trace) kept += 1;
      }
      out.count = kept;
    }

    const run = kernel
      ? kernel.inBatches(out, (count) =>
          kernel.call.surfaceThreshold(
            kernel.timesAt,
            kernel.addressesAt,
            count,
            originUs,
            columns.fine.byteOffset,
            columns.coarse.byteOffset,
            traces.byteOffset,
            radius,
            stride,
            onPlane,
            sumMin,
            sumMax,
          ),
        )
      : plain;

    return {
      step(packet) {
        const { count, times } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        for (let from = 0; from < count; ) {
          if (times[from]! - originUs > frameUs) moveOrigin(times[from]!);
          const to = indexAtOrAfter(packet, originUs + frameUs + 1);
          run(packet, from, to);
          from = to;
        }
        dropped += count - out.count;
        return out;
      },
      counts: () => ({ "dropped by their surroundings": dropped }),
    };
  },
});
