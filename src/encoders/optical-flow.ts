/** Optical flow: a spike tells in which direction, and how fast, an edge passes. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { neurons } from "../events/geometry.ts";
import { indexAtOrAfter, Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { compass } from "./compass.ts";
import { encoderKernels } from "./kernel.ts";
import { never, PlaneFit, windowBits } from "./plane-fit.ts";

/** The kernel is made for this radius. */
const kernelRadius = 2;
/** What it keeps of a block of events from one step to the next. */
const roomBytes = 16 * 1024;

/**
 * Fits a plane to the ages of the pixels around each event: behind an edge that passes, the time since a pixel fired is
 * t = a x + b y + c at (x, y), so its normal flow points against (a, b), 1 / |(a, b)| pixels a microsecond (Benosman et
 * al., "Event-Based Visual Flow", TNNLS 25(2), 2014). The fit is by least squares over the pixels of the event's polarity
 * within `radius` in x and y that the edge has passed, and once more over those of them that lie within |(a, b)| of the
 * first plane: not more than a pixel's way off it, which is the same for slow and fast edges. What an earlier edge left
 * is told by its age: the third youngest of the 8 neighbours, no older than `windowUs`, lies just behind the edge, and
 * pixels older than 2 radius + 1 times that are left out. Times count in units of the least 2^k us of which the window
 * has fewer than 2^14, and ages without as many last bits as leave that oldest one 10: some hundred for a pixel's way.
 * The event becomes a spike when at least `support` pixels took part in both fits, they don't lie on one line, and the
 * speed is between `minPxPerS` and `maxPxPerS`; otherwise it gives none, and is counted.
 *
 * Gives neurons of shape (bands * directions, rows, columns), id = (channel * rows + row) * columns + column, where
 * row and column are the grid cell of the pixel, channel = band * directions + direction, direction is the nearest
 * multiple of 360 / directions degrees (0 to the right, a quarter on is down, as y points), and band counts how many
 * of `bandsPxPerS` the speed has reached. Only the flow across an edge can be seen from so near (aperture problem).
 * Throws a usage error when no speed lies between `minPxPerS` and `maxPxPerS`.
 */
export default defineStage({
  name: "optical-flow",
  about:
    "Each event of a moving edge becomes a spike of its grid cell, in a channel for direction and speed.",
  takes: "events",
  gives: "spikes",
  options: z.strictObject({
    columns: z.int().min(1).max(4096).default(8).describe("cells from left to right"),
    rows: z.int().min(1).max(4096).default(8).describe("cells from top to bottom"),
    directions: z
      .int()
      .min(2)
      .max(64)
      .default(8)
      .describe("channels of direction, 0 to the right, then clockwise"),
    bandsPxPerS: z
      .array(z.number().positive())
      .max(15)
      .default([])
      .describe("speeds at which a next band of channels begins, rising, pixels a second"),
    radius: z.int().min(1).max(4).default(2).describe("how far the fitted pixels reach"),
    windowUs: z
      .int()
      .min(100)
      .max(1_000_000)
      .default(50_000)
      .describe("how recent fitted pixels must be, microseconds"),
    support: z.int().min(3).max(81).default(6).describe("fitted pixels at least, the event's own among them"),
    minPxPerS: z.number().min(0).default(10).describe("slower is no flow, pixels a second"),
    maxPxPerS: z.number().positive().default(10_000).describe("faster is no flow, pixels a second"),
  }),
  create(options, context) {
    const { columns, rows, directions, radius, windowUs, support } = options;
    const sensor = pixelsIn(context);
    if (options.minPxPerS > options.maxPxPerS)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `no speed lies between minPxPerS ${options.minPxPerS} and maxPxPerS ${options.maxPxPerS}`,
        remedy: "Give a minPxPerS that is not above maxPxPerS.",
      });
    const geometry = neurons((options.bandsPxPerS.length + 1) * directions, rows, columns);
    const out = new Packet(geometry);
    // A border of pixels that never fire saves the test for the sensor's edge; the second plane is that of ON events.
    const stride = sensor.width + 2 * radius;
    const planeSize = stride * (sensor.height + 2 * radius);
    const { edges, before, nearest } = compass(directions);
    const { columns: shared, kernel } = encoderKernels.open({
      // When each pixel fired last, in units after the base.
      last: [Int16Array, 2 * planeSize],
      columnOf: Uint32Array.from({ length: sensor.width }, (_, x) =>
        Math.floor((x * columns) / sensor.width),
      ),
      rowOf: Uint32Array.from(
        { length: sensor.height },
        (_, y) => Math.floor((y * rows) / sensor.height) * columns,
      ),
      // A flow with no more than such a slope is in the next band.
      bands: Float32Array.from(options.bandsPxPerS, (speedPxPerS) => 1e6 / speedPxPerS).sort(),
      edges,
      before,
      room: [Uint8Array, roomBytes],
    });
    const { last, columnOf, rowOf, bands } = shared;
    const unitBits = Math.max(0, 32 - windowBits - Math.clz32(windowUs));
    const unitUs = 2 ** unitBits;
    const window = windowUs >> unitBits;
    // So long after the base times fit in 16 bits.
    const spanUs = 2 ** 15 * unitUs;
    last.fill(never);
    const fit = new PlaneFit(last, stride, radius);
    const cells = rows * columns;
    const slopeMinUs = Math.fround(1e6 / options.maxPxPerS);
    const slopeMaxUs = Math.fround(1e6 / options.minPxPerS);
    let baseUs = -Infinity;
    let without = 0;

    function moveBase(timeUs: number): void {
      const toUs = Math.floor(timeUs / unitUs) * unitUs;
      const by = Math.min((toUs - baseUs) / unitUs, 2 ** 16 - 1);
      if (kernel) kernel.call.moveBase(last.byteOffset, last.length, by);
      else for (let i = 0; i < last.length; i++) last[i] = Math.max(never, last[i]! - by);
      baseUs = toUs;
    }

    /** Appends the spikes of events `from` to `to`, all of one base. */
    function plain({ times, addresses }: Packet, from: number, to: number): void {
      let told = out.count;
      for (let i = from; i < to; i++) {
        const timeUs = times[i]!;
        const address = addresses[i]!;
        const x = (address >>> 1) & 0x7fff;
        const y = address >>> 16;
        const now = (timeUs - baseUs) >> unitBits;
        const pixel = (address & 1) * planeSize + (y + radius) * stride + x + radius;
        last[pixel] = now;
        if (!fit.look(pixel, now, window)) continue;
        if (fit.first(pixel, now) < support) continue;
        if (fit.again(pixel, now) < support) continue;
        const slopeUs = fit.slope() * unitUs;
        if (!(slopeUs >= slopeMinUs && slopeUs <= slopeMaxUs)) continue;
        // It moves towards where pixels are younger.
        let channel = nearest(-fit.a, -fit.b);
        for (let band = 0; band < bands.length; band++) if (slopeUs <= bands[band]!) channel += directions;
        out.times[told] = timeUs;
        out.addresses[told] = channel * cells + rowOf[y]! + columnOf[x]!;
        told += 1;
      }
      out.count = told;
    }

    const run =
      kernel && radius === kernelRadius
        ? kernel.inBatches(out, (count) =>
            kernel.call.opticalFlow(
              kernel.timesAt,
              kernel.addressesAt,
              count,
              baseUs,
              unitBits,
              last.byteOffset,
              stride,
              planeSize,
              shared.room.byteOffset,
              window,
              support,
              slopeMinUs,
              slopeMaxUs,
              directions,
              shared.edges.byteOffset,
              shared.before.byteOffset,
              bands.byteOffset,
              bands.length,
              cells,
              rowOf.byteOffset,
              columnOf.byteOffset,
            ),
          )
        : plain;

    return {
      geometry,
      step(packet) {
        const { count, times } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        for (let from = 0; from < count; ) {
          if (times[from]! - baseUs >= spanUs) moveBase(times[from]!);
          const to = indexAtOrAfter(packet, baseUs + spanUs);
          run(packet, from, to);
          from = to;
        }
        without += count - out.count;
        return out;
      },
      counts: () => ({ "events without flow": without }),
    };
  },
});
