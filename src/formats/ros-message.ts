/** The fields of a ROS message. */

import { Damage } from "./format.ts";
import { latin1 } from "./header-lines.ts";

/** A message's fields, one after the other. Throws a Damage where it ends too early. */
export class MessageReader {
  at: number;
  readonly end: number;
  /** In CDR a number's place is a multiple of its size, counted from here. */
  readonly origin: number;
  private readonly source: Uint8Array;
  private readonly isCdr: boolean;

  constructor(bytes: Uint8Array, from: number, to: number, isCdr: boolean) {
    // CDR begins with two bytes of its kind (0 1: plain, little-endian) and two of options.
    if (isCdr && (to - from < 4 || bytes[from] !== 0 || bytes[from + 1] !== 1))
      throw new Damage("message in another kind of CDR, left out");
    this.source = bytes;
    this.origin = isCdr ? from + 4 : from;
    this.at = this.origin;
    this.end = to;
    this.isCdr = isCdr;
  }

  /** The standard header: in ROS 1 a sequence number, then the time and the name of the frame. Answers microseconds. */
  header(): number {
    if (!this.isCdr) this.uint(4);
    const seconds = this.uint(4);
    const timeUs = seconds * 1e6 + Math.floor(this.uint(4) / 1000);
    this.text();
    return timeUs;
  }

  /** An unsigned number of `size` bytes; of eight bytes only the lower 53 bits are right. */
  uint(size: 1 | 2 | 4 | 8): number {
    if (this.isCdr) this.at += (this.origin - this.at) & (size - 1);
    if (this.at + size > this.end) throw new Damage("message that is cut, left out");
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.source[this.at + i]!;
    this.at += size;
    return value;
  }

  uint64(): bigint {
    this.uint(8);
    return BigInt(uint32(this.source, this.at - 4)) * 2n ** 32n + BigInt(uint32(this.source, this.at - 8));
  }

  text(): string {
    const size = this.sized();
    return latin1(this.source, this.at - size, this.at).replace(/\0$/, "");
  }

  /** An array of bytes; lent. */
  bytes(): Uint8Array {
    const size = this.sized();
    return this.source.subarray(this.at - size, this.at);
  }

  /** Three numbers of 64 bits, times `scale`. */
  triple(scale: number): [number, number, number] {
    return [this.double() * scale, this.double() * scale, this.double() * scale];
  }

  skipDoubles(count: number): void {
    for (let i = 0; i < count; i++) this.double();
  }

  private double(): number {
    this.uint(8);
    return new DataView(this.source.buffer, this.source.byteOffset + this.at - 8, 8).getFloat64(0, true);
  }

  /** Goes past an array of bytes; answers how many they are. */
  private sized(): number {
    const size = this.uint(4);
    if (size > this.end - this.at) throw new Damage("message that is cut, left out");
    this.at += size;
    return size;
  }
}

export function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
