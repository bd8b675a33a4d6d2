/** What a recording is, and the bytes that its decoder takes. */

import { recogniseFormat } from "../../src/formats/index.ts";
import { readHdf5Rows } from "../hdf5-events.ts";

/** A file's format, and what its decoder takes: the file's bytes, or for HDF5 the rows that another process makes of it. */
export async function recognise(
  bytes: AsyncIterable<Uint8Array>,
  path: string,
  formatName?: string,
  stream?: number,
) {
  const found = await recogniseFormat(bytes, path, formatName);
  if (!found.format.needsFile) return found;
  await found.pieces[Symbol.asyncIterator]().return?.();
  return { format: found.format, pieces: readHdf5Rows(path, stream) };
}
