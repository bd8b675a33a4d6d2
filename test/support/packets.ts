/** Packets for tests: made from lists, cut in any way, joined again. */

import type { Geometry } from "../../src/events/geometry.ts";
import { indexAtOrAfter, Packet } from "../../src/events/packet.ts";

/** An event as `[timeUs, address]`. */
export type Event = readonly [timeUs: number, address: number];

export function packetOf(
  geometry: Geometry,
  events: readonly Event[],
  fromUs?: number,
  toUs?: number,
): Packet {
  const packet = new Packet(geometry, Math.max(1, events.length));
  packet.begin(fromUs ?? events[0]?.[0] ?? 0, toUs ?? (events.at(-1)?.[0] ?? 0) + 1);
  for (const [timeUs, address] of events) packet.push(timeUs, address);
  return packet;
}

export function eventsOf(packet: Packet): Event[] {
  return Array.from({ length: packet.count }, (_, i) => [packet.times[i]!, packet.addresses[i]!] as const);
}

/** Cuts a packet at the given times (whatever their order); the pieces cover the same span without a gap. */
export function cutPacket(packet: Packet, cutsUs: readonly number[]): Packet[] {
  const inside = [...new Set(cutsUs)]
    .filter((cut) => cut > packet.fromUs && cut < packet.toUs)
    .sort((a, b) => a - b);
  const edges = [packet.fromUs, ...inside, packet.toUs];
  return edges.slice(1).map((toUs, i) => {
    const fromUs = edges[i]!;
    const piece = new Packet(packet.geometry, 1).begin(fromUs, toUs);
    for (let e = indexAtOrAfter(packet, fromUs); e < packet.count && packet.times[e]! < toUs; e++)
      piece.push(packet.times[e]!, packet.addresses[e]!);
    return piece;
  });
}
