/** What is due later, in order of time: arrivals of spikes, and neurons that will reach their threshold. */

import { type EngineState, restoreInto } from "./state.ts";

/** Arrivals by time, then by route, neuron and value: one order, whatever the order of pushing. */
export class ArrivalHeap {
  count = 0;
  #times = new Float64Array(64);
  #routes = new Uint32Array(64);
  #ids = new Uint32Array(64);
  #values = new Float64Array(64);

  get nextUs(): number {
    return this.count === 0 ? Infinity : this.#times[0]!;
  }
  get route(): number {
    return this.#routes[0]!;
  }
  get id(): number {
    return this.#ids[0]!;
  }
  get value(): number {
    return this.#values[0]!;
  }

  push(timeUs: number, route: number, id: number, value: number): void {
    if (this.count === this.#times.length) this.#grow(2 * this.count);
    let place = this.count;
    this.#set(place, timeUs, route, id, value);
    this.count += 1;
    while (place > 0) {
      const parent = (place - 1) >>> 1;
      if (!this.#before(place, parent)) break;
      this.#swap(place, parent);
      place = parent;
    }
  }

  pop(): void {
    this.count -= 1;
    this.#swap(0, this.count);
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      if (left >= this.count) return;
      const least = left + 1 < this.count && this.#before(left + 1, left) ? left + 1 : left;
      if (!this.#before(least, place)) return;
      this.#swap(place, least);
      place = least;
    }
  }

  save(): EngineState {
    return {
      times: this.#times.slice(0, this.count),
      routes: this.#routes.slice(0, this.count),
      ids: this.#ids.slice(0, this.count),
      values: this.#values.slice(0, this.count),
    };
  }

  restore(state: EngineState): void {
    this.count = state.times!.length;
    if (this.count > this.#times.length) this.#grow(this.count);
    restoreInto(this.#times.subarray(0, this.count), state, "times");
    restoreInto(this.#routes.subarray(0, this.count), state, "routes");
    restoreInto(this.#ids.subarray(0, this.count), state, "ids");
    restoreInto(this.#values.subarray(0, this.count), state, "values");
  }

  #before(a: number, b: number): boolean {
    return (
      (this.#times[a]! - this.#times[b]! ||
        this.#routes[a]! - this.#routes[b]! ||
        this.#ids[a]! - this.#ids[b]! ||
        this.#values[a]! - this.#values[b]!) < 0
    );
  }

  #set(place: number, timeUs: number, route: number, id: number, value: number): void {
    this.#times[place] = timeUs;
    this.#routes[place] = route;
    this.#ids[place] = id;
    this.#values[place] = value;
  }

  #swap(a: number, b: number): void {
    const [time, route, id, value] = [this.#times[a]!, this.#routes[a]!, this.#ids[a]!, this.#values[a]!];
    this.#set(a, this.#times[b]!, this.#routes[b]!, this.#ids[b]!, this.#values[b]!);
    this.#set(b, time, route, id, value);
  }

  #grow(capacity: number): void {
    const grown = <T extends Float64Array | Uint32Array>(wider: T, old: T): T => {
      wider.set(old);
      return wider;
    };
    this.#times = grown(new Float64Array(capacity), this.#times);
    this.#routes = grown(new Uint32Array(capacity), this.#routes);
    this.#ids = grown(new Uint32Array(capacity), this.#ids);
    this.#values = grown(new Float64Array(capacity), this.#values);
  }
}

/** Numbered things by the time at which each is due, each at most once: moved when its time changes. */
export class DueHeap {
  readonly #heap: Uint32Array;
  readonly #place: Int32Array;
  readonly dueUs: Float64Array;
  #count = 0;

  constructor(size: number) {
    this.#heap = new Uint32Array(size);
    this.#place = new Int32Array(size).fill(-1);
    this.dueUs = new Float64Array(size).fill(Infinity);
  }

  get nextUs(): number {
    return this.#count === 0 ? Infinity : this.dueUs[this.#heap[0]!]!;
  }
  get next(): number {
    return this.#heap[0]!;
  }

  /** Sets when a thing is due; never is Infinity. */
  set(item: number, timeUs: number): void {
    this.dueUs[item] = timeUs;
    let place = this.#place[item]!;
    if (place < 0) {
      if (timeUs === Infinity) return;
      place = this.#count++;
      this.#put(place, item);
    }
    if (timeUs === Infinity) {
      this.#count -= 1;
      this.#place[item] = -1;
      if (place === this.#count) return;
      this.#put(place, this.#heap[this.#count]!);
    }
    this.#settle(place);
  }

  restore(dueUs: Float64Array): void {
    for (const [item, timeUs] of dueUs.entries()) this.set(item, timeUs);
  }

  #settle(from: number): void {
    let place = from;
    while (place > 0 && this.#before(place, (place - 1) >>> 1)) place = this.#swap(place, (place - 1) >>> 1);
    for (;;) {
      const left = 2 * place + 1;
      if (left >= this.#count) return;
      const least = left + 1 < this.#count && this.#before(left + 1, left) ? left + 1 : left;
      if (!this.#before(least, place)) return;
      place = this.#swap(place, least);
    }
  }

  #before(a: number, b: number): boolean {
    const [first, second] = [this.#heap[a]!, this.#heap[b]!];
    return (this.dueUs[first]! - this.dueUs[second]! || first - second) < 0;
  }

  #swap(a: number, b: number): number {
    const item = this.#heap[a]!;
    this.#put(a, this.#heap[b]!);
    this.#put(b, item);
    return b;
  }

  #put(place: number, item: number): void {
    this.#heap[place] = item;
    this.#place[item] = place;
  }
}
