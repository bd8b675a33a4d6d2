/** A bounded queue of events between a socket and the graph, with a named policy for when it is full. */

import type { Packet } from "../../src/events/packet.ts";

/** `block` asks the source to wait, `drop-oldest` lets the newest in, `keep-latest` starts anew with the newest. */
export const queuePolicies = ["block", "drop-oldest", "keep-latest"] as const;
export type QueuePolicy = (typeof queuePolicies)[number];

/** Events in the order in which they came, in a ring of columns that is allocated once. */
export class EventQueue {
  readonly capacity: number;
  count = 0;
  /** Events that the policy removed. */
  dropped = 0;
  readonly #policy: QueuePolicy;
  readonly #times: Float64Array;
  readonly #addresses: Uint32Array;
  /** The capacity is a power of two. */
  readonly #mask: number;
  #head = 0;

  /** `capacity` is rounded up to a power of two. */
  constructor(capacity: number, policy: QueuePolicy) {
    this.capacity = 2 ** Math.ceil(Math.log2(capacity));
    this.#policy = policy;
    this.#times = new Float64Array(this.capacity);
    this.#addresses = new Uint32Array(this.capacity);
    this.#mask = this.capacity - 1;
  }

  /** Whether so many more fit without a loss. */
  hasRoom(events: number): boolean {
    return this.count + events <= this.capacity;
  }

  /** Takes events in. Those that would not fit go by the policy; under `block` the newest, which had to wait. */
  add(times: Float64Array, addresses: Uint32Array, count: number): void {
    const { capacity } = this;
    let first = 0;
    let end = count;
    const over = this.count + count - capacity;
    if (over > 0) {
      if (this.#policy === "block") {
        end -= over;
        this.dropped += over;
      } else {
        const old = this.#policy === "keep-latest" ? this.count : Math.min(over, this.count);
        this.#head = (this.#head + old) & this.#mask;
        this.count -= old;
        first = Math.max(0, count - capacity);
        this.dropped += old + first;
      }
    }
    let at = (this.#head + this.count) & this.#mask;
    for (let i = first; i < end; i++) {
      this.#times[at] = times[i]!;
      this.#addresses[at] = addresses[i]!;
      at = (at + 1) & this.#mask;
    }
    this.count += end - first;
  }

  timeAt(index: number): number {
    return this.#times[(this.#head + index) & this.#mask]!;
  }

  /** Moves the oldest events to the end of a packet. */
  take(count: number, into: Packet): void {
    into.reserve(into.count + count);
    let at = this.#head;
    let n = into.count;
    for (let i = 0; i < count; i++) {
      into.times[n] = this.#times[at]!;
      into.addresses[n] = this.#addresses[at]!;
      at = (at + 1) & this.#mask;
      n += 1;
    }
    into.count = n;
    this.#head = at;
    this.count -= count;
  }
}
