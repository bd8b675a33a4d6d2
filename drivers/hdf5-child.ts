/** The process that `readHdf5File` starts: reads one file and writes its tree to standard output. */

import { readFileSync, writeSync } from "node:fs";
import { serialize } from "node:v8";
import { ReflexarcError } from "../src/errors.ts";
import { hdf5Bounds, readHdf5 } from "./hdf5.ts";
import { limitLibraryMemory } from "./hdf5-memory.ts";

const path = process.argv[2]!;

async function answer(): Promise<object> {
  try {
    return { tree: await readHdf5(readFileSync(path), path.slice(path.lastIndexOf("/") + 1)) };
  } catch (error) {
    if (error instanceof ReflexarcError) return { what: error.detail.what };
    return { what: `it can't be read: ${(error as Error).message}` };
  }
}

limitLibraryMemory(hdf5Bounds.libraryBytes);
const bytes = serialize(await answer());
for (let sent = 0; sent < bytes.length; ) {
  try {
    sent += writeSync(1, bytes, sent);
  } catch (error) {
    // The pipe is full: its reader is slower.
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
  }
}
