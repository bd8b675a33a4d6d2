/** `reflexarc diff`: the first event in which two recordings differ, whatever their formats. */

import recording from "../../drivers/recording.ts";
import { wallClock } from "../clock.ts";
import { describeGeometry, polarityOf, sameGeometry, xOf, yOf } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import type { Sensor } from "../stage.ts";

export interface DiffOptions {
  geometry?: string;
  json?: boolean;
}

interface ToldEvent {
  readonly timeUs: number;
  readonly x: number;
  readonly y: number;
  readonly polarity: number;
}

export interface Difference {
  /** Of the first event that differs, from 0; null when the events are the same. */
  readonly index: number | null;
  /** That event in each file; null where a file has ended. */
  readonly a: ToldEvent | null;
  readonly b: ToldEvent | null;
  readonly events: readonly [a: number, b: number];
  readonly geometries: readonly [a: string, b: string];
  readonly same: boolean;
}

/** Exit code 0 when events and geometry are the same, 3 when not. */
export async function diff(a: string, b: string, options: DiffOptions): Promise<void> {
  const [first, second] = [await open(a, options), await open(b, options)];
  const found = await compare(first, second);
  process.exitCode = found.same ? 0 : 3;
  if (options.json) process.stdout.write(`${JSON.stringify({ files: [a, b], ...found }, null, 2)}\n`);
  else process.stdout.write(`${describe(a, b, found).join("\n")}\n`);
}

async function open(file: string, { geometry }: DiffOptions): Promise<Sensor> {
  return await recording.open(recording.options.parse({ file, ...(geometry && { geometry }) }), {
    id: file,
    pipeline: "diff",
    clock: wallClock(),
    signal: new AbortController().signal,
    seed: 1,
    resolvePath: (path) => path,
    notice: (text) => process.stderr.write(`${text}\n`),
  });
}

async function compare(a: Sensor, b: Sensor): Promise<Difference> {
  const [left, right] = [new Cursor(a), new Cursor(b)];
  let index = 0;
  let differs = false;
  while (!differs && (await left.fill()) && (await right.fill())) {
    const count = Math.min(left.rest, right.rest);
    const equal = equalEvents(left, right, count);
    index += equal;
    left.at += equal;
    right.at += equal;
    differs = equal < count;
  }
  const [eventA, eventB] = [
    (await left.fill()) ? left.event() : null,
    (await right.fill()) ? right.event() : null,
  ];
  differs ||= eventA !== null || eventB !== null;
  const events = [index + (await left.drain()), index + (await right.drain())] as const;
  return {
    index: differs ? index : null,
    a: differs ? eventA : null,
    b: differs ? eventB : null,
    events,
    geometries: [describeGeometry(a.geometry), describeGeometry(b.geometry)],
    same: !differs && sameGeometry(a.geometry, b.geometry),
  };
}

/** How many of the next events are the same. */
function equalEvents(a: Cursor, b: Cursor, count: number): number {
  const [left, right] = [a.packet!, b.packet!];
  for (let i = 0; i < count; i++) {
    if (
      left.times[a.at + i] !== right.times[b.at + i] ||
      left.addresses[a.at + i] !== right.addresses[b.at + i]
    )
      return i;
  }
  return count;
}

/** A place in the events of a recording. */
class Cursor {
  packet: Packet | undefined;
  at = 0;
  private readonly packets: AsyncIterator<Packet>;

  constructor(sensor: Sensor) {
    this.packets = sensor.packets[Symbol.asyncIterator]();
  }

  get rest(): number {
    return this.packet!.count - this.at;
  }

  /** Takes the next packet when this one is used up; false at the end. */
  async fill(): Promise<boolean> {
    while (!this.packet || this.at === this.packet.count) {
      const next = await this.packets.next();
      if (next.done) return false;
      this.packet = next.value;
      this.at = 0;
    }
    return true;
  }

  event(): ToldEvent {
    const address = this.packet!.addresses[this.at]!;
    return {
      timeUs: this.packet!.times[this.at]!,
      x: xOf(address),
      y: yOf(address),
      polarity: polarityOf(address),
    };
  }

  /** How many events are left. */
  async drain(): Promise<number> {
    let count = 0;
    while (await this.fill()) {
      count += this.rest;
      this.at = this.packet!.count;
    }
    return count;
  }
}

function describe(a: string, b: string, found: Difference): string[] {
  const [eventsA, eventsB] = found.events.map((count) => count.toLocaleString("en"));
  const [sizeA, sizeB] = found.geometries;
  if (found.same) return [`${a} and ${b} are the same: ${eventsA} events, ${sizeA}.`];
  const told = (event: ToldEvent | null) =>
    event
      ? `${event.timeUs} us, x ${event.x}, y ${event.y}, ${event.polarity === 1 ? "ON" : "OFF"}`
      : "none, it has ended";
  const width = Math.max(a.length, b.length);
  return [
    found.index === null
      ? `The events are the same, the sensors are not.`
      : `Event ${found.index.toLocaleString("en")} is the first that differs.`,
    ...(found.index === null
      ? []
      : [`  ${a.padEnd(width)}  ${told(found.a)}`, `  ${b.padEnd(width)}  ${told(found.b)}`]),
    `  ${a.padEnd(width)}  ${eventsA} events, ${sizeA}`,
    `  ${b.padEnd(width)}  ${eventsB} events, ${sizeB}`,
  ];
}
