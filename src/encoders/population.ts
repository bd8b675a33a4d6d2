/** Population code: what is noteworthy of a value, each as a spike of the cell whose field it lies in. */

import { z } from "zod";
import { neurons } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { channelsIn, defineStage } from "../stage.ts";

const feature = z.strictObject({
  of: z
    .enum(["value", "change", "mean", "deviation"])
    .describe(
      "value: itself; change: from `rows` samples ago; mean: fading over `rows` samples; deviation: from that mean as it was",
    ),
  rows: z.int().min(1).max(10_000).default(1).describe("how far it looks back, in samples"),
  phases: z
    .int()
    .min(1)
    .max(96)
    .default(1)
    .describe("parts of the cycle in each of which it has cells of its own"),
  cells: z
    .int()
    .min(2)
    .max(1024)
    .optional()
    .describe("cells of its population; as many as the others by default"),
});

/**
 * Each sample becomes a spike of each feature f, at its time, of the cell in whose field it lies. Fields adapt to what is usual:
 * with m the mean of f and d its mean distance from m, both over about `adaptRows` samples and of those before this one,
 *
 *     z = (f - m) / (1.25 d),   u = sign(z) ln(1 + |z|),   cell = floor(cells (u / range + 1) / 2), the first or last beyond
 *
 * so fields are narrow around the usual and wide far from it, up to |z| = e^range - 1, as those of a population of sensory
 * neurons are (1.25 d is the deviation of a normal distribution). A feature with phases has a population for each part of the
 * cycle, on which the packet's time is the oscillator: so many equal parts of `cycleS` since time 0. What looks back on samples
 * that haven't come is silent, as is all for its first `settleRows`. So is a value that is not known (NaN), which changes
 * nothing either.
 *
 * Gives neurons of shape (channels * features, phases, cells); the shape has as many phases as the feature with most, and as
 * many cells. A population of fewer stands spread over the columns.
 */
export default defineStage({
  name: "population",
  about: "Values become spikes of cells whose fields adapt to what is usual of them.",
  takes: "samples",
  gives: "spikes",
  options: z.strictObject({
    features: z
      .array(feature)
      .min(1)
      .max(32)
      .default([{ of: "value", rows: 1, phases: 1 }])
      .describe("what of each channel is coded, each by a population of its own"),
    cells: z.int().min(2).max(1024).default(20).describe("cells of a population"),
    range: z
      .number()
      .min(0.5)
      .max(20)
      .default(5)
      .describe("ln(1 + |z|) at which the outermost cells end, z in deviations"),
    adaptRows: z.number().min(2).max(1e6).default(8000).describe("samples over which fields adapt"),
    settleRows: z
      .int()
      .min(1)
      .max(1e6)
      .default(10)
      .describe("samples of a feature that come first, make no spike, and show what is usual"),
    cycleS: z.number().positive().max(1e7).default(86_400).describe("length of the cycle, seconds"),
  }),
  create(options, context) {
    const { features, cycleS } = options;
    const { channels } = channelsIn(context);
    const phasesMax = Math.max(...features.map(({ phases }) => phases));
    const columns = Math.max(...features.map(({ cells = options.cells }) => cells));
    const geometry = neurons(channels.length * features.length, phasesMax, columns);
    const out = new Packet(geometry);
    const populations = channels.map(() =>
      features.map(({ of, rows, phases, cells = options.cells }) => ({
        look: looks[of](rows),
        fields: adaptiveFields({ ...options, cells }),
        phases,
        columnsPerCell: columns / cells,
      })),
    );
    return {
      geometry,
      step(samples) {
        out.begin(samples.fromUs, samples.toUs);
        for (let i = 0; i < samples.count; i++) {
          const timeUs = Math.floor(samples.timeUs(i));
          const cycle = ((timeUs / 1e6) % cycleS) / cycleS;
          let population = 0;
          for (let channel = 0; channel < channels.length; channel++) {
            const value = samples.columns[channel]![i]!;
            for (const { look, fields, phases, columnsPerCell } of populations[channel]!) {
              const seen = Number.isFinite(value) ? look(value) : Number.NaN;
              const phase = Math.floor(cycle * phases);
              const cell = Number.isNaN(seen) ? -1 : fields(seen);
              const column = Math.floor((cell + 0.5) * columnsPerCell);
              if (cell >= 0) out.push(timeUs, (population * phasesMax + phase) * columns + column);
              population += 1;
            }
          }
        }
        return out;
      },
    };
  },
});

interface FieldOptions {
  readonly cells: number;
  readonly range: number;
  readonly adaptRows: number;
  readonly settleRows: number;
}

/** Of each kind of feature: what it makes of the samples, one after the other; NaN while it can't tell. */
const looks: Record<z.output<typeof feature>["of"], (rows: number) => (value: number) => number> = {
  value: () => (value) => value,
  change(rows) {
    const before = new Float64Array(rows).fill(Number.NaN);
    let at = 0;
    return (value) => {
      const change = value - before[at]!;
      before[at] = value;
      at = (at + 1) % rows;
      return change;
    };
  },
  mean(rows) {
    const mean = fadingMean(rows);
    let count = 0;
    return (value) => {
      count += 1;
      const now = mean(value);
      return count > rows ? now : Number.NaN;
    };
  },
  deviation(rows) {
    const mean = fadingMean(rows);
    let before = Number.NaN;
    return (value) => {
      const deviation = value - before;
      before = mean(value);
      return deviation;
    };
  },
};

/** The mean of all so far at first, then one that forgets over `rows`. */
function fadingMean(rows: number): (value: number) => number {
  let [count, mean] = [0, 0];
  return (value) => {
    count += 1;
    mean += (value - mean) / Math.min(count, rows);
    return mean;
  };
}

/** Answers the cell of a value, -1 while nothing is usual yet, and then counts the value as usual. */
function adaptiveFields({
  cells,
  range,
  adaptRows: rows,
  settleRows,
}: FieldOptions): (value: number) => number {
  let [count, mean, distance] = [0, 0, 0];
  return (value) => {
    if (count === 0) mean = value;
    const settled = count >= settleRows;
    const off = value - mean;
    // Where all was equal so far, anything else is as far off as can be.
    const z = off === 0 ? 0 : Math.abs(off) / (1.25 * distance);
    const u = Math.sign(off) * Math.min(range, Math.log1p(z));
    count += 1;
    const share = 1 / Math.min(count, rows);
    mean += off * share;
    distance += (Math.abs(off) - distance) * share;
    return settled ? Math.min(cells - 1, Math.floor((cells * (u / range + 1)) / 2)) : -1;
  };
}
