/** bzip2, undone within bounds: the compression of some ROS bags. */

import type { Scratch } from "./byte-feed.ts";
import { Damage } from "./format.ts";

const blockMark = 0x314159265359;
const endMark = 0x177245385090;
const codeBitsMax = 20;
/** Symbols that share a table, one group after the other. */
const groupSymbols = 50;

/**
 * Unpacks the bzip2 streams in `source[from .. to)` to the start of `out`, at most `plainMax` bytes; answers how many.
 * Layout: bzip2 1.0 (Seward), as in the "bzip2 format specification" of J. Tsai. Each block's checksum is compared.
 * Throws Damage.
 */
export function decodeBzip2(
  source: Uint8Array,
  from: number,
  to: number,
  out: Scratch,
  plainMax: number,
): number {
  const bits = new Bits(source, from, to);
  let written = 0;
  while (!bits.isAtEnd) {
    const level = bits.take(24) === 0x425a68 ? bits.take(8) - 0x30 : 0;
    if (level < 1 || level > 9) throw new Damage("not bzip2");
    const links = new Uint32Array(level * 100_000);
    for (;;) {
      const mark = bits.take(24) * 0x1000000 + bits.take(24);
      const checksum = bits.take32();
      if (mark === endMark) break;
      if (mark !== blockMark) throw new Damage("a bzip2 block is damaged");
      const start = written;
      written = decodeBlock(bits, links, out, start, plainMax);
      if (checksumOf(out.bytes, start, written) !== checksum)
        throw new Damage("a bzip2 block's checksum is wrong");
    }
    bits.toByte();
  }
  return written;
}

/** The most significant bit of a byte comes first. */
class Bits {
  private readonly source: Uint8Array;
  private readonly to: number;
  private at: number;
  private held = 0;
  private heldBits = 0;

  constructor(source: Uint8Array, from: number, to: number) {
    this.source = source;
    this.at = from;
    this.to = to;
  }

  get isAtEnd(): boolean {
    return this.at >= this.to;
  }

  /** Up to 24 bits. */
  take(count: number): number {
    while (this.heldBits < count) {
      if (this.at >= this.to) throw new Damage("bzip2 data are cut");
      this.held = ((this.held << 8) | this.source[this.at++]!) & 0x7fffffff;
      this.heldBits += 8;
    }
    this.heldBits -= count;
    return (this.held >>> this.heldBits) & ((1 << count) - 1);
  }

  take32(): number {
    return this.take(16) * 0x10000 + this.take(16);
  }

  toByte(): void {
    this.heldBits = 0;
  }
}

function decodeBlock(bits: Bits, links: Uint32Array, out: Scratch, start: number, plainMax: number): number {
  if (bits.take(1) === 1) throw new Damage("bzip2 of before version 0.9.5");
  const first = bits.take(24);
  const used = usedBytes(bits);
  const tables = tablesOf(bits, used.length + 2);
  const count = decodeSymbols(bits, used, tables, links);
  if (first >= count) throw new Damage("a bzip2 block is damaged");
  sortBack(links, count);
  return decodeRuns(links, count, first, out, start, plainMax);
}

/** Which bytes occur: 16 bits for 16 bits each. */
function usedBytes(bits: Bits): Uint8Array {
  const rows = bits.take(16);
  const used: number[] = [];
  for (let row = 0; row < 16; row++) {
    if ((rows & (0x8000 >>> row)) === 0) continue;
    const columns = bits.take(16);
    for (let column = 0; column < 16; column++)
      if (columns & (0x8000 >>> column)) used.push(row * 16 + column);
  }
  if (used.length === 0) throw new Damage("a bzip2 block is damaged");
  return Uint8Array.from(used);
}

/** A canonical Huffman code: of each length, the first code and where its symbols begin. */
interface Table {
  readonly firstCode: Int32Array;
  readonly firstPlace: Int32Array;
  readonly counts: Int32Array;
  readonly symbols: Uint16Array;
}

interface Tables {
  readonly tables: readonly Table[];
  /** Which table each group of symbols has. */
  readonly selectors: Uint8Array;
}

function tablesOf(bits: Bits, symbols: number): Tables {
  const count = bits.take(3);
  const groups = bits.take(15);
  if (count < 2 || count > 6 || groups < 1) throw new Damage("a bzip2 block is damaged");
  const order = [0, 1, 2, 3, 4, 5].slice(0, count);
  const selectors = Uint8Array.from({ length: groups }, () => {
    let place = 0;
    while (bits.take(1) === 1) place += 1;
    if (place >= count) throw new Damage("a bzip2 block is damaged");
    const [table] = order.splice(place, 1);
    order.unshift(table!);
    return table!;
  });
  const tables = Array.from({ length: count }, () => {
    let length = bits.take(5);
    const lengths = Uint8Array.from({ length: symbols }, () => {
      while (bits.take(1) === 1) length += bits.take(1) === 1 ? -1 : 1;
      if (length < 1 || length > codeBitsMax) throw new Damage("a bzip2 code is damaged");
      return length;
    });
    return tableOf(lengths);
  });
  return { tables, selectors };
}

function tableOf(lengths: Uint8Array): Table {
  const counts = new Int32Array(codeBitsMax + 1);
  for (const length of lengths) counts[length]! += 1;
  const firstCode = new Int32Array(codeBitsMax + 1);
  const firstPlace = new Int32Array(codeBitsMax + 1);
  for (let length = 1, code = 0, place = 0; length <= codeBitsMax; length++) {
    firstCode[length] = code;
    firstPlace[length] = place;
    place += counts[length]!;
    code = (code + counts[length]!) << 1;
  }
  const next = firstPlace.slice();
  const symbols = new Uint16Array(lengths.length);
  for (const [symbol, length] of lengths.entries()) symbols[next[length]!++] = symbol;
  return { firstCode, firstPlace, counts, symbols };
}

/** Huffman codes, runs of the front byte, and moves to the front; answers how many bytes are in `links`. */
function decodeSymbols(
  bits: Bits,
  used: Uint8Array,
  { tables, selectors }: Tables,
  links: Uint32Array,
): number {
  const order = used.slice();
  const endSymbol = used.length + 1;
  let count = 0;
  let run = 0;
  let runStep = 1;
  for (let i = 0; ; i++) {
    const group = Math.floor(i / groupSymbols);
    if (group >= selectors.length) throw new Damage("a bzip2 block has no end");
    const symbol = symbolOf(bits, tables[selectors[group]!]!);
    if (symbol <= 1) {
      // Digits 1 and 2 of a number to the base of 2, the lowest first.
      run += runStep << symbol;
      runStep <<= 1;
      if (run > links.length) throw new Damage("a bzip2 block is too large");
      continue;
    }
    if (run > links.length - count) throw new Damage("a bzip2 block is too large");
    links.fill(order[0]!, count, count + run);
    count += run;
    run = 0;
    runStep = 1;
    if (symbol === endSymbol) return count;
    if (count === links.length) throw new Damage("a bzip2 block is too large");
    const place = symbol - 1;
    const byte = order[place]!;
    order.copyWithin(1, 0, place);
    order[0] = byte;
    links[count++] = byte;
  }
}

function symbolOf(bits: Bits, { firstCode, firstPlace, counts, symbols }: Table): number {
  let code = 0;
  for (let length = 1; length <= codeBitsMax; length++) {
    code = (code << 1) | bits.take(1);
    const place = code - firstCode[length]!;
    if (place >= 0 && place < counts[length]!) return symbols[firstPlace[length]! + place]!;
  }
  throw new Damage("a bzip2 code is damaged");
}

/** Undoes the Burrows-Wheeler transform: above the byte of each link, the place of the one that follows. */
function sortBack(links: Uint32Array, count: number): void {
  const next = new Int32Array(256);
  for (let i = 0; i < count; i++) next[links[i]! & 255]! += 1;
  for (let byte = 0, place = 0; byte < 256; byte++) {
    const size = next[byte]!;
    next[byte] = place;
    place += size;
  }
  for (let i = 0; i < count; i++) {
    const place = next[links[i]! & 255]!++;
    links[place] = (links[place]! & 255) | (i << 8);
  }
}

/** Four equal bytes in a row are followed by how many more there are. */
function decodeRuns(
  links: Uint32Array,
  count: number,
  first: number,
  out: Scratch,
  start: number,
  plainMax: number,
): number {
  let written = start;
  let place = links[first]! >>> 8;
  let same = 0;
  let last = -1;
  for (let i = 0; i < count; i++) {
    const link = links[place]!;
    place = link >>> 8;
    const byte = link & 255;
    const size = same === 4 ? byte : 1;
    if (size > plainMax - written) throw new Damage("bzip2 data are larger than they claim");
    if (written + size > out.bytes.length)
      out.reserve(Math.min(plainMax, Math.max(2 * written, written + 65_536)), written);
    if (same === 4) {
      out.bytes.fill(last, written, written + size);
      same = 0;
    } else {
      out.bytes[written] = byte;
      same = byte === last ? same + 1 : 1;
      last = byte;
    }
    written += size;
  }
  return written;
}

/** CRC-32 with the most significant bit first. */
function checksumOf(bytes: Uint8Array, from: number, to: number): number {
  let crc = -1;
  for (let i = from; i < to; i++) crc = (crc << 8) ^ crcTable[((crc >>> 24) ^ bytes[i]!) & 255]!;
  return ~crc >>> 0;
}

const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
  return crc;
});
