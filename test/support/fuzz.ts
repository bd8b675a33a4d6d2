/**
 * Seeded damage in bulk: `npm run fuzz -- --format evt3 --n 10000 --seed 1`, or `--file` for one recording. `--n` is the
 * number for each format, shared by the files that there are of it; `--aedat4` and `--hdf5` are those of the two that take
 * longer, a fifth and a fiftieth of it by default.
 *
 * Files are read in a worker, so that one that hangs is seen; each has a second of processor time, and the whole process
 * 512 MB. Prints one line of counts a file, or the seed and number of the first mutation that broke a law, and then
 * exits with 1.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type PixelGeometry, pixels } from "../../src/events/geometry.ts";
import { encodeFile, type Format } from "../../src/formats/format.ts";
import { formatNamed, formats, sniffFormat } from "../../src/formats/index.ts";
import { encodeZstdFrame } from "../../src/formats/zstd.ts";
import { aedat4File, eventsPayload, int32, join as joinBytes } from "./aedat4-file.ts";
import { besideRecording } from "./beside-recording.ts";
import { mutate, survive } from "./mutate.ts";
import { recordsZstd } from "./packed.ts";
import { chunkBzip2, chunkTopics } from "./packed-bzip2.ts";
import { eventsOf } from "./packets.ts";
import { steadyPackets } from "./recordings.ts";
import {
  bagFile,
  encodings,
  eventArray,
  eventPacket,
  image,
  imu,
  mcapFile,
  type Topic,
} from "./ros-files.ts";

/** Processor time: what else the machine does doesn't count. */
const hangMs = 1000;
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const memoryBytesMax = 512e6;

interface Job {
  readonly label: string;
  readonly format: string;
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly seed: number;
  /** Shared: which mutation is being read. */
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
      aedat4: { type: "string" },
      hdf5: { type: "string" },
      seed: { type: "string", default: "1" },
    },
  });
  const seeds = values.file ? [seedFile(values.file)] : [...bundled(), ...generated()];
  const chosen = seeds.filter(({ format }) => values.format === undefined || format === values.format);
  const ofHdf5 =
    values.file || (values.format ?? "hdf5") !== "hdf5" ? 0 : Number(values.hdf5 ?? Number(values.n) / 50);
  if (chosen.length === 0 && ofHdf5 === 0)
    throw new Error(`nothing to damage of the format "${values.format}"`);
  const ofAedat4 = Number(values.aedat4 ?? Number(values.n) / 5);
  for (const { label, format, bytes } of chosen) {
    const files = chosen.filter((other) => other.format === format).length;
    await run({
      label,
      format,
      bytes,
      count: Math.ceil((format === "aedat4" ? ofAedat4 : Number(values.n)) / files),
      seed: Number(values.seed),
      progress: new Float64Array(new SharedArrayBuffer(8)),
    });
  }
  if (ofHdf5 > 0) await runHdf5(ofHdf5, Number(values.seed));
}

/** HDF5 is read by a library in a process of its own: what ends that process is no fault of ours, and told. */
async function runHdf5(count: number, seed: number): Promise<void> {
  const { damageHdf5 } = await import("./hdf5-damage.ts");
  const { read, refused, crashes, hangs } = await damageHdf5(count, seed);
  const ended = `the library's process ended ${crashes} times and was ended after a second of processor time ${hangs} times`;
  process.stdout.write(`made hdf5: ${count} mutations: ${read} read, ${refused} refused; ${ended}\n`);
}

/** Damages one file in a worker, and ends the process when a mutation takes too long or too much. */
async function run(job: Job): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: job });
  let memoryPeak = 0;
  let slowestMs = 0;
  let seen = -1;
  let sinceMs = cpuMs();
  const watch = setInterval(() => {
    const index = job.progress[0]!;
    if (index !== seen) {
      seen = index;
      sinceMs = cpuMs();
    }
    memoryPeak = Math.max(memoryPeak, process.memoryUsage().rss);
    const tookMs = cpuMs() - sinceMs;
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
  process.stdout.write(`${job.label}: ${answer}, slowest about ${Math.round(slowestMs)} ms, ${memory}\n`);
}

function fail(job: Job, index: number, why: string): never {
  process.stdout.write(`${job.label}: seed ${job.seed}, mutation ${index}: ${why}\n`);
  process.exit(1);
}

async function work({ format, bytes, count, seed, progress }: Job): Promise<void> {
  const outcomes = { clean: 0, told: 0, refused: 0 };
  // NumPy arrays tell no size of the sensor, and without one nothing of them is read.
  const options = format === "npy" ? { geometry: pixels(128, 128) } : {};
  for (let index = 0; index < count; index++) {
    const damaged = mutate(bytes, seed, index);
    progress[0] = index;
    outcomes[(await survive(formatNamed(format)!, damaged, options)).outcome] += 1;
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
    const bytes = encodeFile(format.encoder!(geometry, { compression }), steadyPackets(geometry, 300, 1000));
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
    { label: "made aedat4 with frames, IMU and triggers", format: "aedat4", bytes: besideRecording() },
    ...handMade(),
    ...rosSeeds(camera),
  ];
}

/** Formats that we don't write. */
function handMade(): Seed[] {
  const big = (...values: number[]) => joinBytes(values.map((value) => int32(value).reverse()));
  const count = 300;
  const list = <T>(make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
  const text = (lines: string) => new TextEncoder().encode(lines);
  // An address of 16 bits and a time of 32.
  const aedat1 = list((i) => big(((i % 128) << 9) | ((i % 100) << 1), 20 * i).subarray(0, 8)).map((bytes) =>
    joinBytes([bytes.subarray(2, 4), bytes.subarray(4)]),
  );
  const aedat31 = (type: number, records: readonly Uint8Array[]) => {
    const [size, number] = [records[0]!.length, records.length];
    const head = new Uint8Array(Int16Array.of(type, 0).buffer);
    return joinBytes([head, ...[size, 4, 0, number, number, number].map(int32), ...records]);
  };
  const polarity = list((i) => joinBytes([int32(((i % 128) << 17) | ((i % 100) << 2) | 3), int32(20 * i)]));
  const imu = list((i) => joinBytes([int32(1), int32(20 * i), new Uint8Array(28)]));
  const special = list((i) => joinBytes([int32(5), int32(20 * i)]));
  const frame = joinBytes([int32(3), ...[10, 40, 20, 30, 8, 8, 0, 0].map(int32), new Uint8Array(128)]);
  const evt21 = list((i) =>
    i % 30 === 0
      ? joinBytes([int32((8 << 28) | (i + 1)), int32(0)])
      : joinBytes([int32((1 << 28) | ((i % 64) << 22) | ((i % 90) << 11) | (i % 100)), int32(i * 40503)]),
  );
  // Events, reads of pixels and words of an IMU between them.
  const davis = list((i) =>
    big(
      i % 3 === 0
        ? 0x80000000 | ((i % 7) << 28) | 0xc00
        : ((i % 180) << 22) | ((i % 240) << 12) | ((i % 3) - 1 ? 0x80000000 : 0),
      20 * i,
    ),
  );
  return [
    { label: "made aedat1", format: "aedat1", bytes: joinBytes([text("#!AER-DAT1.0\r\n"), ...aedat1]) },
    {
      label: "made aedat2 with frames and IMU",
      format: "aedat2",
      bytes: joinBytes([text("#!AER-DAT2.0\r\n# AEChip: DAVIS240C\r\n#End Of ASCII Header\r\n"), ...davis]),
    },
    {
      label: "made aedat31",
      format: "aedat31",
      bytes: joinBytes([
        text("#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 0: DVS128\r\n#!END-HEADER\r\n"),
        aedat31(1, polarity),
        aedat31(3, imu),
        aedat31(0, special),
        aedat31(2, [frame, frame]),
      ]),
    },
    {
      label: "made evt21",
      format: "evt21",
      bytes: joinBytes([text("% evt 2.1\n% geometry 128x128\n% end\n"), ...evt21]),
    },
  ];
}

/** Bags and MCAP files of each compression, with events in each encoding. */
function rosSeeds(camera: PixelGeometry): Seed[] {
  const events = steadyPackets(camera, 500, 0).flatMap(eventsOf);
  const gray = { width: 12, height: 9, encoding: "mono8", stride: 16, data: new Uint8Array(16 * 9) };
  const topics = (isCdr: boolean): Topic[] => [
    ...Object.entries(encodings).map(([encoding, encode]) => ({
      type: "event_camera_msgs/EventPacket",
      messages: [eventPacket(isCdr, { geometry: camera, encoding, events: encode(camera, events) })],
    })),
    { type: "dvs_msgs/EventArray", messages: [eventArray(isCdr, camera, events)] },
    { type: "sensor_msgs/Image", messages: [image(isCdr, gray), image(isCdr, gray)] },
    { type: "sensor_msgs/Imu", messages: [imu(isCdr, [1, 2, 3], [4, 5, 6])] },
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
