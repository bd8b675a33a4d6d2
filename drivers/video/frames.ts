/** Gray images, one after the other: a stream of PGM, or bare bytes of a known size. */

import { Damage } from "../../src/formats/format.ts";

/** An image of 8 bits a pixel, lent until the next one is asked for. */
export interface GrayFrame {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
  /** When it was taken, microseconds, where its source tells. */
  readonly timeUs?: number;
}

/** Widest and highest image. */
export const frameSideMax = 4096;
const headBytesMax = 1024;

/**
 * Images out of pieces of bytes, in any cut. With a size the bytes are bare gray frames of it; without, binary PGM images
 * (netpbm `P5`: width, height, maxval up to 65535, 2 bytes big-endian above 255). Throws a Damage at what is neither.
 */
export async function* grayFrames(
  pieces: AsyncIterable<Uint8Array>,
  size?: { width: number; height: number },
): AsyncGenerator<GrayFrame, void, undefined> {
  let held = new Uint8Array(1 << 16);
  let count = 0;
  let gray = new Uint8Array(0);
  for await (const piece of pieces) {
    if (count + piece.length > held.length) {
      const grown = new Uint8Array(Math.max(count + piece.length, 2 * held.length));
      grown.set(held.subarray(0, count));
      held = grown;
    }
    held.set(piece, count);
    count += piece.length;
    let at = 0;
    for (;;) {
      const head = size ? { ...size, maxval: 255, bytes: 0 } : pgmHead(held.subarray(at, count));
      if (!head) break;
      const { width, height, maxval, bytes } = head;
      const depth = maxval > 255 ? 2 : 1;
      const whole = bytes + width * height * depth;
      if (count - at < whole) break;
      if (gray.length !== width * height) gray = new Uint8Array(width * height);
      scale(held.subarray(at + bytes, at + whole), gray, maxval);
      at += whole;
      yield { width, height, pixels: gray };
    }
    held.copyWithin(0, at, count);
    count -= at;
  }
  if (count > 0) throw new Damage("the video ends inside a frame");
}

/** The first image in some bytes that are all there. Throws a Damage. */
export async function oneGrayFrame(bytes: Uint8Array): Promise<GrayFrame> {
  for await (const frame of grayFrames([bytes] as never)) return frame;
  throw new Damage("the image is cut");
}

/** Undefined while it isn't all here. */
function pgmHead(
  bytes: Uint8Array,
): { width: number; height: number; maxval: number; bytes: number } | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, headBytesMax));
  if (!"P5".startsWith(text.slice(0, 2))) throw new Damage("not a PGM image (P5)");
  const match =
    /^P5(?:\s+|\s*#[^\n]*\n\s*)+(\d+)(?:\s+|\s*#[^\n]*\n\s*)+(\d+)(?:\s+|\s*#[^\n]*\n\s*)+(\d+)\s/.exec(text);
  if (!match) {
    if (bytes.length >= headBytesMax) throw new Damage("not a PGM image (P5)");
    return undefined;
  }
  const [width, height, maxval] = match.slice(1).map(Number) as [number, number, number];
  if (
    width < 1 ||
    height < 1 ||
    width > frameSideMax ||
    height > frameSideMax ||
    maxval < 1 ||
    maxval > 65_535
  )
    throw new Damage(`a PGM image of ${width}x${height}, maxval ${maxval}, is out of bounds`);
  return { width, height, maxval, bytes: match[0].length };
}

function scale(from: Uint8Array, to: Uint8Array, maxval: number): void {
  if (maxval === 255) to.set(from);
  else if (maxval < 255)
    for (let i = 0; i < to.length; i++) to[i] = Math.min(255, Math.round((from[i]! * 255) / maxval));
  else
    for (let i = 0; i < to.length; i++)
      to[i] = Math.min(255, Math.round(((from[2 * i]! * 256 + from[2 * i + 1]!) * 255) / maxval));
}
