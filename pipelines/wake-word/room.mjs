// The noise of a lived-in room, which is never steady: what stream.mjs sets words into with `--noise room`, and data.mjs clips.
//
// The ventilation goes on for ever; seven other sources come and go by themselves, a minute each on average. No room was recorded
// for this: rates, pitches and decays are what the literature says, named at each source, and levels are the usual equivalent
// ones, dB(A), of a home or an office. All together have 52 dB(A) on average, so that 10 dB below the words means a voice at 62: one
// metre away. What is struck rings at a frequency f for 1 / (pi f eta), with the loss factor eta of its material: 0.006 for glass,
// 0.04 for ceramic, 0.1 for wood (after Wildes and Richards 1988; Klatzky, Pai and Krotkov 2000).

import { seededNormal, seededRandom, seedFor } from "../../dist/src/random.js";

const presentS = 60;
const absentS = 60;
const lossFactors = { glass: 0.006, ceramic: 0.04, wood: 0.1 };

/** Each source: its level while it is there, and how it sounds from one sample to another, as loud as it likes. */
const sources = [
  // Ventilation, and the town far away: 1/f.
  { name: "ventilation", levelDb: 37, always: true, sound: pink },
  // 52 words a minute, 240 ms from key to key (Dhakal et al. 2018), some twenty keys and then a thought; a key clicks for
  // some milliseconds as it is pressed, and again, softer, as it is let go 100 ms later (Asonov and Agrawal 2004).
  {
    name: "typing",
    levelDb: 48,
    sound(place, from, to) {
      const { random, normal, rateHz } = place;
      for (let at = from; at < to; ) {
        const loudness = decibels(4 * normal());
        click(place, at, loudness, 0.003 + 0.003 * random());
        click(place, at + (0.08 + 0.04 * random()) * rateHz, 0.4 * loudness, 0.002 + 0.002 * random());
        const thoughtS = random() < 1 / 20 ? exponential(random, 2) : 0;
        at += (0.22 * Math.exp(0.4 * normal()) + thoughtS) * rateHz;
      }
    },
  },
  // 200 drops a second and square metre (Farnell, Designing Sound, 2010) on a sill of 0.15: each rings for some eight
  // periods; and the hiss of all the others.
  {
    name: "rain",
    levelDb: 45,
    sound(place, from, to) {
      const { column, random, normal, rateHz } = place;
      for (let at = from; at < to; at += exponential(random, rateHz / 30)) {
        const hz = logUniform(random, 400, 3500);
        ring(place, at, decibels(5 * normal()), hz, 8 / (Math.PI * hz));
      }
      for (let i = from; i < to; i++) column[i] += 0.03 * normal();
    },
  },
  // A fan of 900 to 1500 turns a minute: once a turn something loose strikes, and its noise swells.
  {
    name: "fan",
    levelDb: 42,
    sound(place, from, to) {
      const { column, random, normal, rateHz } = place;
      const turn = rateHz / (15 + 10 * random());
      for (let at = from; at < to; at += turn * (1 + 0.03 * normal()))
        click(place, at, decibels(3 * normal()), 0.002 + 0.002 * random());
      for (let i = from; i < to; i++)
        column[i] += 0.1 * (1 + 0.5 * Math.sin((2 * Math.PI * (i - from)) / turn)) * normal();
    },
  },
  // Somebody washes up: cups and glasses touch three times in two seconds, four modes each.
  {
    name: "dishes",
    levelDb: 52,
    sound(place, from, to) {
      const { random, normal, rateHz } = place;
      for (let at = from; at < to; at += exponential(random, rateHz / 1.5)) {
        const loss = random() < 0.5 ? lossFactors.glass : lossFactors.ceramic;
        const loudness = decibels(6 * normal());
        for (let mode = 0; mode < 4; mode++) {
          const hz = logUniform(random, 900, 3900);
          ring(place, at, loudness * random(), hz, 1 / (Math.PI * hz * loss));
        }
      }
    },
  },
  // Steps on a wooden floor, 110 a minute, half a dozen and then a stop.
  {
    name: "steps",
    levelDb: 42,
    sound(place, from, to) {
      const { random, normal, rateHz } = place;
      for (let at = from; at < to; ) {
        const loudness = decibels(3 * normal());
        for (let mode = 0; mode < 3; mode++) {
          const hz = logUniform(random, 60, 350);
          ring(place, at, loudness * random(), hz, 1 / (Math.PI * hz * lossFactors.wood));
        }
        click(place, at, 0.1 * loudness, 0.004);
        const stopS = random() < 1 / 6 ? exponential(random, 3) : 0;
        at += (0.55 * (1 + 0.05 * normal()) + stopS) * rateHz;
      }
    },
  },
  // Two people talk in the next room: syllables of a quarter of a second, the 4 Hz of speech (Houtgast and Steeneken 1985), in
  // phrases of two seconds; noise carries them, as in the ICRA noises (Dreschler et al. 2001), and a wall dulls it.
  {
    name: "chatter",
    levelDb: 40,
    sound(place, from, to) {
      const { random, normal, rateHz } = place;
      for (let voice = 0; voice < 2; voice++) {
        const dull = lowPass(500, rateHz, 2);
        for (let at = from; at < to; ) {
          const length = Math.round(0.25 * Math.exp(0.3 * normal()) * rateHz);
          const isPause = random() < 1 / 8;
          const loudness = isPause ? 0 : decibels(4 * normal());
          swell(place, at, Math.min(to, at + length), (t) => loudness * Math.sin(Math.PI * t) ** 2, dull);
          at += length;
          if (isPause) at += Math.round(exponential(random, 1) * rateHz);
        }
      }
    },
  },
  // Eight cars a minute pass the house, four seconds each.
  {
    name: "traffic",
    levelDb: 40,
    sound(place, from, to) {
      const { random, normal, rateHz } = place;
      for (let at = from; at < to; at += Math.round(exponential(random, 60 / 8) * rateHz)) {
        const loudness = decibels(3 * normal());
        const end = Math.min(to, at + 8 * rateHz);
        const passing = (t) => loudness * Math.exp(-0.5 * (8 * (t - 0.5)) ** 2);
        swell(place, at, end, passing, lowPass(300, rateHz, 2));
      }
    },
  },
];

/** So many samples of it, at a mean power of 1 over all of them. */
export function roomNoise({ seed, samples, rateHz }) {
  const all = new Float32Array(samples);
  const column = new Float32Array(samples);
  for (const { name, levelDb, always = false, sound } of sources) {
    const random = seededRandom(seedFor(seed, name));
    const place = { column, random, normal: seededNormal(random), rateHz };
    const spans = always ? [[0, samples]] : presence(random, samples, rateHz);
    const present = spans.reduce((sum, [from, to]) => sum + to - from, 0);
    if (present === 0) continue;
    column.fill(0);
    for (const [from, to] of spans) sound(place, from, to);
    const gain = decibels(levelDb) / Math.sqrt(energyOf(column) / present);
    for (let i = 0; i < samples; i++) all[i] += gain * column[i];
  }
  const gain = 1 / Math.sqrt(energyOf(all) / samples);
  for (let i = 0; i < samples; i++) all[i] *= gain;
  return all;
}

/** When a source is there. */
function presence(random, samples, rateHz) {
  const spans = [];
  let isThere = random() < presentS / (presentS + absentS);
  for (let at = 0; at < samples; isThere = !isThere) {
    const end = Math.min(
      samples,
      at + Math.round(exponential(random, isThere ? presentS : absentS) * rateHz),
    );
    if (isThere) spans.push([at, end]);
    at = end;
  }
  return spans;
}

/** Low-passes an octave apart, equally strong. */
function pink({ column, normal, rateHz }, from, to) {
  const poles = [31, 62, 125, 250, 500, 1000, 2000].map((hz) => Math.exp((-2 * Math.PI * hz) / rateHz));
  const gains = poles.map((pole) => Math.sqrt(1 - pole * pole));
  const states = new Float64Array(poles.length);
  for (let i = from; i < to; i++) {
    const white = normal();
    for (let k = 0; k < poles.length; k++) {
      states[k] = poles[k] * states[k] + gains[k] * white;
      column[i] += states[k];
    }
  }
}

/** A sine that dies away. */
function ring({ column, rateHz }, at, loudness, hz, decayS) {
  const perSample = (2 * Math.PI * hz) / rateHz;
  die(column, at, loudness, decayS * rateHz, (k) => Math.sin(perSample * k));
}

/** Noise that dies away. */
function click({ column, normal, rateHz }, at, loudness, decayS) {
  die(column, at, loudness, decayS * rateHz, normal);
}

function die(column, at, loudness, decaySamples, carrier) {
  const first = Math.round(at);
  const end = Math.min(column.length, first + Math.ceil(7 * decaySamples));
  const fade = Math.exp(-1 / decaySamples);
  let amplitude = loudness;
  for (let i = first; i < end; i++) {
    column[i] += amplitude * carrier(i - first);
    amplitude *= fade;
  }
}

/** Filtered noise under an envelope over [0, 1]. */
function swell({ column, normal }, from, to, envelope, filter) {
  for (let i = from; i < to; i++) column[i] += envelope((i - from) / (to - from)) * filter(normal());
}

/** Low-passes of the first order, one after the other. */
function lowPass(hz, rateHz, order) {
  const share = 1 - Math.exp((-2 * Math.PI * hz) / rateHz);
  const states = new Float64Array(order);
  return (value) => {
    let out = value;
    for (let k = 0; k < order; k++) out = states[k] += share * (out - states[k]);
    return out;
  };
}

const energyOf = (column) => column.reduce((sum, value) => sum + value * value, 0);
const decibels = (db) => 10 ** (db / 20);
const exponential = (random, mean) => -mean * Math.log(1 - random());
const logUniform = (random, low, high) => low * (high / low) ** random();
