/** Decoders: what the codes of this room say, as values again. For a human's eye, a test, or a controller beside the network. */

import type { Packet } from "../events/packet.ts";

/** A value as it is known from a time on, microseconds. */
export type Decoded = readonly [timeUs: number, value: number];

/** Adds the steps of `sigma-delta` up: a value after each spike of a channel, but of equal times only the last. */
export function decodeSigmaDelta(
  spikes: Packet,
  { step, origin, channel }: { readonly step: number; readonly origin: number; readonly channel: number },
): Decoded[] {
  const decoded: Decoded[] = [];
  let steps = 0;
  for (let i = 0; i < spikes.count; i++) {
    const id = spikes.addresses[i]!;
    if (id >> 1 !== channel) continue;
    steps += id & 1 ? 1 : -1;
    const timeUs = spikes.times[i]!;
    if (decoded.at(-1)?.[0] === timeUs) decoded.pop();
    decoded.push([timeUs, origin + steps * step]);
  }
  return decoded;
}

export interface RateReading {
  readonly min: number;
  readonly max: number;
  readonly minHz: number;
  readonly maxHz: number;
  readonly channel: number;
  /** Spikes of the last `windowUs` are counted. A narrow window is quick and coarse, a wide one smooth and late. */
  readonly windowUs: number;
  /** A value on each multiple of it. */
  readonly everyUs: number;
}

/**
 * Reads `rate-code`: at each time g on the grid the spikes with g - windowUs <= t < g, from the first whole window on. The
 * count is a whole number, so a value is known to a part in (maxHz - minHz) windowUs / 1e6; and it is the mean of the
 * window, so it is half a window late.
 */
export function decodeRate(spikes: Packet, reading: RateReading): Decoded[] {
  const { min, max, minHz, maxHz, channel, windowUs, everyUs } = reading;
  const times = spikes.times.subarray(0, spikes.count).filter((_, i) => spikes.addresses[i] === channel);
  const decoded: Decoded[] = [];
  let [from, to] = [0, 0];
  for (
    let gridUs = Math.ceil((spikes.fromUs + windowUs) / everyUs) * everyUs;
    gridUs <= spikes.toUs;
    gridUs += everyUs
  ) {
    while (to < times.length && times[to]! < gridUs) to += 1;
    while (from < to && times[from]! < gridUs - windowUs) from += 1;
    const hz = ((to - from) * 1e6) / windowUs;
    decoded.push([gridUs, min + ((max - min) * (hz - minHz)) / (maxHz - minHz)]);
  }
  return decoded;
}

/** Reads `phase-code`: the value of a channel at each of its spikes, from its time since the reference's last one. */
export function decodePhase(
  spikes: Packet,
  { min, max, periodUs, channel }: Record<"min" | "max" | "periodUs" | "channel", number>,
): Decoded[] {
  const reference = (spikes.geometry.kind === "neurons" ? spikes.geometry.width : 0) - 1;
  const decoded: Decoded[] = [];
  let cycleUs = Number.NaN;
  for (let i = 0; i < spikes.count; i++) {
    const timeUs = spikes.times[i]!;
    if (spikes.addresses[i] === reference) cycleUs = timeUs;
    if (spikes.addresses[i] !== channel || Number.isNaN(cycleUs)) continue;
    decoded.push([timeUs, min + ((max - min) * (timeUs - cycleUs)) / (periodUs - 1)]);
  }
  return decoded;
}

/** Reads `place-code`, a population of fixed fields: at each time the middle of the cell, of several their mean. */
export function decodePlace(
  spikes: Packet,
  { cells, min, max, channel }: Record<"cells" | "min" | "max" | "channel", number>,
): Decoded[] {
  return decodeCells(spikes, cells, channel, (cell) => min + ((max - min) * (cell + 0.5)) / cells);
}

/**
 * Reads one feature of `population`: not the value, which its fields have forgotten, but how far it lay from what was usual, in
 * deviations: the middle of the cell on their logarithmic scale. `channel` counts features; their phases are passed over.
 */
export function decodePopulation(
  spikes: Packet,
  { cells, range, channel }: Record<"cells" | "range" | "channel", number>,
): Decoded[] {
  const height = spikes.geometry.kind === "neurons" ? spikes.geometry.height : 1;
  return decodeCells(spikes, cells, channel * height, middle, height);
  function middle(cell: number): number {
    const u = range * ((2 * (cell + 0.5)) / cells - 1);
    return Math.sign(u) * Math.expm1(Math.abs(u));
  }
}

/** At each time the mean over the spikes of `rows` rows of cells, from `firstRow` on. */
function decodeCells(
  spikes: Packet,
  cells: number,
  firstRow: number,
  readingOf: (cell: number) => number,
  rows = 1,
): Decoded[] {
  const decoded: Decoded[] = [];
  for (let i = 0; i < spikes.count; ) {
    const timeUs = spikes.times[i]!;
    let [sum, count] = [0, 0];
    for (; i < spikes.count && spikes.times[i] === timeUs; i++) {
      const id = spikes.addresses[i]!;
      const row = Math.floor(id / cells) - firstRow;
      if (row < 0 || row >= rows) continue;
      sum += readingOf(id % cells);
      count += 1;
    }
    if (count > 0) decoded.push([timeUs, sum / count]);
  }
  return decoded;
}
