/** Zstandard frames: decoded by fzstd behind a check of every header, and written without compressing. */

import { decompress } from "fzstd";
import type { Scratch } from "./byte-feed.ts";
import { Damage } from "./format.ts";

const frameMagic = 0xfd2fb528;
/** RFC 8878, 3.1.1.2.4: no block unpacks to more. */
const blockMax = 1 << 17;
/** Largest window of a frame that doesn't tell its size: what RFC 8878, 3.1.1.1.2 asks every decoder to support. */
const windowMax = 1 << 23;

/**
 * Unpacks the Zstandard frames in `source[from .. to)` to the start of `out`, at most `plainMax` bytes; answers how many.
 * Layout: RFC 8878. fzstd believes a frame's claimed size and doesn't report a short one, so the headers of the
 * frame and of its blocks are walked first: they bound what it may write. Checksums are not compared. Throws Damage.
 */
export function decodeZstdFrames(
  source: Uint8Array,
  from: number,
  to: number,
  out: Scratch,
  plainMax: number,
): number {
  let written = 0;
  for (let at = from; at < to; ) {
    const frame = walkFrame(source, at, to);
    if (frame.plainMax > 0) {
      if (written + frame.plainMax > plainMax) throw new Damage("a Zstandard frame is too large");
      out.reserve(written + frame.plainMax, written);
      const room = out.bytes.subarray(written, written + frame.plainMax);
      written += unpack(source.subarray(at, frame.end), room, frame.contentSize);
    }
    at = frame.end;
  }
  return written;
}

interface Frame {
  /** Where it ends in the source. */
  readonly end: number;
  /** What its blocks can unpack to at most, or the exact size when the header tells it. */
  readonly plainMax: number;
  readonly contentSize: number | undefined;
}

/** RFC 8878, 3.1.1: header and block headers, without unpacking anything. */
function walkFrame(source: Uint8Array, from: number, to: number): Frame {
  let at = from;
  const little = (count: number) => {
    if (to - at < count) throw new Damage("a Zstandard frame is cut");
    let value = 0;
    for (let i = count - 1; i >= 0; i--) value = value * 256 + source[at + i]!;
    at += count;
    return value;
  };
  const magic = little(4);
  if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) {
    const size = little(4);
    if (to - at < size) throw new Damage("a Zstandard frame is cut");
    return { end: at + size, plainMax: 0, contentSize: 0 };
  }
  if (magic !== frameMagic) throw new Damage("not a Zstandard frame");
  const flags = little(1);
  const single = (flags & 32) !== 0;
  if ((flags & 8) !== 0 || (flags & 3) !== 0)
    throw new Damage("a Zstandard header is damaged or needs a dictionary");
  const windowCode = single ? 0 : little(1);
  const sizeBytes = flags >>> 6 === 0 ? (single ? 1 : 0) : 1 << (flags >>> 6);
  const contentSize = sizeBytes === 0 ? undefined : little(sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  const window = 2 ** (10 + (windowCode >>> 3)) * (1 + (windowCode & 7) / 8);
  // fzstd takes this memory before it reads on.
  if (contentSize === undefined && window > windowMax)
    throw new Damage("a Zstandard frame wants too large a window");
  let plainMax = 0;
  for (let last = 0; last === 0; ) {
    const header = little(3);
    last = header & 1;
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    if (type === 3 || size > blockMax) throw new Damage("a Zstandard block is damaged");
    plainMax += type === 2 ? blockMax : size;
    const stored = type === 1 ? 1 : size;
    if (to - at < stored) throw new Damage("a Zstandard frame is cut");
    at += stored;
  }
  if ((flags & 4) !== 0) little(4);
  if (contentSize !== undefined && contentSize > plainMax)
    throw new Damage("a Zstandard frame claims too large a size");
  return { end: at, plainMax: contentSize ?? plainMax, contentSize };
}

function unpack(frame: Uint8Array, room: Uint8Array, contentSize: number | undefined): number {
  try {
    // Without a size in the header fzstd can't tell in a given room how much it wrote, so it makes its own.
    if (contentSize === undefined) {
      const plain = decompress(frame);
      room.set(plain.subarray(0, room.length));
      return Math.min(plain.length, room.length);
    }
    // fzstd doesn't report a frame that ends early: what it left is then zeros, not bytes of an earlier packet.
    decompress(frame, room.fill(0));
    return contentSize;
  } catch (error) {
    throw new Damage("a Zstandard frame is damaged", { cause: error });
  }
}

/** One valid Zstandard frame of stored blocks (RFC 8878, 3.1.1.2.2, Raw_Block): readable by all, smaller by nothing. */
export function encodeZstdFrame(plain: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(plain.length / blockMax));
  const out = new Uint8Array(9 + blocks * 3 + plain.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, frameMagic, true);
  // A single segment whose size follows in four bytes.
  out[4] = 0xa0;
  view.setUint32(5, plain.length, true);
  let at = 9;
  for (let block = 0; block < blocks; block++) {
    const part = plain.subarray(block * blockMax, (block + 1) * blockMax);
    const header = (part.length << 3) | (block === blocks - 1 ? 1 : 0);
    out.set([header & 255, (header >>> 8) & 255, header >>> 16], at);
    out.set(part, at + 3);
    at += 3 + part.length;
  }
  return out;
}
