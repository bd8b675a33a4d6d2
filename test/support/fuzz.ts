/**
 * Seeded damage in bulk: `npm run fuzz -- --format aedat4 --n 10000 --seed 1`, or `--file` for one recording.
 *
 * Files are read in a worker, so that one that hangs is seen; each has a second, and the whole process 512 MB. Prints
 * one line of counts a file, or the seed and number of the first mutation that broke a law, and then exits with 1.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type PixelGeometry, pixels } from "../../src/events/geometry.ts";
import { encodeFile, type Format } from "../../src/formats/format.ts";
import { formatNamed, formats, sniffFormat } from "../../src/formats/index.ts";
import { encodeZstdFrame } from "../../src/formats/zstd.ts";
import { aedat4File, eventsPayload, join as joinBytes } from "./aedat4-file.ts";
import { mutate, survive } from "./mutate.ts";
import { recordsZstd } from "./packed.ts";
import { chunkBzip2, chunkTopics } from "./packed-bzip2.ts";
import { eventsOf } from "./packets.ts";
import { steadyPackets } from "./recordings.ts";
import { bagFile, encodings, eventArray, eventPacket, mcapFile, type Topic } from "./ros-files.ts";

const hangMs = 1000;
const memoryBytesMax = 512e6;

interface Job {
  readonly label: string;
  readonly format: string;
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly seed: number;
  /** Shared: which mutation is being read, and when it began. */
  readonly progress: Float64Array;
}

if (isMainThread) await main();
else await work(workerData as Job);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      format: { type: "string" },
      file: { type: "string" },
      n: { type: "string", default: "10000" },
      seed: { type: "string", default: "1" },
    },
  });
  const seeds = values.file ? [seedFile(values.file)] : [...bundled(), ...generated()];
  const chosen = seeds.filter(({ format }) => values.format === undefined || format === values.format);
  if (chosen.length === 0) throw new Error(`nothing to damage of the format "${values.format}"`);
  for (const { label, format, bytes } of chosen)
    await run({
      label,
      format,
      bytes,
      count: Number(values.n),
      seed: Number(values.seed),
      progress: new Float64Array(new SharedArrayBuffer(16)),
    });
}

/** Damages one file in a worker, and ends the process when a mutation takes too long or too much. */
async function run(job: Job): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: job });
  let memoryPeak = 0;
  let slowestMs = 0;
  const watch = setInterval(() => {
    const index = job.progress[0]!;
    const beganMs = job.progress[1]!;
    memoryPeak = Math.max(memoryPeak, process.memoryUsage().rss);
    const tookMs = beganMs > 0 ? Date.now() - beganMs : 0;
    slowestMs = Math.max(slowestMs, tookMs);
    const broken =
      tookMs > hangMs ? `took over ${hangMs} ms` : memoryPeak > memoryBytesMax ? "took over 512 MB" : "";
    if (broken) fail(job, index, broken);
  }, 20);
  const answer = await new Promise<string>((resolve, reject) => {
    worker.on("message", resolve);
    worker.on("error", reject);
  }).catch((error: Error) => fail(job, job.progress[0]!, error.stack ?? error.message));
  clearInterval(watch);
  await worker.terminate();
  const memory = `peak ${Math.round(memoryPeak / 1e6)} MB`;
  process.stdout.write(`${job.label}: ${answer}, slowest about ${slowestMs} ms, ${memory}\n`);
}

function fail(job: Job, index: number, why: string): never {
  process.stdout.write(`${job.label}: seed ${job.seed}, mutation ${index}: ${why}\n`);
  process.exit(1);
}

async function work({ format, bytes, count, seed, progress }: Job): Promise<void> {
  const outcomes = { clean: 0, told: 0, refused: 0 };
  for (let index = 0; index < count; index++) {
    const damaged = mutate(bytes, seed, index);
    progress[0] = index;
    progress[1] = Date.now();
    outcomes[(await survive(formatNamed(format)!, damaged)).outcome] += 1;
    progress[1] = 0;
  }
  const { clean, told, refused } = outcomes;
  parentPort!.postMessage(`${count} mutations: ${clean} clean, ${told} told, ${refused} refused`);
}

type Seed = Pick<Job, "label" | "format" | "bytes">;

function seedFile(path: string): Seed {
  const bytes = new Uint8Array(readFileSync(path));
  const format = sniffFormat(bytes.subarray(0, 1 << 16), basename(path));
  if (!format) throw new Error(`"${path}" has no known format`);
  return { label: basename(path), format: format.name, bytes };
}

/** The recordings that the project brings along. */
function bundled(): Seed[] {
  const folder = join(process.cwd(), "recordings");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => /\.(aedat4?|bin)$/.test(name)).map((name) => seedFile(join(folder, name)));
}

/** One small file a format and compression, and real Zstandard blocks, which our own writer doesn't make. */
function generated(): Seed[] {
  const camera = pixels(128, 128);
  const made = (format: Format, compression?: "none" | "lz4" | "zstd"): Seed => {
    const geometry = format.name === "nmnist" ? pixels(34, 34) : camera;
    const bytes = encodeFile(format.encoder!(geometry, { compression }), steadyPackets(geometry, 2000, 1000));
    return { label: `made ${format.name} ${compression ?? ""}`.trim(), format: format.name, bytes };
  };
  const head = eventsPayload(Array.from({ length: 400 }, () => [0, 0, 0, 0] as const)).subarray(0, -6400);
  const zstd = aedat4File(
    [{ id: 0, type: "EVTS", width: 346, height: 260 }],
    [1, 2, 3].map(() => ({ stream: 0, payload: joinBytes([encodeZstdFrame(head), recordsZstd]) })),
    { compression: 3 },
  );
  return [
    ...formats
      .filter(({ encoder }) => encoder)
      .flatMap((format) =>
        format.name === "aedat4"
          ? (["none", "lz4", "zstd"] as const).map((kind) => made(format, kind))
          : [made(format)],
      ),
    { label: "made aedat4 real zstd", format: "aedat4", bytes: zstd },
    ...rosSeeds(camera),
  ];
}

/** Bags and MCAP files of each compression, with events in each encoding. */
function rosSeeds(camera: PixelGeometry): Seed[] {
  const events = steadyPackets(camera, 500, 0).flatMap(eventsOf);
  const topics = (isCdr: boolean): Topic[] => [
    ...Object.entries(encodings).map(([encoding, encode]) => ({
      type: "event_camera_msgs/EventPacket",
      messages: [eventPacket(isCdr, { geometry: camera, encoding, events: encode(camera, events) })],
    })),
    { type: "dvs_msgs/EventArray", messages: [eventArray(isCdr, camera, events)] },
  ];
  return [
    ...(["none", "lz4"] as const).map((kind) => ({
      label: `made rosbag ${kind}`,
      format: "rosbag",
      bytes: bagFile([topics(false)], kind),
    })),
    { label: "made rosbag bz2", format: "rosbag", bytes: bagFile([chunkTopics], "bz2", chunkBzip2) },
    ...(["none", "lz4", "zstd"] as const).map((kind) => ({
      label: `made mcap ${kind}`,
      format: "mcap",
      bytes: mcapFile([topics(true)], kind),
    })),
  ];
}
