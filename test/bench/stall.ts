/** How long the event loop is kept from everything else by a heavy network: in the run's thread, and in one of its own. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { environmentOf, openDocument } from "../../src/cli/world.ts";
import { runPipeline } from "../../src/pipeline/run.ts";
import type { Row } from "./measure.ts";

const folder = join(fileURLToPath(new URL("../../../", import.meta.url)), ".cache", "bench");

/** A recording at its own pace through 8.4 million synapses, in packets of a tenth of a second. */
const document = `
about: A network that takes long.
stages:
  - { id: eye, use: recording, file: ../../recordings/moving-dot.aedat4, packetUs: 100000, toUs: 4000000 }
  - { id: grid, use: polarity-grid, columns: 64, rows: 64, polarity: merge }
  - id: brain
    use: core
    network:
      input: grid
      output: map
      populations: { grid: {}, map: { shape: [1, 32, 64], neuron: { threshold: 100 } } }
      projections: [{ from: grid, to: map, pattern: dense, weights: 0.2 }]
  - { id: aim, use: population-vector, axis: x, command: pan, firstDeg: 60, lastDeg: 120 }
  - { id: pan, use: dry-run, limits: { minDeg: 30, maxDeg: 150, slewDegPerS: 300 } }
`;

export async function benchStall(): Promise<Row[]> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "stall.yaml");
  writeFileSync(path, document);
  const rows: Row[] = [];
  for (const thread of ["shared", "own"]) {
    const opened = openDocument(path, [`brain.thread=${thread}`]);
    const signal = new AbortController().signal;
    const delays = monitorEventLoopDelay({ resolution: 1 });
    const notices: string[] = [];
    const environment = environmentOf(opened, {
      speed: 1,
      signal,
      notice: (text) => notices.push(text),
      // Made are the stages by then.
      onProgress: () => delays.enable(),
    });
    const { stages, wallUs, durationUs } = await runPipeline(opened.plan, environment);
    delays.disable();
    const { latency, out } = stages.find(({ id }) => id === "brain")!;
    const of = `${out} spikes, ${(wallUs / durationUs).toFixed(2)} s a recorded second, ${notices.length} notices`;
    rows.push(
      { what: `${thread} thread: event loop held up, p50`, value: delays.percentile(50) / 1e6, unit: "ms" },
      { what: "  p99", value: delays.percentile(99) / 1e6, unit: "ms" },
      { what: "  at most", value: delays.max / 1e6, unit: "ms", ratio: of },
      { what: "  a packet through the network, p99", value: latency.p99Us / 1e3, unit: "ms" },
    );
  }
  return rows;
}
