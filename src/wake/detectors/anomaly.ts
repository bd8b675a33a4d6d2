/** Anomaly: volleys of spikes that are unlike those before, learned as they come. */

import { z } from "zod";
import { ReflexarcError } from "../../errors.ts";
import { neurons } from "../../events/geometry.ts";
import { Packet } from "../../events/packet.ts";
import { defineStage, neuronsIn } from "../../stage.ts";

/** Neurons for how surprising a volley is and for how strange, and how many of them a nat is. */
const [surpriseLevels, levels, levelsPerNat] = [128, 256, 8];

/**
 * Spikes of one time are a volley, of a population code for example: in each channel the neuron at the row of a context (a phase of
 * the day) and the column of a cell. Each spike drives the detector the more, the less often its synapse was used. A
 * synapse's trace n grows by 1 with its spike, and all fade by 1 / memoryVolleys with each volley; with N over the whole
 * channel, N(row) over a row, n(cell) over all rows of the column,
 *
 *     p = (n(cell) + prior q(cell)) / (N + prior columns),   p(row) = (n + context p) / (N(row) + context),   s = max of -ln p
 *
 * where p(row) stands for p once the channel has fired in more rows than one, and q, 1 in the mean, falls by e^-fall from the
 * middle column to the outermost ones: of two cells that never fired the outer one is stranger. With the fields of the encoder
 * population, and its range, this is a density of 1 / (1 + |z|)^2. The most surprising synapse decides, as the strongest
 * dendrite does. How surprising a volley is, is one of 128 neurons itself, whose traces never fade: the less often one at
 * or above it fired, the stranger is the volley:
 *
 *     strangeness = surpriseShare s - ln((volleys at s or above + 1/2) / (volleys + 1))
 *
 * Channels in several groups are a committee: each group has a most surprising synapse and ranks of its own, and strangeness is the
 * mean of those groups that a volley has spikes in. What one way to code makes strange by chance, others don't.
 *
 * It leaves as a spike of neuron floor(8 strangeness), graded by its address, if it exceeds the output's own threshold,
 * which jumps to it and falls by e over `recoverVolleys`: what goes on is told once, and again if it gets worse. Nothing
 * below neuron `threshold` leaves. A volley is judged by those before it alone, and then learned; the traces are what it
 * knows, so it can tell nothing strange until about a hundred volleys have come. (A synapse that is depressed by its own use as
 * detector of novelty: Bogacz, Brown and Giraud-Carrier, J. Comput. Neurosci. 10, 2001. Learned weights as log
 * probabilities: Bayesian confidence propagation, Sandberg et al., Network 13, 2002.)
 *
 * Spikes come in, one neuron for the surprise fires within, spikes go out; traces, logarithms and the threshold are numbers. Each spike
 * costs one synaptic operation and one change of a weight, each volley two neurons' updates.
 */
export default defineStage({
  name: "anomaly",
  about: "Tells volleys that are unlike those before, by a spike that says how strange they are.",
  takes: "spikes",
  gives: "spikes",
  options: z.strictObject({
    threshold: z
      .int()
      .min(0)
      .max(levels - 1)
      .default(94)
      .describe("lowest output neuron that may fire; eight are a factor of e less likely"),
    memoryVolleys: z.number().min(10).max(1e9).default(4000).describe("volleys over which synapses forget"),
    recoverVolleys: z
      .number()
      .min(1)
      .max(1e9)
      .default(500)
      .describe("volleys after which the output's threshold has fallen by e"),
    surpriseShare: z
      .number()
      .min(0)
      .max(10)
      .default(0.8)
      .describe("how much the surprise itself counts, beside how rare it is"),
    prior: z
      .number()
      .positive()
      .max(10)
      .default(0.05)
      .describe("trace that a synapse has before its first spike, in the mean"),
    fall: z
      .number()
      .min(0)
      .max(20)
      .default(5)
      .describe(
        "how much rarer the outermost columns are taken to be at first, as a power of e; 0 for unordered cells",
      ),
    context: z
      .number()
      .min(0)
      .max(1e6)
      .default(1)
      .describe("spikes that a row must have before it speaks for itself more than for its channel"),
    groups: z
      .int()
      .min(1)
      .max(256)
      .default(1)
      .describe("groups of as many channels each, in their order, whose judgements are averaged"),
  }),
  create({ threshold, memoryVolleys, recoverVolleys, surpriseShare, prior, fall, context, groups }, stage) {
    const { channels, height, width } = neuronsIn(stage);
    if (channels % groups !== 0)
      throw new ReflexarcError({
        kind: "usage",
        room: "anomaly",
        what: `${channels} channels can't be ${groups} groups of as many each`,
        where: `stage "${stage.id}"`,
        remedy: "Choose groups that divides the channels of the encoder.",
      });
    const perGroup = (channels / groups) * height * width;
    const geometry = neurons(1, 1, levels);
    const out = new Packet(geometry);
    const traces = new Float64Array(channels * height * width);
    const ofCell = new Float64Array(channels * width);
    const priors = priorsOf(width, prior, fall);
    const ofRow = new Float64Array(channels * height);
    const ofChannel = new Float64Array(channels);
    const rowsSeen = new Uint32Array(channels);
    /** In place of fading, what a spike adds grows; all is told in units of it. */
    let unit = 1;
    const growth = 1 / (1 - 1 / memoryVolleys);
    /** Of each group: how surprising this volley is (below 0 where it has no spike), its volleys, and those by surprise. */
    const surpriseIn = new Float64Array(groups);
    const volleysOf = new Float64Array(groups);
    const surprises = new Float64Array(groups * surpriseLevels);
    let volleys = 0;
    let [heldAt, heldLevel] = [0, 0];
    let spikesIn = 0;
    let detections = 0;

    function surpriseOf(id: number): number {
      const cell = id % width;
      const row = (id - cell) / width;
      const channel = Math.floor(row / height);
      const overall =
        (ofCell[channel * width + cell]! + priors[cell]! * unit) /
        (ofChannel[channel]! + prior * width * unit);
      if (rowsSeen[channel]! < 2) return -Math.log(overall);
      return -Math.log((traces[id]! + context * unit * overall) / (ofRow[row]! + context * unit));
    }

    function learn(id: number): void {
      const cell = id % width;
      const row = (id - cell) / width;
      const channel = Math.floor(row / height);
      if (ofRow[row] === 0) rowsSeen[channel]! += 1;
      traces[id]! += unit;
      ofRow[row]! += unit;
      ofCell[channel * width + cell]! += unit;
      ofChannel[channel]! += unit;
    }

    /** -ln of the share of the group's volleys that were at least as surprising; this one then counts as well. */
    function rarity(group: number, surprise: number): number {
      const level = Math.min(surpriseLevels - 1, Math.floor(levelsPerNat * surprise));
      const [first, end] = [group * surpriseLevels, (group + 1) * surpriseLevels];
      let above = 0;
      if (level > surpriseLevels / 2) for (let k = first + level; k < end; k++) above += surprises[k]!;
      else {
        above = volleysOf[group]!;
        for (let k = first; k < first + level; k++) above -= surprises[k]!;
      }
      surprises[first + level]! += 1;
      volleysOf[group]! += 1;
      return -Math.log((above + 0.5) / volleysOf[group]!);
    }

    /** The mean over the groups that a volley has spikes in. */
    function strangenessOf(): number {
      let [sum, heard] = [0, 0];
      for (let group = 0; group < groups; group++) {
        const surprise = surpriseIn[group]!;
        if (surprise < 0) continue;
        sum += surpriseShare * surprise + rarity(group, surprise);
        heard += 1;
      }
      return sum / heard;
    }

    function fade(): void {
      unit *= growth;
      if (unit < 1e100) return;
      for (const column of [traces, ofCell, ofRow, ofChannel])
        for (let k = 0; k < column.length; k++) column[k]! /= unit;
      unit = 1;
    }

    return {
      geometry,
      step({ fromUs, toUs, count, times, addresses }) {
        out.begin(fromUs, toUs);
        for (let first = 0; first < count; ) {
          const timeUs = times[first]!;
          let last = first;
          surpriseIn.fill(-1);
          for (; last < count && times[last] === timeUs; last++) {
            const group = Math.floor(addresses[last]! / perGroup);
            surpriseIn[group] = Math.max(surpriseIn[group]!, 0, surpriseOf(addresses[last]!));
          }
          for (let i = first; i < last; i++) learn(addresses[i]!);
          fade();
          const level = Math.min(levels - 1, Math.floor(levelsPerNat * strangenessOf()));
          volleys += 1;
          spikesIn += last - first;
          first = last;
          if (level <= heldLevel * Math.exp((heldAt - volleys) / recoverVolleys)) continue;
          [heldAt, heldLevel] = [volleys, level];
          if (level < threshold) continue;
          out.push(timeUs, level);
          detections += 1;
        }
        return out;
      },
      counts: () => ({
        ...{ detections, volleys, "synaptic operations": spikesIn },
        "neuron updates": volleysOf.reduce((sum, own) => sum + own, 0) + volleys,
      }),
    };
  },
});

/** A trace for each column, `mean` in the mean, that falls by e^-fall from the middle one to where the outermost ones end. */
function priorsOf(columns: number, mean: number, fall: number): Float64Array {
  const shares = Float64Array.from({ length: columns }, (_, cell) =>
    Math.exp(-fall * Math.abs((2 * cell + 1) / columns - 1)),
  );
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => (mean * columns * share) / sum);
}
