/** The script that makes the bundled recordings, as tests see it. */

import type { MovingSource } from "../../drivers/synthetic/sound.ts";
import type { PumpLoad } from "../../drivers/synthetic/telemetry.ts";
import type { SpokenDigits } from "../../drivers/synthetic/voice.ts";
import { syntheticOptions } from "../../drivers/synthetic.ts";
import { root } from "./world.ts";

interface Made {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

interface Script {
  readonly recipes: Readonly<Record<string, { readonly seed: number; readonly options: object }>>;
  readonly sounds: Readonly<
    Record<string, { readonly seed: number; readonly options: Omit<MovingSource, "seed"> }>
  >;
  readonly voices: Readonly<
    Record<string, { readonly seed: number; readonly options: Omit<SpokenDigits, "seed"> }>
  >;
  readonly telemetry: Readonly<
    Record<string, { readonly seed: number; readonly options: Omit<PumpLoad, "seed"> }>
  >;
  makeRecordings(library: object): Promise<Made[]>;
  readmeOf(made: readonly Made[]): string;
}

export const script = (await import(new URL("recordings/make.mjs", `file://${root}`).href)) as Script;

/** The scene of a bundled recording: what the synthetic sensor was told. */
export function recipeOf(file: string) {
  const { seed, options } = script.recipes[file]!;
  return { seed, options: syntheticOptions.parse(options) };
}

/** What moves in a bundled recording of sound. */
export function soundOf(file: string): MovingSource {
  const { seed, options } = script.sounds[file]!;
  return { seed, ...options };
}

/** What is said in a bundled recording. */
export function voiceOf(file: string): SpokenDigits {
  const { seed, options } = script.voices[file]!;
  return { seed, ...options };
}

/** What happens in a bundled series. */
export function pumpOf(file: string): PumpLoad {
  const { seed, options } = script.telemetry[file]!;
  return { seed, ...options };
}
