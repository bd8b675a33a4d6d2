/** Merges streams by time: nothing leaves before every input has come as far. */

import { concat, filter, map, type Observable, of, merge as together } from "rxjs";
import { ReflexarcError } from "../errors.ts";
import { describeGeometry, type Geometry, neurons, sameGeometry, sizeOf } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import type { Command, Commands } from "../safety/command.ts";

/** Most events that wait for a slower input. */
const pendingEventsMax = 1 << 22;

/** Turns batches of several inputs into batches of one output. */
export interface Join<Batch> {
  /** Takes a batch of input `index`; answers what can leave now. */
  add(index: number, batch: Batch): Batch | undefined;
  /** Input `index` has ended. */
  end(index: number): Batch | undefined;
}

/** The observable of a join over its inputs. */
export function mergeBy<Batch>(inputs: readonly Observable<Batch>[], join: Join<Batch>): Observable<Batch> {
  const numbered = inputs.map((input, index) => {
    const batches = input.pipe(map((batch) => ({ index, batch: batch as Batch | undefined })));
    return concat(batches, of({ index, batch: undefined }));
  });
  return together(...numbered).pipe(
    map(({ index, batch }) => (batch === undefined ? join.end(index) : join.add(index, batch))),
    filter((batch) => batch !== undefined),
  );
}

/**
 * The geometry of merged packets. Cameras of one size share their pixels; populations are stacked in the order given:
 * the second one's neuron 0 follows the first one's last. Throws a ReflexarcError when cameras differ in size.
 */
export function mergedGeometry(geometries: readonly Geometry[], id: string): Geometry {
  const first = geometries[0]!;
  if (first.kind === "neurons") {
    const count = geometries.reduce((sum, geometry) => sum + sizeOf(geometry), 0);
    return neurons(1, 1, count);
  }
  const odd = geometries.find((other) => !sameGeometry(first, other));
  if (!odd) return first;
  throw new ReflexarcError({
    kind: "usage",
    room: id,
    what: `it merges sensors of different sizes: ${describeGeometry(first)} and ${describeGeometry(odd)}`,
    remedy: "Crop or downsample one of them first, or encode each and merge the spikes.",
  });
}

/** Merges packets, sorted by time; equal times in the order of the inputs. */
export function joinPackets(geometries: readonly Geometry[], id: string): Join<Packet> {
  const out = new Packet(mergedGeometry(geometries, id));
  const stacked = out.geometry.kind === "neurons";
  let below = 0;
  const pending = geometries.map((geometry) => {
    const queue = { offset: below, next: 0, packet: new Packet(geometry) };
    if (stacked) below += sizeOf(geometry);
    return queue;
  });
  const spans = new SpanJoin(geometries.length);
  const leave = (span: Span | undefined): Packet | undefined => {
    if (!span) return undefined;
    out.begin(span.fromUs, span.toUs);
    for (;;) {
      let first: (typeof pending)[number] | undefined;
      let firstUs = span.toUs;
      for (const queue of pending) {
        if (queue.next < queue.packet.count && queue.packet.times[queue.next]! < firstUs) {
          first = queue;
          firstUs = queue.packet.times[queue.next]!;
        }
      }
      if (!first) return out;
      out.push(firstUs, first.packet.addresses[first.next]! + first.offset);
      first.next += 1;
    }
  };
  return {
    add(index, packet) {
      const queue = pending[index]!;
      compact(queue);
      if (queue.packet.count + packet.count > pendingEventsMax) {
        throw new ReflexarcError({
          kind: "lost",
          room: id,
          what: `more than ${pendingEventsMax} events of input ${index + 1} wait for the other inputs`,
          remedy: "The recordings hardly overlap in time: cut them to a common span.",
        });
      }
      for (let i = 0; i < packet.count; i++) queue.packet.push(packet.times[i]!, packet.addresses[i]!);
      return leave(spans.reach(index, packet.fromUs, packet.toUs));
    },
    end: (index) => leave(spans.end(index)),
  };
}

/** Drops the events that have left from the front of a queue. */
function compact(queue: { next: number; packet: Packet }): void {
  const { next, packet } = queue;
  packet.times.copyWithin(0, next, packet.count);
  packet.addresses.copyWithin(0, next, packet.count);
  packet.count -= next;
  queue.next = 0;
}

/**
 * Merges commands, in order of time; equal times in the order of the inputs. They are numbered anew: what two readouts call
 * by one name would look out of order to the guard.
 */
export function joinCommands(inputs: number): Join<Commands> {
  let sequence = 0;
  const pending: Command[][] = Array.from({ length: inputs }, () => []);
  const spans = new SpanJoin(inputs);
  const leave = (span: Span | undefined): Commands | undefined => {
    if (!span) return undefined;
    const ready = pending.flatMap((queue) =>
      queue.splice(0, queue.findLastIndex((c) => c.atUs <= span.toUs) + 1),
    );
    ready.sort((a, b) => a.atUs - b.atUs);
    return { ...span, commands: ready.map((command) => ({ ...command, sequence: sequence++ })) };
  };
  return {
    add(index, batch) {
      pending[index]!.push(...batch.commands);
      return leave(spans.reach(index, batch.fromUs, batch.toUs));
    },
    end: (index) => leave(spans.end(index)),
  };
}

interface Span {
  fromUs: number;
  toUs: number;
}

/** How far each input has come, and what span that frees. */
class SpanJoin {
  readonly #startUs: number[];
  readonly #reachedUs: number[];
  #lastUs = Number.NEGATIVE_INFINITY;
  #leftUs: number | undefined;

  constructor(inputs: number) {
    this.#startUs = new Array<number>(inputs).fill(Number.POSITIVE_INFINITY);
    this.#reachedUs = new Array<number>(inputs).fill(Number.NEGATIVE_INFINITY);
  }

  reach(index: number, fromUs: number, toUs: number): Span | undefined {
    if (this.#reachedUs[index] === Number.NEGATIVE_INFINITY) this.#startUs[index] = fromUs;
    this.#reachedUs[index] = toUs;
    this.#lastUs = Math.max(this.#lastUs, toUs);
    return this.#free();
  }

  end(index: number): Span | undefined {
    this.#reachedUs[index] = Number.POSITIVE_INFINITY;
    return this.#free();
  }

  #free(): Span | undefined {
    const toUs = Math.min(this.#lastUs, ...this.#reachedUs);
    const fromUs = this.#leftUs ?? Math.min(...this.#startUs);
    if (!(toUs > fromUs)) return undefined;
    this.#leftUs = toUs;
    return { fromUs, toUs };
  }
}
