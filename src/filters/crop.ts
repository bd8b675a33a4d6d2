/** Crop: a region of the sensor becomes the sensor. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { describeGeometry, type PixelGeometry, pixelAddress, pixels } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";

/**
 * Keeps the events of a region and moves its upper-left corner to (0, 0); what leaves has the region's geometry.
 * Throws a usage error when the region leaves the sensor.
 */
export default defineStage({
  name: "crop",
  about: "Keeps the events of a region, which becomes the whole picture.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    x: z.int().min(0).default(0).describe("left column of the region, pixels"),
    y: z.int().min(0).default(0).describe("top row of the region, pixels"),
    width: z.int().positive().optional().describe("columns of the region; without it, up to the right edge"),
    height: z.int().positive().optional().describe("rows of the region; without it, down to the bottom edge"),
  }),
  create(options, context) {
    const { x, y } = options;
    const geometry = regionOf(options, pixelsIn(context), context.id);
    const out = new Packet(geometry);
    const corner = pixelAddress(x, y, 0);
    const twiceWidth = geometry.width * 2;
    const { height } = geometry;
    let dropped = 0;
    return {
      geometry,
      step(packet) {
        const { count, times, addresses } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        const outTimes = out.times;
        const outAddresses = out.addresses;
        let kept = 0;
        for (let i = 0; i < count; i++) {
          const address = addresses[i]!;
          outTimes[kept] = times[i]!;
          outAddresses[kept] = address - corner;
          // Unsigned, so that left of the region is as far out as right of it. The low half is x and the polarity bit.
          const inside =
            ((address & 0xffff) - x * 2) >>> 0 < twiceWidth && ((address >>> 16) - y) >>> 0 < height;
          if (inside) kept += 1;
        }
        out.count = kept;
        dropped += count - kept;
        return out;
      },
      counts: () => ({ "dropped outside the region": dropped }),
    };
  },
});

function regionOf(
  region: { x: number; y: number; width?: number | undefined; height?: number | undefined },
  sensor: PixelGeometry,
  room: string,
): PixelGeometry {
  const { x, y, width = sensor.width - x, height = sensor.height - y } = region;
  if (width > 0 && height > 0 && x + width <= sensor.width && y + height <= sensor.height)
    return pixels(width, height);
  throw new ReflexarcError({
    kind: "usage",
    room,
    what: `the region of ${width}x${height} at (${x}, ${y}) leaves the sensor's ${describeGeometry(sensor)}`,
    remedy: "Make it smaller, or leave width and height away to reach the edge.",
  });
}
