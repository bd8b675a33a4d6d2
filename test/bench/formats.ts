/** Speed of every format's reader and writer in memory, 64 KiB at a time, to columns and back: seconds, not minutes. */

import { pathToFileURL } from "node:url";
import { type PixelGeometry, pixelAddress, pixels } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { type EncodeOptions, encodeFile, type Format, readEventsMax } from "../../src/formats/format.ts";
import { formats } from "../../src/formats/index.ts";
import { seededRandom } from "../../src/random.ts";
import { machine, median, printTable, type Row } from "./measure.ts";

const pieceBytes = 1 << 16;

interface Case {
  readonly what: string;
  readonly format: Format;
  readonly options: EncodeOptions;
  readonly geometry: PixelGeometry;
  readonly packets: readonly Packet[];
  readonly bytes: Uint8Array;
  readonly events: number;
}

/** Read and written Mev/s of `events` events a format: medians of interleaved runs. */
export function benchFormats(events = 1_000_000, runs = 7): Row[] {
  const cases = formats.flatMap((format) => casesOf(format, events));
  const read = cases.map(() => [] as number[]);
  const written = cases.map(() => [] as number[]);
  // The first round warms the compiler up.
  for (let run = 0; run <= runs; run++) {
    for (const [i, one] of cases.entries()) {
      const decoded = secondsOf(() => decodeAll(one));
      const encoded = secondsOf(() =>
        encodeFile(one.format.encoder!(one.geometry, one.options), one.packets),
      );
      if (run === 0) continue;
      read[i]!.push(one.events / decoded / 1e6);
      written[i]!.push(one.events / encoded / 1e6);
    }
  }
  return cases.flatMap(({ what, bytes, events: count }, i) => [
    {
      what: `${what}, ${(bytes.length / count).toFixed(1)} B an event, read`,
      value: median(read[i]!),
      unit: "Mev/s",
    },
    { what: `${what}, written`, value: median(written[i]!), unit: "Mev/s" },
  ]);
}

function casesOf(format: Format, events: number): Case[] {
  if (!format.encoder) return [];
  const isSmall = format.name === "nmnist" || format.name === "aedat2";
  const geometry = isSmall ? pixels(128, 128) : pixels(640, 480);
  // EVT3 depends on what the events look like: rows that fire at once, or single pixels.
  const scenes = format.name === "evt3" ? (["sparse", "dense"] as const) : (["sparse"] as const);
  const packings: EncodeOptions[] =
    format.name === "aedat4" ? [{ compression: "none" }, { compression: "lz4" }] : [{}];
  return scenes.flatMap((scene) =>
    packings.map((options) => {
      const packets = scenePackets(geometry, events, scene);
      const bytes = encodeFile(format.encoder!(geometry, options), packets);
      const what = [format.name, options.compression, scenes.length > 1 ? scene : undefined]
        .filter(Boolean)
        .join(" ");
      return { what, format, options, geometry, packets, bytes, events };
    }),
  );
}

/** About an event a microsecond: single ones anywhere, or runs of neighbours. */
function scenePackets(geometry: PixelGeometry, events: number, scene: "sparse" | "dense"): Packet[] {
  const random = seededRandom(11);
  const packets: Packet[] = [];
  let timeUs = 1000;
  let x = 0;
  let y = 0;
  for (let from = 0; from < events; from += 4096) {
    const packet = new Packet(geometry, 4096).begin(timeUs, timeUs);
    for (let i = from; i < Math.min(events, from + 4096); i++) {
      if (scene === "sparse" || random() < 0.05 || x + 3 >= geometry.width) {
        timeUs += Math.floor(random() * 3);
        x = Math.floor(random() * geometry.width);
        y = Math.floor(random() * geometry.height);
      } else x += 1 + Math.floor(random() * 1.3);
      packet.push(timeUs, pixelAddress(x, y, scene === "dense" ? 1 : i & 1));
    }
    packet.toUs = timeUs + 1;
    packets.push(packet);
  }
  return packets;
}

function decodeAll({ format, geometry, bytes, events }: Case): void {
  const decoder = format.decoder({ geometry });
  const out = new Packet(geometry, readEventsMax);
  let count = 0;
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    decoder.push(bytes.subarray(at, at + pieceBytes));
    for (let more = true; more; ) {
      out.count = 0;
      more = decoder.read(out);
      count += out.count;
    }
  }
  decoder.end();
  if (count !== events) throw new Error(`${format.name}: ${count} of ${events} events`);
}

function secondsOf(work: () => void): number {
  const startMs = performance.now();
  work();
  return (performance.now() - startMs) / 1000;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  console.log(machine());
  printTable("formats", benchFormats());
}
