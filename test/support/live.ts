/** Live sources in tests: a clock that is moved by hand, and packets that are kept. */

import { type VirtualClock, virtualClock } from "../../src/clock.ts";
import { copyPacket, type Packet } from "../../src/events/packet.ts";
import { copySamples, type Samples } from "../../src/events/samples.ts";
import type { DriverContext } from "../../src/stage.ts";

export interface LiveContext extends DriverContext {
  readonly clock: VirtualClock;
  readonly notices: string[];
  readonly ending: AbortController;
}

export function liveContext(id = "eye"): LiveContext {
  const ending = new AbortController();
  const notices: string[] = [];
  return {
    id,
    pipeline: "follow",
    clock: virtualClock(1_000_000),
    signal: ending.signal,
    ending,
    seed: 1,
    resolvePath: (path) => path,
    notice: (text) => notices.push(text),
    notices,
  };
}

/** Pulls packets as a run does, and keeps copies. */
export function collect(packets: AsyncIterable<Packet>): { packets: Packet[]; ended: Promise<void> } {
  const kept: Packet[] = [];
  const pull = async () => {
    for await (const packet of packets) kept.push(copyPacket(packet));
  };
  const ended = pull();
  ended.catch(() => {});
  return { packets: kept, ended };
}

/** The same for samples. */
export function collectSamples(batches: AsyncIterable<Samples>): {
  batches: Samples[];
  ended: Promise<void>;
} {
  const kept: Samples[] = [];
  const pull = async () => {
    for await (const samples of batches) kept.push(copySamples(samples));
  };
  const ended = pull();
  ended.catch(() => {});
  return { batches: kept, ended };
}

/** Moves the clock in small steps, and lets what waits have its turn at each. */
export async function pass(clock: VirtualClock, spanUs: number, stepUs = 500): Promise<void> {
  for (const endUs = clock.nowUs() + spanUs; clock.nowUs() < endUs; ) {
    clock.advance(Math.min(endUs, clock.nowUs() + stepUs));
    await turn();
  }
}

/** Lets promises and sockets have their turn. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** All events of packets, and a check that the spans hold them and follow each other. */
export function eventsOfAll(packets: readonly Packet[]): [timeUs: number, address: number][] {
  const all: [number, number][] = [];
  let reachedUs = packets[0]?.fromUs;
  for (const { fromUs, toUs, count, times, addresses } of packets) {
    if (fromUs !== reachedUs || !(toUs > fromUs))
      throw new Error(`span ${fromUs} to ${toUs} after ${reachedUs}`);
    for (let i = 0; i < count; i++) {
      const timeUs = times[i]!;
      if (timeUs < fromUs || timeUs >= toUs || timeUs < (all.at(-1)?.[0] ?? fromUs))
        throw new Error(`event at ${timeUs} in ${fromUs} to ${toUs}`);
      all.push([timeUs, addresses[i]!]);
    }
    reachedUs = toUs;
  }
  return all;
}

/** All samples of the first channel as `[timeUs, value]`, and a check that the spans hold them and follow each other. */
export function samplesOfAll(batches: readonly Samples[]): [timeUs: number, value: number][] {
  const all: [number, number][] = [];
  let reachedUs = batches[0]?.fromUs;
  for (const samples of batches) {
    const { fromUs, toUs, count } = samples;
    if (fromUs !== reachedUs || !(toUs > fromUs))
      throw new Error(`span ${fromUs} to ${toUs} after ${reachedUs}`);
    for (let i = 0; i < count; i++) {
      const timeUs = samples.timeUs(i);
      if (timeUs < fromUs || timeUs >= toUs || timeUs <= (all.at(-1)?.[0] ?? fromUs - 1))
        throw new Error(`sample at ${timeUs} in ${fromUs} to ${toUs}`);
      all.push([timeUs, samples.columns[0]![i]!]);
    }
    reachedUs = toUs;
  }
  return all;
}
