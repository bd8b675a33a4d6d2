/** The state folder of this user: where the runs of this machine are found by their sockets. */

import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** `$REFLEXARC_STATE`, or `reflexarc` in `$XDG_STATE_HOME` (`~/.local/state` by default). */
export function stateFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { REFLEXARC_STATE: own, XDG_STATE_HOME: state } = environment;
  return own || join(state || join(homedir(), ".local", "state"), "reflexarc");
}

/** The folder of the sockets, which nobody else may look into; makes it. Throws what the system throws. */
export function runsFolder(): string {
  const folder = join(stateFolder(), "runs");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  return folder;
}

/** The socket of a run of this machine; what a run that had this number left behind is removed. */
export function socketOf(pid: number): string {
  const path = join(runsFolder(), `${pid}.sock`);
  rmSync(path, { force: true });
  return path;
}

/** Sockets of runs, by process id; some may be left over from runs that were killed. */
export function runSockets(): Map<number, string> {
  const folder = join(stateFolder(), "runs");
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return new Map();
  }
  return new Map(
    names.flatMap((name) => {
      const pid = /^(\d+)\.sock$/.exec(name)?.[1];
      return pid === undefined ? [] : [[Number(pid), join(folder, name)] as const];
    }),
  );
}
