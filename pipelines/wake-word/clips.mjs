// What data.mjs and stream.mjs share: clips of spoken digits, `7_speaker_12.wav` each, as the Free Spoken
// Digit Dataset has them, read and set into noise.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { WavSound } from "../../dist/src/formats/wav.js";
import { seededRandom, seedFor } from "../../dist/src/random.js";

export const rateHz = 8000;

/** The clips of a folder, in order of their names. */
export function clipsIn(folder) {
  return readdirSync(folder)
    .filter((name) => /^\d_[a-z]+_\d+\.wav$/.test(name))
    .sort()
    .map((name) => {
      const [digit, speaker] = name.split("_");
      return { name, digit, speaker };
    });
}

/** The tenth of them, drawn at random, that the network which ships has never seen. */
export function heldOutOf(clips) {
  const random = seededRandom(seedFor(1, "held out"));
  return clips.filter(() => random() < 0.1);
}

/** The samples of a mono WAV file at 8 kHz. */
export function readClip(folder, name) {
  const sound = new WavSound(name);
  sound.push(readFileSync(join(folder, name)));
  if (sound.format?.channels !== 1 || sound.format.rateHz !== rateHz)
    throw new Error(`${name}: give mono clips at ${rateHz} Hz`);
  const column = new Float32Array(1 << 20);
  let count = 0;
  for (let more = -1; more !== 0; count += more) more = sound.read([column], count, column.length - count);
  return column.slice(0, count);
}

/** The clip `pace` times as fast and as high, so loud that its root mean square is `level`. */
export function changed(clip, { pace, level }) {
  const energy = clip.reduce((sum, value) => sum + value * value, 0) / clip.length;
  const gain = level / Math.max(1e-4, Math.sqrt(energy));
  return Float32Array.from({ length: Math.floor(clip.length / pace) }, (_, i) => {
    const before = Math.floor(i * pace);
    const share = i * pace - before;
    return gain * ((clip[before] ?? 0) * (1 - share) + (clip[before + 1] ?? 0) * share);
  });
}

/** What is so many decibels below a level. */
export const below = (level, db) => level * 10 ** (-db / 20);
