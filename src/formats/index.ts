/** The recording formats by name, and which of them a file is. */

import { nearestName, ReflexarcError } from "../errors.ts";
import { aedat1 } from "./aedat1.ts";
import { aedat2 } from "./aedat2.ts";
import { aedat4 } from "./aedat4.ts";
import { aedat31 } from "./aedat31.ts";
import { csv } from "./csv.ts";
import { dat } from "./dat.ts";
import { es } from "./es.ts";
import { evt2 } from "./evt2.ts";
import { evt3 } from "./evt3.ts";
import { evt21 } from "./evt21.ts";
import type { Format } from "./format.ts";
import { hdf5 } from "./hdf5.ts";
import { mcap } from "./mcap.ts";
import { nmnist } from "./nmnist.ts";
import { npy } from "./npy.ts";
import { rosbag } from "./rosbag.ts";

export const formats: readonly Format[] = [
  aedat4,
  aedat31,
  aedat2,
  evt2,
  evt3,
  evt21,
  dat,
  es,
  npy,
  hdf5,
  rosbag,
  mcap,
  csv,
  nmnist,
  aedat1,
];

/** The format whose signature the first bytes carry, or, without one, the first that the file's name and bytes suit. */
export function sniffFormat(head: Uint8Array, fileName: string): Format | undefined {
  const answers = formats.map((format) => ({ format, answer: format.sniff(head, fileName) }));
  const best =
    answers.find(({ answer }) => answer === "sure") ?? answers.find(({ answer }) => answer === "guess");
  return best?.format;
}

export function formatNamed(name: string): Format | undefined {
  return formats.find((format) => format.name === name);
}

/**
 * Which format a file has, by its first piece, or by its name when `formatName` gives it. Answers all the pieces, the
 * first one too. `where` is the file's path. Throws a ReflexarcError when the file is empty, nothing suits or no format
 * has that name.
 */
export async function recogniseFormat(
  pieces: AsyncIterable<Uint8Array>,
  where: string,
  formatName?: string,
): Promise<{ format: Format; pieces: AsyncIterable<Uint8Array> }> {
  const named = formatName === undefined ? undefined : formatNamed(formatName);
  if (formatName !== undefined && !named) throw unknownName(formatName);
  const iterator = pieces[Symbol.asyncIterator]();
  const first = await iterator.next();
  const head = first.done ? new Uint8Array(0) : first.value;
  const format = named ?? sniffFormat(head, where);
  if (first.done || !format) {
    await iterator.return?.();
    throw first.done ? emptyFile(where) : unknownFormat(where, head);
  }
  let next: Promise<IteratorResult<Uint8Array>> | undefined = Promise.resolve(first);
  const again: AsyncIterator<Uint8Array> = {
    next: () => {
      const answer = next ?? iterator.next();
      next = undefined;
      return answer;
    },
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
  };
  return { format, pieces: { [Symbol.asyncIterator]: () => again } };
}

function emptyFile(where: string): ReflexarcError {
  return new ReflexarcError({
    kind: "input",
    room: "formats",
    what: "the file is empty",
    where,
    remedy: "Copy or record it again.",
  });
}

function unknownFormat(where: string, head: Uint8Array): ReflexarcError {
  const letters = String.fromCharCode(...head.subarray(0, 16)).replace(/[^ -~]+/g, ".");
  return new ReflexarcError({
    kind: "input",
    room: "formats",
    what: `no known format begins with "${letters}"`,
    where,
    remedy: `Known formats: ${formats.map(({ name }) => name).join(", ")}; "format" says which one it is.`,
  });
}

function unknownName(name: string): ReflexarcError {
  const names = formats.map((format) => format.name);
  const nearest = nearestName(name, names);
  return new ReflexarcError({
    kind: "usage",
    room: "formats",
    what: `no format is called "${name}"`,
    remedy: `${nearest ? `Did you mean ${nearest}? ` : ""}Known formats: ${names.join(", ")}.`,
  });
}
