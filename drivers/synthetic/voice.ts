/** A simulated voice: the ten digits from formants, after Klatt's synthesizer; each seed is another speaker. */

import { seededNormal, seededRandom } from "../../src/random.ts";

interface Phone {
  /** Milliseconds. */
  readonly ms: number;
  /** Formants, hertz. */
  readonly f: readonly [number, number, number];
  /** Strength of the voice, and of the breath, 0 to 1. */
  readonly voice: number;
  readonly breath: number;
  /** Where the breath hisses, hertz. */
  readonly hissHz?: number;
}

const vowel = (ms: number, f1: number, f2: number, f3: number, voice = 1): Phone => ({
  ms,
  f: [f1, f2, f3],
  voice,
  breath: 0.01,
});
const hiss = (ms: number, hissHz: number, breath: number, f: Phone["f"], voice = 0): Phone => ({
  ...{ ms, f, voice, breath, hissHz },
});
const closure = (ms: number, f: Phone["f"], voice = 0): Phone => ({ ms, f, voice, breath: 0 });

const s = (ms: number) => hiss(ms, 3700, 0.5, [320, 1600, 2600]);
const n = (ms: number) => vowel(ms, 270, 1300, 2400, 0.35);
const r = (ms: number) => vowel(ms, 400, 1150, 1550, 0.7);
const v = (ms: number) => hiss(ms, 2500, 0.05, [280, 1100, 2100], 0.35);

/**
 * American English; formants of a man from Peterson & Barney, J. Acoust. Soc. Am. 24, 1952, table II, of consonants after
 * Klatt, J. Acoust. Soc. Am. 67, 1980, tables II and III.
 */
const words: readonly (readonly Phone[])[] = [
  [
    hiss(70, 3600, 0.25, [300, 1700, 2500], 0.4),
    vowel(80, 310, 2020, 2900),
    r(80),
    vowel(90, 450, 1000, 2400),
    vowel(110, 350, 850, 2300, 0.7),
  ],
  [vowel(60, 290, 610, 2150, 0.6), vowel(150, 640, 1190, 2390), n(120)],
  [
    closure(40, [300, 1700, 2600]),
    hiss(45, 3400, 0.5, [300, 1700, 2600]),
    vowel(70, 320, 1400, 2300),
    vowel(170, 300, 900, 2240),
  ],
  [hiss(90, 3200, 0.12, [320, 1300, 2500]), r(80), vowel(220, 280, 2250, 2950)],
  [hiss(100, 2900, 0.14, [340, 1100, 2100]), vowel(150, 560, 850, 2410), r(120)],
  [hiss(100, 2900, 0.14, [340, 1100, 2100]), vowel(130, 730, 1150, 2440), vowel(100, 400, 2000, 2600), v(80)],
  [
    s(130),
    vowel(110, 400, 1950, 2550),
    closure(60, [300, 1900, 2600]),
    hiss(30, 2200, 0.3, [350, 1900, 2600]),
    s(140),
  ],
  [s(120), vowel(100, 530, 1800, 2480), v(60), vowel(70, 490, 1400, 2400), n(120)],
  [
    vowel(110, 520, 1880, 2500),
    vowel(110, 330, 2250, 2800),
    closure(70, [300, 1800, 2600]),
    hiss(40, 3400, 0.4, [320, 1800, 2600]),
  ],
  [n(80), vowel(130, 730, 1150, 2440), vowel(90, 400, 2000, 2600), n(110)],
];

export interface SpokenDigits {
  readonly seed: number;
  /** What is said, for example "3 1 4". */
  readonly digits: string;
  /** From the beginning of one word to that of the next, milliseconds. */
  readonly everyMs: number;
  readonly rateHz: number;
  readonly noiseDb: number;
}

/** When each word begins and ends, microseconds. */
export interface Spoken {
  readonly digit: number;
  readonly fromUs: number;
  readonly toUs: number;
}

/** Speaks digits one after the other into noise: one column, and when each was said. */
export function speakDigits({ seed, digits, everyMs, rateHz, noiseDb }: SpokenDigits): {
  column: Float32Array;
  spoken: readonly Spoken[];
} {
  const random = seededRandom(seed);
  const normal = seededNormal(random);
  const pitchHz = 90 + 110 * random();
  const tract = 0.95 + 0.25 * random();
  const named = digits.split(/\s+/).map(Number);
  const everySamples = Math.round((everyMs * rateHz) / 1000);
  const column = new Float32Array(everySamples * (named.length + 1));
  const noise = 0.05 * 10 ** (-noiseDb / 20);
  for (let i = 0; i < column.length; i++) column[i] = noise * normal();
  const spoken = named.map((digit, k): Spoken => {
    const first = Math.round(everySamples * (k + 0.5));
    const word = speak(words[digit]!, { rateHz, pitchHz, tract, pace: 0.9 + 0.3 * random(), normal });
    for (let i = 0; i < word.length; i++) column[first + i] = column[first + i]! + word[i]!;
    return {
      digit,
      fromUs: Math.round((first * 1e6) / rateHz),
      toUs: Math.round(((first + word.length) * 1e6) / rateHz),
    };
  });
  return { column, spoken };
}

interface Speaker {
  readonly rateHz: number;
  readonly pitchHz: number;
  /** Formants are so much higher than a man's. */
  readonly tract: number;
  readonly pace: number;
  readonly normal: () => number;
}

const bandwidthsHz = [70, 100, 150];
/** Formants and strengths glide from one sound to the next over so long. */
const glideMs = 35;

function speak(phones: readonly Phone[], { rateHz, pitchHz, tract, pace, normal }: Speaker): Float32Array {
  const ends: number[] = [];
  let totalMs = 0;
  for (const { ms } of phones) {
    totalMs += ms * pace;
    ends.push(totalMs);
  }
  const count = Math.round((totalMs * rateHz) / 1000);
  const out = new Float32Array(count);
  const formants = bandwidthsHz.map(() => new Resonator());
  const hisser = new Resonator();
  let phase = 0;
  let glottis = 0;
  let energy = 0;
  for (let i = 0; i < count; i++) {
    const ms = (i * 1000) / rateHz;
    const index = ends.findIndex((end) => ms < end);
    const here = phones[index]!;
    const next = phones[index + 1];
    const left = ends[index]! - ms;
    const share = next && left < glideMs ? 0.5 * (1 - left / glideMs) : 0;
    const before = phones[index - 1];
    const gone = ms - (ends[index - 1] ?? 0);
    const back = before && gone < glideMs ? 0.5 * (1 - gone / glideMs) : 0;
    const between = (of: (phone: Phone) => number) =>
      of(here) * (1 - share - back) + (next ? share * of(next) : 0) + (before ? back * of(before) : 0);
    const edge = Math.min(1, ms / 20, (totalMs - ms) / 40);
    // The voice falls over a word, and trembles a little.
    phase += (pitchHz * (1.1 - (0.25 * ms) / totalMs)) / rateHz;
    if (phase >= 1) {
      phase -= 1 + 0.02 * normal();
      glottis = 1;
    } else glottis *= Math.exp(-2500 / rateHz);
    let sound =
      (glottis - 0.1) * between(({ voice }) => voice) + 0.3 * normal() * between(({ breath }) => breath);
    for (const [k, formant] of formants.entries())
      sound = formant.run(
        sound,
        Math.min(0.46 * rateHz, tract * between(({ f }) => f[k]!)),
        bandwidthsHz[k]!,
        rateHz,
      );
    const hissing = here.hissHz
      ? hisser.run(normal() * here.breath, Math.min(0.44 * rateHz, here.hissHz), 900, rateHz)
      : 0;
    out[i] = edge * (sound + 0.6 * hissing);
    energy += out[i]! ** 2;
  }
  const gain = 0.08 / Math.sqrt(energy / count);
  return out.map((value) => gain * value);
}

/** A two-pole resonator whose frequency may move: Klatt 1980, equations 1 and 2. */
class Resonator {
  #one = 0;
  #two = 0;

  run(input: number, hz: number, bandwidthHz: number, rateHz: number): number {
    const radius = Math.exp((-Math.PI * bandwidthHz) / rateHz);
    const b = 2 * radius * Math.cos((2 * Math.PI * hz) / rateHz);
    const c = -radius * radius;
    const out = (1 - b - c) * input + b * this.#one + c * this.#two;
    this.#two = this.#one;
    this.#one = out;
    return out;
  }
}
