/** Where the real data lies that is not part of the project: `REFLEXARC_SHARED`, or `../shared` beside the repository. */

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
export const sharedFolder = resolve(root, process.env.REFLEXARC_SHARED ?? "../shared");

/** A path in the folder. Throws when it isn't there, so that no test passes over nothing. */
export function shared(...path: string[]): string {
  const full = join(sharedFolder, ...path);
  if (!existsSync(full)) throw new Error(`no real data at ${full}: set REFLEXARC_SHARED to its folder`);
  return full;
}

/** What an independent decoder found in one file: coordinates and polarity as they are stored. */
export interface ExpectedDecode {
  readonly events: number;
  readonly t_first: number;
  readonly t_last: number;
  readonly duration_us: number;
  readonly monotone: boolean;
  readonly on: number;
  readonly off: number;
  readonly x_range: readonly [number, number];
  readonly y_range: readonly [number, number];
  readonly first: readonly [t: number, x: number, y: number, p: number];
  readonly last: readonly [t: number, x: number, y: number, p: number];
  readonly sum_x: number;
  readonly sum_y: number;
  readonly sum_t_rel: number;
  readonly sha256_t_i64le: string;
  readonly sha256_x_u16le: string;
  readonly sha256_y_u16le: string;
  readonly sha256_p_u8: string;
}

export interface ExpectedRecording {
  readonly path: string;
  readonly format: string;
  readonly sha256: string;
  readonly geometry: readonly [width: number, height: number] | null;
  readonly decoded?: ExpectedDecode;
  readonly extra?: {
    readonly counts?: Readonly<Record<string, number>>;
    readonly stream_ids?: Readonly<Record<string, string>>;
    readonly imu_words?: number;
  };
}

export function expectedRecordings(): ExpectedRecording[] {
  return JSON.parse(readFileSync(shared("recordings", "expected.json"), "utf8"));
}
