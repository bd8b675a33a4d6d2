/** Recordings in HDF5, read in a process of their own: a file that makes the library hang or crash ends only that. */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ReflexarcError } from "../src/errors.ts";

/** Between two pieces of rows; a library that hangs is ended then. */
const silenceMs = 10_000;
const complaintLengthMax = 4096;

/** The child is plain JavaScript, so that any Node.js runs it; the sources' own tests take the built one. */
const childFile = fileURLToPath(
  new URL(
    import.meta.url.endsWith(".ts") ? "../dist/drivers/hdf5-rows-child.js" : "./hdf5-rows-child.js",
    import.meta.url,
  ),
);

/**
 * The rows of a file's events as the decoder of `hdf5` takes them: of list number `stream`, or the first with events.
 * Throws a ReflexarcError after the last good row.
 */
export async function* readHdf5Rows(
  path: string,
  stream?: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const args = ["--max-old-space-size=256", childFile, path];
  const child = spawn(process.execPath, stream === undefined ? args : [...args, String(stream)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-complaintLengthMax);
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
  let isHanging = false;
  const stop = () => {
    isHanging = true;
    child.kill("SIGKILL");
  };
  const pieces = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    for (;;) {
      const timer = setTimeout(stop, silenceMs);
      const piece = await pieces.next().finally(() => clearTimeout(timer));
      if (piece.done) break;
      yield piece.value;
    }
    const why = await ended;
    if (why !== undefined)
      throw refused(
        path,
        isHanging ? "reading it takes too long" : (told(complaint) ?? `reading it failed (${why})`),
      );
  } finally {
    child.kill("SIGKILL");
  }
}

/** The child's own words; before them the library may have said much. */
function told(complaint: string): string | undefined {
  const [json] = /\{"what":".*"\}$/.exec(complaint) ?? [];
  return json === undefined ? undefined : (JSON.parse(json) as { what: string }).what;
}

function refused(path: string, what: string): ReflexarcError {
  return new ReflexarcError({
    kind: "input",
    room: "hdf5",
    what,
    where: path,
    remedy: "Look at it with h5dump -H, copy it again, or save its events as a structured .npy.",
  });
}
