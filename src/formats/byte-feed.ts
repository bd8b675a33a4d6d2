/** A file's bytes as a row of records, whatever the pieces they come in. */

/** Hands out whole records; only a record that lies across two pieces is copied. */
export class ByteFeed {
  /** The taken bytes are `bytes[start ...]`, until the next call. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  /** Place in the file of the first byte that has not been taken. */
  offset = 0;
  private chunk: Uint8Array = new Uint8Array(0);
  private at = 0;
  /** Bytes of earlier pieces that are not taken: `held[heldAt ...]`. */
  private held = new Uint8Array(64);
  private heldAt = 0;
  private heldCount = 0;

  /** Lends a piece; the one before it must have been used up. */
  push(bytes: Uint8Array): void {
    this.chunk = bytes;
    this.at = 0;
  }

  /** Forgets what is here: the next piece is of another place in the file. */
  moveTo(offset: number): void {
    this.chunk = new Uint8Array(0);
    this.at = 0;
    this.heldCount = 0;
    this.offset = offset;
  }

  /** How many bytes are here and not taken. */
  get available(): number {
    return this.heldCount + this.chunk.length - this.at;
  }

  /** Takes `count` bytes in a row, or, with fewer here, keeps them and answers false: ask again for as many. */
  take(count: number): boolean {
    const here = this.chunk.length - this.at;
    if (this.heldCount === 0 && here >= count) {
      this.bytes = this.chunk;
      this.start = this.at;
      this.at += count;
      this.offset += count;
      return true;
    }
    if (this.heldCount < count) this.hold(Math.min(count - this.heldCount, here));
    if (this.heldCount < count) return false;
    this.bytes = this.held;
    this.start = this.heldAt;
    this.heldAt += count;
    this.heldCount -= count;
    this.offset += count;
    return true;
  }

  /** Puts back the last `count` of the bytes that were taken last. */
  untake(count: number): void {
    if (this.bytes === this.held) {
      this.heldAt -= count;
      this.heldCount += count;
    } else this.at -= count;
    this.offset -= count;
  }

  /** Takes up to `countMax` whole records of `size` bytes; answers how many, 0 when more bytes are needed. */
  takeRecords(size: number, countMax: number): number {
    const whole = Math.floor((this.chunk.length - this.at) / size);
    const count = this.heldCount > 0 || whole === 0 ? 1 : Math.min(whole, countMax);
    return this.take(count * size) ? count : 0;
  }

  /** Takes up to `countMax` bytes without looking at them; answers how many. */
  skip(countMax: number): number {
    const fromHeld = Math.min(countMax, this.heldCount);
    this.heldAt += fromHeld;
    this.heldCount -= fromHeld;
    const fromChunk = Math.min(countMax - fromHeld, this.chunk.length - this.at);
    this.at += fromChunk;
    this.offset += fromHeld + fromChunk;
    return fromHeld + fromChunk;
  }

  /** Keeps bytes of the piece. The room grows with bytes that came, never with a size that a file claims. */
  private hold(count: number): void {
    const needed = this.heldCount + count;
    const kept = this.held.subarray(this.heldAt, this.heldAt + this.heldCount);
    if (needed > this.held.length) this.held = new Uint8Array(Math.max(needed, this.held.length * 2));
    this.held.set(kept);
    this.heldAt = 0;
    this.held.set(this.chunk.subarray(this.at, this.at + count), this.heldCount);
    this.heldCount = needed;
    this.at += count;
  }
}

/** Bytes that are unpacked into the same place again and again. */
export class Scratch {
  bytes = new Uint8Array(0);

  /** Makes room for `size` bytes and keeps the first `kept`. */
  reserve(size: number, kept: number): void {
    if (size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(size, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, kept));
    this.bytes = grown;
  }
}
