/** Template: a stored spatio-temporal pattern of spikes, found again by delays under which all its spikes arrive at once. */

import { z } from "zod";
import { DueHeap } from "../../core/index.ts";
import { ReflexarcError } from "../../errors.ts";
import { neurons, sizeOf } from "../../events/geometry.ts";
import { Packet } from "../../events/packet.ts";
import { defineStage, neuronsIn } from "../../stage.ts";
import { type Pattern, readPattern } from "../pattern.ts";

/**
 * Spike i of the pattern, of neuron n_i and at t_i of its span S, has the delay S - t_i, as axons of a neuron that answers to
 * this pattern would have (polychronous groups: Izhikevich, Neural Computation 18, 2006). A spike of neuron n_i at t votes for i
 * at t + S - t_i: the pattern as it was taught makes all its n votes at one time. With jitter they are spread, so at time v
 *
 *     matched(v) = how many of the pattern's spikes have a vote in [v - 2 jitterUs, v]
 *     seen(v)    = spikes of all neurons in [v - 2 jitterUs - S, v]
 *     likeness   = 2 matched / (n + seen)           (Dice 1945: 1 for the example itself, small for whatever else is dense)
 *
 * Once all votes of a time are in, the pattern is detected if its likeness is `likeness` or more: one spike of neuron 0. Then
 * nothing is told for holdOffUs. No more spikes are remembered than a match could have. Throws a usage error for a pattern of
 * another population.
 */
export default defineStage({
  name: "template",
  about: "Tells that a pattern of spikes came again that it was taught from one example.",
  takes: "spikes",
  gives: "spikes",
  options: z.strictObject({
    pattern: z
      .string()
      .min(1)
      .describe("file with the pattern, relative to this document; `reflexarc teach` writes it"),
    jitterUs: z
      .int()
      .min(0)
      .max(10_000_000)
      .default(10_000)
      .describe("how far each spike may be from its place in the pattern, microseconds"),
    likeness: z
      .number()
      .min(0.05)
      .max(1)
      .default(0.6)
      .describe("least likeness: 1 is the example itself, to the spike"),
    holdOffUs: z
      .int()
      .min(0)
      .default(500_000)
      .describe("after a detection nothing is told for so long, microseconds"),
  }),
  create({ pattern: file, jitterUs, likeness, holdOffUs }, context) {
    const size = sizeOf(neuronsIn(context));
    const pattern = readPattern(context.readText(file), file);
    if (pattern.neurons !== size)
      throw new ReflexarcError({
        kind: "usage",
        room: context.id,
        what: `its pattern is one of ${pattern.neurons} neurons, but ${size} come in`,
        where: file,
        remedy: "Teach it from the stage that it takes from.",
      });
    const matcher = new Matcher(pattern, size, 2 * jitterUs, likeness);
    const geometry = neurons(1, 1, 1);
    const out = new Packet(geometry, 16);
    let quietUntilUs = Number.NEGATIVE_INFINITY;
    let detections = 0;

    /** Works on the votes before `untilUs`. */
    function pass(untilUs: number): void {
      for (let voteUs = matcher.nextUs; voteUs < untilUs; voteUs = matcher.nextUs) {
        if (!matcher.matchesAt(voteUs) || voteUs < quietUntilUs) continue;
        out.push(voteUs, 0);
        detections += 1;
        quietUntilUs = voteUs + holdOffUs;
      }
    }

    return {
      geometry,
      step({ fromUs, toUs, count, times, addresses }) {
        out.begin(fromUs, toUs);
        for (let k = 0; k < count; k++) {
          pass(times[k]!);
          matcher.hear(times[k]!, addresses[k]!);
        }
        pass(toUs);
        return out;
      },
      counts: () => ({ detections }),
    };
  },
});

const none = -1;

/** Spikes in order of time in a ring; each spike of the pattern has a cursor to the one that it will get a vote from next. */
class Matcher {
  readonly #pattern: Pattern;
  readonly #windowUs: number;
  /** Most spikes in sight of a match: with one more, not even all votes are enough. */
  readonly #seenMax: number;
  /** Delay of each spike of the pattern, and those of one neuron: `#parts` from `#starts[id]` to `#starts[id + 1]`. */
  readonly #delaysUs: Float64Array;
  readonly #starts: Uint32Array;
  readonly #parts: Uint32Array;
  /** By number of the spike modulo the length: its time, its neuron, and the number of that neuron's next one. */
  readonly #times: Float64Array;
  readonly #ids: Uint32Array;
  readonly #nextOfId: Float64Array;
  /** The number of each neuron's last spike, and how many there were in all. */
  readonly #lastOfId: Float64Array;
  #written = 0;
  readonly #cursors: Float64Array;
  readonly #votes: DueHeap;
  /** Spikes of the pattern that have a vote in the window, by the time at which it leaves. */
  readonly #leaving: DueHeap;
  #matched = 0;
  readonly #likeness: number;
  #oldest = 0;

  constructor(pattern: Pattern, size: number, windowUs: number, likeness: number) {
    const { spikes, spanUs } = pattern;
    this.#pattern = pattern;
    this.#windowUs = windowUs;
    this.#likeness = likeness;
    this.#seenMax = Math.floor((2 * spikes.length) / likeness) - spikes.length;
    this.#delaysUs = Float64Array.from(spikes, ([timeUs]) => spanUs - timeUs);
    this.#starts = new Uint32Array(size + 1);
    for (const [, id] of spikes) this.#starts[id + 1]! += 1;
    for (let id = 0; id < size; id++) this.#starts[id + 1]! += this.#starts[id]!;
    this.#parts = new Uint32Array(spikes.length);
    const next = this.#starts.slice();
    for (const [part, [, id]] of spikes.entries()) this.#parts[next[id]!++] = part;
    const room = this.#seenMax + 1;
    this.#times = new Float64Array(room);
    this.#ids = new Uint32Array(room);
    this.#nextOfId = new Float64Array(room);
    this.#lastOfId = new Float64Array(size).fill(none);
    this.#cursors = new Float64Array(spikes.length).fill(none);
    this.#votes = new DueHeap(spikes.length);
    this.#leaving = new DueHeap(spikes.length);
  }

  /** When the next vote comes. */
  get nextUs(): number {
    return this.#votes.nextUs;
  }

  hear(timeUs: number, id: number): void {
    const room = this.#times.length;
    const slot = this.#written % room;
    if (this.#written >= room) this.#letGo(this.#written - room);
    this.#times[slot] = timeUs;
    this.#ids[slot] = id;
    this.#nextOfId[slot] = none;
    const last = this.#lastOfId[id]!;
    if (last !== none && last > this.#written - room) this.#nextOfId[last % room] = this.#written;
    this.#lastOfId[id] = this.#written;
    for (let k = this.#starts[id]!; k < this.#starts[id + 1]!; k++) {
      const part = this.#parts[k]!;
      if (this.#cursors[part] === none) this.#point(part, this.#written);
    }
    this.#written += 1;
  }

  /** Takes all votes of a time, which is the next one; whether the pattern is there then. */
  matchesAt(timeUs: number): boolean {
    while (this.#leaving.nextUs < timeUs) {
      this.#leaving.set(this.#leaving.next, Number.POSITIVE_INFINITY);
      this.#matched -= 1;
    }
    while (this.#votes.nextUs === timeUs) {
      const part = this.#votes.next;
      if (this.#leaving.dueUs[part] === Number.POSITIVE_INFINITY) this.#matched += 1;
      this.#leaving.set(part, timeUs + this.#windowUs);
      this.#point(part, this.#nextOfId[this.#cursors[part]! % this.#times.length]!);
    }
    const { spikes, spanUs } = this.#pattern;
    const seen = this.#seenSince(timeUs - this.#windowUs - spanUs);
    return seen <= this.#seenMax && 2 * this.#matched >= this.#likeness * (spikes.length + seen);
  }

  /** Points the cursor of a part at a spike, which votes after the part's delay. */
  #point(part: number, number: number): void {
    this.#cursors[part] = number;
    const voteUs =
      number === none
        ? Number.POSITIVE_INFINITY
        : this.#times[number % this.#times.length]! + this.#delaysUs[part]!;
    this.#votes.set(part, voteUs);
  }

  /** The ring has no more room for a spike: so many came after it that no match can have it. */
  #letGo(number: number): void {
    const slot = number % this.#times.length;
    const id = this.#ids[slot]!;
    for (let k = this.#starts[id]!; k < this.#starts[id + 1]!; k++) {
      const part = this.#parts[k]!;
      if (this.#cursors[part] === number) this.#point(part, this.#nextOfId[slot]!);
    }
  }

  /** Spikes since a time, which never goes back; of more than the ring has, as many as it has. */
  #seenSince(fromUs: number): number {
    const room = this.#times.length;
    this.#oldest = Math.max(this.#oldest, this.#written - room);
    while (this.#oldest < this.#written && this.#times[this.#oldest % room]! < fromUs) this.#oldest += 1;
    return this.#written - this.#oldest;
  }
}
