/** The process that `readHdf5Rows` starts: writes the rows of one file to standard output, and what is wrong to the other. */

import { writeSync } from "node:fs";
import { Damage } from "../src/formats/format.ts";
import { limitLibraryMemory } from "./hdf5-memory.ts";
import { hdf5Rows, libraryBytesMax } from "./hdf5-rows.ts";

const pause = new Int32Array(new SharedArrayBuffer(4));
const [path, stream] = process.argv.slice(2) as [string, string | undefined];

limitLibraryMemory(libraryBytesMax);
try {
  for (const bytes of hdf5Rows(path, stream === undefined ? undefined : Number(stream))) write(bytes);
} catch (error) {
  const what = error instanceof Damage ? error.message : "this is not an HDF5 file, or a damaged one";
  writeSync(2, JSON.stringify({ what }));
  process.exitCode = 1;
}

function write(bytes: Uint8Array): void {
  for (let sent = 0; sent < bytes.length; ) {
    try {
      sent += writeSync(1, bytes, sent);
    } catch (error) {
      // The pipe is full: its reader is slower.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}
