/** Text files that a user names: read whole, with an error that a user can act on. */

import { readFileSync } from "node:fs";
import { ReflexarcError } from "../src/errors.ts";

const reasons: Record<string, readonly [what: string, remedy: string]> = {
  ENOENT: ["there is no such file", "Check the name and the folder."],
  EISDIR: ["this is a folder", "Name a file in it."],
  EACCES: ["permission denied", "Give yourself the right to read it."],
};

/** Reads a text file. Throws a ReflexarcError of kind usage that names it. */
export function readTextFile(path: string, room: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    const [what, remedy] = reasons[code] ?? [
      `the file can't be read: ${code}`,
      "Name a file that you may read.",
    ];
    throw new ReflexarcError({ kind: "usage", room, what, where: path, remedy }, { cause });
  }
}
