/** The pre-roll: a bounded ring of the events that came while a gate slept. */

import type { Packet } from "../events/packet.ts";

/** Room at first; the ring grows as it fills, up to its bound. */
const roomMin = 1024;

/** Keeps the newest `eventsMax` events. Its room is a power of two and doubles; it is never given back. */
export class PreRoll {
  /** Events that left unread: those that were too old, and those that had no room. */
  aged = 0;
  overflowed = 0;
  readonly #eventsMax: number;
  #times: Float64Array;
  #addresses: Uint32Array;
  #first = 0;
  #count = 0;

  constructor(eventsMax: number) {
    this.#eventsMax = eventsMax;
    const room = Math.min(roomMin, powerOfTwoAbove(eventsMax));
    this.#times = new Float64Array(room);
    this.#addresses = new Uint32Array(room);
  }

  get count(): number {
    return this.#count;
  }

  /** Time of the oldest event; Infinity when there is none. */
  get oldestUs(): number {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : this.#times[this.#first]!;
  }

  /** Appends an event; the oldest one leaves where there is no room. */
  push(timeUs: number, address: number): void {
    if (this.#count === this.#eventsMax) {
      this.#drop();
      this.overflowed += 1;
    } else if (this.#count === this.#times.length) this.#grow();
    const place = (this.#first + this.#count) & (this.#times.length - 1);
    this.#times[place] = timeUs;
    this.#addresses[place] = address;
    this.#count += 1;
  }

  /** Lets go of what is older than `fromUs`. */
  forget(fromUs: number): void {
    while (this.#count > 0 && this.#times[this.#first]! < fromUs) {
      this.#drop();
      this.aged += 1;
    }
  }

  /** Moves all that is left into a packet. */
  pourInto(out: Packet): void {
    out.reserve(out.count + this.#count);
    for (; this.#count > 0; this.#drop()) out.push(this.#times[this.#first]!, this.#addresses[this.#first]!);
  }

  #drop(): void {
    this.#first = (this.#first + 1) & (this.#times.length - 1);
    this.#count -= 1;
  }

  #grow(): void {
    const room = this.#times.length;
    const times = new Float64Array(2 * room);
    const addresses = new Uint32Array(2 * room);
    for (let k = 0; k < this.#count; k++) {
      const place = (this.#first + k) & (room - 1);
      times[k] = this.#times[place]!;
      addresses[k] = this.#addresses[place]!;
    }
    this.#times = times;
    this.#addresses = addresses;
    this.#first = 0;
  }
}

function powerOfTwoAbove(count: number): number {
  return 2 ** Math.ceil(Math.log2(count));
}
