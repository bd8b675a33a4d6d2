/** A recording from a file, as packets of camera events. Its pace is the pipeline's business. */

import { open, stat } from "node:fs/promises";
import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { type PixelGeometry, pixelHeightMax, pixels, pixelWidthMax } from "../src/events/geometry.ts";
import { packetEventsMax } from "../src/events/packet.ts";
import { aedat2Chips } from "../src/formats/aedat2.ts";
import { formats, recogniseFormat } from "../src/formats/index.ts";
import { inspectRecording, type RecordingInfo } from "../src/formats/inspect.ts";
import { packetDefaults, readPackets } from "../src/formats/packets.ts";
import { defineSensor } from "../src/stage.ts";

const sizeText = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/;

const options = z.strictObject({
  file: z.string().min(1).describe("The recording; a relative path starts at the document."),
  format: z
    .enum(formats.map(({ name }) => name) as [string, ...string[]])
    .optional()
    .describe("Its format, when the first bytes or the name don't tell."),
  geometry: z
    .union([
      z.string().regex(sizeText, 'must be a width and a height in pixels, such as "346x260"'),
      z.strictObject({
        width: z.int().positive().max(pixelWidthMax),
        height: z.int().positive().max(pixelHeightMax),
      }),
    ])
    .optional()
    .describe("The sensor's size in pixels, when the file doesn't tell it or is wrong."),
  chip: z
    .enum(aedat2Chips)
    .optional()
    .describe("AEDAT 2: the camera's chip, when the header doesn't name it or is wrong."),
  stream: z
    .int()
    .nonnegative()
    .optional()
    .describe("AEDAT 4: which stream of events, by number; the first with events."),
  packetEvents: z
    .int()
    .positive()
    .max(packetEventsMax)
    .default(packetDefaults.packetEvents)
    .describe("Events in a packet, at most, apart from those of one time."),
  packetUs: z
    .int()
    .positive()
    .max(1_000_000)
    .default(packetDefaults.packetUs)
    .describe("Grid of packet ends, in microseconds; silence comes in ticks of as long."),
});

/** Reads a file's bytes piece by piece; a piece is lent until the next one is asked for. */
export type ReadPieces = (path: string) => AsyncIterable<Uint8Array>;

/** The driver with its way to files, so that a test can do without any. */
export function recordingFrom(readPieces: ReadPieces) {
  return defineSensor({
    name: "recording",
    about: "Plays a recording of a camera: AEDAT 4, AEDAT 2 or N-MNIST.",
    gives: "events",
    live: false,
    options,
    async open({ file, format, geometry, chip, stream, packetEvents, packetUs }, { resolvePath, signal }) {
      const path = resolvePath(file);
      const read = countBytes(readPieces(path));
      const { pieces, format: found } = await recogniseFormat(read.pieces, path, format);
      const size = geometry === undefined ? undefined : geometryFrom(geometry);
      const decoder = found.decoder({ geometry: size, chip, stream });
      const reader = await readPackets(pieces, found, decoder, path, { packetEvents, packetUs });
      signal.addEventListener("abort", () => void reader.close(), { once: true });
      const { repairs, problems } = reader;
      const { size: bytes } = await stat(path).catch(() => ({ size: Number.NaN }));
      return {
        geometry: reader.geometry,
        packets: reader.packets,
        ...(bytes > 0 && { share: () => Math.min(1, read.bytes / bytes) }),
        counts: () =>
          Object.fromEntries(reader.streams.map(({ id, type, count }) => [`stream ${id} (${type})`, count])),
        lost: () => ({
          ...Object.fromEntries(problems.filter(({ lost }) => lost).map(({ what, count }) => [what, count])),
          ...named("event with a time before the last one, moved to it", repairs.steppedBack),
          ...named("event with a time far ahead, left out", repairs.jumpedAhead),
          ...named("event too many of one time, left out", repairs.tooManyAtOnce),
        }),
        problems: () =>
          problems.map(({ what, firstByte, count }) => `${what}: ${count}, first at byte ${firstByte}`),
      };
    },
  });
}

export default recordingFrom(readFilePieces);

/** Counts what was read of a file, for a progress bar. */
function countBytes(pieces: AsyncIterable<Uint8Array>): { bytes: number; pieces: AsyncIterable<Uint8Array> } {
  const counting = async function* () {
    for await (const piece of pieces) {
      read.bytes += piece.length;
      yield piece;
    }
  };
  const read = { bytes: 0, pieces: counting() };
  return read;
}

/** What a file holds, in numbers. `geometry` reads as in a document. Throws a ReflexarcError when it can't be read. */
export async function inspectFile(
  file: string,
  { format, geometry, chip }: { format?: string; geometry?: string; chip?: string } = {},
  readPieces: ReadPieces = readFilePieces,
): Promise<RecordingInfo> {
  const size = geometry === undefined ? undefined : geometryFrom(geometry);
  const { pieces, format: found } = await recogniseFormat(readPieces(file), file, format);
  return inspectRecording(file, pieces, found, found.decoder({ geometry: size, chip }));
}

const pieceBytes = 1 << 18;

/** The bytes of a file, 256 KiB at a time; while a piece is used, the next one is read. Throws a ReflexarcError. */
export async function* readFilePieces(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await open(path, "r").catch((error) => {
    throw fileError(path, error);
  });
  const read = (buffer: Uint8Array) => handle.read(buffer, 0, buffer.length);
  let [buffer, spare] = [new Uint8Array(pieceBytes), new Uint8Array(pieceBytes)];
  let reading = read(buffer);
  try {
    for (;;) {
      const { bytesRead } = await reading.catch((error) => {
        throw fileError(path, error);
      });
      if (bytesRead === 0) return;
      const piece = buffer.subarray(0, bytesRead);
      [buffer, spare] = [spare, buffer];
      reading = read(buffer);
      yield piece;
    }
  } finally {
    await reading.catch(() => {});
    await handle.close();
  }
}

const remedies: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  ENOENT: ["there is no such file", "Check the path; a relative one starts at the document."],
  EISDIR: ["this is a folder", "Name one recording in it."],
  EACCES: ["reading it is not permitted", "Give yourself the right to read it, or copy it."],
};

function fileError(path: string, error: unknown): ReflexarcError {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
  const [what, remedy] = remedies[code] ?? [
    `it can't be read (${code})`,
    "Check the disk, or copy the file.",
  ];
  return new ReflexarcError(
    { kind: "input", room: "recording", what, where: path, remedy },
    { cause: error },
  );
}

function geometryFrom(geometry: string | { width: number; height: number }): PixelGeometry {
  if (typeof geometry !== "string") return pixels(geometry.width, geometry.height);
  const [, width, height] = sizeText.exec(geometry) ?? [];
  if (width !== undefined) return pixels(Number(width), Number(height));
  throw new ReflexarcError({
    kind: "usage",
    room: "recording",
    what: `"${geometry}" is no size`,
    remedy: 'Give width and height in pixels, such as "346x260".',
  });
}

function named(what: string, count: number): Record<string, number> {
  return count > 0 ? { [what]: count } : {};
}
