/** Packets: address-events in columns, over a span of time. The one payload of cameras, encoders and neurons. */

import type { Geometry } from "./geometry.ts";

/** Most events that one packet may hold; a group of events with one and the same time can't be split. */
export const packetEventsMax = 1 << 20;

/**
 * Address-events (AER) with `fromUs <= time < toUs`, in order of time. No event at all is a tick: time has passed.
 *
 * A packet is lent. Whoever is handed one may read it until it returns, and neither keeps nor changes it: its
 * producer fills the same columns again. What must outlive the call is copied with `copyPacket`.
 * All events of one time are in one packet; packets of one stream follow each other without a gap or an overlap.
 *
 * One stage may hold events back and give them later, in order and with their own times: a gate, in the packet in which
 * it wakes. Only stages that say so (`takesHeldBack`) and sinks are handed those; all others can rely on `fromUs`.
 */
export class Packet {
  /** What the addresses mean. */
  geometry: Geometry;
  /** Start of the span, microseconds, included. */
  fromUs = 0;
  /** End of the span, microseconds, not included. */
  toUs = 0;
  /** How many events; the columns may be longer. */
  count = 0;
  /** Times in microseconds: whole numbers, exact up to 2^53. */
  times: Float64Array;
  /** Pixel addresses (see `pixelAddress`) or neuron ids. */
  addresses: Uint32Array;
  /** A gate sleeps over this span: nothing comes of it, and a network behind it is at rest. */
  asleep = false;
  /** Events that a gate has let go of while it slept: nobody gets them any more. */
  withheld = 0;

  constructor(geometry: Geometry, capacity = 4096) {
    this.geometry = geometry;
    this.times = new Float64Array(capacity);
    this.addresses = new Uint32Array(capacity);
  }

  /** Empties the packet and gives it a span. */
  begin(fromUs: number, toUs: number): this {
    this.fromUs = fromUs;
    this.toUs = toUs;
    this.count = 0;
    this.asleep = false;
    this.withheld = 0;
    return this;
  }

  /** Makes room for at least `capacity` events in all and keeps those that are there. */
  reserve(capacity: number): void {
    if (capacity <= this.times.length) return;
    const grown = Math.max(capacity, this.times.length * 2);
    const times = new Float64Array(grown);
    const addresses = new Uint32Array(grown);
    times.set(this.times.subarray(0, this.count));
    addresses.set(this.addresses.subarray(0, this.count));
    this.times = times;
    this.addresses = addresses;
  }

  push(timeUs: number, address: number): void {
    if (this.count === this.times.length) this.reserve(this.count + 1);
    this.times[this.count] = timeUs;
    this.addresses[this.count] = address;
    this.count += 1;
  }
}

export function copyPacket(packet: Packet): Packet {
  const copy = new Packet(packet.geometry, packet.count).begin(packet.fromUs, packet.toUs);
  copy.count = packet.count;
  copy.asleep = packet.asleep;
  copy.withheld = packet.withheld;
  copy.times.set(packet.times.subarray(0, packet.count));
  copy.addresses.set(packet.addresses.subarray(0, packet.count));
  return copy;
}

/** Index of the first event at or after `timeUs` (binary search), `count` when there is none. */
export function indexAtOrAfter(packet: Packet, timeUs: number): number {
  let low = 0;
  let high = packet.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (packet.times[middle]! < timeUs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * A step that keeps some events: `keep` is asked once an event, in order. The step owns the packet that it hands out.
 * A filter that needs the last drop of speed writes this loop out.
 */
export function keepEvents(
  geometry: Geometry,
  keep: (address: number, timeUs: number) => boolean,
): (packet: Packet) => Packet {
  const out = new Packet(geometry);
  return (packet) => {
    const { count, times, addresses } = packet;
    out.begin(packet.fromUs, packet.toUs).reserve(count);
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const timeUs = times[i]!;
      const address = addresses[i]!;
      out.times[kept] = timeUs;
      out.addresses[kept] = address;
      if (keep(address, timeUs)) kept += 1;
    }
    out.count = kept;
    return out;
  };
}
