/** What an always-on process takes while it sleeps: processor time and memory of paced runs whose gates let nothing through. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { wavBytes } from "../../drivers/synthetic/sound.ts";
import type { Row } from "./measure.ts";

const home = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(home, ".cache", "bench");
const program = join(home, "dist", "src", "cli", "main.js");

/** By then what runs often has been compiled, and V8 has done the three collections with which it gives back what a start took. */
const warmUpS = 120;
const sliceS = 10;
const brokerPort = 18_831;

/** A camera over UDP that sends nothing, and a network that its activity would wake. */
const camera = `
about: Waits for a camera.
stages:
  - { id: eye, use: udp, geometry: 128x128, port: 0 }
  - { id: grid, use: polarity-grid, columns: 16, rows: 16, polarity: merge }
  - { id: stir, use: activity, overHz: 1000 }
  - { id: gate, use: gate, from: [grid, stir] }
  - id: brain
    use: core
    network:
      input: grid
      output: map
      populations: { grid: {}, map: { shape: [1, 1, 16], neuron: { threshold: 10 } } }
      projections: [{ from: grid, to: map, pattern: dense, weights: 0.2 }]
  - { id: aim, use: population-vector, axis: x, command: pan, firstDeg: 60, lastDeg: 120 }
  - { id: pan, use: dry-run, limits: { minDeg: 30, maxDeg: 150, slewDegPerS: 300 } }
`;

/** Linux only: reads `/proc`. Measures for `seconds` all at once, and a process with nothing but a timer beside them. */
export async function benchAsleep(seconds: number): Promise<Row[]> {
  mkdirSync(folder, { recursive: true });
  const zeros = join(folder, "zeros.wav");
  writeFileSync(zeros, wavBytes([new Float32Array(8000 * (seconds + warmUpS + 30))], 8000));
  const quiet = join(folder, "night-watch.yaml");
  const meter = `{ id: meter, use: mqtt-telemetry, url: "mqtt://127.0.0.1:${brokerPort}", topic: plant/pump/load }`;
  const watch = readFileSync(join(home, "pipelines", "night-watch.yaml"), "utf8")
    .replace(/\{ id: meter,.*\}/, meter)
    .replace("night-watch.network.yaml", join(home, "pipelines", "night-watch.network.yaml"));
  writeFileSync(quiet, watch);
  writeFileSync(join(folder, "camera.yaml"), camera);

  const run = (...words: string[]) =>
    spawn(process.execPath, words, { stdio: ["ignore", "ignore", "inherit"] });
  const broker = run(program, "broker", "--port", String(brokerPort));
  await pause(2000);
  const children: [what: string, child: ChildProcess][] = [
    [
      "voice-servo, digital silence",
      run(
        program,
        "run",
        join(home, "pipelines", "voice-servo.yaml"),
        "--set",
        `ears.file=${zeros}`,
        "--speed",
        "1",
      ),
    ],
    ["night-watch, quiet topic", run(program, "run", quiet)],
    ["events over UDP, none come", run(program, "run", join(folder, "camera.yaml"))],
    ["node with a timer ten times a second", run("-e", "setInterval(() => {}, 100)")],
  ];
  try {
    await pause(warmUpS * 1000);
    const slices = Math.ceil(seconds / sliceS);
    const taken = children.map(([, { pid }]) => [takenBy(pid!)]);
    for (let k = 0; k < slices; k++) {
      await pause(sliceS * 1000);
      for (const [index, [, { pid }]] of children.entries()) taken[index]!.push(takenBy(pid!));
    }
    return children.flatMap(([what], index) => {
      const all = taken[index]!;
      const [from, to] = [all[0]!, all.at(-1)!];
      const spanS = to.atS - from.atS;
      const shares = all.slice(1).map((next, k) => {
        const last = all[k]!;
        return (100 * (next.cpuS - last.cpuS)) / (next.atS - last.atS);
      });
      const wakeUps = ((to.wakeUps - from.wakeUps) / spanS).toFixed(1);
      return [
        {
          what,
          value: (100 * (to.cpuS - from.cpuS)) / spanS,
          unit: "% of a core",
          ratio: `${Math.max(...shares).toFixed(2)} % in the highest ${sliceS} s; ${wakeUps} wake-ups a second`,
        },
        {
          what: "  memory",
          value: to.rssMb,
          unit: "MB",
          ratio: `${from.rssMb.toFixed(1)} MB ${spanS.toFixed(0)} s before; load ${loadavg()[0]!.toFixed(1)}`,
        },
      ];
    });
  } finally {
    for (const [, child] of children) child.kill("SIGINT");
    broker.kill("SIGINT");
  }
}

interface Taken {
  readonly atS: number;
  /** Processor time of all threads, seconds, by the scheduler's nanoseconds: its ticks of 10 ms miss what is short. */
  readonly cpuS: number;
  /** How often a thread went to sleep of its own will: as often it was woken. */
  readonly wakeUps: number;
  readonly rssMb: number;
}

function takenBy(pid: number): Taken {
  const atS = performance.now() / 1000;
  let cpuNs = 0;
  let wakeUps = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const about = (file: string) => readFileSync(`/proc/${pid}/task/${thread}/${file}`, "utf8");
    cpuNs += Number(about("schedstat").split(" ", 1)[0]);
    wakeUps += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(about("status"))![1]);
  }
  const rssKb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);
  return { atS, cpuS: cpuNs / 1e9, wakeUps, rssMb: rssKb / 1024 };
}
