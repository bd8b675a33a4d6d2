/** The sensors of a run, being pulled: each with the packet that comes next. */

import type { Subject } from "rxjs";
import { Packet } from "../events/packet.ts";
import { Samples } from "../events/samples.ts";
import type { Flows, Sensor, SensorFlow, Stale } from "../stage.ts";
import type { Plan } from "./document.ts";
import { Pieces } from "./feedback.ts";

/** What a sensor gives, piece by piece. */
export type Sensed = Flows[SensorFlow];

export class Source {
  readonly id: string;
  readonly sensor: Sensor<SensorFlow>;
  readonly live: boolean;
  readonly input: Subject<Sensed>;
  /** How long a recording's packet may be at present, when nothing comes in it. */
  readonly #dozeUs: () => number;
  /** What comes next, lent until `advance`; undefined when the source has ended. */
  head: Sensed | undefined;
  stale: Stale | undefined;
  /** How far it has been pushed; Infinity when it has ended. */
  reachedUs = Number.NEGATIVE_INFINITY;
  /** What has been taken from the sensor, and goes out in pieces where feedback wants it so. */
  #pieces: Pieces | undefined;
  #next: Sensed | undefined;
  readonly #packets: AsyncIterator<Sensed>;
  /** Silent packets in one; what came after them; and why nothing more can come. */
  #silence: Sensed | undefined;
  #held: Sensed | undefined;
  #failure: unknown;
  /** Among live sources a recording is played from now on: its packets are moved, in a copy. */
  #shiftUs = 0;
  #moved: Sensed | undefined;

  constructor(
    { id, sensor, live, input }: Pick<Source, "id" | "sensor" | "live" | "input">,
    dozeUs: () => number = () => 0,
  ) {
    this.id = id;
    this.sensor = sensor;
    this.live = live;
    this.input = input;
    this.#dozeUs = dozeUs;
    this.#packets = sensor.packets[Symbol.asyncIterator]();
  }

  async advance(): Promise<void> {
    this.head = this.#pieces?.next() ?? this.#cut(this.#next ?? (await this.#take()));
  }

  /** Pushes what comes next. */
  push(): void {
    const head = this.head!;
    this.input.next(head);
    this.reachedUs = head.toUs;
  }

  /** What comes next; of a recording that dozes a silence is one packet, which ends before the first event or row. */
  async #take(): Promise<Sensed | undefined> {
    const first = this.#held ?? (await this.#pull());
    this.#held = undefined;
    if (!first || first.count > 0 || this.live || this.#pieces) return first;
    const untilUs = first.fromUs + this.#dozeUs();
    if (first.toUs >= untilUs) return first;
    this.#silence ??= emptied(first);
    const silence = this.#silence.begin(first.fromUs, first.toUs);
    try {
      while (silence.toUs < untilUs && !this.#held) {
        const next = await this.#pull();
        if (!next) break;
        if (next.count === 0) silence.toUs = next.toUs;
        else this.#held = next;
      }
    } catch (cause) {
      // The silence before it is good.
      this.#failure = cause;
    }
    return silence;
  }

  async #pull(): Promise<Sensed | undefined> {
    if (this.#failure !== undefined) throw this.#failure;
    const next = await this.#packets.next();
    return next.done ? undefined : this.#shifted(next.value);
  }

  #cut(whole: Sensed | undefined): Sensed | undefined {
    this.#next = undefined;
    if (!whole || !this.#pieces) return whole;
    this.#pieces.take(whole);
    return this.#pieces.next();
  }

  async close(): Promise<void> {
    await this.#packets.return?.();
  }

  /**
   * The run starts at a time: a source that starts later than the others says that nothing came until then. Where live
   * sources set the time (`amongLive`), a recording's first packet is moved to the start, and all others with it. From now
   * on no packet crosses a cut.
   */
  startAt(timeUs: number, amongLive: boolean, nextCutUs: (timeUs: number) => number): void {
    if (!this.head) return;
    if (amongLive && !this.live) {
      this.#shiftUs = timeUs - this.head.fromUs;
      this.head = this.#shifted(this.head);
    }
    const late = this.head.fromUs > timeUs;
    const silence = late ? emptied(this.head).begin(timeUs, this.head.fromUs) : undefined;
    if (nextCutUs(timeUs) < Infinity) {
      this.#pieces = new Pieces(nextCutUs);
      const first = this.head;
      this.head = this.#cut(silence ?? first);
      if (silence) this.#next = first;
    } else if (silence) this.input.next(silence);
  }

  #shifted(head: Sensed): Sensed {
    if (this.#shiftUs === 0) return head;
    this.#moved ??= emptied(head);
    return moveInto(this.#moved, head, this.#shiftUs);
  }
}

function emptied({ geometry }: Sensed): Sensed {
  return geometry.kind === "channels" ? new Samples(geometry, 1) : new Packet(geometry, 1);
}

/** Copies what `from` holds, `laterUs` later. */
function moveInto(into: Sensed, from: Sensed, laterUs: number): Sensed {
  if (into instanceof Samples) return into.take(from as Samples, laterUs);
  const { count, times, addresses } = from as Packet;
  into.begin(from.fromUs + laterUs, from.toUs + laterUs).reserve(count);
  into.count = count;
  for (let i = 0; i < count; i++) into.times[i] = times[i]! + laterUs;
  into.addresses.set(addresses.subarray(0, count));
  return into;
}

/** The source that is furthest behind. */
export function earliest(sources: readonly Source[]): Source | undefined {
  let first: Source | undefined;
  for (const source of sources)
    if (source.head && !(first && first.head!.toUs <= source.head.toUs)) first = source;
  return first;
}

/** Where the first packet begins. */
export function startOf(sources: readonly Source[]): number {
  return Math.min(...sources.flatMap(({ head }) => (head ? [head.fromUs] : [])));
}

/** The ids of all stages that a sensor's packets reach. */
export function fedBy(plan: Plan, id: string): ReadonlySet<string> {
  const fed = new Set([id]);
  for (const node of plan.nodes) if (node.from.some((feed) => fed.has(feed))) fed.add(node.id);
  return fed;
}
