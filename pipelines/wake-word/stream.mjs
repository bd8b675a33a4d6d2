// Makes hours of noise in which digits are spoken, with a table of where, from a folder of clips, `7_speaker_12.wav` each:
//
//   node pipelines/wake-word/stream.mjs --data DIGITS --clips TABLE --out FOLDER [--word 0] [--hours 3] [--snr-db 10] [--seed 1]
//     [--noise white|room]
//
// TABLE names the clips that may be used: held-out.csv of data.mjs to judge a detector, practice.csv to choose its
// settings. An hour holds 60 times the wake word and 240 times another digit, clips drawn at random in a random order, at
// random times with 300 ms between them at least. All are equally loud, their root mean square so many decibels above that of
// the noise over the hour: white noise, which is steady, or that of a room (room.mjs). The folder gets a WAV file an hour, the last one of what is left, and labels.csv with the columns file,startUs,endUs,label for
// `reflexarc evaluate --labels`.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { wavBytes } from "../../dist/drivers/synthetic/sound.js";
import { seededNormal, seededRandom, seedFor } from "../../dist/src/random.js";
import { below, changed, rateHz, readClip } from "./clips.mjs";
import { roomNoise } from "./room.mjs";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    clips: { type: "string" },
    out: { type: "string" },
    word: { type: "string", default: "0" },
    hours: { type: "string", default: "3" },
    "snr-db": { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    noise: { type: "string", default: "white" },
  },
});
const { data, clips: table, out, word } = values;
if (!data || !table || !out)
  throw new Error("node pipelines/wake-word/stream.mjs --data DIGITS --clips TABLE --out FOLDER");

if (values.noise !== "white" && values.noise !== "room") throw new Error("--noise is white or room");

const [wakeWordsAnHour, othersAnHour] = [60, 240];
const gapUs = 300_000;
const hourUs = 3_600_000_000;
const level = 0.05;
const seed = Number(values.seed);
const names = readFileSync(table, "utf8")
  .split(/\r?\n/)
  .slice(1)
  .filter((row) => row !== "")
  .map((row) => basename(row.split(",")[0]));
const clips = names.map((name) => ({
  digit: name[0],
  samples: changed(readClip(data, name), { pace: 1, level }),
}));
const wakeWords = clips.filter(({ digit }) => digit === word);
const others = clips.filter(({ digit }) => digit !== word);
if (wakeWords.length === 0 || others.length === 0)
  throw new Error(`${table}: give clips of "${word}" and of others`);

mkdirSync(out, { recursive: true });
const rows = [];
for (let hour = 1; hour < Number(values.hours) + 1; hour++) {
  const share = Math.min(1, Number(values.hours) - (hour - 1));
  const random = seededRandom(seedFor(seed, `hour ${hour}`));
  const normal = seededNormal(random);
  const pick = (from) => from[Math.floor(random() * from.length)];
  const said = [
    ...Array.from({ length: Math.round(share * wakeWordsAnHour) }, () => pick(wakeWords)),
    ...Array.from({ length: Math.round(share * othersAnHour) }, () => pick(others)),
  ]
    .map((clip) => ({ clip, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ clip }) => clip);
  const usOf = (samples) => Math.round((samples * 1e6) / rateHz);
  const spoken = said.reduce((sum, { samples }) => sum + usOf(samples.length) + gapUs, gapUs);
  // So much silence is left; the words cut it at random places.
  const cuts = Array.from(said, () => random() * (share * hourUs - spoken)).sort((a, b) => a - b);
  const noise = below(level, Number(values["snr-db"]));
  const length = Math.round((share * hourUs * rateHz) / 1e6);
  const column =
    values.noise === "white"
      ? Float32Array.from({ length }, () => noise * normal())
      : roomNoise({ seed: seedFor(seed, `room ${hour}`), samples: length, rateHz }).map(
          (value) => noise * value,
        );
  const file = `hour-${hour}.wav`;
  let takenUs = gapUs;
  for (const [k, { digit, samples }] of said.entries()) {
    const at = Math.round(((cuts[k] + takenUs) * rateHz) / 1e6);
    for (let i = 0; i < samples.length; i++) column[at + i] += samples[i];
    rows.push(`${file},${usOf(at)},${usOf(at + samples.length)},${digit}`);
    takenUs += usOf(samples.length) + gapUs;
  }
  writeFileSync(join(out, file), wavBytes([column], rateHz));
}
writeFileSync(join(out, "labels.csv"), `file,startUs,endUs,label\n${rows.join("\n")}\n`);
console.log(
  `${values.hours} hours: ${wakeWords.length} clips of "${word}" and ${others.length} of others, ${rows.length} words`,
);
