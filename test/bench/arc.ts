/** The whole arc, as a user runs it: an AEDAT 4 file, two filters, a 64-neuron network, a population vector, the guard, a servo. */

import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pixels } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { formatNamed } from "../../src/formats/index.ts";
import { seededRandom } from "../../src/random.ts";
import { median, type Row } from "./measure.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(root, ".cache", "bench");

const document = `about: The benchmark's arc.
stages:
  - { id: eye, use: recording, file: FILE }
  - { id: still, use: refractory, periodUs: 500 }
  - { id: clean, use: background-activity, windowUs: 5000 }
  - { id: grid, use: polarity-grid, columns: 8, rows: 8, polarity: merge }
  - id: brain
    use: core
    network:
      input: retina
      output: map
      populations: { retina: {}, map: { shape: [1, 8, 8], neuron: { tauMs: 20, threshold: 1 } } }
      projections: [{ from: retina, to: map, pattern: one-to-one, weights: 0.05 }]
  - { id: aim, use: population-vector, axis: x, firstDeg: 30, lastDeg: 150 }
  - { id: pan, use: dry-run, limits: { minDeg: 20, maxDeg: 160, slewDegPerS: 300 } }
`;

interface Recording {
  readonly name: string;
  readonly compression: "none" | "lz4";
  readonly events: number;
  readonly runs: number;
}

const recordings: readonly Recording[] = [
  { name: "16 M events, LZ4", compression: "lz4", events: 16e6, runs: 5 },
  { name: "16 M events, uncompressed", compression: "none", events: 16e6, runs: 5 },
  { name: "64 M events, 1 GB uncompressed", compression: "none", events: 64e6, runs: 1 },
];

/** Million events a second and peak memory, each run in a process of its own. */
export async function wholeArc(): Promise<Row[]> {
  mkdirSync(folder, { recursive: true });
  return recordings.flatMap((recording) => {
    const file = makeRecording(recording);
    const path = join(folder, "arc.yaml");
    writeFileSync(path, document.replace("FILE", file));
    const runs = Array.from({ length: recording.runs }, () => run(path));
    const gigabytes = (statSync(file).size / 1e9).toFixed(2);
    return [
      {
        what: `${recording.name} (${gigabytes} GB)`,
        value: median(runs.map(({ rate }) => rate)),
        unit: "Mev/s",
      },
      { what: "  peak memory", value: Math.max(...runs.map(({ memory }) => memory)), unit: "MB" },
    ];
  });
}

function run(path: string): { rate: number; memory: number } {
  const cli = join(root, "dist/src/cli/main.js");
  const { stdout, status, stderr } = spawnSync(process.execPath, [cli, "run", path, "--json"], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the run ended with exit code ${status}: ${stderr}`);
  const { eventsIn, wallUs, peakMemoryBytes } = JSON.parse(stdout) as Record<
    "eventsIn" | "wallUs" | "peakMemoryBytes",
    number
  >;
  return { rate: eventsIn / wallUs, memory: peakMemoryBytes / 1e6 };
}

/** A bar that sweeps over a noisy DAVIS346 picture, 4 million events a second; made once and kept. */
function makeRecording({ compression, events }: Recording): string {
  const file = join(folder, `${compression}-${events / 1e6}M.aedat4`);
  if (existsSync(file)) return file;
  const geometry = pixels(346, 260);
  const encoder = formatNamed("aedat4")!.encoder!(geometry, { compression });
  const random = seededRandom(1);
  const handle = openSync(file, "w");
  const packet = new Packet(geometry, 4096);
  writeSync(handle, encoder.start());
  let timeUs = 1_700_000_000_000_000;
  for (let made = 0; made < events; made += 4096) {
    packet.begin(timeUs, timeUs + 1024);
    for (let i = 0; i < 4096; i++) {
      const barX = (timeUs / 2000 + i / 4096) % 346;
      const noise = random() < 0.3;
      const x = noise ? random() * 346 : (barX + random() * 4) % 346;
      packet.push(
        timeUs + (i >> 2),
        ((Math.floor(random() * 260) << 16) | (Math.floor(x) << 1) | (i & 1)) >>> 0,
      );
    }
    timeUs += 1024;
    writeSync(handle, encoder.push(packet));
  }
  writeSync(handle, encoder.end());
  for (const { bytes, offset } of encoder.patches()) writeSync(handle, bytes, 0, bytes.length, offset);
  closeSync(handle);
  return file;
}
