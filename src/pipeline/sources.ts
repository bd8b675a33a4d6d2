/** The sensors of a run, being pulled: each with the packet that comes next. */

import type { Subject } from "rxjs";
import { Packet } from "../events/packet.ts";
import type { Sensor, Stale } from "../stage.ts";
import type { Plan } from "./document.ts";

export class Source {
  readonly id: string;
  readonly sensor: Sensor;
  readonly live: boolean;
  readonly input: Subject<Packet>;
  /** What comes next, lent until `advance`; undefined when the source has ended. */
  head: Packet | undefined;
  stale: Stale | undefined;
  readonly #packets: AsyncIterator<Packet>;
  /** Among live sources a recording is played from now on: its packets are moved, in a copy. */
  #shiftUs = 0;
  #moved: Packet | undefined;

  constructor({ id, sensor, live, input }: Pick<Source, "id" | "sensor" | "live" | "input">) {
    this.id = id;
    this.sensor = sensor;
    this.live = live;
    this.input = input;
    this.#packets = sensor.packets[Symbol.asyncIterator]();
  }

  async advance(): Promise<void> {
    const next = await this.#packets.next();
    this.head = next.done ? undefined : this.#shifted(next.value);
  }

  async close(): Promise<void> {
    await this.#packets.return?.();
  }

  /**
   * The run starts at a time: a source that starts later than the others says that nothing came until then. Where live
   * sources set the time (`amongLive`), a recording's first packet is moved to the start, and all others with it.
   */
  startAt(timeUs: number, amongLive: boolean): void {
    if (!this.head) return;
    if (amongLive && !this.live) {
      this.#shiftUs = timeUs - this.head.fromUs;
      this.head = this.#shifted(this.head);
    }
    if (this.head.fromUs > timeUs)
      this.input.next(new Packet(this.sensor.geometry, 1).begin(timeUs, this.head.fromUs));
  }

  #shifted(packet: Packet): Packet {
    if (this.#shiftUs === 0) return packet;
    const shiftUs = this.#shiftUs;
    this.#moved ??= new Packet(packet.geometry);
    const moved = this.#moved.begin(packet.fromUs + shiftUs, packet.toUs + shiftUs);
    moved.reserve(packet.count);
    moved.count = packet.count;
    for (let i = 0; i < packet.count; i++) moved.times[i] = packet.times[i]! + shiftUs;
    moved.addresses.set(packet.addresses.subarray(0, packet.count));
    return moved;
  }
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
