/** Keeps a verb from writing over a file that is none of its own. */

import { closeSync, openSync, readSync, statSync } from "node:fs";
import { ReflexarcError } from "../errors.ts";

/** A trace replaces a trace and a picture a picture, and nothing else: not the document, and not a recording. */
export function refuseOtherFiles(file: string, mark: string, kind: string): void {
  const about = statSync(file, { throwIfNoEntry: false });
  if (!about?.isFile() || about.size === 0) return;
  const begins = Buffer.alloc(mark.length);
  const handle = openSync(file, "r");
  readSync(handle, begins);
  closeSync(handle);
  if (begins.toString() === mark) return;
  const what = `this file exists and is no ${kind}, so it is not written over`;
  throw new ReflexarcError({
    kind: "usage",
    room: "run",
    what,
    where: file,
    remedy: `Name another file for the ${kind}.`,
  });
}
