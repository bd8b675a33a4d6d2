/** Reads the PNGs that we write: every chunk's checksum, every frame's pixels. */

import { crc32, inflateSync } from "node:zlib";

export interface ReadPng {
  readonly width: number;
  readonly height: number;
  readonly palette: Uint8Array;
  /** Colour numbers of each frame, row by row. */
  readonly frames: Uint8Array[];
  readonly shownMs: number[];
}

/** Throws where the file is not as the standard has it. */
export function readPng(bytes: Uint8Array): ReadPng {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (Buffer.from(bytes.subarray(0, 8)).toString("latin1") !== "\x89PNG\r\n\x1a\n") throw new Error("no PNG");
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  let palette = new Uint8Array(0);
  let told = 0;
  let sequence = 0;
  const frames: Uint8Array[] = [];
  const shownMs: number[] = [];
  const types: string[] = [];
  for (let at = 8; at < bytes.length; ) {
    const length = view.getUint32(at);
    const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString("latin1");
    const data = bytes.subarray(at + 8, at + 8 + length);
    if (view.getUint32(at + 8 + length) !== crc32(bytes.subarray(at + 4, at + 8 + length)))
      throw new Error(`${type}: wrong checksum`);
    const inData = (byte: number) => view.getUint32(at + 8 + byte);
    if (type === "acTL") told = inData(0);
    if (type === "PLTE") palette = Uint8Array.from(data);
    if ((type === "fcTL" || type === "fdAT") && inData(0) !== sequence++) throw new Error("wrong sequence");
    if (type === "fcTL") shownMs.push((1000 * view.getUint16(at + 28)) / view.getUint16(at + 30));
    if (type === "IDAT") frames.push(unpack(data, width, height));
    if (type === "fdAT") frames.push(unpack(data.subarray(4), width, height));
    types.push(type);
    at += 12 + length;
  }
  if (types[0] !== "IHDR" || types.at(-1) !== "IEND" || told !== frames.length || told !== shownMs.length)
    throw new Error(`${told} frames told, ${frames.length} there: ${types.join(" ")}`);
  return { width, height, palette, frames, shownMs };
}

function unpack(data: Uint8Array, width: number, height: number): Uint8Array {
  const lines = inflateSync(data);
  if (lines.length !== (width + 1) * height) throw new Error("a frame of another size");
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    if (lines[y * (width + 1)] !== 0) throw new Error("a filtered line");
    pixels.set(lines.subarray(y * (width + 1) + 1, (y + 1) * (width + 1)), y * width);
  }
  return pixels;
}
