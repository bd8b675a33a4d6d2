/** Recordings with a label each: which neuron spoke most in each, how often that was right, and what a decision cost. */

import type { ChipLedger } from "../mapping/index.ts";
import { classNames, type LabelledFile } from "./evaluate-labels.ts";
import type { Heard } from "./evaluate-listen.ts";

/** `core` is the network whose work is told. */
export function judgeClips(
  document: string,
  core: string,
  samples: readonly LabelledFile[],
  heard: readonly Heard[],
) {
  const labels = samples.map(({ label }) => label);
  const neurons =
    1 + heard.reduce((most, { spikes }) => spikes.ids.reduce((a, b) => Math.max(a, b), most), -1);
  const classes = classNames(labels, neurons);
  const confusion = classes.map(() => [...classes, "none"].map(() => 0));
  let right = 0;
  for (const [k, label] of labels.entries()) {
    const counts = classes.map(() => 0);
    for (const id of heard[k]!.spikes.ids) counts[id]! += 1;
    const most = Math.max(...counts);
    // Of equals the lowest neuron; none where nothing fired.
    const chosen = most === 0 ? classes.length : counts.indexOf(most);
    confusion[classes.indexOf(label)]![chosen]! += 1;
    if (classes[chosen] === label) right += 1;
  }
  const works = heard.map(({ stages }) => stages.find(({ id }) => id === core)!);
  const mean = (name: string) =>
    works.reduce((sum, { counts }) => sum + (counts[name] ?? 0), 0) / works.length;
  const names = [...new Set(works.flatMap(({ counts }) => Object.keys(counts)))];
  return {
    document,
    samples: samples.length,
    right,
    accuracy: right / samples.length,
    classes,
    /** A row a label, a column a neuron, the last one where none fired. */
    confusion,
    perDecision: Object.fromEntries(names.map((name) => [name, mean(name)])),
    energy: energyOf(works.map(({ bill }) => bill!)),
  };
}

export function clipLines(told: ReturnType<typeof judgeClips>): string[] {
  const perDecision = Object.entries(told.perDecision).map(([name, value]) => `${Math.round(value)} ${name}`);
  const width = Math.max(5, ...told.classes.map(({ length }) => length + 1));
  const row = (cells: readonly (string | number)[]) =>
    `  ${cells.map((cell) => `${cell}`.padStart(width)).join("")}`;
  return [
    `${told.document}: ${told.right} of ${told.samples} right, ${(100 * told.accuracy).toFixed(2)} %`,
    `  a decision: ${perDecision.join(", ")}, ${told.energy.microjoules.toPrecision(4)} uJ (${told.energy.model})`,
    row(["", ...told.classes]),
    ...told.confusion.map((counts, k) => row([told.classes[k]!, ...counts])),
  ];
}

/** The mean of what decisions cost on their chip, and the constants that this is made of. */
function energyOf(bills: readonly ChipLedger[]) {
  const mean = (of: (bill: ChipLedger) => number) =>
    bills.reduce((sum, bill) => sum + of(bill), 0) / bills.length;
  const { chip, note, constants } = bills[0]!;
  const { synapticOperation, activeUpdate } = constants;
  return {
    model: `${chip}: a synaptic operation ${synapticOperation}; an active update ${activeUpdate}`,
    microjoules: mean(({ energyPj }) => energyPj.total) / 1e6,
    chip,
    note,
    /** Means of a decision. */
    microjoulesByKind: Object.fromEntries(
      (Object.keys(bills[0]!.energyPj) as (keyof ChipLedger["energyPj"])[]).map((kind) => [
        kind,
        mean(({ energyPj }) => energyPj[kind]) / 1e6,
      ]),
    ),
    hops: mean(({ hops }) => hops),
    stepLatencyUs: mean(({ latencyNs }) => latencyNs.mean) / 1000,
    clockedMicrojoules: mean(({ clocked }) => clocked.energyPj) / 1e6,
    constants,
  };
}
