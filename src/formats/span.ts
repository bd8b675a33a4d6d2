/** A part of a recording by time. */

import { indexAtOrAfter, Packet } from "../events/packet.ts";

/**
 * The packets between two times: the span begins at `fromUs` and ends before `toUs`, or where the recording does. Only
 * packets on an edge are cut. Ends the reading behind it as soon as nothing more can come.
 */
export async function* packetsWithin(
  packets: AsyncIterable<Packet>,
  fromUs: number,
  toUs: number,
): AsyncGenerator<Packet, void, undefined> {
  let edge: Packet | undefined;
  let reachedUs = fromUs;
  if (!(toUs > fromUs)) return;
  for await (const packet of packets) {
    if (packet.toUs <= reachedUs) continue;
    const whole = packet.fromUs === reachedUs && packet.toUs <= toUs;
    if (!whole) edge ??= new Packet(packet.geometry, 0);
    const part = whole ? packet : cut(packet, reachedUs, Math.min(packet.toUs, toUs), edge!);
    reachedUs = part.toUs;
    yield part;
    if (reachedUs >= toUs) return;
  }
}

/** The part of a packet, in its own columns. */
function cut(packet: Packet, fromUs: number, toUs: number, into: Packet): Packet {
  const from = indexAtOrAfter(packet, fromUs);
  const to = indexAtOrAfter(packet, toUs);
  into.begin(fromUs, toUs);
  into.times = packet.times.subarray(from, to);
  into.addresses = packet.addresses.subarray(from, to);
  into.count = to - from;
  return into;
}
