/** The one shape of every recording format: bytes in, events out, never more than the bytes justify. */

import type { Beside, BesideType } from "../events/beside.ts";
import type { Geometry, PixelGeometry } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import type { RandomAccess } from "./seek.ts";

/** A stream that a file holds. */
export interface StreamInfo {
  readonly id: number;
  readonly type: "events" | BesideType | "other";
  count: number;
}

/** Damage or a repair, with the byte offset where it was seen first. */
export interface Problem {
  /** In words and without numbers, so that equal ones can be counted: `event outside the sensor, dropped`. */
  readonly what: string;
  readonly firstByte: number;
  count: number;
  /** The file ends early, or its remainder can't be read. */
  readonly fatal: boolean;
  /** Events or samples were left out. */
  readonly lost: boolean;
}

export interface DecodeOptions {
  /** Overrides what the file says, and serves where it says nothing. */
  readonly geometry?: PixelGeometry;
  /** AEDAT 2: the chip, when the header doesn't name it. */
  readonly chip?: string;
  /** Which stream of events, when a file holds several. */
  readonly stream?: number;
  /** Gets what is decoded beside the events, in the order of the file; without it, that is only counted. */
  readonly beside?: (record: Beside) => void;
}

/** Most events that one `read` hands out, so that a packet that unpacks to millions is never held as columns. */
export const readEventsMax = 16_384;

/**
 * Decodes one file. Any cut of the file's bytes into `push` calls gives the same events.
 *
 * For each piece: `push` it, then `read` and use the events until `read` answers false. After the last one: `end`, and
 * `read` once more until it answers false, for what only the end tells.
 */
export interface Decoder {
  /** Undefined until it is known, null when the file has none and no option gave it. */
  readonly geometry: PixelGeometry | null | undefined;
  readonly streams: readonly StreamInfo[];
  /** Which stream's events are handed out, where a file may hold several, once that is known. */
  readonly eventStream?: number | undefined;
  /** What `beside` may get of this file, where it tells with its geometry; else all that its format has. */
  readonly besideTypes?: readonly BesideType[];
  readonly problems: readonly Problem[];
  /** Lends the next bytes, until `read` has answered false. */
  push(bytes: Uint8Array): void;
  /**
   * Appends the next events (file order, times as in the file, wraps undone) until `into` holds `readEventsMax`.
   * Events outside the geometry are left out and counted as a problem. Answers true when there may be more to read of
   * the bytes pushed so far. Gives nothing more after a fatal problem.
   */
  read(into: Packet): boolean;
  /**
   * After the file's first bytes were pushed and read: finds a place before which no event is at `timeUs` or later, and
   * gets ready for the bytes from there on. Undefined, and nothing changed, when there is no way but to read everything.
   */
  seek?(file: RandomAccess, timeUs: number): Promise<number | undefined>;
  /** No more bytes: a record that is cut becomes a fatal problem. Call it once, when all bytes have been read. */
  end(): void;
}

/** Bytes that replace earlier ones, once the file is complete. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface Encoder {
  /** The file's first bytes. */
  start(): Uint8Array;
  /** Bytes of these events; what the format can't hold is counted, never silently dropped. */
  push(packet: Packet): Uint8Array;
  /** Bytes of a record, perhaps none until its time comes; only for the types that were promised in `EncodeOptions`. */
  pushBeside?(record: Beside): Uint8Array;
  /** The file's last bytes. */
  end(): Uint8Array;
  /** After `end`: what is now known of the header. A file that is never patched is still valid. */
  patches(): readonly Patch[];
  readonly leftOut: readonly Problem[];
}

export interface EncodeOptions {
  /** What may come beside the events, of what the format holds. */
  readonly beside?: readonly BesideType[];
  readonly compression?: "none" | "lz4" | "lz4_high" | "zstd" | "zstd_high";
  readonly chip?: string;
}

export interface Format {
  /** Kebab-case, the name of its file. */
  readonly name: string;
  readonly about: string;
  readonly extensions: readonly string[];
  /** It can't be read from its first byte to its last: who opens the file makes rows of it for the decoder. */
  readonly needsFile?: true;
  /** How sure the first bytes (up to 64 KiB) make us: `sure` by a signature, `guess` by plausibility, or `no`. */
  sniff(head: Uint8Array, fileName: string): "sure" | "guess" | "no";
  decoder(options: DecodeOptions): Decoder;
  /** What is decoded beside the events, and what can be written. */
  readonly readsBeside?: readonly BesideType[];
  readonly writesBeside?: readonly BesideType[];
  encoder?(geometry: Geometry, options: EncodeOptions): Encoder;
}

/** What follows the last dot of a file's name, in small letters. */
export function extensionOf(fileName: string): string {
  return /\.([^./\\]+)$/.exec(fileName)?.[1]?.toLowerCase() ?? "";
}

const typesInOrder: readonly StreamInfo["type"][] = ["events", "frames", "imu", "triggers", "other"];

/** Counts words of a stream beside the events. Streams are numbered by type, whichever of them is seen first. */
export function countBeside(streams: StreamInfo[], type: StreamInfo["type"], words: number): void {
  if (words === 0) return;
  const known = streams.find((stream) => stream.type === type);
  if (known) {
    known.count += words;
    return;
  }
  streams.push({ id: streams.length, type, count: words });
  streams.sort((a, b) => typesInOrder.indexOf(a.type) - typesInOrder.indexOf(b.type));
  streams.forEach((stream, id) => {
    streams[id] = { ...stream, id };
  });
}

/** Damage that a codec met; the decoder that called it knows the byte. Never leaves this room. */
export class Damage extends Error {
  override readonly name = "Damage";
}

/** The problems of one file: equal ones are counted, and after a fatal one nothing more is read. */
export class Problems {
  readonly list: Problem[] = [];
  /** A fatal problem has been seen. */
  over = false;

  note(what: string, firstByte: number): void {
    this.add(what, firstByte, 1, false, false);
  }

  leaveOut(what: string, firstByte: number, count = 1): void {
    this.add(what, firstByte, count, false, true);
  }

  stop(what: string, firstByte: number): void {
    if (!this.over) this.add(what, firstByte, 1, true, false);
    this.over = true;
  }

  private add(what: string, firstByte: number, count: number, fatal: boolean, lost: boolean): void {
    const known = this.list.find((problem) => problem.what === what);
    if (known) known.count += count;
    else this.list.push({ what, firstByte, count, fatal, lost });
  }
}

/** A whole file in memory: for tests, small recordings and scripts. */
export function encodeFile(encoder: Encoder, packets: Iterable<Packet>): Uint8Array {
  const parts = [encoder.start()];
  for (const packet of packets) parts.push(encoder.push(packet));
  parts.push(encoder.end());
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  for (const patch of encoder.patches()) file.set(patch.bytes, patch.offset);
  return file;
}
