// Makes a folder to train and judge a keyword network and its sentinel with, from a folder of spoken digits, `7_speaker_12.wav` each, as the
// Free Spoken Digit Dataset has them: `npm run build && node pipelines/wake-word/data.mjs DIGITS OUT`.
//
// Each clip is set into white noise: as it is in faint noise (`as-it-is`, what is judged; it is trained on too where it isn't
// judged), and four times as another mouth might have said it somewhere else (`changed`, only trained on): played up to a quarter
// faster or slower, so that its formants move with it, louder or fainter, 6 to 40 dB above the noise. The sentinel, which hears the
// room all the time, learns on others too that are set into a room's noise (`room`; room.mjs), 4 to 20 dB above its mean: six of the
// wake word, two of another, and 600 pieces of the room in which nobody speaks. The seed is part of the recipe.
//
// Tables for `reflexarc train --labels` and `reflexarc evaluate --labels`, as OUT/*.csv:
//   speakers.csv                    all clips, with their speaker: `--by speaker` leaves one out in turn
//   known.csv                       nine tenths of the clips, drawn at random, to train on, and the others to judge
//   sentinel.csv                    of the clips of known.csv: 0, the wake word, or 1, another or none
//   practice.csv                    the nine tenths as they are
//   held-out.csv                    the others as they are, with a silence after them, for an engine that hears nothing more
//   all.csv                         all clips as they are

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { wavBytes } from "../../dist/drivers/synthetic/sound.js";
import { seededRandom, seedFor } from "../../dist/src/random.js";
import {
  asItIs,
  asItIsUntilTold,
  below,
  clipInNoise,
  clipsIn,
  heldOutOf,
  practiceRoom,
  rateHz,
} from "./clips.mjs";

const word = "0";
const versions = 4;
const roomVersions = ({ digit }) => (digit === word ? 6 : 2);
const emptyRooms = 600;
const [, , from, to] = process.argv;
if (!from || !to) throw new Error("node pipelines/wake-word/data.mjs DIGITS OUT");

const clips = clipsIn(from);
for (const folder of ["as-it-is", "changed", "room", "held-out"])
  mkdirSync(join(to, folder), { recursive: true });
const noiseFrom = practiceRoom();
for (const clip of clips) {
  const { name } = clip;
  const inWhite = clipInNoise(from, name);
  writeFileSync(join(to, "as-it-is", name), inWhite.write(asItIs));
  writeVersions("changed", name, inWhite, versions, [6, 40]);
  writeVersions("room", name, clipInNoise(from, name, { seed: 2, noiseFrom }), roomVersions(clip), [4, 20]);
}
const empty = Array.from({ length: emptyRooms }, (_, k) => {
  const name = `room/nobody_${k}.wav`;
  const random = seededRandom(seedFor(1, name));
  const loudness = below(0.05, 4 + 16 * random());
  const next = noiseFrom(random);
  const column = Float32Array.from({ length: 1.2 * rateHz }, () => loudness * next());
  writeFileSync(join(to, name), wavBytes([column], rateHz));
  return name;
});

/** A clip as other mouths might have said it, so many decibels above the noise. */
function writeVersions(folder, name, { chance, write }, count, [leastDb, mostDb]) {
  for (let version = 0; version < count; version++) {
    const pace = 0.8 * (1.25 / 0.8) ** chance();
    const level = 0.05 * 10 ** (chance() - 0.5);
    const noiseDb = leastDb + (mostDb - leastDb) * chance();
    writeFileSync(join(to, folder, `${version}_${name}`), write({ pace, level, noiseDb }));
  }
}

/** Rows of a table; `more` gives what else they hold. */
const unchanged = (chosen, more) => chosen.map((clip) => `as-it-is/${clip.name},${clip.digit}${more(clip)}`);
const numbered = (folder, { name }, count, ending) =>
  Array.from({ length: count }, (_, version) => `${folder}/${version}_${name},${ending}`);
const otherwise = (chosen, more) =>
  chosen.flatMap((clip) => numbered("changed", clip, versions, `${clip.digit}${more(clip)}`));
const isOther = ({ digit }) => (digit === word ? 0 : 1);
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
  ...["sentinel", "file,label,use"],
  others.flatMap((clip) => [
    ...numbered("changed", clip, clip.digit === word ? versions : 1, `${isOther(clip)},train`),
    ...numbered("room", clip, roomVersions(clip), `${isOther(clip)},train`),
  ]),
  empty.map((name) => `${name},1,train`),
  heldOut.flatMap((clip) => numbered("room", clip, 2, `${isOther(clip)},judge`)),
);
table(
  ...["held-out", "file,label"],
  heldOut.map(({ name, digit }) => `held-out/${name},${digit}`),
);
table("practice", "file,label", unchanged(others, nothing));
table("all", "file,label", unchanged(clips, nothing));
console.log(`${clips.length} clips, ${heldOut.length} of them held out`);
