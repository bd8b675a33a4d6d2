/** Recordings that the decoders are measured on: made from a seed, once, and kept in `.cache/bench`. */

import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type PixelGeometry, pixels } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import type { EncodeOptions } from "../../src/formats/format.ts";
import { formatNamed } from "../../src/formats/index.ts";
import { seededRandom } from "../../src/random.ts";

export interface BenchFile {
  /** Of the case, and of the loop in `c/decode.c`. */
  readonly name: string;
  readonly format: string;
  readonly geometry: PixelGeometry;
  readonly encode?: EncodeOptions;
  /** Fills `packet` with events from `timeUs` on; answers the time of the next ones. */
  readonly scene: (packet: Packet, timeUs: number, random: () => number) => number;
  readonly startUs?: number;
}

const davis = pixels(346, 260);
const hd = pixels(1280, 720);

/** 4,096 events in 1,024 us: a bar that sweeps over the picture, and noise. */
function bar(packet: Packet, timeUs: number, random: () => number): number {
  const { width, height } = packet.geometry;
  for (let i = 0; i < 4096; i++) {
    const isNoise = random() < 0.3;
    const x = isNoise ? random() * width : ((timeUs / 2000 + i / 4096) % width) + random() * 4;
    const y = Math.floor(random() * height);
    packet.push(timeUs + (i >> 2), ((y << 16) | (Math.floor(x % width) << 1) | (i & 1)) >>> 0);
  }
  return timeUs + 1024;
}

/** The same, in so little time that 23 bits of microseconds hold 100 million events. */
function burst(packet: Packet, timeUs: number, random: () => number): number {
  const { width, height } = packet.geometry;
  for (let i = 0; i < 4096; i++) {
    const y = Math.floor(random() * height);
    const x = Math.floor(random() * width);
    packet.push(timeUs + (i >> 4), ((y << 16) | (x << 1) | (random() < 0.5 ? 1 : 0)) >>> 0);
  }
  return timeUs + 256;
}

/** Rows of 32 pixels of which about 7 fire: what a fast edge looks like in EVT3, 1.6 bytes an event. */
function rows(packet: Packet, timeUs: number, random: () => number): number {
  let atUs = timeUs;
  for (let row = 0; row < 600; row++) {
    const y = Math.floor(random() * 720);
    const x = Math.floor(random() * (1280 - 32));
    const on = random() < 0.5 ? 1 : 0;
    if (row % 4 === 0) atUs += 1;
    for (let i = 0; i < 32; i++)
      if (random() < 0.22) packet.push(atUs, ((y << 16) | ((x + i) << 1) | on) >>> 0);
  }
  return atUs + 1;
}

/** Lone pixels that share a row and a time now and then: about 3.1 bytes an event in EVT3. */
function lone(packet: Packet, timeUs: number, random: () => number): number {
  let atUs = timeUs;
  let y = 0;
  for (let i = 0; i < 4096; i++) {
    if (random() < 0.25) atUs += 1;
    if (random() < 0.3) y = Math.floor(random() * 720);
    packet.push(atUs, ((y << 16) | (Math.floor(random() * 1280) << 1) | (random() < 0.5 ? 1 : 0)) >>> 0);
  }
  return atUs + 1;
}

export const benchFiles: readonly BenchFile[] = [
  { name: "evt3-dense", format: "evt3", geometry: hd, scene: rows },
  { name: "evt3-sparse", format: "evt3", geometry: hd, scene: lone },
  { name: "evt2", format: "evt2", geometry: davis, scene: bar },
  { name: "dat", format: "dat", geometry: davis, scene: bar },
  { name: "aedat2", format: "aedat2", geometry: davis, scene: bar },
  { name: "nmnist", format: "nmnist", geometry: pixels(34, 34), scene: burst },
  { name: "es", format: "es", geometry: davis, scene: bar },
  {
    name: "aedat4",
    format: "aedat4",
    geometry: davis,
    scene: bar,
    encode: { compression: "none" },
    startUs: 1_700_000_000_000_000,
  },
  {
    name: "aedat4-lz4",
    format: "aedat4",
    geometry: davis,
    scene: bar,
    encode: { compression: "lz4" },
    startUs: 1_700_000_000_000_000,
  },
];

/** The path of a file of at least so many events. */
export function makeBenchFile(file: BenchFile, events: number, folder: string): string {
  const { name, format: formatName, geometry, encode = {}, scene, startUs = 0 } = file;
  const format = formatNamed(formatName)!;
  const path = join(folder, `${name}-${events / 1e6}M.${format.extensions[0]}`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const encoder = format.encoder!(geometry, encode);
  const random = seededRandom(1);
  const handle = openSync(`${path}.part`, "w");
  const packet = new Packet(geometry, 8192);
  writeSync(handle, encoder.start());
  let timeUs = startUs;
  for (let made = 0; made < events; made += packet.count) {
    packet.begin(timeUs, timeUs);
    timeUs = scene(packet, timeUs, random);
    writeSync(handle, encoder.push(packet));
  }
  writeSync(handle, encoder.end());
  for (const { bytes, offset } of encoder.patches()) writeSync(handle, bytes, 0, bytes.length, offset);
  closeSync(handle);
  renameSync(`${path}.part`, path);
  return path;
}
