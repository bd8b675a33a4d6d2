/** Zstandard frames (RFC 8878): a decoder that never writes more than the bytes justify, and frames that only store. */

import type { Scratch } from "./byte-feed.ts";
import { Damage } from "./format.ts";
import { decodeZstdBlock, ZstdFrameState, zstdBlockMax } from "./zstd-block.ts";

const frameMagic = 0xfd2fb528;

/**
 * Unpacks the frames in `source[from .. to)` to the start of `out`, at most `plainMax` bytes; answers how many. The
 * window's size and the checksum are not used: all that was written is still here, and the FlatBuffer in it is checked
 * by itself. Dictionaries are not supported. Throws Damage.
 */
export function decodeZstdFrames(
  source: Uint8Array,
  from: number,
  to: number,
  out: Scratch,
  plainMax: number,
): number {
  let at = from;
  let written = 0;
  const need = (count: number) => {
    if (to - at < count) throw new Damage("a Zstandard frame is cut");
  };
  const little = (count: number) => {
    need(count);
    let value = 0;
    for (let i = count - 1; i >= 0; i--) value = value * 256 + source[at + i]!;
    at += count;
    return value;
  };
  while (at < to) {
    const magic = little(4);
    if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) {
      const size = little(4);
      need(size);
      at += size;
      continue;
    }
    if (magic !== frameMagic) throw new Damage("not a Zstandard frame");
    const flags = little(1);
    if ((flags & 0b1011) !== 0) throw new Damage("a Zstandard header is damaged or needs a dictionary");
    const single = (flags & 32) !== 0;
    if (!single) little(1);
    const sizeBytes = flags >>> 6 === 0 ? (single ? 1 : 0) : 1 << (flags >>> 6);
    const contentSize = little(sizeBytes) + (sizeBytes === 2 ? 256 : 0);
    if (written + contentSize > plainMax) throw new Damage("a Zstandard frame claims too large a size");
    const frameStart = written;
    const state = new ZstdFrameState();
    for (let last = 0; last === 0; ) {
      const header = little(3);
      last = header & 1;
      const type = (header >>> 1) & 3;
      const size = header >>> 3;
      const stored = type === 1 ? 1 : size;
      need(stored);
      if (type === 3 || size > zstdBlockMax) throw new Damage("a Zstandard block is damaged");
      const limit = Math.min(written + (type === 2 ? zstdBlockMax : size), plainMax);
      if (type !== 2 && size > limit - written) throw new Damage("a Zstandard frame is too large");
      out.reserve(limit, written);
      if (type === 0) out.bytes.set(source.subarray(at, at + size), written);
      if (type === 1) out.bytes.fill(source[at]!, written, written + size);
      written =
        type === 2
          ? decodeZstdBlock(source, at, at + size, out.bytes, written, limit, frameStart, state)
          : written + size;
      at += stored;
    }
    if ((flags & 4) !== 0) little(4);
    if (sizeBytes > 0 && written - frameStart !== contentSize)
      throw new Damage("a Zstandard frame is not of the size that it claims");
  }
  return written;
}

/** One valid Zstandard frame of stored blocks (RFC 8878, 3.1.1.2.2, Raw_Block): readable by all, smaller by nothing. */
export function encodeZstdFrame(plain: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(plain.length / zstdBlockMax));
  const out = new Uint8Array(9 + blocks * 3 + plain.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, frameMagic, true);
  // A single segment whose size follows in four bytes.
  out[4] = 0xa0;
  view.setUint32(5, plain.length, true);
  let at = 9;
  for (let block = 0; block < blocks; block++) {
    const part = plain.subarray(block * zstdBlockMax, (block + 1) * zstdBlockMax);
    const header = (part.length << 3) | (block === blocks - 1 ? 1 : 0);
    out.set([header & 255, (header >>> 8) & 255, header >>> 16], at);
    out.set(part, at + 3);
    at += 3 + part.length;
  }
  return out;
}
