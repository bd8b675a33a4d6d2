/** A file that stops: as long as it is there, every guard is emergency-stopped and nothing can be armed. */

import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Clock } from "../clock.ts";
import { ReflexarcError } from "../errors.ts";
import type { OperatorDesk } from "../pipeline/operator.ts";

const lookUs = 20_000;

/**
 * Looks for the file every 20 ms, since not every file system tells of changes. Throws a usage error when its folder does
 * not exist, for then it could never stop anything. The answer ends the watch.
 */
export function watchStopFile(path: string, desk: OperatorDesk, clock: Clock): () => void {
  const full = resolve(path);
  if (!isFolder(dirname(full)))
    throw new ReflexarcError({
      kind: "usage",
      room: "run",
      what: "the folder of the stop file does not exist, so it could never stop anything",
      where: path,
      remedy: "Make the folder, or name the file in another one.",
    });
  const look = () => {
    if (isThere(full)) desk.hold("stop file", `the stop file is there: remove ${path}, then reset`);
    else desk.letGo("stop file");
  };
  look();
  return clock.every(lookUs, look);
}

/** What can't be looked at counts as there: a folder that went away must not let a motor go on. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined || !isFolder(dirname(path));
  } catch {
    return true;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false;
  }
}
