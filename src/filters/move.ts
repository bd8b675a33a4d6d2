/** What filters that move whole columns and rows share: flip, rotate, transpose, rescale. */

import type { PixelGeometry } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import type { Step } from "../stage.ts";

/**
 * A step that keeps every event, its time and its polarity, and puts it at the address `ofColumn(x) | ofRow(y)` of
 * `to` (polarity 0 in both; the event's own is set). The low half of an address is x and polarity, the high half y:
 * a table for each, so that no map costs more than two loads.
 */
export function moveEvents(
  from: PixelGeometry,
  to: PixelGeometry,
  ofColumn: (x: number) => number,
  ofRow: (y: number) => number,
): Step<"events", "events"> {
  const out = new Packet(to);
  const lowOf = Uint32Array.from({ length: from.width * 2 }, (_, low) => ofColumn(low >>> 1) | (low & 1));
  const highOf = Uint32Array.from({ length: from.height }, (_, y) => ofRow(y));
  return {
    geometry: to,
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
}
