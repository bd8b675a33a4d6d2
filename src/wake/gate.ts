/** The gate: holds a network's input back until detectors beside it wake it, and then loses none of what woke it. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { type NeuronGeometry, sizeOf } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { defineStage, neuronsIn, type StageContext } from "../stage.ts";
import { combinations, createCombination } from "./combination.ts";
import { DutyMeter } from "./duty.ts";
import { PreRoll } from "./pre-roll.ts";

const options = z.strictObject({
  preRollUs: z
    .int()
    .min(0)
    .max(600_000_000)
    .default(500_000)
    .describe("what came so long before the first detection reaches the network, microseconds"),
  preRollEventsMax: z
    .int()
    .min(1)
    .max(1 << 19)
    .default(1 << 18)
    .describe("most events that are kept for that; older ones are lost, and counted"),
  combine: z
    .enum(combinations)
    .default("any")
    .describe(
      "which detectors it takes to wake: any, all, or all one after the other in the order of `from`",
    ),
  detections: z
    .int()
    .min(1)
    .max(1000)
    .default(1)
    .describe("detections that it takes of each to wake; to stay awake one of any is enough"),
  withinUs: z
    .int()
    .min(0)
    .max(600_000_000)
    .default(1_000_000)
    .describe("longest time from the first detection that it takes to the last, microseconds"),
  holdUs: z
    .int()
    .min(1)
    .default(1_000_000)
    .describe("it stays awake so long after the last detection, microseconds"),
  awakeUsMax: z
    .int()
    .min(1)
    .default(60_000_000)
    .describe("it falls asleep after so long, whatever is detected, microseconds"),
  refractoryUs: z
    .int()
    .min(0)
    .default(0)
    .describe("after it fell asleep nothing wakes it for so long, microseconds"),
  sleep: z
    .enum(["auto", "never"])
    .default("auto")
    .describe("never: lets everything through at once, to compare with"),
});

/**
 * Takes the spikes of the first stage in `from`, and the detections of the others: every spike of theirs is one. Awake, it
 * hands the spikes on as they come. Asleep, it keeps the last of them in a ring, and gives packets that say `asleep`: who is
 * behind it does nothing. At a detection that wakes it, at time T, what came since preRollUs before the first detection that
 * had a part in it goes on, in order and with its own times, in the packet that begins at T; each event goes on at most once.
 *
 * It is armed while a part of what it takes to wake has been detected no longer than withinUs ago. It falls asleep at
 *
 *     S = min(time of the last detection + holdUs, T + awakeUsMax)
 *
 * and what comes at S is kept for the next time. Detections until S + refractoryUs are counted, and wake nothing. Of things
 * at one time, spikes come first, and then detectors in the order of `from`.
 *
 * A packet in which it wakes or falls asleep leaves in pieces, cut at those times: so what it gives depends on the
 * spikes alone. Throws a usage error when it has no detector.
 */
export default defineStage({
  name: "gate",
  about: "Keeps a network asleep until detectors wake it, and hands on what came shortly before.",
  takes: "spikes",
  gives: "spikes",
  holdsBack: true,
  options,
  create(chosen, context) {
    const { geometry, starts } = placesOf(context);
    const gate = new Gate(chosen, geometry, starts);
    return {
      geometry,
      step: (packet) => gate.step(packet),
      more: () => gate.more(),
      counts: () => gate.counts(),
      lost: () => ({ "events of a pre-roll that was full": gate.lost }),
      duty: () => gate.duty(),
      resting: () => gate.resting,
    };
  },
});

/** What is held back, and where the ids of each detector begin; after the last one, where they end. */
function placesOf(context: StageContext): { geometry: NeuronGeometry; starts: readonly number[] } {
  neuronsIn(context);
  const [first, ...detectors] = (context.inputs ?? []) as readonly NeuronGeometry[];
  if (!first || detectors.length === 0)
    throw new ReflexarcError({
      kind: "usage",
      room: context.id,
      what: "has no detector that could wake it",
      remedy: "Name what it holds back first, and then the detectors: `from: [cochlea, loud]`.",
    });
  const starts = [sizeOf(first)];
  for (const detector of detectors) starts.push(starts.at(-1)! + sizeOf(detector));
  return { geometry: first, starts };
}

class Gate {
  readonly #options: z.output<typeof options>;
  readonly #starts: readonly number[];
  readonly #ring: PreRoll;
  readonly #combination;
  readonly #meter: DutyMeter;
  readonly #out: Packet;
  #awake: boolean;
  #sleepAtUs = Number.POSITIVE_INFINITY;
  /** When the maximum time awake ends. */
  #latestUs = Number.POSITIVE_INFINITY;
  #quietUntilUs = Number.NEGATIVE_INFINITY;
  /** Of the ring's aged events, those that a packet has told of. */
  #toldWithheld = 0;
  #batch: Packet;
  #next = 0;
  /** Where the next piece of the batch begins. */
  #atUs = 0;

  constructor(chosen: z.output<typeof options>, geometry: NeuronGeometry, starts: readonly number[]) {
    const detectors = starts.length - 1;
    this.#options = chosen;
    this.#starts = starts;
    this.#ring = new PreRoll(chosen.preRollEventsMax);
    this.#combination = createCombination({ ...chosen, detectors });
    this.#meter = new DutyMeter(detectors);
    this.#out = new Packet(geometry);
    this.#batch = this.#out;
    this.#awake = chosen.sleep === "never";
  }

  get lost(): number {
    return this.#ring.overflowed;
  }

  get resting(): boolean {
    return !this.#awake && this.#combination.armedSinceUs(this.#atUs) === undefined;
  }

  step(packet: Packet): Packet {
    this.#batch = packet;
    this.#next = 0;
    this.#atUs = packet.fromUs;
    return this.#piece();
  }

  more(): Packet | undefined {
    return this.#atUs < this.#batch.toUs ? this.#piece() : undefined;
  }

  counts() {
    const { wakings, detections, passed } = this.duty();
    return {
      wakings,
      detections: detections.reduce((sum, count) => sum + count, 0),
      "spikes passed": passed,
    };
  }

  duty() {
    return this.#meter.read();
  }

  #piece(): Packet {
    const { toUs } = this.#batch;
    this.#out.begin(this.#atUs, toUs);
    if (!this.#awake) {
      const wokeUs = this.#doze();
      const endUs = wokeUs ?? toUs;
      if (endUs > this.#atUs || wokeUs === undefined) return this.#close(endUs, "asleep");
    }
    this.#ring.pourInto(this.#out);
    this.#pass();
    const endUs = Math.min(toUs, this.#sleepAtUs);
    if (this.#sleepAtUs <= toUs) {
      this.#awake = false;
      this.#quietUntilUs = this.#sleepAtUs + this.#options.refractoryUs;
    }
    this.#meter.passed += this.#out.count;
    return this.#close(endUs, "awake");
  }

  #close(endUs: number, state: "asleep" | "awake"): Packet {
    const out = this.#out;
    out.toUs = endUs;
    out.asleep = state === "asleep";
    out.withheld = this.#ring.aged + this.#ring.overflowed - this.#toldWithheld;
    this.#toldWithheld += out.withheld;
    this.#meter.spend(state, this.#atUs, endUs);
    this.#atUs = endUs;
    return out;
  }

  /** Keeps what comes until a detection wakes it; answers when. */
  #doze(): number | undefined {
    const { count, times, addresses, toUs } = this.#batch;
    const { preRollUs } = this.#options;
    while (this.#next < count) {
      const timeUs = times[this.#next]!;
      const address = addresses[this.#next]!;
      this.#next += 1;
      if (address < this.#starts[0]!) {
        // Before each event, so that what has no room depends on no cut.
        this.#ring.forget(this.#keptSinceUs(timeUs));
        this.#ring.push(timeUs, address);
        this.#meter.eventsIn += 1;
        continue;
      }
      this.#meter.detections[this.#detectorOf(address)]! += 1;
      if (timeUs < this.#quietUntilUs) continue;
      const firstUs = this.#combination.hear(this.#detectorOf(address), timeUs);
      if (firstUs === undefined) {
        this.#meter.heard(timeUs, this.#combination.armedUntilUs);
        continue;
      }
      this.#ring.forget(firstUs - preRollUs);
      this.#wake(timeUs, firstUs);
      return timeUs;
    }
    this.#ring.forget(this.#keptSinceUs(toUs));
    return undefined;
  }

  /** Nothing older can still be asked for. */
  #keptSinceUs(timeUs: number): number {
    return (this.#combination.armedSinceUs(timeUs) ?? timeUs) - this.#options.preRollUs;
  }

  #wake(timeUs: number, firstUs: number): void {
    this.#awake = true;
    this.#latestUs = timeUs + this.#options.awakeUsMax;
    this.#combination.clear();
    this.#meter.woke(timeUs, firstUs, this.#ring.oldestUs);
    this.#stay(timeUs);
  }

  /** A detection keeps it awake. */
  #stay(timeUs: number): void {
    if (this.#options.sleep === "never") return;
    this.#sleepAtUs = Math.min(timeUs + this.#options.holdUs, this.#latestUs);
  }

  /** Hands on what comes until it falls asleep. */
  #pass(): void {
    const { count, times, addresses } = this.#batch;
    const out = this.#out;
    const size = this.#starts[0]!;
    out.reserve(out.count + count - this.#next);
    for (; this.#next < count; this.#next++) {
      const timeUs = times[this.#next]!;
      if (timeUs >= this.#sleepAtUs) return;
      const address = addresses[this.#next]!;
      if (address < size) {
        out.push(timeUs, address);
        this.#meter.eventsIn += 1;
      } else {
        this.#meter.detections[this.#detectorOf(address)]! += 1;
        this.#stay(timeUs);
      }
    }
  }

  #detectorOf(address: number): number {
    let detector = 0;
    while (address >= this.#starts[detector + 1]!) detector += 1;
    return detector;
  }
}
