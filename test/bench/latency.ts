/** The way of a packet: UDP in, through network, guard process and port, bytes out of a terminal; beside a C program on the same way. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Row } from "./measure.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(root, ".cache", "bench");
const watch = join(folder, "latency");

/**
 * 64 neurons, one a column of the camera: the angle tells which column the last packet lay in. After 1 ms, ten times tauUs,
 * of a spike 0.000045 is left, so what lay at the beginning of a grid step has to count with less than that.
 */
const documentOf = (port: string, udpPort: number) => `about: The latency benchmark's arc.
stages:
  - { id: eye, use: udp, format: spif, geometry: 64x64, port: ${udpPort}, aheadUs: 1000 }
  - { id: grid, use: polarity-grid, columns: 64, rows: 1, polarity: merge }
  - id: brain
    use: core
    network:
      input: retina
      output: map
      populations: { retina: {}, map: { shape: [1, 1, 64], neuron: { tauMs: 20, threshold: 1 } } }
      projections: [{ from: retina, to: map, pattern: one-to-one, weights: 0.05 }]
  - { id: aim, use: population-vector, axis: x, firstDeg: 20, lastDeg: 160, tauUs: 100, minActivity: 0.000001, everyUs: 1000 }
  - id: pan
    use: serial-line
    port: ${port}
    everyUs: 1000
    limits: { minDeg: 20, maxDeg: 160, slewDegPerS: 1000000, startDegPerS: 1000000 }
`;

const hz = 1000;
const floorPort = 8998;
const ownPort = 8999;

/** What the stop-watch prints. */
interface Taken {
  readonly sent: number;
  readonly answered: number;
  /** Lines that are no answer to anything. */
  readonly foreign: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly probeP50Us: number;
  readonly probeP99Us: number;
}

/**
 * A minute of packets at 1 kHz through Reflexarc, as `run --live --arm` of a user's document; before it and after it half
 * a minute through the C program each. `seconds` may shorten it.
 */
export async function wayOfAPacket(seconds = 60): Promise<Row[]> {
  mkdirSync(folder, { recursive: true });
  const made = spawnSync(
    "cc",
    ["-O2", "-o", watch, join(root, "test/bench/c/latency.c"), "-lpthread", "-lm"],
    {
      encoding: "utf8",
    },
  );
  if (made.status !== 0) throw new Error(`the stop-watch does not compile: ${made.stderr ?? made.error}`);
  const before = await floor(seconds / 2);
  const own = await reflexarc(seconds);
  const after = await floor(seconds / 2);
  const p50Us = (before.p50Us + after.p50Us) / 2;
  const p99Us = (before.p99Us + after.p99Us) / 2;
  const us = (what: string, value: number, ratio?: string): Row => ({
    what,
    value,
    unit: "us",
    ...(ratio && { ratio }),
  });
  const times = (value: number, of: number) => `${(value / of).toFixed(1)} x the floor's`;
  return [
    us("C floor, p50 (mean of before and after)", p50Us, `${before.p50Us} before, ${after.p50Us} after`),
    us("C floor, p99", p99Us, `${before.p99Us} before, ${after.p99Us} after`),
    us("Reflexarc with its guard process, p50", own.p50Us, times(own.p50Us, p50Us)),
    us("Reflexarc with its guard process, p99", own.p99Us, times(own.p99Us, p99Us)),
    us("Reflexarc with its guard process, p99.9", own.p999Us),
    { what: "packets that were answered", value: own.answered, unit: `of ${own.sent}` },
    { what: "lines that answer none", value: own.foreign, unit: "lines" },
    us("control probe beside Reflexarc, p50", own.probeP50Us),
    us("control probe beside Reflexarc, p99", own.probeP99Us, `${before.probeP99Us} beside the floor`),
  ];
}

async function floor(seconds: number): Promise<Taken> {
  const { path, take, end } = await stopWatch();
  const child = spawn(watch, ["floor", path, `${floorPort}`], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout!, "data");
  await take(floorPort, 1);
  const taken = await take(floorPort, seconds);
  await endOf(child);
  end();
  return taken;
}

/** One try, whatever comes of it: how many packets were answered stands in the table. */
async function reflexarc(seconds: number): Promise<Taken> {
  const { path, take, end } = await stopWatch();
  const document = join(folder, "latency.yaml");
  writeFileSync(document, documentOf(path, ownPort));
  const cli = join(root, "dist/src/cli/main.js");
  const child = spawn(process.execPath, [cli, "run", document, "--live", "--arm", "--json"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  // The just-in-time compiler takes a few seconds of it before it is as fast as it gets.
  let warm = 0;
  for (let tries = 0; tries < 20 && warm < 5; tries++) warm += (await take(ownPort, 1)).answered > 0 ? 1 : 0;
  const taken = await take(ownPort, seconds);
  await endOf(child);
  end();
  return taken;
}

/** The C program that opens a terminal, sends the packets and looks at the clock. */
async function stopWatch() {
  const child = spawn(watch, ["measure"], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout!)[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value as string;
  const path = await next();
  return {
    path,
    async take(port: number, seconds: number): Promise<Taken> {
      child.stdin!.write(`${port} ${Math.round(seconds)} ${hz}\n`);
      return JSON.parse(await next()) as Taken;
    },
    end: () => void child.stdin!.end(),
  };
}

async function endOf(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}
