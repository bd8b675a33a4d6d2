/** Long recordings with labelled stretches: what a detector missed, what it told that wasn't there, and how late it was. */

import { classNames, type LabelledStretch } from "./evaluate-labels.ts";
import type { Heard, Spikes, StageWork, Trial } from "./evaluate-listen.ts";

export interface StreamRules {
  /** Labels that should be told; the others are only there. */
  readonly targets: ReadonlySet<string>;
  /** A spike counts for a stretch from its start until so long after its end. */
  readonly windowUs: number;
  /**
   * Words: neurons stand for labels. Something: any spike says that something is there, whatever its neuron, as those of anomaly
   * and activity do; said again in a stretch, it is no false alarm, and what counts is how long after the start it was said.
   */
  readonly says: "words" | "something";
}

/** How a detector did. */
export interface StreamScore {
  readonly targets: number;
  readonly hits: number;
  readonly missRate: number;
  readonly falseAlarms: number;
  readonly falseAlarmsPerHour: number;
  /** Of each hit, from the stretch's end on (below 0 where it was told before it ended), or its start: see `StreamRules`. */
  readonly latenciesUs: readonly number[];
  /** By target: how often it was there, and how often it was told. */
  readonly words: Readonly<Record<string, { readonly said: number; readonly told: number }>>;
  /** By label: false alarms that fell between a stretch's start and the end of its window, and "" for all others. */
  readonly falseAlarmsDuring: Readonly<Record<string, number>>;
}

/**
 * A spike of a target's neuron counts for the first stretch with that label whose window it is in and that none has counted
 * for; any other spike is a false alarm, the second one in a window too. A stretch that none counts for was missed.
 */
export function scoreStreams(
  stretches: readonly LabelledStretch[],
  told: ReadonlyMap<string, Spikes>,
  hours: number,
  { targets, windowUs, says }: StreamRules,
): StreamScore {
  const classes = classNames(
    stretches.map(({ label }) => label),
    0,
  );
  const words: Record<string, { said: number; told: number }> = {};
  const during: Record<string, number> = {};
  const latenciesUs: number[] = [];
  let falseAlarms = 0;
  for (const label of [...targets].sort()) words[label] = { said: 0, told: 0 };
  for (const [file, { timesUs, ids }] of told) {
    const own = stretches.filter((stretch) => stretch.file === file).sort((a, b) => a.startUs - b.startUs);
    for (const { label } of own) if (targets.has(label)) words[label]!.said += 1;
    const counted = new Set<LabelledStretch>();
    /** All before it have no window any more: times ascend. */
    let from = 0;
    const longestUs = own.reduce((most, { startUs, endUs }) => Math.max(most, endUs - startUs), 0) + windowUs;
    for (const [k, timeUs] of timesUs.entries()) {
      while (from < own.length && own[from]!.startUs + longestUs < timeUs) from += 1;
      const around: LabelledStretch[] = [];
      for (let n = from; n < own.length && own[n]!.startUs <= timeUs; n++)
        if (timeUs <= own[n]!.endUs + windowUs) around.push(own[n]!);
      const label = classes[ids[k]!];
      const isMeant = (stretch: LabelledStretch) =>
        targets.has(stretch.label) && (says === "something" || stretch.label === label);
      const meant = around.find((stretch) => isMeant(stretch) && !counted.has(stretch));
      if (meant) {
        counted.add(meant);
        words[meant.label]!.told += 1;
        latenciesUs.push(timeUs - (says === "words" ? meant.endUs : meant.startUs));
        continue;
      }
      if (says === "something" && around.some(isMeant)) continue;
      falseAlarms += 1;
      const what = around.at(-1)?.label ?? "";
      during[what] = (during[what] ?? 0) + 1;
    }
  }
  const all = Object.values(words);
  const targetCount = all.reduce((sum, { said }) => sum + said, 0);
  const hits = latenciesUs.length;
  return {
    ...{ targets: targetCount, hits, missRate: targetCount > 0 ? 1 - hits / targetCount : 0 },
    ...{ falseAlarms, falseAlarmsPerHour: falseAlarms / hours },
    ...{ latenciesUs: latenciesUs.sort((a, b) => a - b), words, falseAlarmsDuring: during },
  };
}

/** A point of a DET curve: the detector with another value of an option. */
export interface DetPoint extends Trial {
  readonly missRate: number;
  readonly falseAlarmsPerHour: number;
}

/** Scores what was heard of each recording, and each trial; all that is told. */
export function judgeStreams(
  document: string,
  stage: string,
  stretches: readonly LabelledStretch[],
  heard: ReadonlyMap<string, Heard>,
  rules: StreamRules,
  trials: readonly Trial[],
) {
  const hours = [...heard.values()].reduce((sum, { durationUs }) => sum + durationUs, 0) / 3_600e6;
  const score = (spikesOf: (heard: Heard) => Spikes) =>
    scoreStreams(stretches, new Map([...heard].map(([file, one]) => [file, spikesOf(one)])), hours, rules);
  const { latenciesUs, ...told } = score(({ spikes }) => spikes);
  const det = trials.map((trial, k): DetPoint => {
    const { missRate, falseAlarmsPerHour } = score((one) => one.trials[k]!);
    return { ...trial, missRate, falseAlarmsPerHour };
  });
  const quantile = (share: number) =>
    latenciesUs.length === 0
      ? null
      : latenciesUs[Math.min(latenciesUs.length - 1, Math.floor(share * latenciesUs.length))]! / 1000;
  return {
    ...{ document, stage, recordings: heard.size, hours, windowMs: rules.windowUs / 1000 },
    latencyFrom: rules.says === "words" ? "end" : "start",
    ...told,
    /** Of the hits, from the end of their stretch or its start. */
    latencyMs: { median: quantile(0.5), p90: quantile(0.9), largest: quantile(1) },
    stages: workOf([...heard.values()].map(({ stages }) => stages)),
    ...(det.length > 0 && { det }),
  };
}

/** Counts and energies of all recordings together, by stage. */
function workOf(works: readonly (readonly StageWork[])[]) {
  return (works[0] ?? []).map(({ id, use }) => {
    const own = works.map((stages) => stages.find((stage) => stage.id === id)!);
    const counts: Record<string, number> = {};
    for (const work of own)
      for (const [name, count] of Object.entries(work.counts)) counts[name] = (counts[name] ?? 0) + count;
    const bills = own.flatMap(({ bill }) => bill ?? []);
    const [bill] = bills;
    return {
      ...{ id, use, counts },
      ...(bill && {
        chip: bill.chip,
        microjoules: bills.reduce((sum, { energyPj }) => sum + energyPj.total, 0) / 1e6,
      }),
    };
  });
}

export function streamLines(told: ReturnType<typeof judgeStreams>): string[] {
  const { targets, hits, falseAlarms, falseAlarmsPerHour, missRate, latencyMs, hours } = told;
  const during = Object.entries(told.falseAlarmsDuring)
    .sort(([, a], [, b]) => b - a)
    .map(([label, count]) => `${count} ${label === "" ? "at no label" : `at "${label}"`}`);
  const ms = (value: number | null) => `${Math.round(value!)} ms`;
  return [
    `${told.document}: ${hours.toFixed(3)} hours; "${told.stage}" told ${hits} of ${targets}, within ${told.windowMs} ms of their end`,
    `  misses ${(100 * missRate).toFixed(2)} %, false alarms ${falseAlarmsPerHour.toFixed(2)} an hour (${falseAlarms}${during.length > 0 ? `: ${during.join(", ")}` : ""})`,
    ...(hits > 0
      ? [
          `  from the ${told.latencyFrom} until told: median ${ms(latencyMs.median)}, 90 % within ${ms(latencyMs.p90)}, all within ${ms(latencyMs.largest)}`,
        ]
      : []),
    ...told.stages.flatMap(({ id, use, counts, ...cost }) => {
      const parts = Object.entries(counts).map(([name, count]) => `${Math.round(count)} ${name}`);
      if ("microjoules" in cost && cost.microjoules !== undefined)
        parts.push(`${(cost.microjoules / (3600 * hours)).toPrecision(3)} uW on ${cost.chip}, a model`);
      return parts.length > 0 ? [`  ${id} (${use}): ${parts.join(", ")}`] : [];
    }),
    ...(told.det ?? []).map(
      (point) =>
        `  ${point.option} ${point.value}: misses ${(100 * point.missRate).toFixed(2)} %, false alarms ${point.falseAlarmsPerHour.toFixed(2)} an hour`,
    ),
  ];
}
