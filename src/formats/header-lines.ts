/** The lines of text that many recordings begin with, taken off a file's bytes until its data begins. */

import type { ByteFeed } from "./byte-feed.ts";

const lineFeed = 0x0a;
/** A longer line is no text. */
const lineBytesMax = 1 << 16;
/** Real headers hold up to 304 kB. */
const headerBytesMax = 1 << 24;

/** Reads lines that begin alike, however the bytes are cut. */
export class HeaderLines {
  /** How many lines there are; 0 in a file without a header. */
  count = 0;
  /** Nothing more of it will come: the next byte is data. */
  done = false;
  private readonly begin: string;
  private readonly takeLine: (line: string) => boolean;
  /** Bytes of the next line that have been looked at. */
  private lineBytes = 0;

  /** `takeLine` gets each line without its end, and answers true after the last one. */
  constructor(begin: string, takeLine: (line: string) => boolean) {
    this.begin = begin;
    this.takeLine = takeLine;
  }

  /** The file ended: true when it did so inside a line. */
  get cut(): boolean {
    return !this.done && this.lineBytes > 0;
  }

  /** Takes lines off the feed; false when more bytes are needed. */
  read(feed: ByteFeed): boolean {
    while (!this.done && feed.take(this.lineBytes + 1)) {
      const at = this.lineBytes;
      const byte = feed.bytes[feed.start + at]!;
      if (!this.isText(byte, at) || at >= lineBytesMax || feed.offset > headerBytesMax) {
        feed.untake(at + 1);
        this.done = true;
      } else if (byte === lineFeed) {
        this.lineBytes = 0;
        this.count += 1;
        this.done = this.takeLine(latin1(feed.bytes, feed.start, feed.start + at).trimEnd());
      } else {
        this.lineBytes += 1;
        feed.untake(this.lineBytes);
      }
    }
    return this.done;
  }

  /** Data may begin like a line, but then soon holds a control character. */
  private isText(byte: number, at: number): boolean {
    if (at < this.begin.length) return byte === this.begin.charCodeAt(at);
    return byte >= 0x20 || (byte >= 9 && byte <= 13);
  }
}

export function latin1(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < Math.min(to, bytes.length); i++) text += String.fromCharCode(bytes[i]!);
  return text;
}
