/** Other people's simulators of spiking networks, in virtual environments of their own in `.cache`. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

export interface CorePeer {
  readonly name: string;
  /** How many times its speed the network should have here, where that is a goal. */
  readonly goal: number | undefined;
  /** Runs a network that `writeCase` wrote, or tells why there is no run. */
  run(path: string, runs: number): PeerRun | string;
}

export interface PeerRun {
  readonly operations: number;
  readonly spikes: number;
  /** Of each run. */
  readonly seconds: readonly number[];
}

interface Package {
  readonly name: string;
  readonly install: readonly string[];
  /** The one of performance.md, on sparse activity. */
  readonly goal?: number;
  /** It needs what Debian has and PyPI doesn't: a torch for processors alone. */
  readonly needs?: string;
  /** A run takes minutes: it has one. */
  readonly slow?: true;
}

/** Versions that were measured. */
const packages: readonly Package[] = [
  { name: "brian2", install: ["brian2==2.9.0", "numpy<2.4"], goal: 2 },
  { name: "nest", install: ["nest-simulator==3.10.0", "numpy<2.4"], goal: 8 },
  { name: "snntorch", install: ["--no-deps", "snntorch==1.0.0"], needs: "python3-torch", slow: true },
];

/** Compiling takes a minute where the machine is busy. */
const patienceMs = 900_000;
/** Of one that is slow anyway. */
const patienceOnceMs = 240_000;

/** Those that are named. Installs what is missing; a package that can't be had is told and left out. */
export function corePeersOf(root: string, names: readonly string[]): CorePeer[] {
  const script = join(root, "test", "bench", "core-peers.py");
  const chosen = packages.filter(({ name }) => names.includes(name));
  return chosen.flatMap(({ name, install, goal, needs, slow }) => {
    const home = join(root, ".cache", needs ? "system-peers" : "peers");
    const python = join(home, "bin", "python");
    const make = needs ? ["/usr/bin/python3", "--system-site-packages"] : ["python3"];
    if (!existsSync(python)) spawnSync(make[0]!, ["-m", "venv", ...make.slice(1), home]);
    const isThere = () => spawnSync(python, ["-c", `import ${name}`]).status === 0;
    if (!isThere()) spawnSync(python, ["-m", "pip", "install", "--quiet", ...install]);
    if (!isThere()) {
      console.log(`${name} can't be had here${needs ? ` (it needs Debian's ${needs})` : ""}`);
      return [];
    }
    return [
      {
        name,
        goal,
        run: (path, runs) => {
          const words = [script, name, path, `${path}.${name}`, `${slow ? 1 : runs}`];
          const { status, stdout, stderr, error } = spawnSync(python, words, {
            encoding: "utf8",
            timeout: slow ? patienceOnceMs : patienceMs,
          });
          if (status === 0) return JSON.parse(stdout.trim().split("\n").at(-1)!) as PeerRun;
          if (error) return `not done in ${(slow ? patienceOnceMs : patienceMs) / 1000} s`;
          return stderr.trim().split("\n").at(-1) ?? "nothing told";
        },
      },
    ];
  });
}
