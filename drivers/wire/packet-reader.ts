/** Finds packets in a stream of bytes: whatever is lost or added, the next whole packet is found again. */

/** What lies at the start of some bytes. */
export type Found<Packet> =
  /** A packet of so many bytes. */
  | { readonly packet: Packet; readonly bytes: number }
  /** Nothing that can become one: the first byte is garbage. */
  | "garbage"
  /** The beginning of one, maybe. */
  | "unfinished";

/**
 * `find` looks at the start of the bytes it is given, never beyond them, and says "unfinished" for fewer than `bytesMax`
 * bytes only. Garbage is skipped byte by byte, so that a packet behind a broken one is not lost with it.
 */
export class PacketReader<Packet> {
  readonly #find: (bytes: Uint8Array) => Found<Packet>;
  readonly #kept: Uint8Array;
  #length = 0;
  /** Bytes that belonged to no packet. */
  skipped = 0;

  constructor(bytesMax: number, find: (bytes: Uint8Array) => Found<Packet>) {
    this.#find = find;
    this.#kept = new Uint8Array(bytesMax);
  }

  /** Forgets what has begun. */
  reset(): void {
    this.skipped += this.#length;
    this.#length = 0;
  }

  push(bytes: Uint8Array): Packet[] {
    const packets: Packet[] = [];
    for (let taken = 0; taken < bytes.length; ) {
      const room = Math.min(this.#kept.length - this.#length, bytes.length - taken);
      this.#kept.set(bytes.subarray(taken, taken + room), this.#length);
      this.#length += room;
      taken += room;
      this.#read(packets);
    }
    return packets;
  }

  #read(packets: Packet[]): void {
    let at = 0;
    while (at < this.#length) {
      const found = this.#find(this.#kept.subarray(at, this.#length));
      if (found === "unfinished" && (at > 0 || this.#length < this.#kept.length)) break;
      if (typeof found === "object") {
        packets.push(found.packet);
        at += found.bytes;
      } else {
        at += 1;
        this.skipped += 1;
      }
    }
    this.#kept.copyWithin(0, at, this.#length);
    this.#length -= at;
  }
}
