/** Writes PNG images for tests, with each filter in turn. */

import { deflateSync } from "node:zlib";
import { crc32 } from "../../drivers/wire/crc32.ts";

export interface PngSetup {
  readonly width: number;
  readonly height: number;
  readonly depth?: number;
  readonly colour?: number;
  readonly interlace?: number;
  readonly palette?: Uint8Array;
  /** Of each line; the first ones by default. */
  readonly filters?: readonly number[];
}

/** `lines` are the packed samples of each line, unfiltered. */
export function pngOf(setup: PngSetup, lines: readonly Uint8Array[]): Uint8Array {
  const { width, height, depth = 8, colour = 0, interlace = 0, palette, filters = [0] } = setup;
  const samples = [1, 0, 3, 1, 2, 0, 4][colour]!;
  const step = Math.max(1, (samples * depth) / 8);
  const filtered = lines.flatMap((line, y) => {
    const filter = filters[y % filters.length]!;
    const of = (bytes: Uint8Array | undefined, i: number) => bytes?.[i] ?? 0;
    const coded = Array.from(line, (value, i) => {
      const [left, up, corner] = [of(line, i - step), of(lines[y - 1], i), of(lines[y - 1], i - step)];
      const nearest = [left, up, corner].reduce((best, one) =>
        Math.abs(left + up - corner - one) < Math.abs(left + up - corner - best) ? one : best,
      );
      return (value - [0, left, up, (left + up) >> 1, nearest][filter]!) & 0xff;
    });
    return [filter, ...coded];
  });
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([depth, colour, 0, 0, interlace], 8);
  const packed = deflateSync(Uint8Array.from(filtered));
  return Uint8Array.from([
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk("IHDR", head),
    ...(palette ? chunk("PLTE", palette) : []),
    ...chunk("IDAT", packed.subarray(0, 10)),
    ...chunk("IDAT", packed.subarray(10)),
    ...chunk("IEND", new Uint8Array(0)),
  ]);
}

function chunk(type: string, data: Uint8Array): number[] {
  const body = Uint8Array.from([...new TextEncoder().encode(type), ...data]);
  const numbers = new DataView(new ArrayBuffer(8));
  numbers.setUint32(0, data.length);
  numbers.setUint32(4, crc32(body));
  const bytes = new Uint8Array(numbers.buffer);
  return [...bytes.subarray(0, 4), ...body, ...bytes.subarray(4)];
}
