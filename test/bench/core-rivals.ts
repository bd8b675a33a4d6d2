/**
 * `npm run bench:core`: synaptic operations a second of the event-driven engine, accounting on, beside the same networks
 * in plain C, and the recurrent ones in Brian2, NEST and snnTorch; `--peers brian2,nest` takes some, `--peers none` none.
 *
 * Times are of the processor, not of the wall, so that a busy machine disturbs less (Brian2's are its own report of the
 * wall's); medians of interleaved runs. A peer's steps are 0.1 ms, where the engine has microseconds: its spikes are not
 * quite the same, so speeds are compared in operations, and how many it did stands beside them.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createEngine, createFloat32Engine, type Engine, engineBounds } from "../../src/core/index.ts";
import { Packet } from "../../src/events/packet.ts";
import type { Network } from "../../src/network/index.ts";
import { type CoreCase, coreCases, writeCase } from "./core-networks.ts";
import { type CorePeer, corePeersOf } from "./core-peers.ts";
import { median, type Row } from "./measure.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(root, ".cache", "bench");
const bounds = { ...engineBounds, spikesPerMsMax: Infinity };

const peerRuns = 3;

type Make = (network: Network) => Engine;
const float32: Make = (network) => createFloat32Engine(network, bounds);
const plainFloat32: Make = (network) => createEngine(network, bounds, undefined, "float32");
const float64: Make = (network) => createEngine(network, bounds);

export async function benchCoreRivals(): Promise<Row[]> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "9" },
      peers: { type: "string", default: "brian2,nest,snntorch" },
    },
    allowPositionals: true,
  });
  const runs = Number(values.runs);
  mkdirSync(folder, { recursive: true });
  const rival = buildRival();
  console.log(rival.about);
  const peers = corePeersOf(root, values.peers.split(","));
  return coreCases().flatMap((one) => {
    const path = join(folder, `core-${one.name.replace(/\W+/g, "-")}.bin`);
    writeCase(one, path);
    const rows = besideC(one, path, rival, runs);
    if (one.loop !== "recurrent") return rows;
    return [...rows, ...besidePeers(one, path, peers), ...silence(one, runs)];
  });
}

function besidePeers(one: CoreCase, path: string, peers: readonly CorePeer[]): Row[] {
  return peers.map(({ name, goal, run }) => {
    const told = run(path, peerRuns);
    const unit = "M synaptic operations/s";
    if (typeof told === "string") return { what: `  ${name}`, value: 0, unit, ratio: told };
    const ours = Array.from({ length: peerRuns }, () => measure(one, float32));
    const rate = told.operations / median(told.seconds) / 1e6;
    const times = median(ours.map((each) => each.rate)) / rate;
    const work = (100 * told.operations) / ours[0]!.operations;
    return {
      what: `  ${name}, ${one.endUs / 1e6} s simulated in ${median(told.seconds).toFixed(2)} s`,
      value: rate,
      unit,
      ratio: `ours is ${times.toFixed(1)} times as fast${goal ? `, goal ${goal}` : ""}; it did ${work.toFixed(1)} % of our operations`,
    };
  });
}

function besideC(one: CoreCase, path: string, rival: Rival, runs: number): Row[] {
  const ours: number[] = [];
  const plain: number[] = [];
  const wide: number[] = [];
  const theirs: number[] = [];
  const check = measure(one, float32);
  const twin = measure(one, plainFloat32);
  const exact = rival.run("core-exact", one.loop, path);
  for (const [who, other] of Object.entries({ "the float32 TypeScript": twin, C: exact }))
    if (other && (other.digest !== check.digest || other.operations !== check.operations))
      throw new Error(
        `${one.name}: ${who} gives ${JSON.stringify(other)}, the kernel ${JSON.stringify(check)}`,
      );
  for (let run = 0; run < runs; run++) {
    const answer = rival.run("core", one.loop, path);
    if (answer) theirs.push(answer.rate);
    ours.push(measure(one, float32).rate);
    if (run >= 3) continue;
    plain.push(measure(one, plainFloat32).rate);
    wide.push(measure(one, float64).rate);
  }
  const unit = "M synaptic operations/s";
  const [rate, speedOfC] = [median(ours), theirs.length > 0 ? median(theirs) : undefined];
  return [
    {
      what: one.name,
      value: rate,
      unit,
      ratio: speedOfC ? `${(rate / speedOfC).toFixed(2)} of C, goal ${one.goal.toFixed(2)}` : "no C here",
    },
    ...(speedOfC ? [{ what: "  C", value: speedOfC, unit }] : []),
    { what: "  float32 in TypeScript", value: median(plain), unit },
    { what: "  float64", value: median(wide), unit },
    { what: "  of it, spikes", value: check.spikes / 1e6, unit: "M" },
  ];
}

/** What a second costs in which nothing comes in, against the mean second before it. */
function silence(one: CoreCase, runs: number): Row[] {
  const silent: number[] = [];
  const busy: number[] = [];
  for (let run = 0; run < runs; run++) {
    const engine = float32(one.network);
    const output = new Packet(one.packets[0]!.geometry);
    const seconds = cpuSeconds(() => {
      for (const packet of one.packets) engine.run(packet, output);
    });
    busy.push(seconds / (one.endUs / 1e6));
    // What is still on its way arrives first.
    engine.run(new Packet(output.geometry).begin(one.endUs, one.endUs + 1e6), output);
    const quiet = Array.from({ length: 100 }, (_, k) =>
      new Packet(output.geometry).begin(one.endUs + (k + 1) * 1e6, one.endUs + (k + 2) * 1e6),
    );
    silent.push(
      cpuSeconds(() => {
        for (const packet of quiet) engine.run(packet, output);
      }) / quiet.length,
    );
  }
  return [
    { what: "  a second of this input", value: median(busy) * 1e3, unit: "ms" },
    { what: "  a silent second", value: median(silent) * 1e3, unit: "ms" },
  ];
}

interface Measured {
  readonly operations: number;
  readonly spikes: number;
  readonly digest: number;
  /** Million synaptic operations a second. */
  readonly rate: number;
}

function measure({ network, packets }: CoreCase, make: Make): Measured {
  const engine = make(network);
  const output = new Packet(packets[0]!.geometry);
  const given: Packet[] = packets.map(() => new Packet(output.geometry, 4096));
  const seconds = cpuSeconds(() => {
    for (let k = 0; k < packets.length; k++) engine.run(packets[k]!, given[k]!);
  });
  let digest = 0x811c9dc5;
  const mix = (value: number) => {
    digest = Math.imul(digest ^ value, 0x01000193);
  };
  for (const { count, times, addresses } of given)
    for (let k = 0; k < count; k++) {
      mix(times[k]!);
      mix(addresses[k]!);
    }
  const { synapticOperations: operations, spikes } = engine.ledger;
  return { operations, spikes, digest: digest >>> 0, rate: operations / seconds / 1e6 };
}

function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

interface Rival {
  readonly about: string;
  run(program: "core" | "core-exact", loop: string, path: string): Measured | undefined;
}

/** Compiles the C twice: as fast as gcc makes it, and with products and sums that round each for itself, as ours do. */
function buildRival(): Rival {
  const source = join(root, "test", "bench", "c", "core.c");
  const compile = (program: string, ...flags: string[]) =>
    spawnSync("gcc", ["-O3", "-march=native", ...flags, source, "-o", join(folder, program), "-lm"]);
  if (compile("core").status !== 0 || compile("core-exact", "-ffp-contract=off").status !== 0)
    return { about: "no gcc here: nothing to compare with", run: () => undefined };
  const [version] = spawnSync("gcc", ["--version"], { encoding: "utf8" }).stdout.split("\n");
  return {
    about: `C: ${version}, -O3 -march=native`,
    run: (program, loop, path) => {
      const { status, stdout } = spawnSync(join(folder, program), [loop, path], { encoding: "utf8" });
      if (status !== 0) throw new Error(`the C for ${loop} ended with ${status}`);
      const [operations, spikes, digest, nanoseconds] = stdout.split(" ").map(Number);
      return {
        operations: operations!,
        spikes: spikes!,
        digest: digest!,
        rate: (operations! / nanoseconds!) * 1e3,
      };
    },
  };
}
