/** Damage in bulk to HDF5 recordings, read by the product's own reader in a process that may be ended. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { pixels } from "../../src/events/geometry.ts";
import { hdf5 } from "../../src/formats/hdf5.ts";
import { hdf5File, packAsEcf, putColumns, putStructs, type Row } from "./hdf5-files.ts";
import { mutate } from "./mutate.ts";
import { decodeAll } from "./recordings.ts";

export interface Hdf5Outcomes {
  /** Events came out, all of them within the sensor and with times that are numbers. */
  read: number;
  /** The reader said that it can't read it. */
  refused: number;
  /** The library ended its process, or took more than a second of processor time: users are told so, and their own process goes on. */
  crashes: number;
  hangs: number;
}

/** Reads `count` damaged files of two layouts, from number `first` on. Throws for an event that lies outside of the sensor. */
export async function damageHdf5(count: number, seed: number, first = 0): Promise<Hdf5Outcomes> {
  const folder = mkdtempSync(join(tmpdir(), "reflexarc-hdf5-damage-"));
  const rows = Array.from(
    { length: 600 },
    (_, i): Row => [i * 3, (i * 5) % 640, (i >> 3) % 480, (i >> 1) & 1],
  );
  const path = join(folder, "whole.h5");
  const plain = hdf5File(path, (file) => putColumns(file.create_group("events"), rows, undefined, 100));
  hdf5File(path, (file) => putStructs(file.create_group("CD"), rows, 100));
  const packed = packAsEcf(path, rows, 100);
  const outcomes: Hdf5Outcomes = { read: 0, refused: 0, crashes: 0, hangs: 0 };
  const reader = new Reader();
  const damaged = join(folder, "damaged.h5");
  try {
    for (let index = first; index < first + count; index++) {
      writeFileSync(damaged, mutate(index % 2 === 0 ? plain : packed, seed, index));
      const answer = await reader.read(damaged);
      if (typeof answer === "string") {
        outcomes[answer] += 1;
        continue;
      }
      outcomes.read += 1;
      const { events } = decodeAll(hdf5, new Uint8Array(answer), { geometry: pixels(640, 480) });
      for (const [t, address] of events)
        if (!Number.isSafeInteger(t) || address >>> 16 >= 480)
          throw new Error(`hdf5, seed ${seed}, mutation ${index}: event ${t} ${address}`);
    }
  } finally {
    reader.end();
    rmSync(folder, { recursive: true });
  }
  return outcomes;
}

/** Reads files one after the other as the product's process does; one that hangs or crashes is started anew. */
class Reader {
  #child: ChildProcess | undefined;

  async read(file: string): Promise<Uint8Array | "refused" | "crashes" | "hangs"> {
    const child = this.#child ?? startReader();
    this.#child = child;
    const stop = new AbortController();
    const { signal } = stop;
    child.send(file);
    const answer = once(child, "message", { signal }).then(([message]) => message as Uint8Array | "refused");
    const crash = once(child, "exit", { signal }).then(() => "crashes" as const);
    const hang = hangOf(child, signal);
    const first = await Promise.race([answer, crash, hang]);
    stop.abort();
    await Promise.allSettled([answer, crash, hang]);
    if (first === "hangs" || first === "crashes") this.end();
    return first;
  }

  end(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }
}

function startReader(): ChildProcess {
  return spawn(process.execPath, ["-e", readerCode], {
    // The library prints what it can't read.
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    serialization: "advanced",
  });
}

/** Of processor time: what else the machine does doesn't count. The start of the process has as much again. */
const cpuMsMax = 1000;
const lookMs = 100;

/** Resolves when the process has worked for too long; where its processor time can't be had, the wall's must do. */
async function hangOf(child: ChildProcess, signal: AbortSignal): Promise<"hangs"> {
  const beganMs = performance.now();
  const startMs = cpuMsOf(child);
  const allowedMs = cpuMsMax + (startMs !== undefined && startMs < cpuMsMax ? cpuMsMax : 0);
  for (;;) {
    await delay(lookMs, undefined, { signal });
    const tookMs = startMs === undefined ? undefined : (cpuMsOf(child) ?? startMs) - startMs;
    if ((tookMs ?? performance.now() - beganMs) > allowedMs) return "hangs";
  }
}

/** User and system time of a process: fields 14 and 15 of its `stat`, in hundredths of a second (proc(5)). */
function cpuMsOf({ pid }: ChildProcess): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [user, system] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13);
    return 10 * (Number(user) + Number(system));
  } catch {
    return undefined;
  }
}

const moduleOf = (name: string) =>
  JSON.stringify(pathToFileURL(join(process.cwd(), `dist/drivers/${name}.js`)).href);
const readerCode = `
  const memory = import(${moduleOf("hdf5-memory")});
  const reader = import(${moduleOf("hdf5-rows")}).then(async (module) => {
    (await memory).limitLibraryMemory(module.libraryBytesMax);
    return module;
  });
  process.on("message", async (file) => {
    try {
      const parts = [];
      for (const part of (await reader).hdf5Rows(file)) parts.push(Buffer.from(part));
      process.send(Buffer.concat(parts));
    } catch {
      process.send("refused");
    }
  });
`;
