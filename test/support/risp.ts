/** Runs a script for TENNLab's `processor_tool` on the stepped engine, and prints what that tool prints. */

import { createStepped } from "../../src/core/index.ts";
import type { Network } from "../../src/network/index.ts";

/**
 * The lines that ASR, AS, RUN, GSR, OT, OC, GT and CLEAR-A of a script give (charges are not printed). Names and kinds
 * of nodes are taken from `recorded`, which has them.
 */
export function rispOutput(network: Network, script: string, recorded: readonly string[]): string[] {
  const engine = createStepped(network);
  const blank = engine.save();
  const inputs = network.populations[network.input]!.labels!;
  const nodes = network.populations[1]!.labels!;
  // A network without outputs ends in its nodes.
  const outputs = network.output === 1 ? [] : network.populations[network.output]!.labels!;
  const names = new Map(
    recorded.flatMap((line) => {
      const [, name, label] = /^(?:node )?((\d+)(?:\([^)]*\))?) /.exec(line) ?? [];
      return name ? [[label!, name] as const] : [];
    }),
  );
  const nameOf = (label: string) => names.get(label) ?? label;
  const kindOf = (label: string) =>
    inputs.includes(label) ? "INPUT" : outputs.includes(label) ? "OUTPUT" : "HIDDEN";
  const waiting = new Map<number, Float64Array>();
  const lines: string[] = [];
  let now = 0;
  /** Spikes of each node in the last run. */
  let raster: string[][] = nodes.map(() => []);

  const apply = (label: string, time: number, value: number) => {
    const at = now + time;
    if (!waiting.has(at)) waiting.set(at, new Float64Array(inputs.length));
    waiting.get(at)![inputs.indexOf(label)]! += value;
  };
  const run = (steps: number) => {
    raster = nodes.map(() => Array<string>(steps).fill("0"));
    for (let step = 0; step < steps; step++, now++) {
      engine.step(waiting.get(now) ?? new Float64Array(inputs.length));
      const { ids, count } = engine.cells[1]!;
      for (let k = 0; k < count; k++) raster[ids[k]!]![step] = "1";
    }
  };
  const timesOf = (label: string) =>
    raster[nodes.indexOf(label)]!.flatMap((spike, step) => (spike === "1" ? [step] : []));

  for (const line of script.split("\n")) {
    const [command = "", ...words] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (command === "AS")
      for (let k = 0; k + 2 < words.length; k += 3)
        apply(words[k]!, Number(words[k + 1]), Number(words[k + 2]));
    else if (command === "ASR")
      for (const [time, bit] of [...words[1]!].entries()) if (bit === "1") apply(words[0]!, time, 1);
    if (command === "RUN") run(Number(words[0]));
    if (command === "CLEAR-A" || command === "CA") {
      engine.restore(blank);
      waiting.clear();
      now = 0;
    }
    if (command === "GT") lines.push(`time: ${now.toFixed(1)}`);
    if (command === "GSR") {
      // The tool cuts all rows behind the last spike of any.
      const width = Math.max(...raster.map((row) => row.lastIndexOf("1"))) + 1;
      for (const [k, label] of nodes.entries())
        lines.push(`${nameOf(label)} ${kindOf(label)} : ${raster[k]!.slice(0, width).join("")}`.trim());
    }
    if (command === "OT")
      for (const label of outputs)
        lines.push(
          `node ${nameOf(label)} spike times: ${timesOf(label)
            .map((t) => t.toFixed(1))
            .join(" ")}`.trim(),
        );
    if (command === "OC")
      for (const label of outputs) lines.push(`node ${nameOf(label)} spike counts: ${timesOf(label).length}`);
  }
  return lines;
}
