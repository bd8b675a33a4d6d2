// Makes a folder to train and judge a keyword network with, from a folder of spoken digits, `7_speaker_12.wav` each, as the
// Free Spoken Digit Dataset has them: `npm run build && node pipelines/wake-word/data.mjs DIGITS OUT`.
//
// Each clip is set into white noise: as it is in faint noise (`as-it-is`, what is judged; it is trained on too where it isn't
// judged), and four times as another mouth might have said it somewhere else (`changed`, only trained on): played up to a quarter
// faster or slower, so that its formants move with it, louder or fainter, 6 to 40 dB above the noise. The seed is part of the
// recipe.
//
// Tables for `reflexarc train --labels` and `reflexarc evaluate --labels`, as OUT/*.csv:
//   speakers.csv                    all clips, with their speaker: `--by speaker` leaves one out in turn
//   known.csv                       nine tenths of the clips, drawn at random, to train on, and the others to judge
//   practice.csv                    the nine tenths as they are
//   held-out.csv                    the others as they are, with a silence after them, for an engine that hears nothing more
//   all.csv                         all clips as they are

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { asItIs, asItIsUntilTold, clipInNoise, clipsIn, heldOutOf } from "./clips.mjs";

const versions = 4;
const [, , from, to] = process.argv;
if (!from || !to) throw new Error("node pipelines/wake-word/data.mjs DIGITS OUT");

const clips = clipsIn(from);
for (const folder of ["as-it-is", "changed", "held-out"]) mkdirSync(join(to, folder), { recursive: true });
for (const clip of clips) {
  const { chance, write } = clipInNoise(from, clip.name);
  writeFileSync(join(to, "as-it-is", clip.name), write(asItIs));
  for (let version = 0; version < versions; version++) {
    const pace = 0.8 * (1.25 / 0.8) ** chance();
    const level = 0.05 * 10 ** (chance() - 0.5);
    const noiseDb = 6 + 34 * chance();
    writeFileSync(join(to, "changed", `${version}_${clip.name}`), write({ pace, level, noiseDb }));
  }
}

/** Rows of a table; `more` gives what else they hold. */
const unchanged = (chosen, more) => chosen.map((clip) => `as-it-is/${clip.name},${clip.digit}${more(clip)}`);
const otherwise = (chosen, more) =>
  chosen.flatMap((clip) =>
    Array.from(
      { length: versions },
      (_, version) => `changed/${version}_${clip.name},${clip.digit}${more(clip)}`,
    ),
  );
const table = (name, columns, ...rows) =>
  writeFileSync(join(to, `${name}.csv`), `${[columns, ...rows.flat()].join("\n")}\n`);
const heldOut = heldOutOf(clips);
for (const { name } of heldOut)
  writeFileSync(join(to, "held-out", name), clipInNoise(from, name).write(asItIsUntilTold));
const others = clips.filter((clip) => !heldOut.includes(clip));
const nothing = () => "";
table(
  ...["speakers", "file,label,speaker,use"],
  otherwise(clips, ({ speaker }) => `,${speaker},train`),
  unchanged(clips, ({ speaker }) => `,${speaker},both`),
);
table(
  ...["known", "file,label,use"],
  otherwise(others, () => ",train"),
  unchanged(others, () => ",train"),
  unchanged(heldOut, () => ",judge"),
);
table(
  ...["held-out", "file,label"],
  heldOut.map(({ name, digit }) => `held-out/${name},${digit}`),
);
table("practice", "file,label", unchanged(others, nothing));
table("all", "file,label", unchanged(clips, nothing));
console.log(`${clips.length} clips, ${heldOut.length} of them held out`);
