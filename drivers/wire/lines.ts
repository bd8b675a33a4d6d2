/** Lines of text in a stream of bytes. */

/** Longest line that is kept; a longer one is dropped whole. */
const lineBytesMax = 256;

/** Reads lines that end in CR, LF or both, in any cut. What can't be printed is left out, for lines go to a terminal. */
export class LineReader {
  #line = "";
  #tooLong = false;

  push(bytes: Uint8Array): string[] {
    const lines: string[] = [];
    for (const byte of bytes) {
      if (byte === 0x0a || byte === 0x0d) {
        if (this.#line !== "" && !this.#tooLong) lines.push(this.#line);
        this.#line = "";
        this.#tooLong = false;
      } else if (this.#line.length >= lineBytesMax) this.#tooLong = true;
      else if (byte >= 0x20 && byte < 0x7f) this.#line += String.fromCharCode(byte);
    }
    return lines;
  }

  /** Forgets what has begun. */
  reset(): void {
    this.#line = "";
    this.#tooLong = false;
  }
}

const encoder = new TextEncoder();

export const textBytes = (text: string): Uint8Array => encoder.encode(text);
