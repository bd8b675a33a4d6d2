/** Samples for tests: made from rows, cut in any way, joined again. */

import type { ChannelGeometry } from "../../src/events/geometry.ts";
import { Samples } from "../../src/events/samples.ts";

/** A sample as `[timeUs, value of the first channel, of the second, ...]`. */
export type Row = readonly number[];

/** Samples with times of their own. */
export function timedSamples(
  geometry: ChannelGeometry,
  rows: readonly Row[],
  fromUs?: number,
  toUs?: number,
): Samples {
  const samples = new Samples(geometry, Math.max(1, rows.length));
  samples.begin(fromUs ?? rows[0]?.[0] ?? 0, toUs ?? (rows.at(-1)?.[0] ?? 0) + 1);
  for (const [timeUs, ...values] of rows) {
    samples.times[samples.count] = timeUs!;
    for (const [channel, value] of values.entries()) samples.columns[channel]![samples.count] = value;
    samples.count += 1;
  }
  return samples;
}

/** Samples at the geometry's rate, the first of them at `originUs`; a column a channel. */
export function ratedSamples(
  geometry: ChannelGeometry,
  columns: readonly ArrayLike<number>[],
  originUs = 0,
  span: { fromUs?: number; toUs?: number } = {},
): Samples {
  const count = columns[0]!.length;
  const samples = new Samples(geometry, Math.max(1, count));
  samples.originUs = originUs;
  samples.count = count;
  for (const [channel, column] of columns.entries()) samples.columns[channel]!.set(column);
  samples.fromUs = span.fromUs ?? originUs;
  samples.toUs = span.toUs ?? Math.floor(originUs + ((count - 1) * 1e6) / geometry.rateHz!) + 1;
  return samples;
}

export function rowsOf(samples: Samples): Row[] {
  return Array.from({ length: samples.count }, (_, i) => [
    samples.timeUs(i),
    ...samples.columns.map((column) => column[i]!),
  ]);
}

/** Cuts samples at the given times (whatever their order); the pieces cover the same span without a gap. */
export function cutSamples(samples: Samples, cutsUs: readonly number[]): Samples[] {
  const inside = [...new Set(cutsUs)]
    .filter((cut) => cut > samples.fromUs && cut < samples.toUs)
    .sort((a, b) => a - b);
  const edges = [samples.fromUs, ...inside, samples.toUs];
  let next = 0;
  return edges.slice(1).map((toUs, i) => {
    const from = next;
    while (next < samples.count && samples.timeUs(next) < toUs) next += 1;
    const piece = new Samples(samples.geometry, Math.max(1, next - from)).begin(edges[i]!, toUs);
    piece.originUs = samples.originUs;
    piece.first = samples.first + from;
    piece.count = next - from;
    if (samples.geometry.rateHz === undefined) piece.times.set(samples.times.subarray(from, next));
    for (const [channel, column] of piece.columns.entries())
      column.set(samples.columns[channel]!.subarray(from, next));
    return piece;
  });
}
