/** Samples: signals (sound, telemetry, a servo's position) in columns, over a span of time. What encoders make spikes of. */

import type { ChannelGeometry } from "./geometry.ts";

/** Most samples of each channel that one batch may hold. */
export const batchSamplesMax = 1 << 20;

/**
 * Values of one or more channels with `fromUs <= time < toUs`, in order of time. No sample at all is a tick: time has
 * passed. Where the geometry has a rate, sample k after `originUs` is of the time `originUs + k 1e6 / rateHz`, which needs
 * not be a whole microsecond; a new origin says that some are missing, or that a clock was set. Without a rate each sample
 * has its own time in `times`, and several may share one.
 *
 * Samples are lent, as a packet is: read them until you return, and neither keep nor change them. Batches of one stream
 * follow each other without a gap or an overlap. A value may be NaN: what was measured then is not known.
 */
export class Samples {
  /** What the columns mean. */
  geometry: ChannelGeometry;
  /** Start of the span, microseconds, included. */
  fromUs = 0;
  /** End of the span, microseconds, not included. */
  toUs = 0;
  /** How many samples of each channel; the columns may be longer. */
  count = 0;
  /** With a rate: the time that the samples are counted from, and how many came between it and this batch's first. */
  originUs = 0;
  first = 0;
  /** Without a rate: the time of each sample, whole microseconds. */
  times: Float64Array;
  /**
   * A column a channel. With a rate singles, which hold the 24 bits of any converter (and of a WAV file's 32-bit samples the
   * highest 24); without one doubles, for counters and sums.
   */
  columns: readonly (Float32Array | Float64Array)[];

  constructor(geometry: ChannelGeometry, capacity = 4096) {
    const rated = geometry.rateHz !== undefined;
    this.geometry = geometry;
    this.times = new Float64Array(rated ? 0 : capacity);
    this.columns = geometry.channels.map(() =>
      rated ? new Float32Array(capacity) : new Float64Array(capacity),
    );
  }

  /** Empties the batch and gives it a span. */
  begin(fromUs: number, toUs: number): this {
    this.fromUs = fromUs;
    this.toUs = toUs;
    this.count = 0;
    return this;
  }

  /** Makes room for at least `capacity` samples in all and keeps those that are there. */
  reserve(capacity: number): void {
    const room = this.columns[0]!.length;
    if (capacity <= room) return;
    const { count } = this;
    const grown = <T extends Float32Array | Float64Array>(column: T, made: T): T => {
      made.set(column.subarray(0, count));
      return made;
    };
    const size = Math.max(capacity, room * 2);
    if (this.geometry.rateHz === undefined) this.times = grown(this.times, new Float64Array(size));
    this.columns = this.columns.map((column) =>
      grown(column, column instanceof Float32Array ? new Float32Array(size) : new Float64Array(size)),
    );
  }

  /** The time of sample `i` of the batch, microseconds: of a rate not always a whole number. */
  timeUs(i: number): number {
    const { rateHz } = this.geometry;
    return rateHz === undefined ? this.times[i]! : sampleTimeUs(this.originUs, this.first + i, rateHz);
  }

  /** Takes over what another batch of the same geometry holds, at times that are `laterUs` later. */
  take(other: Samples, laterUs: number): this {
    this.begin(other.fromUs + laterUs, other.toUs + laterUs).reserve(other.count);
    this.originUs = other.originUs + laterUs;
    this.first = other.first;
    this.count = other.count;
    for (const [channel, column] of this.columns.entries())
      column.set(other.columns[channel]!.subarray(0, other.count));
    if (this.geometry.rateHz === undefined)
      for (let i = 0; i < other.count; i++) this.times[i] = other.times[i]! + laterUs;
    return this;
  }
}

export function copySamples(samples: Samples): Samples {
  return new Samples(samples.geometry, samples.count).take(samples, 0);
}

/** The time of sample `index` after `originUs`, microseconds: the one formula, so that any cut gives the same times. */
export function sampleTimeUs(originUs: number, index: number, rateHz: number): number {
  return originUs + (index * 1e6) / rateHz;
}

/** How many samples after `originUs` come before `timeUs`: the index of the first at or after it. */
export function samplesBefore(timeUs: number, originUs: number, rateHz: number): number {
  let index = Math.max(0, Math.ceil(((timeUs - originUs) * rateHz) / 1e6));
  // The division rounds: the formula above decides.
  while (index > 0 && sampleTimeUs(originUs, index - 1, rateHz) >= timeUs) index -= 1;
  while (sampleTimeUs(originUs, index, rateHz) < timeUs) index += 1;
  return index;
}
