/** Other people's readers of recordings, in a virtual environment of their own in `.cache/peers`. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BenchFile } from "./decode-files.ts";

export interface Peer {
  readonly name: string;
  reads(name: string): boolean;
  /** Events and seconds of one reading, page cache warm, or why there are none. */
  run(file: BenchFile, path: string): { events: number; seconds: number } | string;
}

const packages: Record<string, readonly string[]> = {
  expelliarmus: ["evt3-dense", "evt3-sparse", "evt2", "dat"],
  faery: ["evt3-dense", "evt3-sparse", "evt2", "dat", "es", "aedat4", "aedat4-lz4"],
  aedat: ["aedat4", "aedat4-lz4"],
  tonic: ["aedat2", "nmnist", "aedat4", "aedat4-lz4"],
};

/** A reading takes at most so long. */
const patienceMs = 300_000;

/** Installs what is missing; a package that can't be had is told and left out. */
export function peersOf(root: string): Peer[] {
  const home = join(root, ".cache", "peers");
  const python = join(home, "bin", "python");
  if (!existsSync(python)) spawnSync("python3", ["-m", "venv", home]);
  if (!existsSync(python)) {
    console.log("no Python with venv here: no peers to compare with");
    return [];
  }
  const script = join(root, "test", "bench", "peers.py");
  return Object.keys(packages).flatMap((name) => {
    const has = () => spawnSync(python, ["-c", `import ${name}`]).status === 0;
    if (!has()) spawnSync(python, ["-m", "pip", "install", "--quiet", name]);
    if (!has()) {
      console.log(`${name} can't be installed here`);
      return [];
    }
    return [
      {
        name,
        reads: (file) => packages[name]!.includes(file),
        run: (file, path) => {
          const answer = spawnSync(python, [script, name, file.format, path], {
            encoding: "utf8",
            timeout: patienceMs,
          });
          const [events, seconds] = answer.stdout?.split(" ").map(Number) ?? [];
          if (answer.status === 0 && events) return { events, seconds: seconds! };
          if (answer.error) return `not done in ${patienceMs / 1000} s`;
          return answer.stderr.trim().split("\n").at(-1) ?? "no events";
        },
      },
    ];
  });
}
