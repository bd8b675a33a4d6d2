/**
 * The text header of Prophesee's RAW and DAT files: lines `% key value`, in newer files closed by `% end`.
 *
 * Source: OpenEB `psee_raw_file_header.cpp` and `device_system_id.h`. Files of 2020 and before name no geometry, some
 * streams have no header at all, and a stream's first binary byte may be a `%` of its own. `t0` is faery's: the time,
 * in microseconds, that the file's times count from.
 */

import { type PixelGeometry, pixels } from "../events/geometry.ts";
import { ByteFeed } from "./byte-feed.ts";

const percent = 0x25;
const space = 0x20;
const lineFeed = 0x0a;
/** A longer line is no text. */
const lineBytesMax = 4096;
const headerBytesMax = 1 << 20;
/** Larger than any sensor; the widest address is DAT's, 14 bits. */
const sideMax = 1 << 14;

/** Reads a header line by line, however its bytes are cut. */
export class PropheseeHeader {
  /** Values by key in small letters; the last one wins. */
  readonly fields = new Map<string, string>();
  /** How many lines there are; 0 in a bare stream. */
  lines = 0;
  /** Nothing more of it will come: the next byte is data. */
  done = false;
  /** Bytes of the next line that have been looked at. */
  private lineBytes = 0;

  /** Takes lines off the feed; false when more bytes are needed. */
  read(feed: ByteFeed): boolean {
    while (!this.done && feed.take(this.lineBytes + 1)) {
      const at = this.lineBytes;
      const byte = feed.bytes[feed.start + at]!;
      if (!isText(byte, at) || at >= lineBytesMax || feed.offset > headerBytesMax) {
        feed.untake(at + 1);
        this.done = true;
      } else if (byte === lineFeed) {
        this.takeLine(text(feed.bytes, feed.start + 2, feed.start + at));
        this.lineBytes = 0;
      } else {
        this.lineBytes += 1;
        feed.untake(this.lineBytes);
      }
    }
    return this.done;
  }

  /** The file ended: true when it did so inside a line. */
  get cut(): boolean {
    return !this.done && this.lineBytes > 0;
  }

  /** The RAW encoding that the header names. */
  get encoding(): "evt2" | "evt21" | "evt3" | "other" | undefined {
    const named = this.fields.get("format")?.split(";", 1)[0] ?? this.fields.get("evt");
    if (named === undefined) return undefined;
    return encodings[named.trim().toUpperCase()] ?? "other";
  }

  get geometry(): PixelGeometry | undefined {
    const format = this.fields.get("format") ?? "";
    return (
      sized(/^(\d+)x(\d+)$/.exec(this.fields.get("geometry") ?? "")?.slice(1)) ??
      sized([/;width=(\d+)/.exec(format)?.[1], /;height=(\d+)/.exec(format)?.[1]]) ??
      sized([this.fields.get("width"), this.fields.get("height")]) ??
      (this.fields.has("system_id") ? systemSizes.get(Number(this.fields.get("system_id"))) : undefined)
    );
  }

  get startUs(): number {
    const startUs = Number(this.fields.get("t0") ?? 0);
    return Number.isSafeInteger(startUs) && startUs > 0 ? startUs : 0;
  }

  private takeLine(line: string): void {
    this.lines += 1;
    const words = /^(\S+)\s*(.*?)\s*$/.exec(line);
    if (!words) return;
    const key = words[1]!.toLowerCase();
    if (key === "end") this.done = true;
    else this.fields.set(key, words[2]!);
  }
}

const encodings: Record<string, PropheseeHeader["encoding"]> = {
  "2.0": "evt2",
  "2.1": "evt21",
  "3.0": "evt3",
  EVT2: "evt2",
  "EVT2.0": "evt2",
  EVT21: "evt21",
  "EVT2.1": "evt21",
  EVT3: "evt3",
  "EVT3.0": "evt3",
};

/** Sizes of the sensors behind the system numbers of old headers (OpenEB `system_id_map`). */
const systemSizes = new Map<number, PixelGeometry>([
  ...[0x15, 0x17, 0x19, 0x1c, 0x1d, 0x21, 0x22, 0x23, 0x28, 0x29].map(
    (id) => [id, pixels(640, 480)] as const,
  ),
  ...[0x1a, 0x1e, 0x1f, 0x27, 0x2e, 0x30, 0x31, 0x32].map((id) => [id, pixels(1280, 720)] as const),
]);

/** The header at the start of a file's first bytes, and where the data begins. */
export function headerOf(head: Uint8Array): { header: PropheseeHeader; dataByte: number } {
  const feed = new ByteFeed();
  const header = new PropheseeHeader();
  feed.push(head);
  header.read(feed);
  return { header, dataByte: feed.offset };
}

/** Lines of a header that is written. */
export function headerBytes(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `% ${line}\n`).join(""));
}

/** A line is `% ` and then text: a binary word that begins alike soon holds a control character. */
function isText(byte: number, at: number): boolean {
  if (at === 0) return byte === percent;
  if (at === 1) return byte === space;
  return byte >= space || (byte >= 9 && byte <= 13);
}

function text(bytes: Uint8Array, from: number, to: number): string {
  let line = "";
  for (let i = from; i < to; i++) line += String.fromCharCode(bytes[i]!);
  return line;
}

function sized(sides: readonly (string | undefined)[] | undefined): PixelGeometry | undefined {
  const [width, height] = (sides ?? []).map(Number);
  const fits = (side: number | undefined) => Number.isInteger(side) && side! > 0 && side! <= sideMax;
  return fits(width) && fits(height) ? pixels(width!, height!) : undefined;
}
