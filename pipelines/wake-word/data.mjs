// Makes a folder to train and judge a keyword network with, from a folder of spoken digits, `7_speaker_12.wav` each, as the
// Free Spoken Digit Dataset has them: `npm run build && node pipelines/wake-word/data.mjs DIGITS OUT`.
//
// Each clip is set into white noise: as it is in faint noise (`as-it-is`, what is judged), and twice as another mouth might
// have said it somewhere else (`changed`, what is trained on): played up to a quarter faster or slower, so that its formants
// move with it, louder or fainter, 6 to 40 dB above the noise. The seed is part of the recipe.
//
// Tables for `reflexarc train --labels` and `reflexarc evaluate --labels`, as OUT/*.csv:
//   speakers.csv                    all clips, with their speaker: `--by speaker` leaves one out in turn
//   known.csv                       nine tenths of the clips, drawn at random, to train on, and the others to judge
//   held-out.csv, practice.csv      those others, and the nine tenths, as they are
//   all.csv                         all clips as they are

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { wavBytes } from "../../dist/drivers/synthetic/sound.js";
import { seededNormal, seededRandom, seedFor } from "../../dist/src/random.js";
import { below, changed, clipsIn, heldOutOf, rateHz, readClip } from "./clips.mjs";

const seed = 1;
const versions = 2;
const leadS = 0.3;
const tailS = 0.2;
const [, , from, to] = process.argv;
if (!from || !to) throw new Error("node pipelines/wake-word/data.mjs DIGITS OUT");

/** A clip between two silences, all in noise. */
function place(clip, noise, normal) {
  const lead = Math.round(leadS * rateHz);
  return Float32Array.from(
    { length: lead + clip.length + Math.round(tailS * rateHz) },
    (_, i) => (clip[i - lead] ?? 0) + noise * normal(),
  );
}

const clips = clipsIn(from);
for (const folder of ["as-it-is", "changed"]) mkdirSync(join(to, folder), { recursive: true });
for (const clip of clips) {
  const samples = readClip(from, clip.name);
  const chance = seededRandom(seedFor(seed, clip.name));
  const normal = seededNormal(chance);
  const write = (folder, name, { pace, level, noiseDb }) => {
    const placed = place(changed(samples, { pace, level }), below(level, noiseDb), normal);
    writeFileSync(join(to, folder, name), wavBytes([placed], rateHz));
  };
  write("as-it-is", clip.name, { pace: 1, level: 0.05, noiseDb: 30 });
  for (let version = 0; version < versions; version++) {
    const pace = 0.8 * (1.25 / 0.8) ** chance();
    const level = 0.05 * 10 ** (chance() - 0.5);
    write("changed", `${version}_${clip.name}`, { pace, level, noiseDb: 6 + 34 * chance() });
  }
}

const asItIs = (chosen, more) => chosen.map((clip) => `as-it-is/${clip.name},${clip.digit}${more(clip)}`);
const toTrain = (chosen, more) =>
  chosen.flatMap((clip) =>
    Array.from(
      { length: versions },
      (_, version) => `changed/${version}_${clip.name},${clip.digit}${more(clip)}`,
    ),
  );
const table = (name, columns, ...rows) =>
  writeFileSync(join(to, `${name}.csv`), `${[columns, ...rows.flat()].join("\n")}\n`);
const heldOut = heldOutOf(clips);
const others = clips.filter((clip) => !heldOut.includes(clip));
const nothing = () => "";
table(
  ...["speakers", "file,label,speaker,use"],
  toTrain(clips, ({ speaker }) => `,${speaker},train`),
  asItIs(clips, ({ speaker }) => `,${speaker},judge`),
);
table(
  ...["known", "file,label,use"],
  toTrain(others, () => ",train"),
  asItIs(heldOut, () => ",judge"),
);
table("held-out", "file,label", asItIs(heldOut, nothing));
table("practice", "file,label", asItIs(others, nothing));
table("all", "file,label", asItIs(clips, nothing));
console.log(`${clips.length} clips, ${heldOut.length} of them held out`);
