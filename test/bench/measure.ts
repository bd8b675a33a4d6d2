/** What every benchmark shares: a row of its table, the median, and the machine that it ran on. */

import { cpus, totalmem } from "node:os";

export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Against something that ran beside it. */
  readonly ratio?: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** Median seconds of `work` over `runs`. */
export function secondsOf(work: () => void, runs = 5): number {
  const measured = Array.from({ length: runs }, () => {
    const startMs = performance.now();
    work();
    return (performance.now() - startMs) / 1000;
  });
  return median(measured);
}

export function machine(): string {
  const [cpu] = cpus();
  return `${cpu?.model ?? "unknown processor"}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}, ${process.platform}`;
}

export function printTable(title: string, rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ what }) => what.length));
  console.log(`\n${title}`);
  for (const { what, value, unit, ratio } of rows) {
    const shown = value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
    console.log(`  ${what.padEnd(width)}  ${shown.padStart(8)} ${unit}${ratio ? `  ${ratio}` : ""}`);
  }
}
