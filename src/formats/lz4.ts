/** LZ4 frames and blocks: a decoder that never writes more than the bytes justify, and a plain greedy encoder. */

import type { Scratch } from "./byte-feed.ts";
import { Damage } from "./format.ts";
import { KernelScratch } from "./kernel.ts";

const frameMagic = 0x184d2204;
/** Copies up to this long are cheaper byte by byte than by a call. */
const shortCopy = 24;

/**
 * Unpacks the LZ4 frames in `source[from .. to)` to the start of `out`, at most `plainMax` bytes; answers how many.
 * Layout: LZ4 Frame Format 1.6.1. Blocks may be linked; skippable frames are skipped. Checksums are not compared: the
 * FlatBuffer that the bytes hold is checked by itself. A kernel unpacks what has moved into its memory. Throws Damage.
 */
export function decodeLz4Frames(
  source: Uint8Array,
  from: number,
  to: number,
  out: Scratch,
  plainMax: number,
): number {
  let at = from;
  let written = 0;
  const need = (count: number) => {
    if (to - at < count) throw new Damage("an LZ4 frame is cut");
  };
  const u32 = () => {
    need(4);
    at += 4;
    return (
      (source[at - 4]! | (source[at - 3]! << 8) | (source[at - 2]! << 16) | (source[at - 1]! << 24)) >>> 0
    );
  };
  while (at < to) {
    const magic = u32();
    if (magic >>> 4 === 0x184d2a5) {
      const size = u32();
      need(size);
      at += size;
      continue;
    }
    if (magic !== frameMagic) throw new Damage("not an LZ4 frame");
    need(3);
    const flags = source[at]!;
    const blockCode = (source[at + 1]! >>> 4) & 7;
    if (flags >>> 6 !== 1 || (flags & 3) !== 0 || blockCode < 4) throw new Damage("an LZ4 header is damaged");
    at += 2;
    if (flags & 8) {
      const size = u32() + u32() * 4294967296;
      // A byte of LZ4 stands for at most 255.
      if (size > plainMax || size > (to - at) * 255) throw new Damage("an LZ4 frame claims too large a size");
    }
    need(1);
    at += 1;
    const independent = (flags & 32) !== 0;
    const blockMax = 1 << (8 + 2 * blockCode);
    const frameStart = written;
    for (;;) {
      const word = u32();
      if (word === 0) break;
      const size = word & 0x7fffffff;
      need(size);
      const roomMax = Math.min(blockMax, word >>> 31 ? size : size * 255);
      const limit = Math.min(written + roomMax, plainMax);
      out.reserve(limit, written);
      if (word >>> 31) {
        if (size > limit - written) throw new Damage("an LZ4 block is larger than its frame allows");
        out.bytes.set(source.subarray(at, at + size), written);
        written += size;
      } else {
        const oldest = independent ? written : frameStart;
        const end =
          out instanceof KernelScratch
            ? out.unpackBlock(at - from, at - from + size, written, limit, oldest)
            : -1;
        written = end >= 0 ? end : decodeLz4Block(source, at, at + size, out.bytes, written, limit, oldest);
      }
      at += size;
      if (flags & 16) u32();
    }
    if (flags & 4) u32();
  }
  return written;
}

/**
 * As `lz4.kernel.ts` does where the block is good. Unpacks one LZ4 block, `source[from .. to)`, to `target` at `at`; answers where it ends, never beyond `limit`.
 * Matches reach back to `oldest`. Layout: LZ4 Block Format. Throws Damage.
 */
export function decodeLz4Block(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
  limit: number,
  oldest: number,
): number {
  let s = from;
  let d = at;
  while (s < to) {
    const token = source[s++]!;
    let count = token >>> 4;
    if (count === 15) {
      let more = 255;
      while (more === 255) {
        if (s >= to) throw new Damage("an LZ4 block is cut");
        more = source[s++]!;
        count += more;
      }
    }
    if (count > to - s || count > limit - d) throw new Damage("an LZ4 block is damaged");
    if (count > shortCopy) {
      target.set(source.subarray(s, s + count), d);
      s += count;
      d += count;
    } else {
      for (const end = s + count; s < end; ) target[d++] = source[s++]!;
    }
    // The last sequence has literals only.
    if (s === to) return d;
    if (to - s < 2) throw new Damage("an LZ4 block is cut");
    const distance = source[s]! | (source[s + 1]! << 8);
    s += 2;
    let match = d - distance;
    if (distance === 0 || match < oldest) throw new Damage("an LZ4 block points before its start");
    count = token & 15;
    if (count === 15) {
      let more = 255;
      while (more === 255) {
        if (s >= to) throw new Damage("an LZ4 block is cut");
        more = source[s++]!;
        count += more;
      }
    }
    count += 4;
    if (count > limit - d) throw new Damage("an LZ4 block is damaged");
    if (count > shortCopy && distance >= count) {
      target.copyWithin(d, match, match + count);
      d += count;
    } else {
      for (const end = d + count; d < end; ) target[d++] = target[match++]!;
    }
  }
  throw new Damage("an LZ4 block is cut");
}

const encodedBlockMax = 1 << 22;

/** One LZ4 frame of independent 4 MiB blocks, without checksums. */
export function encodeLz4Frame(plain: Uint8Array): Uint8Array {
  const blocks = Math.ceil(plain.length / encodedBlockMax);
  const out = new Uint8Array(7 + 4 + blocks * 4 + plain.length);
  // Magic, version 1 with independent blocks, 4 MiB blocks, and the check byte of these two.
  out.set([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73]);
  const view = new DataView(out.buffer);
  let at = 7;
  for (let from = 0; from < plain.length; from += encodedBlockMax) {
    const to = Math.min(from + encodedBlockMax, plain.length);
    const size = encodeLz4Block(plain, from, to, out, at + 4, at + 4 + (to - from));
    if (size > 0) view.setUint32(at, size, true);
    else {
      view.setUint32(at, 0x80000000 + (to - from), true);
      out.set(plain.subarray(from, to), at + 4);
    }
    at += 4 + (size > 0 ? size : to - from);
  }
  return out.subarray(0, at + 4);
}

/** One LZ4 block of `plain[from .. to)` in `out[at .. limit)`; answers its size, or 0 when it isn't smaller. */
function encodeLz4Block(
  plain: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  const places = new Int32Array(1 << 14).fill(-1);
  // LZ4 Block Format, end conditions: the last match starts 12 bytes before the end, the last 5 bytes are literals.
  const matchStartMax = to - 12;
  const matchEndMax = to - 5;
  let d = at;
  let anchor = from;
  const sequence = (literals: number, distance: number, length: number): boolean => {
    if (d + literals + length / 255 + literals / 255 + 8 > limit) return false;
    const rest = length - 4;
    out[d++] = (Math.min(literals, 15) << 4) | (distance > 0 ? Math.min(rest, 15) : 0);
    d = lengthBytes(out, d, literals);
    out.set(plain.subarray(anchor, anchor + literals), d);
    d += literals;
    if (distance === 0) return true;
    out[d++] = distance & 255;
    out[d++] = distance >>> 8;
    d = lengthBytes(out, d, rest);
    return true;
  };
  for (let s = from; s < matchStartMax; ) {
    const four = plain[s]! | (plain[s + 1]! << 8) | (plain[s + 2]! << 16) | (plain[s + 3]! << 24);
    const slot = Math.imul(four, 0x9e3779b1) >>> 18;
    const match = places[slot]!;
    places[slot] = s;
    if (match < 0 || s - match > 65535 || !sameFour(plain, match, s)) {
      s += 1;
      continue;
    }
    let length = 4;
    while (s + length < matchEndMax && plain[match + length] === plain[s + length]) length += 1;
    if (!sequence(s - anchor, s - match, length)) return 0;
    s += length;
    anchor = s;
  }
  return sequence(to - anchor, 0, 4) ? d - at : 0;
}

function sameFour(plain: Uint8Array, a: number, b: number): boolean {
  return (
    plain[a] === plain[b] &&
    plain[a + 1] === plain[b + 1] &&
    plain[a + 2] === plain[b + 2] &&
    plain[a + 3] === plain[b + 3]
  );
}

/** The bytes that follow a token whose four bits don't hold `length`. */
function lengthBytes(out: Uint8Array, at: number, length: number): number {
  let d = at;
  if (length < 15) return d;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) out[d++] = 255;
  out[d++] = rest;
  return d;
}
