/** The one shape of every recording format: bytes in, events out, never more than the bytes justify. */

import type { Geometry, PixelGeometry } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";

/** A stream that a file holds. Frames, IMU samples and triggers are counted, not decoded, for now. */
export interface StreamInfo {
  readonly id: number;
  readonly type: "events" | "frames" | "imu" | "triggers" | "other";
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
}

export interface DecodeOptions {
  /** Overrides what the file says, and serves where it says nothing. */
  readonly geometry?: PixelGeometry;
  /** AEDAT 2: the chip, when the header doesn't name it. */
  readonly chip?: string;
  /** Which stream of events, when a file holds several. */
  readonly stream?: number;
}

/** Decodes one file. Any cut of the file's bytes into `push` calls gives the same events. */
export interface Decoder {
  /** Known once the header has been read, null when the format has none and no option gave it. */
  readonly geometry: PixelGeometry | null | undefined;
  readonly streams: readonly StreamInfo[];
  readonly problems: readonly Problem[];
  /**
   * Appends the events of these bytes to `into` (file order, times as in the file, wraps undone); keeps what is left of
   * a record for the next call. A byte view handed in is not kept. Does nothing after a fatal problem.
   */
  push(bytes: Uint8Array, into: Packet): void;
  /** No more bytes: a record that is cut becomes a fatal problem. */
  end(into: Packet): void;
}

export interface Encoder {
  /** The file's first bytes. */
  start(): Uint8Array;
  /** Bytes of these events; what the format can't hold is counted, never silently dropped. */
  push(packet: Packet): Uint8Array;
  /** The file's last bytes. */
  end(): Uint8Array;
  readonly leftOut: readonly Problem[];
}

export interface EncodeOptions {
  readonly compression?: "none" | "lz4" | "lz4_high" | "zstd" | "zstd_high";
  readonly chip?: string;
}

export interface Format {
  /** Kebab-case, the name of its file. */
  readonly name: string;
  readonly about: string;
  readonly extensions: readonly string[];
  /** How sure the first bytes (up to 64 KiB) make us: `sure` by a signature, `guess` by plausibility, or `no`. */
  sniff(head: Uint8Array, fileName: string): "sure" | "guess" | "no";
  decoder(options: DecodeOptions): Decoder;
  encoder?(geometry: Geometry, options: EncodeOptions): Encoder;
}
