/** Live telemetry as samples: values go in as they come, samples on the run's clock come out. */

import type { Clock } from "../../src/clock.ts";
import type { ChannelGeometry } from "../../src/events/geometry.ts";
import { Samples } from "../../src/events/samples.ts";
import type { Counts, SensorContext, Stale } from "../../src/stage.ts";
import { pauseUs, staleAfterUs } from "./stream.ts";

/** In a silence of the source, time is told this often. */
const tickUs = 5000;

export interface TelemetrySetup {
  readonly geometry: ChannelGeometry;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** As the sensor's context has it. */
  readonly dozeUs?: SensorContext["dozeUs"];
  /** Rows that may wait for the run; beyond them the oldest is dropped, and counted. */
  readonly queueRows: number;
  /** The source speaks at least this often; it is stale after three times as long. */
  readonly periodUs: number;
}

/** A row has the time at which it came: what a sender's own clock says is not trusted. */
export class TelemetryStream {
  readonly packets: AsyncGenerator<Samples, void, undefined>;
  readonly #setup: TelemetrySetup;
  readonly #waiting: Samples;
  #reachedUs = Number.NaN;
  #heardUs: number;
  #rows = 0;
  #unknown = 0;
  #dropped = 0;
  #losses = 0;
  #gone: string | undefined;
  #ended = false;
  #wake = () => {};

  constructor(setup: TelemetrySetup) {
    this.#setup = setup;
    this.#waiting = new Samples(setup.geometry, 64);
    this.#heardUs = setup.clock.nowUs();
    setup.signal.addEventListener("abort", () => this.#end(), { once: true });
    if (setup.signal.aborted) this.#ended = true;
    this.packets = this.#packets();
  }

  /** Takes a value of each channel; NaN where it is not known. */
  offer(values: readonly number[]): void {
    if (this.#ended) return;
    const nowUs = Math.floor(this.#setup.clock.nowUs());
    this.#heardUs = nowUs;
    const waiting = this.#waiting;
    if (waiting.count === this.#setup.queueRows) this.#dropOldest();
    waiting.reserve(waiting.count + 1);
    waiting.times[waiting.count] = nowUs;
    for (const [channel, column] of waiting.columns.entries()) {
      column[waiting.count] = values[channel]!;
      if (Number.isNaN(values[channel])) this.#unknown += 1;
    }
    waiting.count += 1;
    this.#rows += 1;
    this.#wake();
  }

  connection(state: "lost" | "back", why = ""): void {
    if (state === "lost" && this.#gone === undefined) this.#losses += 1;
    this.#gone = state === "lost" ? why : undefined;
    this.#heardUs = this.#setup.clock.nowUs();
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
      rows: this.#rows,
      ...(this.#unknown > 0 && { "values that are no number": this.#unknown }),
      ...(this.#losses > 0 && { "connections lost": this.#losses }),
    };
  }

  lost(): Counts {
    return this.#dropped > 0 ? { "rows too many for the queue (drop-oldest)": this.#dropped } : {};
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  #dropOldest(): void {
    const waiting = this.#waiting;
    for (const column of [waiting.times, ...waiting.columns]) column.copyWithin(0, 1, waiting.count);
    waiting.count -= 1;
    this.#dropped += 1;
  }

  async *#packets(): AsyncGenerator<Samples, void, undefined> {
    const { clock, geometry, signal, dozeUs } = this.#setup;
    const out = new Samples(geometry, 64);
    const waiting = this.#waiting;
    let tickAtUs = Number.NaN;
    while (!signal.aborted) {
      const nowUs = Math.floor(clock.nowUs());
      if (waiting.count > 0) {
        out.take(waiting, 0);
        const lastUs = out.times[out.count - 1]!;
        out.fromUs = Number.isNaN(this.#reachedUs) ? out.times[0]! : this.#reachedUs;
        // A tick may have told of this very microsecond.
        for (let i = 0; i < out.count && out.times[i]! < out.fromUs; i++) out.times[i] = out.fromUs;
        out.toUs = Math.max(lastUs, out.fromUs) + 1;
        waiting.count = 0;
      } else if (this.#ended) return;
      else if (Number.isNaN(this.#reachedUs) || nowUs >= tickAtUs)
        out.begin(Number.isNaN(this.#reachedUs) ? nowUs - tickUs : this.#reachedUs, nowUs);
      else {
        await this.#sleep(tickAtUs);
        continue;
      }
      this.#reachedUs = out.toUs;
      yield out;
      const untilStaleUs = this.#heardUs + this.#staleUs - nowUs;
      tickAtUs = this.#reachedUs + pauseUs(tickUs, dozeUs?.() ?? 0, untilStaleUs);
    }
  }

  async #sleep(untilUs: number): Promise<void> {
    const { clock } = this.#setup;
    const isWoken = await new Promise<boolean>((resolve) => {
      const callOff = clock.at(untilUs, () => resolve(false));
      this.#wake = () => {
        callOff();
        resolve(true);
      };
    });
    this.#wake = () => {};
    if (isWoken) await clock.breathe();
  }
}
