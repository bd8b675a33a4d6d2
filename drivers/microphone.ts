/** A microphone, heard through a program that knows the machine's sound: arecord, pw-record or ffmpeg. */

import { spawn } from "node:child_process";
import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import { channels } from "../src/events/geometry.ts";
import { type DriverContext, defineSensor, type Sensor, type SensorContext } from "../src/stage.ts";
import { backoff } from "./live/backoff.ts";
import { SoundStream } from "./live/sound.ts";
import { channelNames } from "./wav.ts";

const programs = ["arecord", "pw-record", "ffmpeg"] as const;
type Program = (typeof programs)[number];

const options = z.strictObject({
  program: z
    .enum(programs)
    .optional()
    .describe(
      "what records: arecord (ALSA), pw-record (PipeWire) or ffmpeg; the first that is there by default",
    ),
  device: z
    .string()
    .min(1)
    .optional()
    .describe("the program's name of the microphone, hw:1,0 for example; its default when left out"),
  rateHz: z.int().min(8000).max(192_000).default(16_000).describe("samples a second in each channel"),
  channels: z.int().min(1).max(8).default(1).describe("1, or 2 for two microphones"),
  queueMs: z
    .int()
    .min(100)
    .max(60_000)
    .default(2000)
    .describe("sound that may wait for the run, milliseconds; beyond it the oldest is dropped, and counted"),
});

type Options = z.output<typeof options>;

/** A child at work: its bytes, and how it ended, in words; undefined where it ended as it should. */
export interface Recorder {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly ended: Promise<string | undefined>;
  stop(): void;
}

/** Starts a program. `ended` is "ENOENT" where there is none of this name. */
export type StartRecorder = (program: string, args: readonly string[]) => Recorder;

/** Nothing for so long after its start, and a program is not the one; then the next is tried. */
const firstBytesMs = 5000;
/** Programs hand sound out in lumps of about this length. */
const lumpUs = 100_000;

/** Starts the program, and again when it ends. Throws a device error when none of them gives any sound at first. */
export async function openMicrophone(
  given: Options,
  context: SensorContext,
  start: StartRecorder = startRecorder,
): Promise<Sensor<"samples">> {
  const { id, clock, signal, notice, dozeUs } = context;
  const geometry = { ...channels(channelNames(given.channels)), rateHz: given.rateHz };
  const stream = new SoundStream({
    geometry,
    encoding: "s16le",
    clock,
    signal,
    dozeUs,
    queueUs: given.queueMs * 1000,
    periodUs: lumpUs,
  });
  const failures: string[] = [];
  let found: { program: Program; recorder: Recorder; bytes: AsyncIterator<Uint8Array> } | undefined;
  for (const program of given.program ? [given.program] : programs) {
    const recorder = start(program, argumentsOf(program, given));
    const bytes = recorder.bytes[Symbol.asyncIterator]();
    const heard = await firstBytes(bytes, recorder, context);
    if (heard === true) {
      found = { program, recorder, bytes };
      break;
    }
    failures.push(`${program}: ${heard}`);
  }
  if (!found)
    throw new ReflexarcError({
      kind: "device",
      room: id,
      what: `no sound could be recorded (${failures.join("; ")})`,
      remedy: "Install arecord, pw-record or ffmpeg, connect a microphone, and name it as `device`.",
    });
  const { program } = found;
  notice(`${id}: ${program} records`);

  /** Hears a child to its end. */
  const listen = async ({ recorder, bytes }: { recorder: Recorder; bytes: AsyncIterator<Uint8Array> }) => {
    const stop = () => recorder.stop();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    for (let piece = await bytes.next(); !piece.done; piece = await bytes.next()) stream.offer(piece.value);
    signal.removeEventListener("abort", stop);
    return `${program} ended: ${(await recorder.ended) ?? "without a word"}`;
  };

  const listenOn = async (first: { recorder: Recorder; bytes: AsyncIterator<Uint8Array> }) => {
    let why = await listen(first);
    for (const pause = backoff(clock, signal); !signal.aborted; ) {
      stream.connection("lost", why);
      await pause.wait();
      if (signal.aborted) return;
      const before = stream.counts().samples;
      const recorder = start(program, argumentsOf(program, given));
      const bytes = recorder.bytes[Symbol.asyncIterator]();
      if ((await firstBytes(bytes, recorder, context)) !== true) continue;
      stream.connection("back");
      why = await listen({ recorder, bytes });
      if (stream.counts().samples !== before) pause.reset();
    }
  };

  /** True once the first bytes are here, which are handed on; otherwise why there are none. */
  async function firstBytes(
    bytes: AsyncIterator<Uint8Array>,
    recorder: Recorder,
    { clock: runClock }: DriverContext,
  ): Promise<true | string> {
    const waiting = new AbortController();
    const late = runClock
      .until(runClock.nowUs() + firstBytesMs * 1000, waiting.signal)
      .then(() => `nothing was heard for ${firstBytesMs / 1000} s`);
    const first = bytes.next().then(async ({ done, value }) => {
      if (done) return (await recorder.ended) ?? "it ended without a word";
      stream.offer(value);
      return true as const;
    });
    const heard = await Promise.race([first, late]);
    waiting.abort();
    if (heard !== true) recorder.stop();
    return heard === "ENOENT" ? "not installed" : heard;
  }

  void listenOn(found);
  return {
    geometry,
    packets: stream.packets,
    stale: () => stream.stale(),
    counts: () => stream.counts(),
    lost: () => stream.lost(),
  };
}

export default defineSensor({
  name: "microphone",
  about: "Hears a microphone through arecord, pw-record or ffmpeg, and begins again when that ends.",
  gives: "samples",
  live: true,
  options,
  open: (given, context) => openMicrophone(given, context),
});

/** Each program's words for: signed 16-bit samples, little end first, without a header, to standard output. */
export function argumentsOf(program: Program, { device, rateHz, channels: count }: Options): string[] {
  if (program === "arecord")
    return [
      ...["--quiet", "--file-type=raw", "--format=S16_LE", `--rate=${rateHz}`, `--channels=${count}`],
      ...(device ? [`--device=${device}`] : []),
    ];
  if (program === "pw-record")
    return [
      ...["--format=s16", `--rate=${rateHz}`, `--channels=${count}`],
      ...(device ? [`--target=${device}`] : []),
      "-",
    ];
  return [
    ...["-nostdin", "-loglevel", "error", "-f", device?.includes(":") ? "alsa" : "pulse"],
    ...["-i", device ?? "default", "-ac", `${count}`, "-ar", `${rateHz}`],
    ...["-f", "s16le", "-flush_packets", "1", "pipe:1"],
  ];
}

/** Runs the program; the end of its life is told, whatever it was. */
function startRecorder(program: string, args: readonly string[]): Recorder {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (bytes) => {
    said = (said + String(bytes)).slice(-300);
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.once("error", (cause: NodeJS.ErrnoException) => resolve(cause.code ?? cause.message));
    child.once("close", (code) => resolve(said.trim() || (code ? `code ${code}` : undefined)));
  });
  return { bytes: child.stdout, ended, stop: () => child.kill() };
}
