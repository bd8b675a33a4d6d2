/** Other people's simulators of spiking networks, in the virtual environment of `decode-peers.ts`. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

export interface CorePeer {
  readonly name: string;
  /** How many times its speed the network should have here. */
  readonly goal: number;
  /** Runs a network that `writeCase` wrote, or tells why there is no run. */
  run(path: string, runs: number): PeerRun | string;
}

export interface PeerRun {
  readonly operations: number;
  readonly spikes: number;
  /** Of each run. */
  readonly seconds: readonly number[];
}

/** Versions that were measured; `goal` is that of `performance.md`, on sparse activity. */
const packages: readonly { name: string; install: readonly string[]; goal: number }[] = [
  { name: "brian2", install: ["brian2==2.9.0", "numpy<2.4"], goal: 2 },
  { name: "nest", install: ["nest-simulator==3.10.0", "numpy<2.4"], goal: 8 },
];

/** Compiling takes a minute where the machine is busy. */
const patienceMs = 900_000;

/** Installs what is missing; a package that can't be had is told and left out. */
export function corePeersOf(root: string): CorePeer[] {
  const home = join(root, ".cache", "peers");
  const python = join(home, "bin", "python");
  if (!existsSync(python)) spawnSync("python3", ["-m", "venv", home]);
  if (!existsSync(python)) {
    console.log("no Python with venv here: no peers to compare with");
    return [];
  }
  const script = join(root, "test", "bench", "core-peers.py");
  return packages.flatMap(({ name, install, goal }) => {
    const isThere = () => spawnSync(python, ["-c", `import ${name}`]).status === 0;
    if (!isThere()) spawnSync(python, ["-m", "pip", "install", "--quiet", ...install]);
    if (!isThere()) {
      console.log(`${install[0]} can't be installed here`);
      return [];
    }
    return [
      {
        name,
        goal,
        run: (path, runs) => {
          const words = [script, name, path, `${path}.${name}`, `${runs}`];
          const { status, stdout, stderr, error } = spawnSync(python, words, {
            encoding: "utf8",
            timeout: patienceMs,
          });
          if (status === 0) return JSON.parse(stdout.trim().split("\n").at(-1)!) as PeerRun;
          if (error) return `not done in ${patienceMs / 1000} s`;
          return stderr.trim().split("\n").at(-1) ?? "nothing told";
        },
      },
    ];
  });
}
