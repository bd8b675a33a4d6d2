/**
 * PNG and animated PNG of indexed pixels, frame by frame.
 *
 * Layout (W3C PNG, third edition, 2025): a signature; chunks of length, type, data and CRC-32. `acTL` tells how many
 * frames there are, so it is patched at the end; the first frame is `IDAT`, the later ones `fdAT`; `fcTL` before each.
 */

import { deflateSync } from "node:zlib";

/** A picture of colour numbers. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  /** A byte a pixel, row by row from the top. */
  readonly pixels: Uint8Array;
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const indexed = 3;
const headChunkBytes = 12 + 13;

/** Writes frames of one size. For each: `frame`; then `end`, and `patches` over what was written. */
export class PngWriter {
  frames = 0;
  private readonly width: number;
  private readonly height: number;
  private readonly scanlines: Uint8Array;
  private sequence = 0;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.scanlines = new Uint8Array((width + 1) * height);
  }

  /** `palette` has red, green and blue of each of up to 256 colours. */
  start(palette: Uint8Array): Uint8Array {
    const size = new Uint8Array(13);
    const view = new DataView(size.buffer);
    view.setUint32(0, this.width);
    view.setUint32(4, this.height);
    size.set([8, indexed, 0, 0, 0], 8);
    return joined([
      Uint8Array.from(signature),
      chunk("IHDR", size),
      this.animation(),
      chunk("PLTE", palette),
    ]);
  }

  /** The bytes of one more frame, which is shown for `shownMs`. */
  frame({ pixels }: Raster, shownMs: number): Uint8Array {
    const { width, height, scanlines } = this;
    for (let y = 0; y < height; y++)
      scanlines.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
    const control = new Uint8Array(26);
    const view = new DataView(control.buffer);
    view.setUint32(0, this.sequence++);
    view.setUint32(4, width);
    view.setUint32(8, height);
    // A fraction of two 16-bit numbers: as fine as the time allows.
    const perSecond = shownMs < 6000 ? 10_000 : 100;
    view.setUint16(20, Math.max(1, Math.min(0xffff, Math.round((shownMs * perSecond) / 1000))));
    view.setUint16(22, perSecond);
    const packed = deflateSync(scanlines);
    const data =
      this.frames === 0 ? chunk("IDAT", packed) : chunk("fdAT", joined([uint32(this.sequence++), packed]));
    this.frames += 1;
    return joined([chunk("fcTL", control), data]);
  }

  end(): Uint8Array {
    return chunk("IEND", new Uint8Array(0));
  }

  /** The number of frames, once it is known. */
  patches(): readonly { offset: number; bytes: Uint8Array }[] {
    return [{ offset: signature.length + headChunkBytes, bytes: this.animation() }];
  }

  private animation(): Uint8Array {
    return chunk("acTL", joined([uint32(Math.max(1, this.frames)), uint32(0)]));
  }
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const named = joined([Uint8Array.from(type, (letter) => letter.charCodeAt(0)), data]);
  return joined([uint32(data.length), named, uint32(crc32(named))]);
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** ISO 3309, as PNG asks for it: the reversed polynomial 0xedb88320. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
