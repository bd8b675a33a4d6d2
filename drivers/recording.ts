/** A recording from a file, as packets of camera events. Its pace is the pipeline's business. */

import { open, stat } from "node:fs/promises";
import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import type { Beside } from "../src/events/beside.ts";
import { type PixelGeometry, pixelHeightMax, pixels, pixelWidthMax } from "../src/events/geometry.ts";
import { Packet, packetEventsMax } from "../src/events/packet.ts";
import { aedat2Chips } from "../src/formats/aedat2.ts";
import type { DecodeOptions, Decoder, Format, StreamInfo } from "../src/formats/format.ts";
import { formats } from "../src/formats/index.ts";
import { inspectRecording, type RecordingInfo } from "../src/formats/inspect.ts";
import { type PacketReader, packetDefaults, readPackets } from "../src/formats/packets.ts";
import type { RandomAccess } from "../src/formats/seek.ts";
import { packetsWithin } from "../src/formats/span.ts";
import { defineSensor } from "../src/stage.ts";
import { recognise } from "./recording/recognise.ts";

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
    .describe("Which stream of events, by number, where a file holds several; the first with events."),
  fromUs: z
    .int()
    .nonnegative()
    .default(0)
    .describe(
      "Begins so many microseconds after the first event; what is before is passed over, unread where possible.",
    ),
  toUs: z
    .int()
    .positive()
    .optional()
    .describe("Ends so many microseconds after the first event; the recording's end by default."),
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

/** Reads a file's bytes piece by piece, from a place on; a piece is lent until the next one is asked for. */
export type ReadPieces = (path: string, fromByte?: number) => AsyncIterable<Uint8Array>;

/** Opens a file to be read anywhere; undefined where that is no file of a size (a pipe). */
export type OpenAccess = (path: string) => Promise<(RandomAccess & { close(): Promise<void> }) | undefined>;

type Options = z.output<typeof options>;

/** The driver with its ways to files, so that a test can do without any. */
export function recordingFrom(readPieces: ReadPieces, openAccess: OpenAccess = async () => undefined) {
  return defineSensor({
    name: "recording",
    about: `Plays a recording of a camera: ${formats.map(({ name }) => name).join(", ")}.`,
    gives: "events",
    live: false,
    options,
    async open(given, { resolvePath, signal, beside }) {
      const path = resolvePath(given.file);
      const playing = await openSpan(path, given, { readPieces, openAccess, beside });
      const { reader, decoder } = playing;
      const besideTypes = beside && (decoder.besideTypes ?? playing.format.readsBeside ?? []);
      signal.addEventListener("abort", () => void reader.close(), { once: true });
      const { repairs, problems } = reader;
      const { size: bytes } = await stat(path).catch(() => ({ size: Number.NaN }));
      return {
        geometry: reader.geometry,
        packets: playing.packets,
        ...(bytes > 0 && { share: () => Math.min(1, playing.readBytes() / bytes) }),
        counts: () =>
          Object.fromEntries(reader.streams.map(({ id, type, count }) => [`stream ${id} (${type})`, count])),
        lost: () => ({
          ...Object.fromEntries(problems.filter(({ lost }) => lost).map(({ what, count }) => [what, count])),
          ...named("event with a time before the last one, moved to it", repairs.steppedBack),
          ...named("event with a time far ahead, left out", repairs.jumpedAhead),
          ...named("event too many of one time, left out", repairs.tooManyAtOnce),
        }),
        ...(besideTypes && { besideTypes }),
        beside: () => besideOf(decoder, besideTypes ?? []),
        problems: () => [
          ...problems.map(({ what, firstByte, count }) => `${what}: ${count}, first at byte ${firstByte}`),
          ...(repairs.first
            ? [
                `times were repaired, first after ${repairs.first.afterEvents} events, where the file says ${repairs.first.fileUs} us`,
              ]
            : []),
        ],
      };
    },
  });
}

/** To the file, and for what is in it beside the events. */
interface Ways {
  readonly readPieces: ReadPieces;
  readonly openAccess: OpenAccess;
  readonly beside: ((record: Beside) => void) | undefined;
}

interface Playing {
  readonly format: Format;
  readonly reader: PacketReader;
  readonly decoder: Decoder;
  readonly packets: AsyncIterable<Packet>;
  readonly readBytes: () => number;
}

/** A recording, or a span of it: reading goes on close before the span where the format and the file allow it. */
async function openSpan(
  path: string,
  given: Options,
  { readPieces, openAccess, beside }: Ways,
): Promise<Playing> {
  const { geometry, chip, stream, fromUs, toUs, packetEvents, packetUs } = given;
  const size = geometry === undefined ? undefined : geometryFrom(geometry);
  const read = countBytes(readPieces(path));
  const { pieces, format } = await recognise(read.pieces, path, given.format, stream);
  const decode = { geometry: size, chip, stream };
  const span = besideWithin(beside);
  const decoder = format.decoder({ ...decode, ...span.option });
  const reader = await readPackets(pieces, format, decoder, path, { packetEvents, packetUs });
  const whole = { format, reader, decoder, packets: reader.packets, readBytes: () => read.bytes };
  if (fromUs === 0 && toUs === undefined) {
    span.settle(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
    return whole;
  }

  const packets = reader.packets[Symbol.asyncIterator]();
  const first = await packets.next();
  if (first.done) return whole;
  const startUs = first.value.fromUs + fromUs;
  const endUs = toUs === undefined ? Number.POSITIVE_INFINITY : first.value.fromUs + toUs;
  if (first.value.toUs <= startUs) {
    const rest = besideWithin(beside);
    const sought = await seek(path, format, { ...decode, ...rest.option }, startUs, readPieces, openAccess);
    if (sought) {
      // What the way there has shown lies before the place, and comes no more.
      rest.begin(startUs, endUs);
      await reader.close();
      const read = countBytes(sought.pieces);
      const there = await readPackets(read.pieces, format, sought.decoder, path, { packetEvents, packetUs });
      const readBytes = () => sought.offset + read.bytes;
      const packets = packetsWithin(there.packets, startUs, endUs);
      return { format, reader: there, decoder: sought.decoder, packets, readBytes };
    }
  }
  span.settle(startUs, endUs);
  const all = async function* () {
    try {
      yield first.value as Packet;
      yield* { [Symbol.asyncIterator]: () => packets };
    } finally {
      await reader.close();
    }
  };
  return { ...whole, packets: packetsWithin(all(), startUs, endUs) };
}

/** Records between two times, which are known only when the first packet is: until then they are kept. */
function besideWithin(beside: ((record: Beside) => void) | undefined) {
  let within: ((timeUs: number) => boolean) | undefined;
  const early: Beside[] = [];
  const take = (record: Beside) => {
    if (!within) early.push(record);
    else if (within(record.timeUs)) beside?.(record);
  };
  return {
    option: beside && { beside: take },
    /** The span, and what was kept of it. */
    settle(fromUs: number, toUs: number) {
      within = (timeUs) => timeUs >= fromUs && timeUs < toUs;
      for (const record of early.splice(0)) take(record);
    },
    /** The span, from what comes now on. */
    begin(fromUs: number, toUs: number) {
      early.length = 0;
      this.settle(fromUs, toUs);
    },
  };
}

/** All streams but the one whose events are handed out, and those whose records are. */
function besideOf(
  { streams, eventStream }: Decoder,
  handedOut: readonly StreamInfo["type"][],
): Record<string, number> {
  const others = streams.filter(
    ({ id, type, count }) =>
      count > 0 &&
      !handedOut.includes(type) &&
      (type !== "events" || (eventStream !== undefined && id !== eventStream)),
  );
  return Object.fromEntries(others.map(({ id, type, count }) => [`${type} (stream ${id})`, count]));
}

/** A decoder that has seen the file's first bytes and is ready for those from `offset` on; undefined without a way. */
async function seek(
  path: string,
  format: Format,
  decode: DecodeOptions,
  timeUs: number,
  readPieces: ReadPieces,
  openAccess: OpenAccess,
): Promise<{ decoder: Decoder; offset: number; pieces: AsyncIterable<Uint8Array> } | undefined> {
  const decoder = format.decoder(decode);
  const access = decoder.seek ? await openAccess(path) : undefined;
  if (!access) return undefined;
  try {
    const unused = new Packet(pixels(1, 1), 1);
    decoder.push(await access.read(0, pieceBytes));
    do unused.count = 0;
    while (decoder.read(unused));
    const offset = await decoder.seek?.(access, timeUs);
    return offset === undefined ? undefined : { decoder, offset, pieces: readPieces(path, offset) };
  } finally {
    await access.close();
  }
}

export default recordingFrom(readFilePieces, openFile);

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
  const { pieces, format: found } = await recognise(readPieces(file), file, format);
  return inspectRecording(file, pieces, found, found.decoder({ geometry: size, chip }));
}

const pieceBytes = 1 << 18;

/** The bytes of a file, 256 KiB at a time; while a piece is used, the next one is read. Throws a ReflexarcError. */
export async function* readFilePieces(
  path: string,
  fromByte?: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await open(path, "r").catch((error) => {
    throw fileError(path, error);
  });
  let position = fromByte ?? null;
  const read = async (buffer: Uint8Array) => {
    const done = await handle.read(buffer, 0, buffer.length, position);
    if (position !== null) position += done.bytesRead;
    return done;
  };
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
      // Its failure is met at the next turn; until then nobody waits for it.
      reading.catch(() => {});
      yield piece;
    }
  } finally {
    await reading.catch(() => {});
    await handle.close();
  }
}

/** A file for reading anywhere; a pipe or a device is none. Throws a ReflexarcError. */
async function openFile(path: string): ReturnType<OpenAccess> {
  const failed = (error: unknown) => {
    throw fileError(path, error);
  };
  const handle = await open(path, "r").catch(failed);
  const about = await handle.stat();
  if (!about.isFile()) {
    await handle.close();
    return undefined;
  }
  return {
    size: about.size,
    async read(offset, length) {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, about.size - offset)));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset).catch(failed);
      return bytes.subarray(0, bytesRead);
    },
    close: () => handle.close(),
  };
}

const remedies: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  ENOENT: ["there is no such file", "Check the path; in a document, a relative one starts at the document."],
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
    { kind: code in remedies ? "usage" : "input", room: "recording", what, where: path, remedy },
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
