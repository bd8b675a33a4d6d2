/**
 * The text header of Prophesee's RAW and DAT files: lines `% key value`, in newer files closed by `% end`.
 *
 * Source: OpenEB `psee_raw_file_header.cpp` and `device_system_id.h`. Files of 2020 and before name no geometry, some
 * streams have no header at all, and a stream's first binary byte may be a `%` of its own. `t0` is faery's: the time,
 * in microseconds, that the file's times count from.
 */

import { type PixelGeometry, pixels } from "../events/geometry.ts";
import { ByteFeed } from "./byte-feed.ts";
import { HeaderLines } from "./header-lines.ts";

/** Larger than any sensor; the widest address is DAT's, 14 bits. */
const sideMax = 1 << 14;

/** The lines of a header, `key` and value. */
export class PropheseeHeader {
  /** Values by key in small letters; the last one wins. */
  readonly fields = new Map<string, string>();
  private readonly text = new HeaderLines("% ", (line) => this.takeLine(line));

  /** How many lines there are; 0 in a bare stream. */
  get lines(): number {
    return this.text.count;
  }

  get done(): boolean {
    return this.text.done;
  }

  /** The file ended: true when it did so inside a line. */
  get cut(): boolean {
    return this.text.cut;
  }

  /** Takes lines off the feed; false when more bytes are needed. */
  read(feed: ByteFeed): boolean {
    return this.text.read(feed);
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

  private takeLine(line: string): boolean {
    const [, key = "", value = ""] = /^% (\S*)\s*(.*)$/.exec(line) ?? [];
    if (key.toLowerCase() === "end") return true;
    this.fields.set(key.toLowerCase(), value);
    return false;
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

function sized(sides: readonly (string | undefined)[] | undefined): PixelGeometry | undefined {
  const [width, height] = (sides ?? []).map(Number);
  const fits = (side: number | undefined) => Number.isInteger(side) && side! > 0 && side! <= sideMax;
  return fits(width) && fits(height) ? pixels(width!, height!) : undefined;
}
