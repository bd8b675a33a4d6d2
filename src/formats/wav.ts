/** WAV files: RIFF, RIFX and RF64, plain and extensible, whatever the header claims about their length. */

import { ReflexarcError } from "../errors.ts";
import { ByteFeed } from "./byte-feed.ts";
import { PcmFrames, type PcmName, type SoundTally } from "./pcm.ts";

/** What the samples of a file are. */
export interface SoundFormat {
  readonly encoding: PcmName;
  readonly rateHz: number;
  readonly channels: number;
}

export interface SoundProblem {
  readonly what: string;
  readonly firstByte: number;
  /** The file ends early: exit code 3 after its good prefix was used. */
  readonly fatal: boolean;
}

export const soundBounds = { rateHzMin: 1000, rateHzMax: 768_000, channelsMax: 64 } as const;

/** Largest header chunk that is looked into; a `fmt ` chunk has 16 to 40 bytes. */
const fmtBytesMax = 1 << 16;
/** What a program writes that doesn't know the length yet, or never will. */
const openSizes = new Set([0, 0xffffffff, 0x7fffffff]);
const tags: Readonly<Record<number, string>> = {
  2: "Microsoft ADPCM",
  17: "IMA ADPCM",
  49: "GSM 6.10",
  80: "MPEG audio",
  85: "MP3",
  255: "AAC",
};
/** The last 14 bytes of the sub-format's GUID in a WAVE_FORMAT_EXTENSIBLE header (mmreg.h), after the format tag. */
const guidTail = "000000001000800000aa00389b71";

/** A decoder of sound: bytes go in as they come, frames come out in columns. */
export interface SoundDecoder {
  /** Undefined until the header was read. */
  readonly format: SoundFormat | undefined;
  readonly tally: SoundTally | undefined;
  readonly problems: readonly SoundProblem[];
  /** Lends the next bytes, until `read` has answered 0. Throws a ReflexarcError when they are no sound that can be read. */
  push(bytes: Uint8Array): void;
  /** Decodes at most `framesMax` frames into the columns, from index `to` on; answers how many. */
  read(columns: readonly (Float32Array | Float64Array)[], to: number, framesMax: number): number;
  /** The last bytes were pushed and read. */
  end(): void;
}

/** Bare samples: a file without a header. */
export class RawSound implements SoundDecoder {
  readonly format: SoundFormat;
  readonly problems: SoundProblem[] = [];
  readonly #feed = new ByteFeed();
  readonly #frames: PcmFrames;

  constructor(format: SoundFormat) {
    this.format = format;
    this.#frames = new PcmFrames(format.encoding, format.channels);
  }

  get tally(): SoundTally {
    return this.#frames.tally;
  }

  push(bytes: Uint8Array): void {
    this.#feed.push(bytes);
  }

  read(columns: readonly (Float32Array | Float64Array)[], to: number, framesMax: number): number {
    return readFrames(this.#feed, this.#frames, columns, to, framesMax);
  }

  end(): void {
    if (this.#feed.available > 0) this.problems.push(partOfFrame(this.#feed.offset));
  }
}

/**
 * A WAV file (Microsoft, "Multimedia Programming Interface and Data Specifications 1.0", 1991; EBU Tech 3306 for RF64). Chunks
 * that are not needed are passed over. A data chunk without a length (0, or all ones), as a pipe or a recorder that lost
 * its power leaves it, goes to the end of the file; one that claims more than there is, is a file that was cut.
 */
export class WavSound implements SoundDecoder {
  format: SoundFormat | undefined;
  readonly problems: SoundProblem[] = [];
  readonly #where: string;
  readonly #feed = new ByteFeed();
  #frames: PcmFrames | undefined;
  #state: "riff" | "chunk" | "fmt" | "ds64" | "skip" | "data" | "after" = "riff";
  #littleEndian = true;
  /** Bytes of the present chunk that have not been taken. */
  #left = 0;
  #padded = false;
  #dataBytes64: number | undefined;
  #openEnded = false;

  constructor(where: string) {
    this.#where = where;
  }

  get tally(): SoundTally | undefined {
    return this.#frames?.tally;
  }

  push(bytes: Uint8Array): void {
    this.#feed.push(bytes);
    while (this.#header());
  }

  read(columns: readonly (Float32Array | Float64Array)[], to: number, framesMax: number): number {
    if (this.#state !== "data" || !this.#frames) {
      while (this.#header());
      return 0;
    }
    const frames = this.#frames;
    const whole = Math.min(framesMax, Math.floor(this.#left / frames.frameBytes));
    const count = whole === 0 ? 0 : readFrames(this.#feed, frames, columns, to, whole);
    this.#left -= count * frames.frameBytes;
    if (this.#left < frames.frameBytes) {
      if (this.#left > 0) this.problems.push(partOfFrame(this.#feed.offset));
      this.#state = "after";
    }
    return count;
  }

  end(): void {
    const { available, offset } = this.#feed;
    if (this.#state === "data") {
      if (!this.#openEnded)
        this.problems.push({
          what: `the file ends ${this.#left} bytes before its data do`,
          firstByte: offset,
          fatal: true,
        });
      if (available > 0) this.problems.push(partOfFrame(offset));
      return;
    }
    if (this.#state === "after") return;
    if (this.#state === "riff") throw this.#refused("it is shorter than a WAV header", "Check the file.");
    throw this.#refused(
      this.format ? "it has no data chunk" : "it ends within its header",
      "Record it again, or copy it again.",
    );
  }

  /** Takes the next part of the header; false when more bytes are needed, or samples come. */
  #header(): boolean {
    const feed = this.#feed;
    switch (this.#state) {
      case "riff":
        if (!feed.take(12)) return false;
        this.#riff();
        this.#state = "chunk";
        return true;
      case "chunk":
        if (!feed.take(8)) return false;
        this.#chunk();
        return true;
      case "fmt":
        if (!feed.take(this.#left)) return false;
        this.#fmt(this.#left);
        this.#passOver(0);
        return true;
      case "ds64":
        if (!feed.take(this.#left)) return false;
        if (this.#left >= 16) this.#dataBytes64 = Number(this.#view(16).getBigUint64(8, true));
        this.#passOver(0);
        return true;
      case "skip": {
        this.#left -= feed.skip(this.#left);
        if (this.#left > 0) return false;
        this.#state = "chunk";
        return true;
      }
      case "data":
        return false;
      case "after":
        feed.skip(feed.available);
        return false;
    }
  }

  #view(length: number): DataView {
    const { bytes, start } = this.#feed;
    return new DataView(bytes.buffer, bytes.byteOffset + start, length);
  }

  #text(at: number): string {
    const { bytes, start } = this.#feed;
    return String.fromCharCode(...bytes.subarray(start + at, start + at + 4));
  }

  #riff(): void {
    const magic = this.#text(0);
    if (!["RIFF", "RIFX", "RF64", "BW64"].includes(magic) || this.#text(8) !== "WAVE")
      throw this.#refused(
        "it doesn't begin as a WAV file does",
        "Give a WAV file; bare samples need `encoding`, `rateHz` and `channels`.",
      );
    this.#littleEndian = magic !== "RIFX";
  }

  #chunk(): void {
    const name = this.#text(0);
    const size = this.#view(8).getUint32(4, this.#littleEndian);
    this.#left = size;
    this.#padded = size % 2 === 1;
    if (name === "data") this.#beginData(size);
    else if (name === "ds64") this.#bounded("ds64", size);
    else if (name === "fmt " && !this.format) this.#bounded("fmt", size);
    else this.#passOver(size);
  }

  #bounded(state: "fmt" | "ds64", size: number): void {
    if (size > fmtBytesMax || (state === "fmt" && size < 14))
      throw this.#refused(
        `its ${state} chunk claims ${size} bytes`,
        "Record it again, or repair its header.",
      );
    this.#state = state;
  }

  #passOver(bytes: number): void {
    this.#left = bytes + (this.#padded ? 1 : 0);
    this.#state = "skip";
  }

  #beginData(size: number): void {
    if (!this.format || !this.#frames)
      throw this.#refused("its data come before their format", "Record it again, or repair its header.");
    this.#openEnded = openSizes.has(size) && this.#dataBytes64 === undefined;
    this.#left = size === 0xffffffff && this.#dataBytes64 !== undefined ? this.#dataBytes64 : size;
    if (this.#openEnded) this.#left = Number.MAX_SAFE_INTEGER;
    this.#state = "data";
  }

  #fmt(size: number): void {
    const view = this.#view(size);
    const u16 = (at: number) => view.getUint16(at, this.#littleEndian);
    let tag = u16(0);
    const channels = u16(2);
    const rateHz = view.getUint32(4, this.#littleEndian);
    const frameBytes = u16(12);
    const bits = size >= 16 ? u16(14) : 8;
    if (tag === 0xfffe) {
      if (size < 40) throw this.#refused("its extensible header is cut short", "Repair its header.");
      const tail = Array.from({ length: 14 }, (_, i) =>
        view
          .getUint8(26 + i)
          .toString(16)
          .padStart(2, "0"),
      );
      if (tail.join("") !== guidTail)
        throw this.#refused("its sub-format is not one of Microsoft's", convert);
      tag = u16(24);
    }
    if (channels === 0 || channels > soundBounds.channelsMax)
      throw this.#refused(`its header says ${channels} channels`, "1 to 64 can be read.");
    if (rateHz < soundBounds.rateHzMin || rateHz > soundBounds.rateHzMax)
      throw this.#refused(`its header says ${rateHz} samples a second`, "1000 to 768000 can be read.");
    // A sample takes whole bytes, and fewer valid bits stand at their upper end: 12 in 16, 20 in 24.
    const encoding = this.#encodingOf(tag, bits);
    this.#frames = new PcmFrames(encoding, channels);
    if (frameBytes !== this.#frames.frameBytes)
      throw this.#refused(
        `its header contradicts itself: ${channels} channels of ${bits} bits in frames of ${frameBytes} bytes`,
        "Repair its header, or read it as bare samples with `encoding`, `rateHz`, `channels` and `skipBytes`.",
      );
    this.format = { encoding, rateHz, channels };
  }

  #encodingOf(tag: number, bits: number): PcmName {
    const order = this.#littleEndian ? "le" : "be";
    const bytes = Math.ceil(bits / 8);
    if (tag === 1 && bytes === 1) return "u8";
    if (tag === 1 && (bytes === 2 || bytes === 3 || bytes === 4))
      return `s${(8 * bytes) as 16 | 24 | 32}${order}`;
    if (tag === 3 && (bits === 32 || bits === 64)) return `f${bits}${order}`;
    if (tag === 6 && bits === 8) return "alaw";
    if (tag === 7 && bits === 8) return "mulaw";
    const name = tags[tag];
    if (name) throw this.#refused(`its samples are compressed (${name})`, convert);
    throw this.#refused(`it holds samples of ${bits} bits in format ${tag}`, convert);
  }

  #refused(what: string, remedy: string): ReflexarcError {
    return new ReflexarcError({ kind: "input", room: "wav", what, where: this.#where, remedy });
  }
}

const convert = "Convert it to PCM, for example with `ffmpeg -i in.wav -c:a pcm_s16le out.wav`.";

function partOfFrame(firstByte: number): SoundProblem {
  return { what: "part of a frame at the end, left out", firstByte, fatal: false };
}

function readFrames(
  feed: ByteFeed,
  frames: PcmFrames,
  columns: readonly (Float32Array | Float64Array)[],
  to: number,
  framesMax: number,
): number {
  const count = feed.takeRecords(frames.frameBytes, framesMax);
  if (count > 0) frames.decode(feed.bytes, feed.start, count, columns, to);
  return count;
}

/** Whether a file's first bytes, 12 or more, are those of a WAV file. */
export function isWav(bytes: Uint8Array): boolean {
  const text = String.fromCharCode(...bytes.subarray(0, 12));
  return /^(RIFF|RIFX|RF64|BW64)[\s\S]{4}WAVE$/.test(text);
}
