/** Frames as the script on an OpenMV camera sends them: rows of six numbers. */

import { crc32 } from "../../drivers/wire/crc32.ts";

/** An event as `[timeUs, x, y, on]`. */
export type Row = readonly [timeUs: number, x: number, y: number, on: number];

export function rowFrames(session = 5): (rows: readonly Row[]) => Uint8Array {
  let sequence = 0;
  let total = 0;
  return (rows) => {
    const bytes = new Uint8Array(36 + rows.length * 12 + 4);
    const view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode("RXEV"));
    bytes.set([1, 1], 4);
    view.setUint16(6, rows.length, true);
    view.setUint32(8, sequence, true);
    view.setUint32(12, session, true);
    view.setUint32(24, total, true);
    view.setUint16(32, 320, true);
    view.setUint16(34, 320, true);
    for (const [i, [timeUs, x, y, on]] of rows.entries()) {
      const seconds = Math.floor(timeUs / 1e6);
      const row = [on, seconds % 65_536, Math.floor(timeUs / 1000) % 1000, timeUs % 1000, x, y];
      for (const [j, value] of row.entries()) view.setUint16(36 + i * 12 + j * 2, value, true);
    }
    view.setUint32(bytes.length - 4, crc32(bytes, 0, bytes.length - 4), true);
    sequence += 1;
    total += rows.length;
    return bytes;
  };
}
