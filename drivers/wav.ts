/** A recording of sound from a file, WAV or bare samples, as samples on packet time. */

import { stat } from "node:fs/promises";
import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { channels } from "../src/events/geometry.ts";
import { Samples, samplesBefore, sampleTimeUs } from "../src/events/samples.ts";
import { pcmNames } from "../src/formats/pcm.ts";
import {
  isWav,
  RawSound,
  type SoundDecoder,
  type SoundFormat,
  soundBounds,
  WavSound,
} from "../src/formats/wav.ts";
import { defineSensor, type Sensor, type SensorContext } from "../src/stage.ts";
import { type ReadPieces, readFilePieces } from "./recording.ts";

const options = z.strictObject({
  file: z.string().min(1).describe("the recording; a relative path starts at the document"),
  encoding: z
    .enum(pcmNames)
    .optional()
    .describe("of bare samples, in a file without a header; left out, the file is a WAV file"),
  rateHz: z
    .number()
    .min(soundBounds.rateHzMin)
    .max(soundBounds.rateHzMax)
    .default(16_000)
    .describe("of bare samples: how many a second in each channel"),
  channels: z
    .int()
    .min(1)
    .max(soundBounds.channelsMax)
    .default(1)
    .describe("of bare samples: how many, interleaved"),
  skipBytes: z
    .int()
    .min(0)
    .default(0)
    .describe("of bare samples: how many bytes before them are passed over, a header for example"),
  fromUs: z.int().min(0).default(0).describe("begins so many microseconds after the first sample"),
  toUs: z
    .int()
    .positive()
    .optional()
    .describe("ends so many microseconds after the first sample; the recording's end by default"),
  packetUs: z
    .int()
    .min(100)
    .max(1_000_000)
    .default(10_000)
    .describe("grid of packet ends, microseconds; changes no sample"),
});

type Options = z.output<typeof options>;

/** The driver with its way to files, so that a test can do without any. */
export async function openWav(
  given: Options,
  { id, resolvePath, signal, dozeUs = () => 0 }: SensorContext,
  readPieces: ReadPieces = readFilePieces,
): Promise<Sensor<"samples">> {
  const where = resolvePath(given.file);
  const sound = await openSound(where, given, readPieces, id);
  const { decoder, format } = sound;
  const geometry = channels(channelNames(format.channels), { rateHz: format.rateHz });
  signal.addEventListener("abort", () => void sound.close(), { once: true });
  const { size } = await stat(where).catch(() => ({ size: Number.NaN }));
  return {
    geometry,
    packets: packetsOf(sound, new Samples(geometry), { ...given, dozeUs }, id, where),
    ...(size > 0 && { share: () => Math.min(1, sound.readBytes() / size) }),
    counts: () => named("clipped", decoder.tally?.clipped ?? 0),
    lost: () => named("samples that are no number, silenced", decoder.tally?.broken ?? 0),
    problems: () => decoder.problems.map(({ what, firstByte }) => `${what}, at byte ${firstByte}`),
  };
}

export default defineSensor({
  name: "wav",
  about: "Plays sound from a file: WAV of any kind that isn't compressed, or bare samples.",
  gives: "samples",
  live: false,
  options,
  open: (given, context) => openWav(given, context),
});

/** What a file of sound holds, in numbers. */
export interface SoundInfo extends SoundFormat {
  readonly file: string;
  readonly format: "wav";
  /** Samples of each channel. */
  readonly frames: number;
  readonly durationUs: number;
  /** Largest magnitude, and root mean square over all channels; full scale is 1. */
  readonly peak: number;
  readonly rms: number;
  readonly clipped: number;
  readonly broken: number;
  readonly problems: readonly { what: string; firstByte: number; fatal: boolean }[];
}

/** Reads a WAV file to its end; undefined when its first bytes are of something else. Throws a ReflexarcError. */
export async function inspectSound(
  file: string,
  readPieces: ReadPieces = readFilePieces,
): Promise<SoundInfo | undefined> {
  for await (const piece of readPieces(file)) {
    if (!isWav(piece)) return undefined;
    break;
  }
  const given = options.parse({ file });
  const { decoder, format, pull } = await openSound(file, given, readPieces, "wav");
  const columns = Array.from({ length: format.channels }, () => new Float32Array(4096));
  while ((await pull(columns, 0, 4096)) > 0);
  const { frames, peak, squares, clipped, broken } = decoder.tally!;
  const count = frames * format.channels;
  const durationUs = Math.round((frames * 1e6) / format.rateHz);
  const rms = count > 0 ? Math.sqrt(squares / count) : 0;
  return {
    file,
    ...format,
    format: "wav",
    frames,
    durationUs,
    peak,
    rms,
    clipped,
    broken,
    problems: decoder.problems,
  };
}

interface Sound {
  readonly decoder: SoundDecoder;
  readonly format: SoundFormat;
  readonly readBytes: () => number;
  /** Decodes up to `framesMax` frames into columns, reading as it must; 0 at the end. */
  pull(columns: Samples["columns"], to: number, framesMax: number): Promise<number>;
  close(): Promise<void>;
}

async function openSound(where: string, given: Options, readPieces: ReadPieces, id: string): Promise<Sound> {
  const { encoding, rateHz, channels: count, skipBytes } = given;
  const decoder =
    encoding === undefined ? new WavSound(where) : new RawSound({ encoding, rateHz, channels: count });
  const fromByte = encoding === undefined || skipBytes === 0 ? undefined : skipBytes;
  const pieces = readPieces(where, fromByte)[Symbol.asyncIterator]();
  let bytes = 0;
  let ended = false;
  const more = async (): Promise<boolean> => {
    if (ended) return false;
    const piece = await pieces.next();
    ended = piece.done === true;
    if (piece.done) decoder.end();
    else {
      bytes += piece.value.length;
      decoder.push(piece.value);
    }
    return !ended;
  };
  while (!decoder.format && (await more()));
  if (!decoder.format) throw nothing(id, where);
  return {
    decoder,
    format: decoder.format,
    readBytes: () => bytes,
    async pull(columns, to, framesMax) {
      let frames = decoder.read(columns, to, framesMax);
      while (frames === 0 && (await more())) frames = decoder.read(columns, to, framesMax);
      return frames;
    },
    async close() {
      await pieces.return?.();
    },
  };
}

/** The samples on the grid of packet time; the recording's first sample is at 0. Throws at the end of a file that was cut. */
async function* packetsOf(
  sound: Sound,
  out: Samples,
  {
    fromUs,
    toUs = Number.POSITIVE_INFINITY,
    packetUs,
    dozeUs,
  }: Options & Required<Pick<SensorContext, "dozeUs">>,
  room: string,
  where: string,
): AsyncGenerator<Samples, void, undefined> {
  const { rateHz } = sound.format;
  try {
    const skipped = samplesBefore(fromUs, 0, rateHz);
    let first = await skip(sound, out, skipped);
    if (first < skipped) return;
    for (let startUs = fromUs; startUs < toUs; startUs = out.toUs) {
      const steps = Math.max(1, Math.floor(dozeUs() / packetUs));
      const gridUs = Math.min(toUs, (Math.floor(startUs / packetUs) + steps) * packetUs);
      const wanted = samplesBefore(gridUs, 0, rateHz) - first;
      out.begin(startUs, gridUs).reserve(wanted);
      out.first = first;
      while (out.count < wanted) {
        const frames = await sound.pull(out.columns, out.count, wanted - out.count);
        if (frames === 0) break;
        out.count += frames;
      }
      first += out.count;
      const over = out.count < wanted;
      // The last sample lasts as long as the others.
      if (over) out.toUs = Math.min(gridUs, Math.ceil(sampleTimeUs(0, first, rateHz)));
      if (out.toUs > startUs) yield out;
      if (over) break;
    }
  } finally {
    await sound.close();
  }
  const cut = sound.decoder.problems.find(({ fatal }) => fatal);
  if (cut)
    throw new ReflexarcError({
      kind: "input",
      room,
      what: `${cut.what}, at byte ${cut.firstByte}`,
      where,
      remedy: "Copy it again; what there is of it was used.",
    });
}

/** Passes over frames; answers how many there were. */
async function skip(sound: Sound, scratch: Samples, count: number): Promise<number> {
  let passed = 0;
  while (passed < count) {
    const frames = await sound.pull(scratch.columns, 0, Math.min(4096, count - passed));
    if (frames === 0) break;
    passed += frames;
  }
  return passed;
}

/** What the channels of a recording are called: by their place for one or two, by number for more. */
export function channelNames(count: number): string[] {
  if (count === 1) return ["sound"];
  return count === 2 ? ["left", "right"] : Array.from({ length: count }, (_, i) => `channel ${i + 1}`);
}

function nothing(room: string, where: string): ReflexarcError {
  return new ReflexarcError({
    kind: "input",
    room,
    what: "it holds no sound",
    where,
    remedy: "Record it again.",
  });
}

function named(what: string, count: number): Record<string, number> {
  return count > 0 ? { [what]: count } : {};
}
