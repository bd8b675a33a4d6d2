/** `reflexarc net map` and `net chip`: where a network lies on a chip, what it costs there, and what a chip is. */

import { writeFileSync } from "node:fs";
import { stringify } from "yaml";
import { readTextFile } from "../../drivers/files.ts";
import { type Chip, chips, openChip } from "../chips/index.ts";
import { type Agreement, compareNetworks, type Stimulus, seededStimulus } from "../core/index.ts";
import {
  byCore,
  clockedMachine,
  constantsOf,
  countsOf,
  drawLayout,
  energyOf,
  type Found,
  type Layout,
  mapNetwork,
  type Quantised,
  quantise,
  searchLayout,
  Traffic,
} from "../mapping/index.ts";
import type { Network } from "../network/index.ts";
import { bySource, energyText, timeText, wordsOf } from "./ledger.ts";
import { numberOf, openNetwork, readArray, samplesOf, usage, wholeOf } from "./net.ts";

export interface NetMapOptions {
  readonly chip: string;
  readonly search?: string;
  readonly seed: string;
  readonly dt?: string;
  readonly reset: "zero" | "subtract";
  readonly threshold: "strict" | "reached";
  readonly spikes: "one" | "many";
  readonly input?: string;
  readonly rate: string;
  readonly steps: string;
  readonly svg?: string;
  readonly json?: boolean;
}

/** Prints a chip document with all its figures and their sources: the start of a document of one's own. */
export function netChip(name: string | undefined, { json }: { readonly json?: boolean }): void {
  const text = (value: unknown) => (json ? `${JSON.stringify(value, null, 2)}\n` : stringify(value));
  if (name !== undefined) process.stdout.write(text(openChip(name, readChip)));
  else process.stdout.write(text(Object.fromEntries(chips.map((chip) => [chip.name, chip.about]))));
}

function readChip(path: string): string {
  return readTextFile(path, "chip");
}

/** Maps a network onto a chip, greedily and then by a search, and tells what its weights' rounding changes. */
export function netMap(file: string, options: NetMapOptions): void {
  const { network } = openNetwork(file);
  const chip = openChip(options.chip, readChip);
  const seed = wholeOf(options.seed, "--seed");
  const stepUs =
    options.dt === undefined
      ? (network.stepUs ?? chip.timing.stepUs.value)
      : Math.round(numberOf(options.dt, "--dt") * 1e9) / 1000;
  const greedy = mapNetwork(network, chip, { name: file, stepUs, others: chips });
  const rounded = quantise(network, chip);
  const stimulus = stimulusOf(network, options, seed);
  const agreement = compareNetworks(network, rounded.network, stimulus, {
    dtUs: stepUs,
    reset: options.reset,
    threshold: options.threshold === "strict" ? "above" : "reached",
    spikes: options.spikes,
  });
  const traffic = new Traffic(greedy.ground, agreement.rates);
  const first: Found = { layout: greedy, load: traffic.loadOf(greedy), tried: 0, refused: 0 };
  const generations = options.search === undefined ? 0 : wholeOf(options.search, "--search");
  const found = generations > 0 ? searchLayout(greedy, traffic, { generations, seed }) : first;
  const told = describe(file, chip, {
    first,
    found,
    rounded,
    agreement,
    generations,
    assumedStep: isAssumed(network, options),
  });
  if (options.svg !== undefined)
    writeFileSync(options.svg, drawLayout(found.layout, found.load, `${file} on ${chip.name}`));
  process.stdout.write(
    options.json ? `${JSON.stringify(told, null, 2)}\n` : `${textOf(told, options.svg).join("\n")}\n`,
  );
}

function isAssumed(network: Network, { dt }: NetMapOptions): boolean {
  return dt === undefined && network.stepUs === undefined;
}

function stimulusOf(network: Network, options: NetMapOptions, seed: number): Stimulus {
  const { size } = network.populations[network.input]!;
  if (options.input !== undefined) return samplesOf(readArray(options.input), size, options.input);
  const rate = numberOf(options.rate, "--rate");
  if (!(rate >= 0 && rate <= 1))
    throw usage(`--rate is ${rate}`, undefined, "Give the spikes of an input neuron in a step, 0 to 1.");
  return seededStimulus(size, { samples: 4, steps: wholeOf(options.steps, "--steps"), rate, seed });
}

interface Mapped {
  readonly first: Found;
  readonly found: Found;
  readonly rounded: Quantised;
  readonly agreement: Agreement;
  readonly generations: number;
  readonly assumedStep: boolean;
}

function describe(file: string, chip: Chip, mapped: Mapped) {
  const { first, found, rounded, agreement, generations } = mapped;
  const { layout, load } = found;
  const { ground } = layout;
  const energy = (each: Found) => energyOf(chip, countsOf(each.load), ground.stepUs);
  const neurons = ground.placed.reduce((sum, p) => sum + ground.network.populations[p]!.size, 0);
  const { rates: _, ...compared } = agreement;
  return {
    file,
    chip: chip.name,
    about: chip.about,
    note: "Times and energies are a model: expected events of a step times the constants below.",
    stepUs: ground.stepUs,
    stepAssumed: mapped.assumedStep,
    neurons,
    cores: { used: load.cores.length, of: ground.kinds.length },
    layout: coresOf(layout),
    step: {
      latencyNs: load.latencyNs,
      wayNs: load.wayNs,
      slowestCoreNs: Math.max(0, ...load.coreNs),
      busiestLinkNs: Math.max(0, ...load.linkMessages.map((count, k) => count * load.hopNs(load.links[k]!))),
      ...countsOf(load),
      energyPj: energy(found),
    },
    search: {
      generations,
      tried: found.tried,
      refused: found.refused,
      greedy: {
        latencyNs: first.load.latencyNs,
        energyPj: energy(first).total,
        cores: first.load.cores.length,
      },
    },
    weights: {
      levels: chip.synapses.weightLevels,
      largest: chip.synapses.weightMax,
      projections: rounded.projections.map(({ from, to, ...rest }) => ({
        from: ground.nameOf(from),
        to: ground.nameOf(to),
        ...rest,
      })),
    },
    change: compared,
    clocked: {
      machine: clockedMachine.name,
      energyPj: clockedPj(layout),
      source: clockedMachine.source,
    },
    constants: constantsOf(chip),
  };
}

type Told = ReturnType<typeof describe>;

/** A step in which every neuron and every synapse is computed. */
function clockedPj({ ground }: Layout): number {
  let operations = 0;
  for (const p of ground.placed) operations += ground.network.populations[p]!.size;
  for (const link of ground.links) {
    const { size } = ground.network.populations[link.from]!;
    const { size: targets } = ground.network.populations[link.to]!;
    for (let id = 0; id < size; id++) operations += ground.counts.get(link)!(id, 0, targets);
  }
  return operations * clockedMachine.picojoulesPerOperation;
}

/** What lies on each core in use, and how full it is. */
function coresOf({ ground, slices }: Layout) {
  return [...byCore(slices)]
    .sort(([a], [b]) => a - b)
    .map(([core, spans]) => {
      const kind = ground.kinds[core]!;
      const neurons = spans.reduce((sum, { first, end }) => sum + end - first, 0);
      return {
        core,
        tile: ground.tileOf(core),
        spans: spans.map(({ population, first, end }) => ({
          population: ground.nameOf(population),
          first,
          end,
        })),
        neurons: { used: neurons, of: kind.neurons.value },
        synapseBits: {
          used: spans.reduce((sum, span) => sum + ground.synapseBits(span), 0),
          of: kind.synapseBits.value,
        },
        axonsIn: { used: ground.axonsIn(spans), of: kind.axonsIn?.value ?? null },
      };
    });
}

/** Cores that are printed one by one; the JSON has all. */
const printedMax = 40;

function textOf(told: Told, svg: string | undefined): string[] {
  const { step, search, weights, change } = told;
  const count = (value: number) => value.toLocaleString("en", { maximumFractionDigits: 1 });
  const used = ({ used: a, of }: { used: number; of: number | null }) =>
    of === null ? count(a) : `${count(a)} of ${count(of)} (${((100 * a) / of).toFixed(1)} %)`;
  const rows = told.layout.map(({ core, tile, spans, neurons, synapseBits, axonsIn }) => [
    `core ${core} at ${tile.x},${tile.y}`,
    spans.map(({ population, first, end }) => `${population} ${first}-${end - 1}`).join(", "),
    `neurons ${used(neurons)}`,
    `bits ${used(synapseBits)}`,
    `axons in ${used(axonsIn)}`,
  ]);
  const shown = rows.slice(0, printedMax);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(0, ...shown.map((row) => row[column]!.length)));
  const inexact = weights.projections.filter(({ exact }) => !exact);
  const { total, ...kinds } = step.energyPj;
  return [
    `${told.file} on ${told.chip}: it fits, ${count(told.neurons)} neurons on ${told.cores.used} of ${told.cores.of} cores`,
    ...shown.map((row) => `  ${row.map((cell, k) => cell.padEnd(widths[k]!)).join("  ")}`.trimEnd()),
    ...(rows.length > shown.length ? [`  ... and ${rows.length - shown.length} more: see --json`] : []),
    `a step of ${told.stepUs} us${told.stepAssumed ? " (assumed: say it with --dt)" : ""}, by the model: ${timeText(step.latencyNs)} (slowest core ${timeText(step.slowestCoreNs)}, busiest link ${timeText(step.busiestLinkNs)}, longest way ${timeText(step.wayNs)}), ${energyText(total)}`,
    `  ${count(step.synapticOperations)} synaptic operations, ${count(step.activeUpdates)} active and ${count(step.inactiveUpdates)} inactive updates, ${count(step.messages)} messages over ${count(step.hopsX + step.hopsY)} hops`,
    `  ${Object.entries(kinds)
      .flatMap(([kind, value]) => (value > 0 ? [`${wordsOf(kind)} ${energyText(value)}`] : []))
      .join(", ")}; a clocked ${told.clocked.machine}: ${energyText(told.clocked.energyPj)}`,
    ...(search.generations > 0
      ? [
          `search of ${search.generations} generations: ${count(search.tried)} layouts tried, ${count(search.refused)} of them above a limit; from ${timeText(search.greedy.latencyNs)} on ${search.greedy.cores} cores to ${timeText(step.latencyNs)} on ${told.cores.used} (${(100 * (1 - step.latencyNs / search.greedy.latencyNs)).toFixed(1)} % less)`,
        ]
      : []),
    inexact.length === 0
      ? `weights: all are on the chip's grid (${weights.levels} to ${weights.largest}); nothing changes`
      : `weights: ${inexact.length} of ${weights.projections.length} projections are rounded (${weights.levels} to ${weights.largest})`,
    ...inexact.map(
      ({ from, to, scale, largestError, lost }) =>
        `  ${from} -> ${to}: off by at most ${largestError.toPrecision(3)} (a level is ${scale.toPrecision(3)}), ${count(lost)} became 0`,
    ),
    `change of output over ${change.samples} x ${change.steps} steps: ${(100 * change.sameOutput).toFixed(2)} % of the output's neurons and steps are the same, ${change.sameWinner} of ${change.samples} samples have the same winner`,
    ...change.populations.map(
      ({ name, before, after, differ, cells }) =>
        `  ${name}: ${count(before)} given before, ${count(after)} after; ${count(differ)} of ${count(cells)} differ`,
    ),
    "constants of the model:",
    ...bySource(told.constants).map((line) => `  ${line}`),
    ...(svg === undefined ? [] : [`drawn in ${svg}`]),
  ];
}
