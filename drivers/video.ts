/** A video as an event camera would have seen it: a film, a folder of images, frames on standard input or of a recording. */

import { spawn } from "node:child_process";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { pixels } from "../src/events/geometry.ts";
import { Packet } from "../src/events/packet.ts";
import { nextGridUs } from "../src/events/time.ts";
import { Damage } from "../src/formats/format.ts";
import { type DriverContext, defineSensor, type Sensor } from "../src/stage.ts";
import { geometryOption, sizeFrom } from "./live/options.ts";
import { openBeside } from "./recording/beside.ts";
import { readFilePieces } from "./recording.ts";
import { type GrayFrame, grayFrames, oneGrayFrame } from "./video/frames.ts";
import { VideoPixels } from "./video/pixels.ts";
import { isPng, readPng } from "./video/png.ts";

const options = z.strictObject({
  file: z
    .string()
    .min(1)
    .describe(
      "a film that ffmpeg can read; or a folder of PGM or PNG images, in the order of their names; or an AEDAT recording with frames; or - for frames on standard input (PGM, or bare gray bytes with a geometry)",
    ),
  framesPerS: z
    .number()
    .min(1)
    .max(10_000)
    .default(30)
    .describe(
      "frames a second: of images and standard input what they are, of a film what ffmpeg makes of it",
    ),
  geometry: geometryOption
    .optional()
    .describe("size of bare gray frames on standard input, such as 346x260; a film is scaled to it"),
  onThreshold: z
    .number()
    .min(0.01)
    .default(0.2)
    .describe("growth of log intensity (base e) that makes an ON event"),
  offThreshold: z
    .number()
    .min(0.01)
    .default(0.2)
    .describe("fall of log intensity (base e) that makes an OFF event"),
  mismatch: z
    .number()
    .min(0)
    .default(0.03)
    .describe("standard deviation of the thresholds from pixel to pixel"),
  leakHz: z
    .number()
    .min(0)
    .default(0.1)
    .describe("ON events a second of a pixel whose light does not change"),
  shotNoiseHz: z
    .number()
    .min(0)
    .default(0)
    .describe("random events a second and pixel in the dark, a quarter of it in full light"),
  cutoffHz: z
    .number()
    .min(0)
    .default(0)
    .describe("bandwidth of a pixel in full light, hertz, less in the dark; 0 is unlimited"),
  refractoryUs: z
    .number()
    .min(0)
    .default(500)
    .describe("a pixel's next event comes no sooner after its last one, microseconds"),
  packetUs: z.int().positive().default(10_000).describe("span of a packet, microseconds; changes no event"),
  seed: z.int().min(0).optional().describe("seed of mismatch and noise; the pipeline's when left out"),
});

type Options = z.output<typeof options>;

/** The world that films come from, for tests. */
export interface VideoWorld {
  /** Runs ffmpeg, whose standard output are the bytes. */
  readonly ffmpeg: (args: readonly string[], signal: AbortSignal) => AsyncIterable<Uint8Array>;
  readonly stdin: AsyncIterable<Uint8Array>;
}

const realWorld: VideoWorld = {
  ffmpeg: runFfmpeg,
  // Opened when it is asked for, and not before.
  get stdin() {
    return process.stdin;
  },
};
const packetEvents = 4096;

/** Opens the video and looks at its first frame. Throws a ReflexarcError when there is none. */
export async function openVideo(
  given: Options,
  context: DriverContext,
  world: VideoWorld = realWorld,
): Promise<Sensor> {
  const { id, signal, seed } = context;
  const where = given.file === "-" ? "standard input" : context.resolvePath(given.file);
  const frames = await framesOf(given, where, id, signal, world);
  const iterator = frames[Symbol.asyncIterator]();
  const next = () =>
    iterator.next().catch((cause) => {
      throw cause instanceof Damage ? unreadable(id, cause.message, where) : cause;
    });
  const first = await next();
  if (first.done) throw unreadable(id, "the video has no frame", where);
  const { width, height } = first.value;
  const geometry = pixels(width, height);
  const model = new VideoPixels(geometry, given, given.seed ?? seed);
  let seen = 0;
  const timeOf = (frame: number) => Math.round((frame * 1e6) / given.framesPerS);
  let reachedUs = Number.NEGATIVE_INFINITY;
  const show = ({ pixels: gray, timeUs = timeOf(seen), ...size }: GrayFrame) => {
    if (size.width !== width || size.height !== height)
      throw unreadable(
        id,
        `frame ${seen + 1} is ${size.width}x${size.height}, the first one ${width}x${height}`,
        where,
      );
    if (timeUs <= reachedUs)
      throw unreadable(id, `frame ${seen + 1} was taken no later than the one before it`, where);
    model.see(gray, timeUs);
    reachedUs = timeUs;
    seen += 1;
  };
  show(first.value);
  signal.addEventListener("abort", () => void iterator.return?.(), { once: true });
  async function* packets(): AsyncGenerator<Packet, void, undefined> {
    const out = new Packet(geometry, packetEvents + 1);
    try {
      for (let frame = await next(); !frame.done && !signal.aborted; frame = await next()) {
        show(frame.value);
        yield* cut(model.events, given.packetUs, out);
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { geometry, packets: packets(), counts: () => ({ frames: seen }) };
}

export default defineSensor({
  name: "video",
  about: "A video as an event camera would have seen it: log intensity, mismatch, leak, noise (after v2e).",
  gives: "events",
  live: false,
  options,
  open: (options, context) => openVideo(options, context),
});

/** The events of one frame in packets on the grid of time. */
function* cut(events: Packet, packetUs: number, out: Packet): Generator<Packet> {
  let at = 0;
  for (let fromUs = events.fromUs; fromUs < events.toUs; ) {
    const gridUs = Math.min(events.toUs, nextGridUs(fromUs, packetUs));
    out.begin(fromUs, gridUs);
    while (at < events.count && events.times[at]! < gridUs) {
      if (out.count >= packetEvents && events.times[at]! > out.times[out.count - 1]!) {
        out.toUs = events.times[at]!;
        break;
      }
      out.push(events.times[at]!, events.addresses[at]!);
      at += 1;
    }
    yield out;
    fromUs = out.toUs;
  }
}

async function framesOf(
  given: Options,
  where: string,
  room: string,
  signal: AbortSignal,
  world: VideoWorld,
): Promise<AsyncIterable<GrayFrame>> {
  const size = given.geometry === undefined ? undefined : sizeFrom(given.geometry);
  if (given.file === "-") return grayFrames(world.stdin, size);
  const kind = await stat(where).catch((cause) => {
    throw unreadable(room, `it can't be read (${(cause as NodeJS.ErrnoException).code})`, where);
  });
  if (kind.isDirectory()) return imagesOf(where, room);
  if (await isRecording(where)) return recordedFrames(where, room);
  // The path is absolute and named as a file: nothing in it is an option or another protocol.
  const args = ["-nostdin", "-loglevel", "error", "-protocol_whitelist", "file,pipe", "-i", `file:${where}`];
  const scale = size ? `,scale=${size.width}:${size.height}` : "";
  args.push(
    "-vf",
    `fps=${given.framesPerS}${scale}`,
    "-f",
    "image2pipe",
    "-c:v",
    "pgm",
    "-pix_fmt",
    "gray",
    "pipe:1",
  );
  return grayFrames(world.ffmpeg(args, signal));
}

/** An AEDAT file, by its first letters. */
async function isRecording(path: string): Promise<boolean> {
  const handle = await open(path, "r");
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(9), 0, 9, 0);
    return buffer.toString("latin1", 0, bytesRead) === "#!AER-DAT";
  } finally {
    await handle.close();
  }
}

/** A recording's frames in gray, at the times they were taken. */
async function* recordedFrames(path: string, room: string): AsyncGenerator<GrayFrame, void, undefined> {
  const { batches } = await openBeside(readFilePieces(path), path, { id: room, type: "frames" });
  for await (const frames of batches) {
    for (const { timeUs, width, height, channels, pixels } of frames)
      yield { timeUs, width, height, pixels: channels === 1 ? pixels : grayOf(pixels, channels) };
  }
}

/** Light as ITU-R BT.601 weighs blue, green and red. */
function grayOf(pixels: Uint8Array, channels: 3 | 4): Uint8Array {
  const gray = new Uint8Array(pixels.length / channels);
  for (let i = 0, at = 0; i < gray.length; i++, at += channels)
    gray[i] = Math.round(0.114 * pixels[at]! + 0.587 * pixels[at + 1]! + 0.299 * pixels[at + 2]!);
  return gray;
}

async function* imagesOf(folder: string, room: string): AsyncGenerator<GrayFrame, void, undefined> {
  const names = (await readdir(folder)).filter((name) => /\.(pgm|png)$/i.test(name));
  if (names.length === 0) throw unreadable(room, "the folder has no PGM or PNG image", folder);
  // frame2 comes before frame10.
  names.sort(new Intl.Collator("en", { numeric: true }).compare);
  for (const name of names) {
    const bytes = await readFile(join(folder, name));
    try {
      yield isPng(bytes) ? readPng(bytes) : await oneGrayFrame(bytes);
    } catch (cause) {
      if (cause instanceof Damage) throw unreadable(room, cause.message, join(folder, name));
      throw cause;
    }
  }
}

async function* runFfmpeg(
  args: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const child = spawn("ffmpeg", args, { stdio: ["ignore", "pipe", "pipe"], signal });
  let said = "";
  child.stderr.on("data", (bytes) => {
    said = (said + String(bytes)).slice(-500);
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.once("error", (cause: NodeJS.ErrnoException) => resolve(cause.code ?? cause.message));
    child.once("close", (code) =>
      resolve(code === 0 ? undefined : said.trim() || `it ended with code ${code}`),
    );
  });
  try {
    for await (const piece of child.stdout) yield piece as Uint8Array;
    const trouble = await ended;
    if (trouble === undefined || signal.aborted) return;
    const missing = trouble === "ENOENT";
    throw new ReflexarcError({
      kind: missing ? "usage" : "input",
      room: "video",
      what: missing ? "there is no ffmpeg" : `ffmpeg failed: ${trouble}`,
      remedy: missing
        ? "Install ffmpeg, or give a folder of PGM or PNG images."
        : "Check that ffmpeg can play the film.",
    });
  } finally {
    child.kill();
  }
}

function unreadable(room: string, what: string, where: string): ReflexarcError {
  return new ReflexarcError({
    kind: "input",
    room,
    what,
    where,
    remedy: "Give a film, a folder of PGM or PNG images of one size, or frames on standard input.",
  });
}
