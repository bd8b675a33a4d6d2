/** Hot-pixel filter: a pixel that shouts while its neighbours are silent is broken. */

import { z } from "zod";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";

/**
 * Learns all the time, in windows of packet time that follow each other from the first event on. A pixel is hot when
 * it fired in a window at `minHz` or more, and more than `factor` times as often as its 8 neighbours on average
 * (pixels beyond the edge count as silent); a moving edge makes its neighbours fire as well, a defect does not. The
 * events of a pixel that was hot in one window are dropped in the next. So all events of the first window pass, a
 * pixel that becomes hot is heard for at most one window more, and one that recovers is heard again.
 * (jAER's HotPixelFilter and libcaer learn once, on request, and rank pixels of the whole sensor.)
 */
export default defineStage({
  name: "hot-pixel",
  about: "Drops the events of pixels that fire far more often than their neighbours.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    windowMs: z
      .int()
      .positive()
      .default(500)
      .describe("how long events are counted before pixels are judged, milliseconds"),
    minHz: z
      .number()
      .positive()
      .default(20)
      .describe("a pixel slower than this is never hot, events a second"),
    factor: z
      .number()
      .min(1)
      .default(5)
      .describe("how many times its neighbours' mean a pixel must fire to be hot"),
  }),
  create({ windowMs, minHz, factor }, context) {
    const geometry = pixelsIn(context);
    const windowUs = windowMs * 1000;
    const countMin = Math.max(1, (minHz * windowMs) / 1000);
    const stride = geometry.width + 2;
    const counts = new Uint32Array(stride * (geometry.height + 2));
    const hot = new Uint8Array(counts.length);
    const out = new Packet(geometry);
    let windowEndUs = Number.NaN;
    let hotPixels = 0;
    let dropped = 0;

    /** Judges the window that is over, and begins the one that holds `timeUs`. */
    function turnWindow(timeUs: number): void {
      if (Number.isNaN(windowEndUs)) {
        windowEndUs = timeUs + windowUs;
        return;
      }
      hotPixels = judge(counts, stride, countMin, factor, hot);
      counts.fill(0);
      windowEndUs += windowUs;
      if (timeUs < windowEndUs) return;
      // Whole windows were silent: nothing was hot in them.
      hot.fill(0);
      hotPixels = 0;
      windowEndUs += (Math.floor((timeUs - windowEndUs) / windowUs) + 1) * windowUs;
    }

    return {
      step(packet) {
        const { count, times, addresses } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        const outTimes = out.times;
        const outAddresses = out.addresses;
        let endUs = windowEndUs;
        let kept = 0;
        for (let i = 0; i < count; i++) {
          const timeUs = times[i]!;
          const address = addresses[i]!;
          if (!(timeUs < endUs)) {
            turnWindow(timeUs);
            endUs = windowEndUs;
          }
          const pixel = ((address >>> 16) + 1) * stride + ((address >>> 1) & 0x7fff) + 1;
          counts[pixel] = counts[pixel]! + 1;
          outTimes[kept] = timeUs;
          outAddresses[kept] = address;
          kept += 1 - hot[pixel]!;
        }
        out.count = kept;
        dropped += count - kept;
        return out;
      },
      counts: () => ({ "dropped from hot pixels": dropped, "hot pixels at the end": hotPixels }),
    };
  },
});

/** Marks each pixel of the bordered map that is hot; answers how many are. */
function judge(
  counts: Uint32Array,
  stride: number,
  countMin: number,
  factor: number,
  hot: Uint8Array,
): number {
  hot.fill(0);
  let found = 0;
  for (let i = stride + 1; i < counts.length - stride - 1; i++) {
    const count = counts[i]!;
    if (count < countMin) continue;
    const above = counts[i - stride - 1]! + counts[i - stride]! + counts[i - stride + 1]!;
    const below = counts[i + stride - 1]! + counts[i + stride]! + counts[i + stride + 1]!;
    const mean = (above + counts[i - 1]! + counts[i + 1]! + below) / 8;
    if (count <= factor * mean) continue;
    hot[i] = 1;
    found += 1;
  }
  return found;
}
