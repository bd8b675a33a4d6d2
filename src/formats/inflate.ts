/** Deflate, undone within bounds: the compression of zip files (RFC 1951), and their checksum. */

import { Damage } from "./format.ts";

const codeBitsMax = 15;
const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
  227, 258,
];
const lengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const distanceBase = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
  6145, 8193, 12289, 16385, 24577,
];
/** The order in which a block tells the lengths of the codes that tell the lengths of its codes. */
const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const endOfBlock = 256;

/**
 * Unpacks raw deflate to exactly `size` bytes; the room grows with what comes out, so a lying size costs nothing.
 * Throws a Damage.
 */
export function inflate(bytes: Uint8Array, size: number): Uint8Array {
  const state = new Inflater(bytes, size);
  while (!state.block());
  if (state.count !== size) throw new Damage("a compressed member is shorter than it says");
  return state.out.subarray(0, size);
}

/** The checksum that zip files keep of their members. */
export function crc32(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = crcTables;
  const end = bytes.length & ~7;
  let crc = -1;
  // Eight bytes at a time, by tables that look so far ahead ("slicing-by-8"): up to twice as fast.
  for (let i = 0; i < end; i += 8) {
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    crc =
      t7![low & 255]! ^
      t6![(low >>> 8) & 255]! ^
      t5![(low >>> 16) & 255]! ^
      t4![low >>> 24]! ^
      t3![bytes[i + 4]!]! ^
      t2![bytes[i + 5]!]! ^
      t1![bytes[i + 6]!]! ^
      t0![bytes[i + 7]!]!;
  }
  for (let i = end; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  return crc;
});

/** Table k is for a byte that k more bytes follow. */
const crcTables = [crcTable];
for (let k = 1; k < 8; k++)
  crcTables.push(crcTables[k - 1]!.map((crc) => (crc >>> 8) ^ crcTable[crc & 255]!));

class Inflater {
  out: Uint8Array;
  count = 0;
  private readonly bytes: Uint8Array;
  private readonly size: number;
  private at = 0;
  private held = 0;
  private heldBits = 0;

  constructor(bytes: Uint8Array, size: number) {
    this.bytes = bytes;
    this.size = size;
    this.out = new Uint8Array(Math.min(size, 4 * bytes.length + 64));
  }

  /** Unpacks one block; true after the last one. */
  block(): boolean {
    const isLast = this.bits(1) === 1;
    const kind = this.bits(2);
    if (kind === 0) this.stored();
    else if (kind === 1) this.compressed(fixedLiterals, fixedDistances);
    else if (kind === 2) {
      const [literals, distances] = this.tables();
      this.compressed(literals, distances);
    } else throw new Damage("a compressed member is damaged");
    return isLast;
  }

  private bits(count: number): number {
    while (this.heldBits < count) {
      if (this.at === this.bytes.length) throw new Damage("a compressed member is cut");
      this.held |= this.bytes[this.at++]! << this.heldBits;
      this.heldBits += 8;
    }
    const value = this.held & ((1 << count) - 1);
    this.held >>>= count;
    this.heldBits -= count;
    return value;
  }

  private stored(): void {
    // Whole bytes that were looked at ahead of a symbol go back; the rest of the byte at hand is padding.
    this.at -= this.heldBits >>> 3;
    this.held = 0;
    this.heldBits = 0;
    const length = this.bits(16);
    if (this.bits(16) !== (~length & 0xffff) || this.at + length > this.bytes.length)
      throw new Damage("a compressed member is damaged");
    this.reserve(length);
    this.out.set(this.bytes.subarray(this.at, this.at + length), this.count);
    this.at += length;
    this.count += length;
  }

  private compressed(literals: Uint16Array, distances: Uint16Array): void {
    for (;;) {
      const symbol = this.symbol(literals);
      if (symbol < endOfBlock) {
        if (this.count === this.out.length) this.reserve(1);
        this.out[this.count++] = symbol;
      } else if (symbol === endOfBlock) return;
      else this.repeat(symbol - endOfBlock - 1, distances);
    }
  }

  private repeat(symbol: number, distances: Uint16Array): void {
    if (symbol >= lengthBase.length) throw new Damage("a compressed member is damaged");
    const length = lengthBase[symbol]! + this.bits(lengthExtra[symbol]!);
    const far = this.symbol(distances);
    if (far >= distanceBase.length) throw new Damage("a compressed member is damaged");
    const distance = distanceBase[far]! + this.bits(far < 4 ? 0 : (far >> 1) - 1);
    if (distance > this.count) throw new Damage("a compressed member is damaged");
    this.reserve(length);
    const { out } = this;
    for (let to = this.count, end = to + length; to < end; to++) out[to] = out[to - distance]!;
    this.count += length;
  }

  /** The next symbol of a table that is indexed by the next 15 bits. */
  private symbol(table: Uint16Array): number {
    while (this.heldBits < codeBitsMax && this.at < this.bytes.length) {
      this.held |= this.bytes[this.at++]! << this.heldBits;
      this.heldBits += 8;
    }
    const entry = table[this.held & 0x7fff]!;
    const length = entry & 15;
    if (length === 0 || length > this.heldBits) throw new Damage("a compressed member is damaged or cut");
    this.held >>>= length;
    this.heldBits -= length;
    return entry >>> 4;
  }

  private tables(): [literals: Uint16Array, distances: Uint16Array] {
    const literalCount = this.bits(5) + 257;
    const distanceCount = this.bits(5) + 1;
    const told = new Uint8Array(19);
    for (let i = this.bits(4) + 4, k = 0; k < i; k++) told[lengthOrder[k]!] = this.bits(3);
    const table = codeTable(told);
    const lengths = new Uint8Array(literalCount + distanceCount);
    for (let i = 0; i < lengths.length; ) {
      const symbol = this.symbol(table);
      if (symbol < 16) lengths[i++] = symbol;
      else {
        const times = symbol === 16 ? 3 + this.bits(2) : symbol === 17 ? 3 + this.bits(3) : 11 + this.bits(7);
        if (i + times > lengths.length || (symbol === 16 && i === 0))
          throw new Damage("a compressed member is damaged");
        lengths.fill(symbol === 16 ? lengths[i - 1]! : 0, i, i + times);
        i += times;
      }
    }
    return [codeTable(lengths.subarray(0, literalCount)), codeTable(lengths.subarray(literalCount))];
  }

  private reserve(count: number): void {
    const needed = this.count + count;
    if (needed > this.size) throw new Damage("a compressed member is longer than it says");
    if (needed <= this.out.length) return;
    const grown = new Uint8Array(Math.min(this.size, Math.max(needed, 2 * this.out.length)));
    grown.set(this.out.subarray(0, this.count));
    this.out = grown;
  }
}

/** For each 15 bits that may come: `symbol << 4 | length` of the code that they begin with, 0 where none does. */
function codeTable(lengths: Uint8Array): Uint16Array {
  const table = new Uint16Array(1 << codeBitsMax);
  let code = 0;
  for (let length = 1; length <= codeBitsMax; length++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] !== length) continue;
      if (code >>> length !== 0) throw new Damage("a compressed member is damaged");
      for (let index = reversed(code, length); index < table.length; index += 1 << length)
        table[index] = (symbol << 4) | length;
      code += 1;
    }
    code <<= 1;
  }
  return table;
}

function reversed(code: number, length: number): number {
  let out = 0;
  for (let i = 0; i < length; i++) out |= ((code >>> i) & 1) << (length - 1 - i);
  return out;
}

const fixedLiterals = codeTable(
  Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)),
);
const fixedDistances = codeTable(new Uint8Array(30).fill(5));
