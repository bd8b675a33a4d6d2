/** A file's bytes as the words that it is made of, wherever they begin. Needs a little-endian machine. */

/**
 * Sees bytes as 32-bit or 16-bit words; those that don't begin on a word of memory are copied first, which costs less
 * than putting each word together.
 */
export class AlignedWords {
  private scratch = new ArrayBuffer(0);

  /** `count` words from `bytes[start]` on; lent until the next call. */
  int32(bytes: Uint8Array, start: number, count: number): Int32Array {
    const at = bytes.byteOffset + start;
    if ((at & 3) === 0) return new Int32Array(bytes.buffer, at, count);
    this.copy(bytes, start, 4 * count);
    return new Int32Array(this.scratch, 0, count);
  }

  uint16(bytes: Uint8Array, start: number, count: number): Uint16Array {
    const at = bytes.byteOffset + start;
    if ((at & 1) === 0) return new Uint16Array(bytes.buffer, at, count);
    this.copy(bytes, start, 2 * count);
    return new Uint16Array(this.scratch, 0, count);
  }

  private copy(bytes: Uint8Array, start: number, size: number): void {
    if (size > this.scratch.byteLength) this.scratch = new ArrayBuffer((size + 4095) & ~4095);
    new Uint8Array(this.scratch).set(bytes.subarray(start, start + size));
  }
}
