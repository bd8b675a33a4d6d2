/** What a recording holds beside its events, read for itself: the events are passed over. */

import { z } from "zod";
import { ReflexarcError } from "../../src/errors.ts";
import type { Beside, BesideType } from "../../src/events/beside.ts";
import { pixels } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import type { Problem } from "../../src/formats/format.ts";
import { formats } from "../../src/formats/index.ts";
import { recognise } from "./recognise.ts";

/** Options of whatever reads a file's records. */
export const besideOptions = {
  file: z.string().min(1).describe("The recording; a relative path starts at the document."),
  format: z
    .enum(formats.map(({ name }) => name) as [string, ...string[]])
    .optional()
    .describe("Its format, when the first bytes or the name don't tell."),
  chip: z.string().optional().describe("AEDAT 2: the camera's chip, when the header doesn't name it."),
};

export interface BesideRecords<R extends Beside> {
  /** The records of each piece of the file that has some, in the order of the file. */
  readonly batches: AsyncIterable<readonly R[]>;
  /** Grows while they are read. */
  readonly problems: readonly Problem[];
}

/** Opens a recording for its records of one type. Throws a ReflexarcError where its format has none. */
export async function openBeside<T extends BesideType>(
  bytes: AsyncIterable<Uint8Array>,
  path: string,
  { id, type, format: name, chip }: { id: string; type: T; format?: string; chip?: string },
): Promise<BesideRecords<Extract<Beside, { type: T }>>> {
  type R = Extract<Beside, { type: T }>;
  const { format, pieces } = await recognise(bytes, path, name);
  let records: R[] = [];
  const beside = (record: Beside) => {
    if (record.type === type) records.push(record as R);
  };
  const decoder = format.decoder({ beside, ...(chip !== undefined && { chip }) });
  if (!format.readsBeside?.includes(type)) {
    await pieces[Symbol.asyncIterator]().return?.();
    throw new ReflexarcError({
      kind: "usage",
      room: id,
      what: `${format.name} files have no ${type} that can be read`,
      where: path,
      remedy:
        "`reflexarc info` tells what a file holds; AEDAT 2, 3.1, 4 and ROS have all, RAW and Metavision's HDF5 have triggers.",
    });
  }
  const unused = new Packet(pixels(1, 1), 1);
  const readAll = () => {
    do unused.count = 0;
    while (decoder.read(unused));
    const read = records;
    records = [];
    return read;
  };
  async function* batches() {
    for await (const piece of pieces) {
      decoder.push(piece);
      const read = readAll();
      if (read.length > 0) yield read;
      if (decoder.problems.some(({ fatal }) => fatal)) break;
    }
    decoder.end();
    const read = readAll();
    if (read.length > 0) yield read;
    const damage = decoder.problems.find(({ fatal }) => fatal);
    if (!damage) return;
    throw new ReflexarcError({
      kind: "input",
      room: id,
      what: damage.what,
      where: `${path}, byte ${damage.firstByte}`,
      remedy: `The ${type} before it are good; for the rest copy or record the file again.`,
    });
  }
  return { batches: batches(), problems: decoder.problems };
}
