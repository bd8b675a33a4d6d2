/** A live source as packets: what was decoded goes in as it comes, packets on the run's clock come out. */

import type { Clock } from "../../src/clock.ts";
import type { PixelGeometry } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { readEventsMax } from "../../src/formats/format.ts";
import type { Counts, SensorContext, Stale } from "../../src/stage.ts";
import { DeviceClock } from "./device-clock.ts";
import { EventQueue } from "./event-queue.ts";
import type { LiveOptions } from "./options.ts";

/** Most events of a packet, apart from those of its last time. */
const flushEvents = 1024;
/** Events of the last time wait so long for more of them, where pieces follow each other within half of it. */
const flushUs = 1000;
/** In a silence, time is told this often. */
const tickUs = 2000;
/** A timer that is later than this was kept waiting. */
const standstillUs = 5000;
/** How far back the oldest event of a piece reaches is learned over so long, and this is added to it. */
const windowUs = 1_000_000;
const marginUs = 500;

export interface LiveSetup {
  readonly geometry: PixelGeometry;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** As the sensor's context has it. */
  readonly dozeUs?: SensorContext["dozeUs"];
  readonly options: LiveOptions;
  /** The source speaks at least this often, even when its camera sees nothing; it is stale after three times as long. */
  readonly periodUs?: number;
}

/** A shorter silence is none. */
const staleUsMin = 200_000;

/** Silence after which a source that speaks every `periodUs` counts as stale, microseconds. */
export function staleAfterUs(periodUs: number): number {
  return Math.max(staleUsMin, 3 * periodUs);
}

/** How long nothing is told of a silent source: while the run dozes for longer, but not past the time at which it is stale. */
export function pauseUs(tickUs: number, dozeUs: number, untilStaleUs: number): number {
  return Math.max(tickUs, untilStaleUs < 0 ? dozeUs : Math.min(dozeUs, untilStaleUs + 1));
}

/**
 * The queue, the clock and the ticks of a live source. A packet's times are the run's clock: either when bytes came, or
 * the device's own, whose offset is learned and followed. What comes leaves at once, together with all that came with it;
 * only in a dense stream the events of the last time wait for more of them, 1 ms at most. In a silence, time stays behind
 * the clock by what pieces of this source were seen to reach back (by `waitMs` at first, and at most). An event of a time
 * that has been told, or that has not come yet, is moved to the nearest one that it can have, and counted.
 */
export class LiveStream {
  readonly packets: AsyncGenerator<Packet, void, undefined>;
  /** May be put right until the first packet is asked for: some sources tell their size. */
  geometry: PixelGeometry;
  readonly #setup: LiveSetup;
  readonly #queue: EventQueue;
  readonly #device = new DeviceClock();
  readonly #staleUs: number;
  #reachedUs = Number.NaN;
  #lastUs = Number.NEGATIVE_INFINITY;
  #queuedSinceUs = 0;
  #arrivedUs = Number.NEGATIVE_INFINITY;
  /** The last two pieces followed each other closely. */
  #dense = false;
  #holdUs: number;
  #holdFromUs = Number.NaN;
  /** How far back pieces reached in this window and in the one before it. */
  #backUs = 0;
  #backBeforeUs = 0;
  #heardUs: number;
  #events = 0;
  #moved = 0;
  #movedUsMax = 0;
  #losses = 0;
  #gone: string | undefined;
  #ended = false;
  #failure: unknown;
  #wake = () => {};
  #roomWanted: (() => void) | undefined;

  constructor(setup: LiveSetup) {
    this.#setup = setup;
    this.geometry = setup.geometry;
    const { clock, signal, options, periodUs } = setup;
    this.#queue = new EventQueue(options.queueEvents, options.whenFull);
    this.#staleUs = periodUs === undefined ? Infinity : staleAfterUs(periodUs);
    this.#holdUs = this.#holdUsMax;
    this.#heardUs = clock.nowUs();
    signal.addEventListener("abort", () => this.end(), { once: true });
    if (signal.aborted) this.#ended = true;
    this.packets = this.#packets();
  }

  /** Takes decoded events; the columns may be used again. Times are the device's unless `untimed`. */
  offer(staged: Packet, { arrivalUs = this.#setup.clock.nowUs(), untimed = false } = {}): void {
    this.#heardUs = arrivalUs;
    const { count, times } = staged;
    if (count === 0 || this.#ended) return;
    const { options } = this.#setup;
    const ownTime = !untimed && options.times === "device";
    if (ownTime) this.#device.meet(times[count - 1]!, arrivalUs);
    const shiftUs = ownTime ? this.#device.offsetUs + options.offsetUs : options.offsetUs;
    this.#learnHold(ownTime ? arrivalUs - times[0]! - this.#device.offsetUs : 0, arrivalUs);
    const latestUs = arrivalUs + options.offsetUs;
    let lastUs = Math.max(this.#lastUs, Number.isNaN(this.#reachedUs) ? this.#lastUs : this.#reachedUs);
    for (let i = 0; i < count; i++) {
      let timeUs = (ownTime ? times[i]! : arrivalUs) + shiftUs;
      const possibleUs = Math.max(lastUs, Math.min(timeUs, latestUs));
      if (possibleUs !== timeUs) {
        this.#moved += 1;
        this.#movedUsMax = Math.max(this.#movedUsMax, Math.abs(timeUs - possibleUs));
        timeUs = possibleUs;
      }
      times[i] = timeUs;
      lastUs = timeUs;
    }
    this.#lastUs = lastUs;
    this.#events += count;
    const was = this.#queue.count;
    this.#queue.add(times, staged.addresses, count);
    if (was === 0) this.#queuedSinceUs = arrivalUs;
    this.#dense = arrivalUs - this.#arrivedUs < flushUs / 2;
    this.#arrivedUs = arrivalUs;
    this.#wake();
  }

  get #holdUsMax(): number {
    return Math.round(this.#setup.options.waitMs * 1000);
  }

  /** The oldest event of a piece came so long after its time. */
  #learnHold(backUs: number, arrivalUs: number): void {
    this.#backUs = Math.max(this.#backUs, backUs);
    if (Number.isNaN(this.#holdFromUs)) this.#holdFromUs = arrivalUs;
    if (arrivalUs - this.#holdFromUs < windowUs) {
      this.#holdUs = Math.min(this.#holdUsMax, Math.max(this.#holdUs, this.#backUs + marginUs));
      return;
    }
    this.#holdUs = Math.min(this.#holdUsMax, Math.max(this.#backUs, this.#backBeforeUs) + marginUs);
    this.#backBeforeUs = this.#backUs;
    this.#backUs = 0;
    this.#holdFromUs = arrivalUs;
  }

  /** Something came that held no event: a heartbeat. */
  heard(): void {
    this.#heardUs = this.#setup.clock.nowUs();
  }

  /** Under `block`, resolves when a whole portion of a decoder fits; at once otherwise. */
  async room(): Promise<void> {
    if (this.#setup.options.whenFull !== "block") return;
    while (!this.#ended && !this.#queue.hasRoom(readEventsMax))
      await new Promise<void>((resolve) => {
        this.#roomWanted = resolve;
      });
  }

  /** The device is gone, or back; time goes on meanwhile. */
  connection(state: "lost" | "back", why = ""): void {
    if (state === "lost" && this.#gone === undefined) this.#losses += 1;
    this.#gone = state === "lost" ? why : undefined;
    this.#heardUs = this.#setup.clock.nowUs();
  }

  /** No more will come; what waits still leaves. A failure is thrown after it. */
  end(failure?: unknown): void {
    this.#failure ??= failure;
    this.#ended = true;
    this.#wake();
    this.#roomWanted?.();
  }

  /** Why nothing can be known of the scene at present. */
  stale(): Stale | undefined {
    if (this.#gone !== undefined) return { why: this.#gone, lost: true };
    const silentUs = this.#setup.clock.nowUs() - this.#heardUs;
    if (silentUs <= this.#staleUs) return undefined;
    return { why: `nothing was heard for ${Math.round(silentUs / 1000)} ms`, lost: false };
  }

  counts(): Counts {
    const { jumps, driftUs, delayUs } = this.#device;
    return {
      events: this.#events,
      ...named("moved to another time", this.#moved),
      ...named("moved by at most, us", Math.round(this.#movedUsMax)),
      ...named("clock taken up anew", jumps),
      ...(Math.round(driftUs) !== 0 && { "drift of the device's clock, us": Math.round(driftUs) }),
      ...named("delay, us", Math.round(delayUs)),
      ...named("connections lost", this.#losses),
    };
  }

  lost(): Counts {
    return named(`events too many for the queue (${this.#setup.options.whenFull})`, this.#queue.dropped);
  }

  async *#packets(): AsyncGenerator<Packet, void, undefined> {
    const { clock, options, signal, dozeUs } = this.#setup;
    const queue = this.#queue;
    const out = new Packet(this.geometry, 2 * flushEvents);
    let tickAtUs = clock.nowUs();
    while (!signal.aborted) {
      const nowUs = clock.nowUs();
      const behindUs = this.#holdUs - options.offsetUs;
      const due = this.#ended || !this.#dense || nowUs >= this.#queuedSinceUs + flushUs;
      /** Time that was told ahead of the clock has to come before more of it is told. */
      const tooFarAheadUs = this.#reachedUs - options.aheadUs - options.offsetUs - nowUs;
      const count = queue.count === 0 || tooFarAheadUs > 0 ? 0 : this.#ready(due);
      if (count > 0) {
        if (Number.isNaN(this.#reachedUs)) this.#reachedUs = queue.timeAt(0);
        queue.take(count, out.begin(this.#reachedUs, 0));
        const endUs = out.times[count - 1]! + 1;
        out.toUs = options.aheadUs > 0 ? Math.ceil(endUs / options.aheadUs) * options.aheadUs : endUs;
        this.#queuedSinceUs = nowUs;
        if (this.#roomWanted && queue.hasRoom(readEventsMax)) this.#giveRoom();
      } else if (queue.count === 0 && this.#ended) {
        if (this.#failure) throw this.#failure;
        return;
      } else if (queue.count === 0 && nowUs >= tickAtUs && !(nowUs - behindUs <= this.#reachedUs)) {
        // After a standstill the timer comes first, and the sockets that it kept waiting after it.
        if (nowUs - tickAtUs > standstillUs) await clock.breathe();
        if (queue.count > 0 || this.#ended) continue;
        out.begin(
          Number.isNaN(this.#reachedUs) ? nowUs - behindUs - tickUs : this.#reachedUs,
          nowUs - behindUs,
        );
      } else {
        const silentUntilUs = Number.isNaN(this.#reachedUs) ? tickAtUs : this.#reachedUs + behindUs + 1;
        await this.#sleep(
          tooFarAheadUs > 0 && queue.count > 0
            ? nowUs + tooFarAheadUs
            : queue.count > 0
              ? this.#queuedSinceUs + flushUs
              : Math.max(tickAtUs, silentUntilUs),
        );
        continue;
      }
      this.#reachedUs = out.toUs;
      yield out;
      tickAtUs = nowUs + pauseUs(tickUs, dozeUs?.() ?? 0, this.#heardUs + this.#staleUs - nowUs);
    }
  }

  /** How many events can leave. Those of the last time wait for more of them, until they are due. */
  #ready(due: boolean): number {
    const queue = this.#queue;
    let count = Math.min(queue.count, flushEvents);
    const lastUs = queue.timeAt(count - 1);
    while (count < queue.count && queue.timeAt(count) === lastUs) count += 1;
    if (due || count < queue.count) return count;
    while (count > 0 && queue.timeAt(count - 1) === lastUs) count -= 1;
    return count;
  }

  #giveRoom(): void {
    const give = this.#roomWanted;
    this.#roomWanted = undefined;
    give?.();
  }

  async #sleep(untilUs: number): Promise<void> {
    const { clock } = this.#setup;
    if (untilUs <= clock.nowUs()) return;
    const woken = await new Promise<boolean>((resolve) => {
      const callOff = clock.at(untilUs, () => resolve(false));
      this.#wake = () => {
        callOff();
        resolve(true);
      };
    });
    this.#wake = () => {};
    // What else has arrived by now comes along.
    if (woken) await clock.breathe();
  }
}

function named(what: string, count: number): Record<string, number> {
  return count > 0 ? { [what]: count } : {};
}
