/**
 * Compressed blocks of Zstandard (RFC 8878, 3.1.1.3): Huffman-coded literals and FSE-coded sequences that copy them.
 *
 * Every read and write is bounded, and no block takes longer than the 128 KiB that it may unpack to: a library that
 * doesn't check (fzstd 0.1) spends minutes on 22 bytes that claim 98,047 matches of 65,539 bytes each.
 */

import { Damage } from "./format.ts";

/** RFC 8878, 3.1.1.2.4: no block unpacks to more. */
export const zstdBlockMax = 1 << 17;

/** What one block leaves to the next ones of its frame. */
export class ZstdFrameState {
  offsets: [number, number, number] = [1, 4, 8];
  huffman: HuffmanTable | undefined;
  literalLengths: FseTable | undefined;
  distances: FseTable | undefined;
  matchLengths: FseTable | undefined;
}

/** By state: the symbol, how many bits choose the next state, and what they are added to. */
interface FseTable {
  readonly accuracy: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly bases: Uint16Array;
}

/** By the next `maxBits` bits: the symbol and how many of them are its own. */
interface HuffmanTable {
  readonly maxBits: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
}

const literals = new Uint8Array(zstdBlockMax);

/**
 * Unpacks the block in `source[from .. to)` to `target` at `at`; answers where it ends, never beyond `limit`. Matches
 * reach back to `oldest`. Throws Damage.
 */
export function decodeZstdBlock(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
  limit: number,
  oldest: number,
  state: ZstdFrameState,
): number {
  const { next, count } = readLiterals(source, from, to, state);
  return copySequences(source, next, to, target, at, limit, oldest, count, state);
}

function damaged(): never {
  throw new Damage("a Zstandard block is damaged");
}

/** 3.1.1.3.1: fills `literals`; answers how many, and where the sequences begin. */
function readLiterals(
  source: Uint8Array,
  from: number,
  to: number,
  state: ZstdFrameState,
): { next: number; count: number } {
  if (from >= to) damaged();
  const head = source[from]!;
  const kind = head & 3;
  const sizeFormat = (head >>> 2) & 3;
  if (kind < 2) {
    const headBytes = sizeFormat === 1 ? 2 : sizeFormat === 3 ? 3 : 1;
    if (to - from < headBytes) damaged();
    const wide = little(source, from, headBytes);
    const count = wide >>> (headBytes === 1 ? 3 : 4);
    const next = from + headBytes;
    const stored = kind === 0 ? count : 1;
    if (count > zstdBlockMax || to - next < stored) damaged();
    if (kind === 0) literals.set(source.subarray(next, next + count));
    else literals.fill(source[next]!, 0, count);
    return { next: next + stored, count };
  }
  const headBytes = sizeFormat < 2 ? 3 : sizeFormat + 2;
  const sizeBits = sizeFormat < 2 ? 10 : sizeFormat * 4 + 6;
  if (to - from < headBytes) damaged();
  const sizes = Math.floor(little(source, from, headBytes) / 16);
  const count = sizes % 2 ** sizeBits;
  const end = from + headBytes + Math.floor(sizes / 2 ** sizeBits);
  if (end > to || count > zstdBlockMax) damaged();
  let next = from + headBytes;
  if (kind === 2) {
    const read = readHuffmanTable(source, next, end);
    state.huffman = read.table;
    next = read.next;
  }
  const { huffman } = state;
  if (!huffman) damaged();
  if (sizeFormat === 0) readHuffmanStream(source, next, end, huffman, 0, count);
  else {
    if (end - next < 6) damaged();
    const part = (count + 3) >>> 2;
    let start = next + 6;
    for (let i = 0; i < 4; i++) {
      const stop = i < 3 ? start + little(source, next + 2 * i, 2) : end;
      if (stop > end || part * i > count) damaged();
      readHuffmanStream(
        source,
        start,
        stop,
        huffman,
        part * i,
        i < 3 ? Math.min(part * (i + 1), count) : count,
      );
      start = stop;
    }
  }
  return { next: end, count };
}

/** 4.2.1: the weights of a Huffman tree, stored or FSE-coded, and the table that they give. */
function readHuffmanTable(
  source: Uint8Array,
  from: number,
  to: number,
): { table: HuffmanTable; next: number } {
  if (from >= to) damaged();
  const head = source[from]!;
  const weights: number[] = [];
  let next = from + 1;
  if (head >= 128) {
    const count = head - 127;
    next += (count + 1) >>> 1;
    if (next > to) damaged();
    for (let i = 0; i < count; i++) {
      const pair = source[from + 1 + (i >>> 1)]!;
      weights.push(i % 2 === 0 ? pair >>> 4 : pair & 15);
    }
  } else {
    next += head;
    if (next > to) damaged();
    readWeights(source, from + 1, next, weights);
  }
  return { table: huffmanTable(weights), next };
}

/** 4.2.1.2: two states take turns until the bits are used up. */
function readWeights(source: Uint8Array, from: number, to: number, weights: number[]): void {
  const { table, next } = readFseTable(source, from, to, 12, 6);
  const bits = new BackwardBits(source, next, to);
  let one = bits.read(table.accuracy);
  let two = bits.read(table.accuracy);
  if (bits.left < 0) damaged();
  for (;;) {
    weights.push(table.symbols[one]!);
    one = table.bases[one]! + bits.read(table.bits[one]!);
    if (bits.left < 0) {
      weights.push(table.symbols[two]!);
      break;
    }
    [one, two] = [two, one];
    if (weights.length > 254) damaged();
  }
}

/** 4.2.1.3: the last weight makes the sum a power of two; entries go by weight, then by symbol. */
function huffmanTable(weights: number[]): HuffmanTable {
  let sum = 0;
  for (const weight of weights) sum += weight > 0 ? 2 ** (weight - 1) : 0;
  if (sum === 0 || sum > 1 << 11) damaged();
  const maxBits = 32 - Math.clz32(sum);
  const rest = (1 << maxBits) - sum;
  if (maxBits > 11 || (rest & (rest - 1)) !== 0) damaged();
  const all = [...weights, 32 - Math.clz32(rest)];
  const symbols = new Uint8Array(1 << maxBits);
  const bits = new Uint8Array(1 << maxBits);
  let at = 0;
  for (let weight = 1; weight <= maxBits; weight++)
    for (let symbol = 0; symbol < all.length; symbol++) {
      if (all[symbol] !== weight) continue;
      const entries = 1 << (weight - 1);
      symbols.fill(symbol, at, at + entries);
      bits.fill(maxBits + 1 - weight, at, at + entries);
      at += entries;
    }
  if (at !== symbols.length) damaged();
  return { maxBits, symbols, bits };
}

/** 4.2.2: symbols to `literals[at .. end)`; the stream must be used up to its last bit. */
function readHuffmanStream(
  source: Uint8Array,
  from: number,
  to: number,
  { maxBits, symbols, bits }: HuffmanTable,
  at: number,
  end: number,
): void {
  const stream = new BackwardBits(source, from, to);
  const mask = (1 << maxBits) - 1;
  const start = from * 8;
  let place = start + stream.left;
  for (let i = at; i < end; i++) {
    const low = place - maxBits;
    let code = 0;
    if (low >= start) {
      const byte = low >>> 3;
      code = ((source[byte]! | (source[byte + 1]! << 8) | (source[byte + 2]! << 16)) >>> (low & 7)) & mask;
    } else {
      // The last symbols may have fewer bits than the longest: what lies before the stream counts as zeros.
      const here = place - start;
      if (here <= 0) damaged();
      const byte = from;
      const head = source[byte]! | (byte + 1 < to ? source[byte + 1]! << 8 : 0);
      code = (head & ((1 << here) - 1)) << (maxBits - here);
    }
    literals[i] = symbols[code]!;
    place -= bits[code]!;
  }
  if (place !== start) damaged();
}

/** Bits from the end of a stream to its start; the highest bit that is set in the last byte marks the end. */
class BackwardBits {
  /** How many bits are left, below 0 when too many were read: those were zeros. */
  left: number;
  private readonly source: Uint8Array;
  private readonly from: number;

  constructor(source: Uint8Array, from: number, to: number) {
    if (to <= from || source[to - 1] === 0) damaged();
    this.source = source;
    this.from = from;
    this.left = (to - from) * 8 - 8 + 31 - Math.clz32(source[to - 1]!);
  }

  /** Up to 24 bits. */
  read(count: number): number {
    if (count === 0) return 0;
    this.left -= count;
    const { left, source } = this;
    if (left < 0)
      return left + count <= 0 ? 0 : (this.word(source, 0) & ((1 << (left + count)) - 1)) << -left;
    return (this.word(source, left) >>> (left & 7)) & ((1 << count) - 1);
  }

  private word(source: Uint8Array, bit: number): number {
    const byte = this.from + (bit >>> 3);
    return source[byte]! | (source[byte + 1]! << 8) | (source[byte + 2]! << 16) | (source[byte + 3]! << 24);
  }
}

/** 4.1.1: the probabilities of an FSE table, and the table. */
function readFseTable(
  source: Uint8Array,
  from: number,
  to: number,
  symbolMax: number,
  accuracyMax: number,
): { table: FseTable; next: number } {
  let bit = from * 8;
  const end = to * 8;
  const peek = (count: number) => {
    const byte = bit >>> 3;
    const word = source[byte]! | (source[byte + 1]! << 8) | (source[byte + 2]! << 16);
    return (word >>> (bit & 7)) & ((1 << count) - 1);
  };
  const accuracy = peek(4) + 5;
  bit += 4;
  if (accuracy > accuracyMax || bit > end) damaged();
  const odds: number[] = [];
  for (let rest = 1 << accuracy; rest > 0; ) {
    if (odds.length > symbolMax) damaged();
    // A value from 0 to rest + 1 takes as few bits as can tell it: the lowest ones one bit less.
    const size = 32 - Math.clz32(rest + 1);
    const short = (1 << size) - 1 - (rest + 1);
    const wide = peek(size);
    const narrow = wide & ((1 << (size - 1)) - 1);
    let value = wide;
    if (narrow < short) {
      value = narrow;
      bit += size - 1;
    } else {
      if (wide >= 1 << (size - 1)) value = wide - short;
      bit += size;
    }
    if (bit > end) damaged();
    odds.push(value - 1);
    rest -= Math.abs(value - 1);
    if (rest < 0) damaged();
    for (let more = value === 1 ? 3 : 0; more === 3; ) {
      more = peek(2);
      bit += 2;
      if (bit > end || odds.length + more > symbolMax + 1) damaged();
      for (let i = 0; i < more; i++) odds.push(0);
    }
  }
  return { table: fseTable(odds, accuracy), next: (bit + 7) >>> 3 };
}

/** 4.1.1, "From normalized distribution to decoding tables". */
function fseTable(odds: readonly number[], accuracy: number): FseTable {
  const size = 1 << accuracy;
  const symbols = new Uint8Array(size);
  const bits = new Uint8Array(size);
  const bases = new Uint16Array(size);
  const seen = odds.map((chance) => Math.max(1, chance));
  let high = size;
  odds.forEach((chance, symbol) => {
    if (chance === -1) symbols[--high] = symbol;
  });
  const step = (size >>> 1) + (size >>> 3) + 3;
  let place = 0;
  odds.forEach((chance, symbol) => {
    for (let i = 0; i < chance; i++) {
      symbols[place] = symbol;
      do place = (place + step) & (size - 1);
      while (place >= high);
    }
  });
  if (place !== 0) damaged();
  for (let state = 0; state < size; state++) {
    const nth = seen[symbols[state]!]!++;
    bits[state] = accuracy - (31 - Math.clz32(nth));
    bases[state] = (nth << bits[state]!) - size;
  }
  return { accuracy, symbols, bits, bases };
}

/** Smallest value of each code and how many bits are added to it (3.1.1.3.2.1.1). */
function codes(start: number, extraBits: readonly number[]): { bases: Uint32Array; bits: Uint8Array } {
  const bases = new Uint32Array(extraBits.length);
  let base = start;
  extraBits.forEach((bits, code) => {
    bases[code] = base;
    base += 1 << bits;
  });
  return { bases, bits: Uint8Array.from(extraBits) };
}

const zeros = (count: number) => new Array<number>(count).fill(0);
const literalCodes = codes(0, [
  ...zeros(16),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  6,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
]);
const matchCodes = codes(3, [
  ...zeros(32),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  4,
  5,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
]);
/** A distance of more than 2^27 leads out of any packet. */
const distanceCodeMax = 27;

/** 3.1.1.3.2.2: the tables of blocks that bring none along. */
const usualLiteralLengths = fseTable(
  [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1,
    -1, -1,
  ],
  6,
);
const usualMatchLengths = fseTable(
  [1, 4, 3, 2, 2, 2, 2, 2, 2, ...new Array<number>(37).fill(1), -1, -1, -1, -1, -1, -1, -1],
  6,
);
const usualDistances = fseTable(
  [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
  5,
);

/** 3.1.1.3.2 and 3.1.1.4: reads the sequences and carries them out. */
function copySequences(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
  limit: number,
  oldest: number,
  literalCount: number,
  state: ZstdFrameState,
): number {
  if (from >= to) damaged();
  let next = from + 1;
  let count = source[from]!;
  if (count > 127) {
    next += count === 255 ? 2 : 1;
    if (next > to) damaged();
    count = count === 255 ? little(source, from + 1, 2) + 0x7f00 : ((count - 128) << 8) | source[from + 1]!;
  }
  let d = at;
  let literal = 0;
  const copyLiterals = (length: number) => {
    if (length > literalCount - literal || length > limit - d) damaged();
    for (const end = literal + length; literal < end; ) target[d++] = literals[literal++]!;
  };
  if (count > 0) {
    if (next >= to) damaged();
    const modes = source[next++]!;
    if ((modes & 3) !== 0) damaged();
    const table = (
      mode: number,
      last: FseTable | undefined,
      usual: FseTable,
      symbolMax: number,
      max: number,
    ) => {
      if (mode === 0) return usual;
      if (mode === 3) return last ?? damaged();
      if (mode === 2) {
        const read = readFseTable(source, next, to, symbolMax, max);
        next = read.next;
        return read.table;
      }
      if (next >= to || source[next]! > symbolMax) damaged();
      const symbols = source.slice(next, next + 1);
      next += 1;
      return { accuracy: 0, symbols, bits: new Uint8Array(1), bases: new Uint16Array(1) };
    };
    const ll = table(modes >>> 6, state.literalLengths, usualLiteralLengths, 35, 9);
    const of = table((modes >>> 4) & 3, state.distances, usualDistances, 31, 8);
    const ml = table((modes >>> 2) & 3, state.matchLengths, usualMatchLengths, 52, 9);
    state.literalLengths = ll;
    state.distances = of;
    state.matchLengths = ml;
    const bits = new BackwardBits(source, next, to);
    let llState = bits.read(ll.accuracy);
    let ofState = bits.read(of.accuracy);
    let mlState = bits.read(ml.accuracy);
    for (let i = 0; i < count; i++) {
      const ofCode = of.symbols[ofState]!;
      const mlCode = ml.symbols[mlState]!;
      const llCode = ll.symbols[llState]!;
      if (ofCode > distanceCodeMax) damaged();
      const high = bits.read(Math.max(0, ofCode - 16));
      const value = 2 ** ofCode + high * 65536 + bits.read(Math.min(16, ofCode));
      const matchLength = matchCodes.bases[mlCode]! + bits.read(matchCodes.bits[mlCode]!);
      const literalLength = literalCodes.bases[llCode]! + bits.read(literalCodes.bits[llCode]!);
      if (i + 1 < count) {
        llState = ll.bases[llState]! + bits.read(ll.bits[llState]!);
        mlState = ml.bases[mlState]! + bits.read(ml.bits[mlState]!);
        ofState = of.bases[ofState]! + bits.read(of.bits[ofState]!);
      }
      if (bits.left < 0) damaged();
      copyLiterals(literalLength);
      const distance = distanceOf(value, literalLength, state.offsets);
      let match = d - distance;
      if (distance <= 0 || match < oldest || matchLength > limit - d) damaged();
      for (const end = d + matchLength; d < end; ) target[d++] = target[match++]!;
    }
    if (bits.left !== 0) damaged();
  } else if (next !== to) damaged();
  copyLiterals(literalCount - literal);
  return d;
}

/** 3.1.1.5: values 1 to 3 repeat one of the last three distances. */
function distanceOf(value: number, literalLength: number, last: [number, number, number]): number {
  const index = value > 3 ? 3 : value - 1 + (literalLength === 0 ? 1 : 0);
  const distance = value > 3 ? value - 3 : index === 3 ? last[0] - 1 : last[index]!;
  if (index > 1) last[2] = last[1];
  if (index > 0) {
    last[1] = last[0];
    last[0] = distance;
  }
  return distance;
}

/** An unsigned number of `count` bytes, least first, up to 2^53. */
function little(source: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + source[at + i]!;
  return value;
}
