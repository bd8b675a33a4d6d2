/** PNG images as gray: all colour types and depths of 8 and 16 bits, gray and palettes from 1 bit on; not interlaced. */

import { inflateSync } from "node:zlib";
import { Damage } from "../../src/formats/format.ts";
import { frameSideMax, type GrayFrame } from "./frames.ts";

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Samples of a pixel by colour type: gray, -, RGB, palette, gray with alpha, -, RGB with alpha. */
const samplesOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

export function isPng(bytes: Uint8Array): boolean {
  return signature.every((byte, i) => bytes[i] === byte);
}

/**
 * Decodes a PNG (W3C PNG, third edition); colours become gray by ITU-R BT.601, transparency is ignored. Unpacks no more
 * than the header's size justifies. Throws a Damage.
 */
export function readPng(bytes: Uint8Array): GrayFrame {
  if (!isPng(bytes)) throw new Damage("not a PNG image");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const packed: Uint8Array[] = [];
  let head: Head | undefined;
  let palette = new Uint8Array(0);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (at + 12 + length > bytes.length) throw new Damage("the PNG image is cut");
    const data = bytes.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") head = readHead(data);
    else if (type === "PLTE") palette = Uint8Array.from(data);
    else if (type === "IDAT") packed.push(data);
    else if (type === "IEND") break;
    at += 12 + length;
  }
  if (!head) throw new Damage("the PNG image has no header");
  return {
    width: head.width,
    height: head.height,
    pixels: toGray(unfilter(head, inflate(head, packed)), head, palette),
  };
}

interface Head {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly samples: number;
  readonly lineBytes: number;
}

function readHead(data: Uint8Array): Head {
  if (data.length !== 13) throw new Damage("the PNG image's header is damaged");
  const view = new DataView(data.buffer, data.byteOffset, 13);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colour, compression, filter, interlace] = data.subarray(8) as unknown as number[];
  const samples = samplesOf[colour!];
  const depths = colour === 0 ? [1, 2, 4, 8, 16] : colour === 3 ? [1, 2, 4, 8] : [8, 16];
  if (width < 1 || height < 1 || width > frameSideMax || height > frameSideMax)
    throw new Damage(`a PNG image of ${width}x${height} is out of bounds`);
  if (samples === undefined || !depths.includes(depth!) || compression !== 0 || filter !== 0)
    throw new Damage("the PNG image is of a kind that does not exist");
  if (interlace !== 0) throw new Damage("an interlaced PNG image can't be read");
  const lineBytes = Math.ceil((width * samples * depth!) / 8);
  return { width, height, depth: depth!, colour: colour!, samples, lineBytes };
}

function inflate({ lineBytes, height }: Head, packed: readonly Uint8Array[]): Uint8Array {
  const wanted = (lineBytes + 1) * height;
  try {
    const plain = inflateSync(Buffer.concat(packed), { maxOutputLength: wanted });
    if (plain.length === wanted) return plain;
  } catch {
    // Told below: what zlib says of it helps nobody.
  }
  throw new Damage("the PNG image's data is damaged");
}

/** Undoes the filter of each line in place; a line begins with its filter's number. */
function unfilter({ lineBytes, height, samples, depth }: Head, plain: Uint8Array): Uint8Array {
  const step = Math.max(1, (samples * depth) / 8);
  for (let y = 0; y < height; y++) {
    const at = y * (lineBytes + 1) + 1;
    const filter = plain[at - 1]!;
    if (filter > 4) throw new Damage("the PNG image's data is damaged");
    for (let i = 0; i < lineBytes; i++) {
      const left = i >= step ? plain[at + i - step]! : 0;
      const up = y > 0 ? plain[at + i - lineBytes - 1]! : 0;
      const corner = i >= step && y > 0 ? plain[at + i - lineBytes - 1 - step]! : 0;
      const guess =
        filter === 1
          ? left
          : filter === 2
            ? up
            : filter === 3
              ? (left + up) >> 1
              : filter === 4
                ? paeth(left, up, corner)
                : 0;
      plain[at + i] = plain[at + i]! + guess;
    }
  }
  return plain;
}

function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

function toGray(plain: Uint8Array, head: Head, palette: Uint8Array): Uint8Array {
  const { width, height, depth, colour, samples, lineBytes } = head;
  const gray = new Uint8Array(width * height);
  const bytesOfSample = depth === 16 ? 2 : 1;
  for (let y = 0; y < height; y++) {
    const line = y * (lineBytes + 1) + 1;
    for (let x = 0; x < width; x++) {
      let value: number;
      if (colour === 0 || colour === 3) {
        const bit = x * depth;
        const raw =
          depth >= 8
            ? plain[line + x * bytesOfSample]!
            : (plain[line + (bit >> 3)]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
        value = colour === 0 ? (depth < 8 ? (raw * 255) / ((1 << depth) - 1) : raw) : luma(palette, raw * 3);
      } else {
        const at = line + x * samples * bytesOfSample;
        value = samples < 3 ? plain[at]! : luma(plain, at, bytesOfSample);
      }
      gray[y * width + x] = Math.round(value);
    }
  }
  return gray;
}

function luma(bytes: Uint8Array, at: number, step = 1): number {
  if (at + 2 * step >= bytes.length + 1) throw new Damage("the PNG image's palette is too short");
  return 0.299 * bytes[at]! + 0.587 * bytes[at + step]! + 0.114 * (bytes[at + 2 * step] ?? 0);
}
