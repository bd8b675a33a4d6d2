/** The ledgers of a run: cores that are accounted for, the file of `--ledger`, and lines for the summary. */

import { renameSync, writeFileSync } from "node:fs";
import { ReflexarcError } from "../errors.ts";
import type { ChipLedger } from "../mapping/index.ts";
import type { RunSummary, StageSummary } from "../pipeline/summary.ts";
import { type OpenDocument, openDocument } from "./world.ts";

/** Opens a document with the chip `generic` for each core that names none. */
export function openAccounted(path: string, overrides: readonly string[]): OpenDocument {
  const cores = openDocument(path, overrides).plan.nodes.filter(
    (node) => node.kind === "stage" && node.definition.name === "core",
  );
  if (cores.length === 0)
    throw new ReflexarcError({
      kind: "usage",
      room: "run",
      what: "there is no network to account for",
      where: path,
      remedy: "Leave --ledger out, or add a core.",
    });
  const bare = cores.filter((node) => (node as { options: { chip?: string } }).options.chip === undefined);
  return openDocument(path, [...overrides, ...bare.map(({ id }) => `${id}.chip=generic`)]);
}

/** The ledger of a stage that has one. */
export function ledgerOf({ ledger }: StageSummary): ChipLedger | undefined {
  return ledger as ChipLedger | undefined;
}

/** Writes all ledgers of a run, and how its gates spent their time; the file appears whole. Throws a ReflexarcError. */
export function writeLedger(file: string, { document, durationUs, stages }: RunSummary): void {
  const ledgers = stages.flatMap((stage) => {
    const ledger = ledgerOf(stage);
    return ledger ? [{ stage: stage.id, ...ledger }] : [];
  });
  const gates = stages.flatMap(({ id, duty }) => (duty ? [{ stage: id, ...duty }] : []));
  try {
    writeFileSync(
      `${file}.part`,
      `${JSON.stringify({ document, durationUs, ledgers, ...(gates.length > 0 && { gates }) }, null, 2)}\n`,
    );
    renameSync(`${file}.part`, file);
  } catch (cause) {
    throw new ReflexarcError(
      {
        kind: "usage",
        room: "run",
        what: `the ledger can't be written: ${(cause as NodeJS.ErrnoException).code}`,
        where: file,
        remedy: "Name a file that you may write, in a folder that exists.",
      },
      { cause },
    );
  }
}

/** What a ledger says, for a person. */
export function tellLedger(name: string, ledger: ChipLedger): string[] {
  const { energyPj, latencyNs, clocked } = ledger;
  const { total, ...kinds } = energyPj;
  const shares = Object.entries(kinds).flatMap(([kind, value]) =>
    value > 0 ? [`${((100 * value) / total).toPrecision(3)} % ${wordsOf(kind)}`] : [],
  );
  return [
    `${name} on ${ledger.chip}, ${ledger.cores} ${ledger.cores === 1 ? "core" : "cores"} (a model, not a measurement): ${energyText(total)}, ${ledger.meanPowerMw.toPrecision(3)} mW` +
      `${shares.length > 0 ? `: ${shares.join(", ")}` : ""}`,
    `  ${number(ledger.synapticOperations)} synaptic operations, ${number(ledger.activeUpdates)} active and ${number(ledger.inactiveUpdates)} inactive updates, ${number(ledger.messages)} messages over ${number(ledger.hops)} hops`,
    `  a step of ${ledger.stepUs} us takes ${timeText(latencyNs.mean)}, at most ${timeText(latencyNs.max)}` +
      `${ledger.late > 0 ? `, ${ledger.late} of them longer than it stands for` : ""}; asleep ${(100 * ledger.asleep).toFixed(1)} % of the time`,
    ...tellSleep(ledger),
    `  a clocked ${clocked.machine} does ${clocked.operationsRatio.toPrecision(3)} times the operations and takes ${clocked.energyRatio.toPrecision(3)} times the energy (${clocked.source})`,
    ...bySource(ledger.constants).map((line) => `  ${line}`),
  ];
}

/** What a gate spared, where there is one. */
function tellSleep({ sleep, synapticOperations, activeUpdates, inactiveUpdates }: ChipLedger): string[] {
  if (!sleep) return [];
  const { asleepUs, awakeUs, asleepPj, awakePj, withheldSpikes, alwaysOn } = sleep;
  const times = (all: number, own: number) =>
    own > 0 ? `, ${(all / own).toPrecision(3)} times as many` : "";
  return [
    `  behind its gate ${energyText(awakePj)} in ${(awakeUs / 1e6).toFixed(1)} s awake, ${energyText(asleepPj)} in ${(asleepUs / 1e6).toFixed(1)} s asleep; always on at least ${energyText(alwaysOn.energyPj)}` +
      `${alwaysOn.energyRatio > 0 ? `, ${alwaysOn.energyRatio.toPrecision(3)} times as much` : ""}: ${number(alwaysOn.neuronUpdates)} updates${times(alwaysOn.neuronUpdates, activeUpdates + inactiveUpdates)}, ${number(alwaysOn.synapticOperations)} synaptic operations${times(alwaysOn.synapticOperations, synapticOperations)} (what the ${number(withheldSpikes)} spikes withheld would have made it fire is not counted; run it with the gate's sleep=never)`,
  ];
}

/** Constants that share a source on one line. */
export function bySource(constants: ChipLedger["constants"]): string[] {
  const lines = new Map<string, string[]>();
  for (const [name, text] of Object.entries(constants)) {
    const at = text.indexOf(", ");
    const source = text.slice(at + 2);
    lines.set(source, [...(lines.get(source) ?? []), `${wordsOf(name)} ${text.slice(0, at)}`]);
  }
  return [...lines].map(([source, figures]) => `${figures.join(", ")}: ${source}`);
}

export function energyText(picojoules: number): string {
  return scaled(picojoules, ["pJ", "nJ", "uJ", "mJ", "J"]);
}

export function timeText(nanoseconds: number): string {
  return scaled(nanoseconds, ["ns", "us", "ms", "s"]);
}

function scaled(value: number, units: readonly string[]): string {
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${value.toPrecision(3)} ${units[unit]!}`;
}

/** `activeUpdate` as "active update". */
export function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function number(count: number): string {
  return Math.round(count).toLocaleString("en");
}
