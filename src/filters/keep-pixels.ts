/** What filters with a fixed map of pixels share: region and mask. */

import type { PixelGeometry } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import type { Step } from "../stage.ts";

/**
 * A step that keeps the events of pixels whose byte in `keeps` is 1 and drops those where it is 0; `keeps` has one
 * byte a pixel, in C order. `dropped` names what was dropped in the summary.
 */
export function keepPixels(
  geometry: PixelGeometry,
  keeps: Uint8Array,
  dropped: string,
): Step<"events", "events"> {
  const { width } = geometry;
  const out = new Packet(geometry);
  let droppedEvents = 0;
  return {
    step(packet) {
      const { count, times, addresses } = packet;
      out.begin(packet.fromUs, packet.toUs).reserve(count);
      const outTimes = out.times;
      const outAddresses = out.addresses;
      let kept = 0;
      for (let i = 0; i < count; i++) {
        const address = addresses[i]!;
        outTimes[kept] = times[i]!;
        outAddresses[kept] = address;
        kept += keeps[(address >>> 16) * width + ((address >>> 1) & 0x7fff)]!;
      }
      out.count = kept;
      droppedEvents += count - kept;
      return out;
    },
    counts: () => ({ [dropped]: droppedEvents }),
  };
}
