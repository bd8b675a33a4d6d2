/** A gate with two detectors on a bench: what it gives for a stream, and what a plain list of rules says that it must give. */

import type { NeuronGeometry } from "../../src/events/geometry.ts";
import { neurons } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import type { Duty } from "../../src/stage.ts";
import gate from "../../src/wake/gate.ts";
import { cutPacket, type Event, eventsOf, packetOf } from "./packets.ts";

/** Neurons 0 to 3 are held back; 4 and 5 are the first detector's, 6 the second one's. */
export const inputs: readonly NeuronGeometry[] = [neurons(1, 2, 2), neurons(1, 1, 2), neurons(1, 1, 1)];
export const merged = neurons(1, 1, 7);

export interface Piece {
  readonly fromUs: number;
  readonly toUs: number;
  readonly asleep: boolean;
  readonly events: Event[];
}

export interface Gated {
  readonly pieces: Piece[];
  readonly passed: Event[];
  readonly lost: number;
  readonly withheld: number;
  readonly duty: Duty;
}

export function throughGate(
  options: Record<string, unknown>,
  events: readonly Event[],
  { toUs, cutsUs = [], fromUs = 0 }: { toUs: number; cutsUs?: readonly number[]; fromUs?: number },
): Gated {
  const stage = gate.create(gate.options.parse(options), {
    ...{ id: "gate", geometry: merged, inputs, seed: 1 },
    readText: () => "",
  });
  const pieces: Piece[] = [];
  let withheld = 0;
  const take = (out: Packet) => {
    pieces.push({ fromUs: out.fromUs, toUs: out.toUs, asleep: out.asleep, events: eventsOf(out) });
    withheld += out.withheld;
  };
  for (const packet of cutPacket(packetOf(merged, events, fromUs, toUs), cutsUs)) {
    take(stage.step(packet));
    for (let out = stage.more!(); out; out = stage.more!()) take(out);
  }
  const lost = Object.values(stage.lost!()).reduce((sum, count) => sum + count, 0);
  return { pieces, passed: pieces.flatMap((piece) => piece.events), lost, withheld, duty: stage.duty!() };
}

export interface Rules {
  readonly preRollUs: number;
  readonly combine: "any" | "all" | "sequence";
  readonly detections: number;
  readonly withinUs: number;
  readonly holdUs: number;
  readonly awakeUsMax: number;
  readonly refractoryUs: number;
}

/** When it is awake: from, up to and not including to; and since when events go on. */
export interface Awake {
  readonly fromUs: number;
  readonly toUs: number;
  readonly sinceUs: number;
}

/** The rules of the gate over whole lists, as slow as it likes: any choice of detections that wakes is looked for anew. */
export function awakeTimes(rules: Rules, events: readonly Event[]): Awake[] {
  const detections = events.flatMap(([timeUs, address]) =>
    address < 4 ? [] : [{ timeUs, detector: address < 6 ? 0 : 1 }],
  );
  const times: Awake[] = [];
  let heard: typeof detections = [];
  for (const detection of detections) {
    const { timeUs } = detection;
    const last = times.at(-1);
    if (last && timeUs < last.toUs) {
      const toUs = Math.min(timeUs + rules.holdUs, last.fromUs + rules.awakeUsMax);
      times[times.length - 1] = { ...last, toUs };
      continue;
    }
    if (last && timeUs < last.toUs + rules.refractoryUs) continue;
    heard.push(detection);
    const firstUs = firstOfWaking(rules, heard);
    if (firstUs === undefined || timeUs - firstUs > rules.withinUs) continue;
    const toUs = Math.min(timeUs + rules.holdUs, timeUs + rules.awakeUsMax);
    times.push({ fromUs: timeUs, toUs, sinceUs: Math.max(firstUs - rules.preRollUs, last?.toUs ?? 0) });
    heard = [];
  }
  return times;
}

/** The latest first detection of any choice that ends with the last one heard. */
function firstOfWaking(
  { combine, detections }: Rules,
  heard: readonly { timeUs: number; detector: number }[],
): number | undefined {
  const last = heard.at(-1)!;
  if (combine === "sequence") {
    if (last.detector !== 1) return undefined;
    // Backwards: the last ones of the second detector, and before them those of the first.
    let place = heard.length;
    let firstUs: number | undefined;
    for (const wanted of [1, 0])
      for (let n = 0; n < detections; n++) {
        place = heard.slice(0, place).findLastIndex(({ detector }) => detector === wanted);
        if (place < 0) return undefined;
        firstUs = heard[place]!.timeUs;
      }
    return firstUs;
  }
  const needed = combine === "any" ? [last.detector] : [0, 1];
  const firsts = needed.map(
    (wanted) => heard.filter(({ detector }) => detector === wanted).at(-detections)?.timeUs,
  );
  return firsts.includes(undefined) ? undefined : Math.min(...(firsts as number[]));
}
