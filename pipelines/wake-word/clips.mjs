// What data.mjs, stream.mjs and a test share: clips of spoken digits, `7_speaker_12.wav` each, as the Free Spoken
// Digit Dataset has them, read and set into noise.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { wavBytes } from "../../dist/drivers/synthetic/sound.js";
import { WavSound } from "../../dist/src/formats/wav.js";
import { seededNormal, seededRandom, seedFor } from "../../dist/src/random.js";
import { roomNoise } from "./room.mjs";

export const rateHz = 8000;
const leadS = 0.3;

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

/** Half an hour of a room, which no stream has; answers what gives its noise from a place on that is drawn at random. */
export function practiceRoom() {
  const room = roomNoise({ seed: seedFor(1, "practice room"), samples: 1800 * rateHz, rateHz });
  return (random) => {
    let at = Math.floor(random() * room.length);
    return () => room[at++ % room.length];
  };
}

/**
 * A clip set into noise, white by default: what it is written as, for each way that is asked for. Its name and the seed decide all
 * that is random.
 */
export function clipInNoise(folder, name, { seed = 1, noiseFrom = seededNormal } = {}) {
  const samples = readClip(folder, name);
  const chance = seededRandom(seedFor(seed, name));
  const lead = Math.round(leadS * rateHz);
  return {
    chance,
    /** Between two silences. */
    write({ pace, level, noiseDb, tailS = 0.2 }) {
      const clip = changed(samples, { pace, level });
      const noise = below(level, noiseDb);
      const next = noiseFrom(chance);
      return wavBytes(
        [
          Float32Array.from(
            { length: lead + clip.length + Math.round(tailS * rateHz) },
            (_, i) => (clip[i - lead] ?? 0) + noise * next(),
          ),
        ],
        rateHz,
      );
    },
  };
}

/** As it is, in faint noise. */
export const asItIs = { pace: 1, level: 0.05, noiseDb: 30 };

/** The same, with so much silence after it that all that its delays hold still reaches the network. */
export const asItIsUntilTold = { ...asItIs, tailS: 0.6 };

/** What is so many decibels below a level. */
export const below = (level, db) => level * 10 ** (-db / 20);
