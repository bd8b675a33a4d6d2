/**
 * `npm run bench:decode`: how fast each format becomes columns, beside plain C and beside other people's readers.
 *
 * `--events 16e6` makes smaller files, `--formats dat,evt3-dense` takes some of them, `--peers` adds the Python readers.
 */

import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readFilePieces } from "../../drivers/recording.ts";
import { pixels } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { Scratch } from "../../src/formats/byte-feed.ts";
import { type Format, readEventsMax } from "../../src/formats/format.ts";
import { formatNamed } from "../../src/formats/index.ts";
import { kernels, setKernels } from "../../src/formats/kernel.ts";
import { decodeLz4Frames } from "../../src/formats/lz4.ts";
import { readPackets } from "../../src/formats/packets.ts";
import { type BenchFile, benchFiles, makeBenchFile } from "./decode-files.ts";
import { type Peer, peersOf } from "./decode-peers.ts";
import { median, type Row } from "./measure.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(root, ".cache", "bench");
const runs = 5;
/** As the driver `recording` reads them. */
const pieceBytes = 1 << 18;

/** Ratios to C that `performance.md` asks for. */
const goals: Record<string, number> = {
  "evt3-dense": 0.65,
  "evt3-sparse": 0.65,
  dat: 0.55,
  aedat2: 0.75,
  nmnist: 0.4,
  aedat4: 0.55,
  lz4: 0.55,
};

export async function benchDecode(): Promise<Row[]> {
  const { values } = parseArgs({
    options: {
      events: { type: "string", default: "100e6" },
      formats: { type: "string" },
      peers: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  const events = Number(values.events);
  const names = values.formats?.split(",");
  const rival = buildRival();
  console.log(rival.about);
  const peers = values.peers ? peersOf(root) : [];
  const chosen = benchFiles.filter(({ name }) => names === undefined || names.includes(name));
  const rows: Row[] = [];
  for (const file of chosen) {
    const path = makeBenchFile(file, events, folder);
    rows.push(...measure(file, path, rival), await asPackets(file, path), ...besidePeers(file, path, peers));
    if (file.name === "aedat4-lz4") rows.push(...measureLz4(file, path, rival));
  }
  return rows;
}

function measure(file: BenchFile, path: string, rival: Rival): Row[] {
  const format = formatNamed(file.format)!;
  const ours: number[] = [];
  const plain: number[] = [];
  const theirs: number[] = [];
  const { name, geometry } = file;
  const check = decode(format, path, true);
  const rivalCheck = rival.run(name, path, geometry, true);
  if (rivalCheck && (rivalCheck.events !== check.events || rivalCheck.digest !== check.digest))
    throw new Error(
      `${name}: C gives ${rivalCheck.events} events, digest ${rivalCheck.digest}; we ${check.events}, ${check.digest}`,
    );
  for (let i = 0; i < runs; i++) {
    const answer = rival.run(name, path, geometry, false);
    if (answer) theirs.push(answer.seconds);
    ours.push(decode(format, path, false).seconds);
    setKernels("off");
    if (i < 3) plain.push(decode(format, path, false).seconds);
    setKernels("on");
  }
  return rowsOf(name, check.events / 1e6, "Mev/s", ours, plain, theirs);
}

/** Rates of `amount` in the medians of these seconds. */
function rowsOf(
  name: string,
  amount: number,
  unit: string,
  ours: readonly number[],
  plain: readonly number[],
  theirs: readonly number[],
): Row[] {
  const rate = (seconds: readonly number[]) => amount / median(seconds);
  const goal = goals[name] === undefined ? "" : `, goal ${goals[name].toFixed(2)}`;
  const ratio =
    theirs.length > 0 ? `${(rate(ours) / rate(theirs)).toFixed(2)} of C${goal}` : "nothing to compare with";
  return [
    { what: name, value: rate(ours), unit, ratio },
    { what: "  TypeScript alone", value: rate(plain), unit },
    ...(theirs.length > 0 ? [{ what: "  C", value: rate(theirs), unit }] : []),
  ];
}

/** Unpacking alone: each packet of an AEDAT 4 file, beside liblz4. */
function measureLz4(file: BenchFile, path: string, rival: Rival): Row[] {
  const packets = packetsOf(path);
  const [ours, plain, theirs]: number[][] = [[], [], []];
  let size = 0;
  const unpack = () => {
    const room = kernels()?.unpacked;
    const out = room ?? new Scratch();
    const startMs = performance.now();
    size = 0;
    for (const packet of packets) {
      room?.moveIn({ moveOut: () => {} }, packet, 0, packet.length);
      size += decodeLz4Frames(packet, 0, packet.length, out, 1 << 25);
    }
    return (performance.now() - startMs) / 1000;
  };
  for (let i = 0; i < runs; i++) {
    const answer = rival.run("lz4", path, file.geometry, false);
    if (answer) theirs!.push(answer.seconds);
    ours!.push(unpack());
    setKernels("off");
    if (i < 3) plain!.push(unpack());
    setKernels("on");
  }
  return rowsOf("lz4", size / 1e9, "GB/s", ours!, plain!, theirs!);
}

/** The payloads of an AEDAT 4 file of one stream, up to its data table; at most 1 GB of them. */
function packetsOf(path: string): Uint8Array[] {
  const handle = openSync(path, "r");
  const head = Buffer.alloc(18);
  const packets: Uint8Array[] = [];
  readSync(handle, head, 0, 18, 0);
  let at = 18 + head.readUInt32LE(14);
  for (let total = 0; total < 1e9; ) {
    if (readSync(handle, head, 0, 8, at) < 8 || head.readInt32LE(0) !== 0) break;
    const packet = Buffer.alloc(head.readUInt32LE(4));
    readSync(handle, packet, 0, packet.length, at + 8);
    packets.push(packet);
    total += packet.length;
    at += 8 + packet.length;
  }
  closeSync(handle);
  return packets;
}

/** The whole way from the file to packets, as a pipeline takes it. */
async function asPackets(file: BenchFile, path: string): Promise<Row> {
  const format = formatNamed(file.format)!;
  const seconds: number[] = [];
  let events = 0;
  for (let i = 0; i < 3; i++) {
    const startMs = performance.now();
    const { packets } = await readPackets(readFilePieces(path), format, format.decoder({}), path);
    events = 0;
    for await (const packet of packets) events += packet.count;
    seconds.push((performance.now() - startMs) / 1000);
  }
  return { what: "  file to packets", value: events / median(seconds) / 1e6, unit: "Mev/s" };
}

/** Other readers take the file from the disk's cache to columns, so here we do too. */
function besidePeers(file: BenchFile, path: string, peers: readonly Peer[]): Row[] {
  const format = formatNamed(file.format)!;
  const readers = peers.filter((peer) => peer.reads(file.name));
  if (readers.length === 0) return [];
  const ours: number[] = [];
  const theirs = readers.map((): number[] => []);
  for (let run = 0; run < 3; run++) {
    const startMs = performance.now();
    const { events } = decode(format, path, false, pieceBytes);
    ours.push(events / (performance.now() - startMs) / 1000);
    readers.forEach((peer, i) => {
      // One run is enough of what takes long.
      if (run > 0 && (theirs[i]![0] ?? 0) < events / 20e6) return;
      const answer = peer.run(file, path);
      if (typeof answer !== "string") theirs[i]!.push(answer.events / answer.seconds / 1e6);
      else if (run === 0) console.log(`${file.name}: ${peer.name} can't tell: ${answer}`);
    });
  }
  const rate = median(ours);
  const others = readers.flatMap(({ name }, i): Row[] => {
    if (theirs[i]!.length === 0) return [];
    const value = median(theirs[i]!);
    return [
      { what: `  ${name}`, value, unit: "Mev/s", ratio: `we are ${(rate / value).toFixed(1)} times as fast` },
    ];
  });
  return [{ what: "  from the file to columns", value: rate, unit: "Mev/s" }, ...others];
}

interface Answer {
  readonly events: number;
  readonly seconds: number;
  readonly digest: number;
}

/** All of a file to columns, in the pieces that the driver reads; the clock stands still while bytes are read. */
function decode(format: Format, path: string, checks: boolean, segmentBytes = 1 << 26): Answer {
  const decoder = format.decoder({});
  const into = new Packet(pixels(1, 1), readEventsMax);
  const segment = new Uint8Array(segmentBytes);
  const handle = openSync(path, "r");
  let events = 0;
  let milliseconds = 0;
  let digest = 0x811c9dc5;
  for (;;) {
    const size = readSync(handle, segment, 0, segmentBytes, null);
    if (size === 0) break;
    const startMs = performance.now();
    for (let at = 0; at < size; at += pieceBytes) {
      decoder.push(segment.subarray(at, Math.min(size, at + pieceBytes)));
      for (let more = true; more; ) {
        into.count = 0;
        more = decoder.read(into);
        events += into.count;
        if (checks) digest = digestOf(into, digest);
      }
    }
    milliseconds += performance.now() - startMs;
  }
  closeSync(handle);
  decoder.end();
  const fatal = decoder.problems.find((problem) => problem.fatal || problem.lost);
  if (fatal) throw new Error(`${path}: ${fatal.what}`);
  return { events, seconds: milliseconds / 1000, digest };
}

function digestOf({ count, times, addresses }: Packet, before: number): number {
  let digest = before;
  for (let i = 0; i < count; i++) {
    const timeUs = times[i]!;
    digest = Math.imul(digest ^ (timeUs % 4294967296), 0x01000193);
    digest = Math.imul(digest ^ (timeUs / 4294967296), 0x01000193);
    digest = Math.imul(digest ^ addresses[i]!, 0x01000193);
  }
  return digest >>> 0;
}

interface Rival {
  readonly about: string;
  run(
    name: string,
    path: string,
    size: { width: number; height: number },
    checks: boolean,
  ): Answer | undefined;
}

/** Compiles the C loops where gcc is, with liblz4 where that is. */
function buildRival(): Rival {
  const source = join(root, "test", "bench", "c", "decode.c");
  const program = join(folder, "decode");
  mkdirSync(folder, { recursive: true });
  const compile = (...words: string[]) =>
    spawnSync("gcc", ["-O3", "-march=native", source, "-o", program, ...words], { encoding: "utf8" });
  const withLz4 = compile("-DLZ4", "-llz4");
  const without = withLz4.status === 0 ? withLz4 : compile();
  if (without.status !== 0 || !existsSync(program))
    return { about: "no gcc here: nothing to compare with", run: () => undefined };
  const [version] = spawnSync("gcc", ["--version"], { encoding: "utf8" }).stdout.split("\n");
  return {
    about: `C: ${version}, -O3 -march=native, ${withLz4.status === 0 ? "with liblz4" : "no liblz4 here: LZ4 not compared"}`,
    run: (name, path, { width, height }, checks) => {
      const loop = name.startsWith("evt3") ? "evt3" : name;
      const { status, stdout } = spawnSync(
        program,
        [loop, path, `${width}`, `${height}`, ...(checks ? ["check"] : [])],
        {
          encoding: "utf8",
        },
      );
      if (status === 4) return undefined;
      if (status !== 0) throw new Error(`the C loop for ${name} ended with ${status}`);
      const [events, nanoseconds, digest] = stdout.split(" ").map(Number);
      return { events: events!, seconds: nanoseconds! / 1e9, digest: digest! };
    },
  };
}
