// Makes a folder to train and judge a keyword network with, from a folder of spoken digits, `7_speaker_12.wav` each, as the
// Free Spoken Digit Dataset has them: `npm run build && node pipelines/keyword.data.mjs DIGITS OUT`.
//
// Each clip is set into noise: as it is in faint noise (`as-it-is`, what is judged), and twice as another mouth might have
// said it somewhere else (`changed`, what is trained on): played up to a quarter faster or slower, so that its formants
// move with it, louder or fainter, 10 to 40 dB above the noise. The seed is part of the recipe.
//
// Tables for `reflexarc train --labels` and `reflexarc evaluate --labels`, as OUT/*.csv:
//   without-NAME.csv, only-NAME.csv   all speakers but one, and that one
//   most.csv, held-out.csv            nine tenths of each speaker's clips, and the others, drawn at random
//   all.csv                           for the network that ships

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { wavBytes } from "../dist/drivers/synthetic/sound.js";
import { WavSound } from "../dist/src/formats/wav.js";
import { seededNormal, seededRandom, seedFor } from "../dist/src/random.js";

const seed = 1;
const rateHz = 8000;
const versions = 2;
const [, , from, to] = process.argv;
if (!from || !to) throw new Error("node pipelines/keyword.data.mjs DIGITS OUT");

/** The samples of a mono WAV file at 8 kHz. */
export function readClip(path) {
  const sound = new WavSound(path);
  sound.push(readFileSync(path));
  if (sound.format?.channels !== 1 || sound.format.rateHz !== rateHz)
    throw new Error(`${path}: give mono clips at ${rateHz} Hz`);
  const column = new Float32Array(1 << 20);
  let count = 0;
  for (let more = -1; more !== 0; count += more) more = sound.read([column], count, column.length - count);
  return column.slice(0, count);
}

/** A clip `pace` times as fast, between silences, in noise. */
function place(clip, { pace, leadS, tailS, level, noiseDb, normal }) {
  const energy = clip.reduce((sum, value) => sum + value * value, 0) / clip.length;
  const gain = level / Math.max(1e-4, Math.sqrt(energy));
  const noise = level * 10 ** (-noiseDb / 20);
  const lead = Math.round(leadS * rateHz);
  const count = Math.floor(clip.length / pace);
  return Float32Array.from({ length: lead + count + Math.round(tailS * rateHz) }, (_, i) => {
    const at = (i - lead) * pace;
    const before = Math.floor(at);
    const share = at - before;
    const value = i < lead ? 0 : (clip[before] ?? 0) * (1 - share) + (clip[before + 1] ?? 0) * share;
    return gain * value + noise * normal();
  });
}

const clips = readdirSync(from)
  .filter((name) => /^\d_[a-z]+_\d+\.wav$/.test(name))
  .sort()
  .map((name) => {
    const [digit, speaker] = name.split("_");
    return { name, digit, speaker };
  });
for (const folder of ["as-it-is", "changed"]) mkdirSync(join(to, folder), { recursive: true });
const random = seededRandom(seedFor(seed, "held out"));
for (const clip of clips) {
  const samples = readClip(join(from, clip.name));
  const chance = seededRandom(seedFor(seed, clip.name));
  const normal = seededNormal(chance);
  const write = (folder, name, how) =>
    writeFileSync(
      join(to, folder, name),
      wavBytes([place(samples, { leadS: 0.15, tailS: 0.1, normal, ...how })], rateHz),
    );
  write("as-it-is", clip.name, { pace: 1, level: 0.05, noiseDb: 30 });
  for (let version = 0; version < versions; version++) {
    const pace = 0.78 * (1.28 / 0.78) ** chance();
    const level = 0.05 * 10 ** (chance() - 0.5);
    write("changed", `${version}_${clip.name}`, { pace, level, noiseDb: 10 + 30 * chance() });
  }
  clip.heldOut = random() < 0.1;
}

const trained = (chosen) =>
  chosen.flatMap(({ name, digit }) =>
    Array.from({ length: versions }, (_, version) => `changed/${version}_${name},${digit}`),
  );
const judged = (chosen) => chosen.map(({ name, digit }) => `as-it-is/${name},${digit}`);
const table = (name, rows) => writeFileSync(join(to, `${name}.csv`), `file,label\n${rows.join("\n")}\n`);
for (const speaker of new Set(clips.map((clip) => clip.speaker))) {
  table(`without-${speaker}`, trained(clips.filter((clip) => clip.speaker !== speaker)));
  table(`only-${speaker}`, judged(clips.filter((clip) => clip.speaker === speaker)));
}
table("most", trained(clips.filter(({ heldOut }) => !heldOut)));
table("held-out", judged(clips.filter(({ heldOut }) => heldOut)));
table("all", trained(clips));
console.log(`${clips.length} clips, ${clips.filter(({ heldOut }) => heldOut).length} of them held out`);
