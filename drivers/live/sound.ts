/** Live sound as samples: bytes go in as they come, samples on the run's clock come out. */

import type { Clock } from "../../src/clock.ts";
import type { ChannelGeometry } from "../../src/events/geometry.ts";
import { Samples, samplesBefore, sampleTimeUs } from "../../src/events/samples.ts";
import { ByteFeed } from "../../src/formats/byte-feed.ts";
import { PcmFrames, type PcmName } from "../../src/formats/pcm.ts";
import type { Counts, SensorContext, Stale } from "../../src/stage.ts";
import { DeviceClock } from "./device-clock.ts";
import { pauseUs, staleAfterUs } from "./stream.ts";

/** In a silence of the source, time is told this often, this far behind the clock: what comes then is not late yet. */
const tickUs = 5000;
const holdUs = 100_000;
/** From one batch to the next the samples' clock is moved by so much of a sample at most, later or earlier. */
const slewShare = 0.25;
/** Further away than this, it is set anew: samples were lost, or a source has begun again. */
const jumpUs = 100_000;

export interface SoundSetup {
  readonly geometry: ChannelGeometry & { readonly rateHz: number };
  readonly encoding: PcmName;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** As the sensor's context has it. */
  readonly dozeUs?: SensorContext["dozeUs"];
  /** Sound that may wait for the run, microseconds; beyond it the oldest is dropped, and counted. */
  readonly queueUs: number;
  /** The source speaks at least this often; it is stale after three times as long. */
  readonly periodUs: number;
}

/**
 * A microphone's samples are counted by its own crystal, and come in lumps. Their times are those of their count, laid over
 * the run's clock so that the quickest lump is not late (see `DeviceClock`), and follow as the two drift apart, by a quarter
 * of a sample a batch: an encoder sees no step. After a loss they begin anew.
 */
export class SoundStream {
  readonly packets: AsyncGenerator<Samples, void, undefined>;
  readonly #setup: SoundSetup;
  readonly #feed = new ByteFeed();
  readonly #frames: PcmFrames;
  readonly #device = new DeviceClock();
  readonly #waiting: Samples;
  readonly #framesMax: number;
  /** Samples that have come, and that have left, since the source began. */
  #came = 0;
  #left = 0;
  #originUs = Number.NaN;
  #reachedUs = Number.NaN;
  #heardUs: number;
  #dropped = 0;
  #restarts = 0;
  #losses = 0;
  #gone: string | undefined;
  #ended = false;
  #failure: unknown;
  #wake = () => {};

  constructor(setup: SoundSetup) {
    this.#setup = setup;
    const { geometry, encoding, clock, signal, queueUs } = setup;
    this.#frames = new PcmFrames(encoding, geometry.channels.length);
    this.#framesMax = Math.max(1, Math.floor((queueUs * geometry.rateHz) / 1e6));
    this.#waiting = new Samples(geometry, 4096);
    this.#heardUs = clock.nowUs();
    signal.addEventListener("abort", () => this.end(), { once: true });
    if (signal.aborted) this.#ended = true;
    this.packets = this.#packets();
  }

  /** Takes bytes as they come, frames cut anywhere. */
  offer(bytes: Uint8Array): void {
    if (this.#ended) return;
    const { clock, geometry } = this.#setup;
    const nowUs = clock.nowUs();
    this.#heardUs = nowUs;
    this.#feed.push(bytes);
    const waiting = this.#waiting;
    const was = waiting.count;
    for (;;) {
      waiting.reserve(waiting.count + 4096);
      const frames = this.#feed.takeRecords(this.#frames.frameBytes, 4096);
      if (frames === 0) break;
      this.#frames.decode(this.#feed.bytes, this.#feed.start, frames, waiting.columns, waiting.count);
      waiting.count += frames;
    }
    this.#came += waiting.count - was;
    if (waiting.count === was) return;
    if (waiting.count > this.#framesMax) this.#drop(waiting.count - this.#framesMax);
    this.#device.meet(sampleTimeUs(0, this.#came, geometry.rateHz), nowUs);
    this.#wake();
  }

  /** The source is gone, or back; it begins again then, in the middle of nothing. */
  connection(state: "lost" | "back", why = ""): void {
    if (state === "lost" && this.#gone === undefined) this.#losses += 1;
    this.#gone = state === "lost" ? why : undefined;
    this.#heardUs = this.#setup.clock.nowUs();
    if (state === "back") this.#feed.skip(this.#feed.available);
  }

  /** No more will come; what waits still leaves. A failure is thrown after it. */
  end(failure?: unknown): void {
    this.#failure ??= failure;
    this.#ended = true;
    this.#wake();
  }

  get #staleUs(): number {
    return staleAfterUs(this.#setup.periodUs);
  }

  stale(): Stale | undefined {
    if (this.#gone !== undefined) return { why: this.#gone, lost: true };
    const silentUs = this.#setup.clock.nowUs() - this.#heardUs;
    if (silentUs <= this.#staleUs) return undefined;
    return { why: `nothing was heard for ${Math.round(silentUs / 1000)} ms`, lost: false };
  }

  counts(): Counts {
    return {
      samples: this.#came,
      ...named("clipped", this.#frames.tally.clipped),
      ...named("connections lost", this.#losses),
      ...named("clock taken up anew", this.#restarts),
      ...named("drift of the source's clock, us", Math.round(this.#device.driftUs)),
    };
  }

  lost(): Counts {
    return {
      ...named("samples too many for the queue (drop-oldest)", this.#dropped),
      ...named("samples that are no number, silenced", this.#frames.tally.broken),
    };
  }

  #drop(count: number): void {
    this.#dropped += count;
    this.#shift(count);
  }

  #shift(count: number): void {
    const waiting = this.#waiting;
    for (const column of waiting.columns) column.copyWithin(0, count, waiting.count);
    waiting.count -= count;
    this.#left += count;
  }

  async *#packets(): AsyncGenerator<Samples, void, undefined> {
    const { clock, geometry, signal, dozeUs } = this.#setup;
    const out = new Samples(geometry, 4096);
    const waiting = this.#waiting;
    let tickAtUs = clock.nowUs();
    while (!signal.aborted) {
      const nowUs = clock.nowUs();
      if (waiting.count > 0) {
        this.#steer();
        const lastUs = sampleTimeUs(this.#originUs, this.#left + waiting.count - 1, geometry.rateHz);
        out.take(waiting, 0);
        out.originUs = this.#originUs;
        out.first = this.#left;
        out.fromUs = Number.isNaN(this.#reachedUs)
          ? Math.floor(sampleTimeUs(this.#originUs, this.#left, geometry.rateHz))
          : this.#reachedUs;
        out.toUs = Math.floor(lastUs) + 1;
        this.#shift(waiting.count);
      } else if (this.#ended) {
        if (this.#failure) throw this.#failure;
        return;
      } else if (nowUs >= tickAtUs && !(nowUs - holdUs <= this.#reachedUs)) {
        out.begin(Number.isNaN(this.#reachedUs) ? nowUs - holdUs - tickUs : this.#reachedUs, nowUs - holdUs);
      } else {
        const silentUntilUs = Number.isNaN(this.#reachedUs) ? tickAtUs : this.#reachedUs + holdUs + 1;
        await this.#sleep(Math.max(tickAtUs, silentUntilUs));
        continue;
      }
      this.#reachedUs = out.toUs;
      yield out;
      const untilStaleUs = this.#heardUs + this.#staleUs - nowUs;
      tickAtUs = nowUs + pauseUs(tickUs, dozeUs?.() ?? 0, untilStaleUs);
    }
  }

  /** Where the samples' clock stands for the next batch: never before what has been told. */
  #steer(): void {
    const { rateHz } = this.#setup.geometry;
    const targetUs = this.#device.offsetUs;
    const apartUs = targetUs - this.#originUs;
    const most = (slewShare * 1e6) / rateHz;
    if (Math.abs(apartUs) <= jumpUs) this.#originUs += Math.max(-most, Math.min(most, apartUs));
    else {
      if (!Number.isNaN(this.#originUs)) this.#restarts += 1;
      this.#originUs = targetUs;
    }
    const nextUs = sampleTimeUs(this.#originUs, this.#left, rateHz);
    if (nextUs < this.#reachedUs) this.#originUs += this.#reachedUs - nextUs;
    // Whole samples, whatever the rounding of the sum above.
    if (samplesBefore(this.#reachedUs, this.#originUs, rateHz) > this.#left) this.#originUs += 1;
  }

  async #sleep(untilUs: number): Promise<void> {
    const waking = new AbortController();
    this.#wake = () => waking.abort();
    await this.#setup.clock.until(untilUs, waking.signal);
    this.#wake = () => {};
    if (waking.signal.aborted) await this.#setup.clock.breathe();
  }
}

function named(what: string, count: number): Record<string, number> {
  return count !== 0 ? { [what]: count } : {};
}
