/** The summary at the end of a run, for a person or as JSON. */

import { ReflexarcError } from "../errors.ts";
import type { RunSummary, StageSummary } from "../pipeline/summary.ts";
import type { Counts } from "../stage.ts";
import { tellDuty } from "./duty.ts";
import { ledgerOf, tellLedger } from "./ledger.ts";
import { withoutOthers } from "./report.ts";

export function printSummary(summary: RunSummary, asJson: boolean): void {
  const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
  if (asJson) {
    const errors = summary.errors.map(({ detail }) => withoutOthers(detail));
    process.stdout.write(
      JSON.stringify({ ...summary, errors, ...totals(summary), peakMemoryBytes }, null, 2) + "\n",
    );
    return;
  }
  process.stdout.write(text(summary, peakMemoryBytes).join("\n") + "\n");
  for (const { detail } of summary.errors) process.stderr.write(new ReflexarcError(detail).message + "\n");
}

/** What the network did, over all stages that count it. */
function totals(summary: RunSummary): { spikes: number; synapticOperations: number; neuronUpdates: number } {
  const sum = (name: string) => summary.stages.reduce((total, stage) => total + (stage.counts[name] ?? 0), 0);
  return {
    spikes: sum("spikes"),
    synapticOperations: sum("synaptic operations"),
    neuronUpdates: sum("neuron updates"),
  };
}

function text(summary: RunSummary, peakMemoryBytes: number): string[] {
  const { spikes, synapticOperations } = totals(summary);
  const seconds = (us: number) => `${(us / 1e6).toFixed(2)} s`;
  const factor =
    summary.realTimeFactor >= 10 ? summary.realTimeFactor.toFixed(0) : summary.realTimeFactor.toFixed(2);
  const rows = summary.stages.map(stageRow);
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...rows.map((row) => row[column]!.length), heads[column]!.length),
  );
  const line = (row: readonly string[]) =>
    "  " +
    row
      .map((cell, i) => (i === 2 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  return [
    `${summary.document}: ${summary.live ? "live" : "dry run"}${summary.interrupted ? ", interrupted" : ""}, ${seconds(summary.durationUs)} of recorded time in ${seconds(summary.wallUs)} (${factor} times real time)`,
    `  ${cameIn(summary)} in, ${number(spikes)} spikes, ${number(synapticOperations)} synaptic operations, ${number(summary.commands)} commands, peak memory ${(peakMemoryBytes / 1e6).toFixed(0)} MB`,
    "",
    ...(rows.length > 0 ? [line(heads), ...rows.map(line)] : []),
    ...summary.stages.flatMap(({ id, duty }) => (duty ? tellDuty(id, duty).map((text) => `  ${text}`) : [])),
    ...summary.stages.flatMap((stage) => {
      const ledger = ledgerOf(stage);
      return ledger ? tellLedger(stage.id, ledger).map((text) => `  ${text}`) : [];
    }),
    ...summary.problems.map((problem) => `  ! ${problem}`),
  ];
}

function cameIn({ eventsIn, samplesIn }: RunSummary): string {
  if (samplesIn === 0) return `${number(eventsIn)} events`;
  return eventsIn === 0
    ? `${number(samplesIn)} samples`
    : `${number(eventsIn)} events and ${number(samplesIn)} samples`;
}

const heads = ["stage", "use", "out", "took p50 / p99 / max us", "what it did"];

function stageRow(stage: StageSummary): string[] {
  const { p50Us, p99Us, maxUs, batches } = stage.latency;
  const took = batches > 0 ? `${p50Us} / ${p99Us} / ${maxUs}` : "";
  const lost = counted(stage.lost).map((count) => `LOST ${count}`);
  const angle = stage.readings?.angleDeg;
  const shown = angle === undefined ? [] : [`ended at ${angle.toFixed(1)}°`];
  const did = [...lost, ...counted(stage.counts), ...shown].join(", ");
  return [stage.id, stage.use, number(stage.out), took, did];
}

function counted(counts: Counts): string[] {
  return Object.entries(counts).flatMap(([name, count]) => (count > 0 ? [`${number(count)} ${name}`] : []));
}

function number(count: number): string {
  return count.toLocaleString("en");
}
