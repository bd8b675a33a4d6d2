/** Simulated sound: a source that moves before two microphones, with a known truth; and the WAV bytes of a recording. */

import { seededNormal, seededRandom } from "../../src/random.ts";

/** Metres a second in air of 20 degrees Celsius. */
export const soundMPerS = 343;
/** Between the two microphones, metres. */
export const microphonesM = 0.2;

export interface MovingSource {
  readonly seed: number;
  readonly durationMs: number;
  readonly rateHz: number;
  /** The source swings so far to either side, degrees; ahead is 0, to the right is positive. */
  readonly swingDeg: number;
  /** Time of one swing to the right, to the left and back, milliseconds. */
  readonly periodMs: number;
  /** The noise of each microphone, below the source. */
  readonly noiseDb: number;
}

/** Where the source is at a time, degrees to the right. */
export function sourceAtDeg({ swingDeg, periodMs }: MovingSource, timeUs: number): number {
  return swingDeg * Math.sin((2 * Math.PI * timeUs) / (1000 * periodMs));
}

/**
 * By how much the sound of a source far away comes later to the left microphone than to the right one, microseconds: the
 * further way of d sin(angle), for two microphones in free air.
 */
export function lagUs(angleDeg: number): number {
  return ((1e6 * microphonesM) / soundMPerS) * Math.sin((angleDeg * Math.PI) / 180);
}

const tones = 48;
const lowHz = 150;
const highHz = 3000;
/** Bursts of a rattle: so many a second, sounding so much of the time. */
const burstsHz = 4;
const burstShare = 0.7;

/**
 * What two microphones hear of a rattle: bursts of noise that is the sum of tones at random frequencies and phases, so it
 * can be told at any time, and each ear is given it at its own. Columns left and right.
 */
export function movingSource(scene: MovingSource): Float32Array[] {
  const { seed, durationMs, rateHz, noiseDb } = scene;
  const random = seededRandom(seed);
  const voices = Array.from({ length: tones }, () => ({
    perUs: (2 * Math.PI * lowHz * (highHz / lowHz) ** random()) / 1e6,
    phase: 2 * Math.PI * random(),
  }));
  const amplitude = 0.3 / Math.sqrt(tones);
  const soundAt = (timeUs: number) => {
    const loudness = burst((timeUs * burstsHz) / 1e6);
    if (loudness === 0) return 0;
    let sum = 0;
    for (const { perUs, phase } of voices) sum += Math.sin(perUs * timeUs + phase);
    return loudness * amplitude * sum;
  };
  const normal = seededNormal(random);
  const noise = amplitude * Math.sqrt(tones / 2) * 10 ** (-noiseDb / 20);
  const count = Math.round((durationMs * rateHz) / 1000);
  return [1, -1].map((side) =>
    Float32Array.from({ length: count }, (_, i) => {
      const timeUs = (i * 1e6) / rateHz;
      const lateUs = (side * lagUs(sourceAtDeg(scene, timeUs))) / 2;
      return soundAt(timeUs - lateUs) + noise * normal();
    }),
  );
}

/** How loud a burst is, by its phase: it swells and fades over a tenth of it. */
function burst(phase: number): number {
  const share = (phase - Math.floor(phase)) / burstShare;
  if (share >= 1) return 0;
  return Math.min(1, 10 * share, 10 * (1 - share));
}

/** A WAV file of 16-bit samples; what is beyond full scale is cut off. */
export function wavBytes(columns: readonly Float32Array[], rateHz: number): Uint8Array {
  const channels = columns.length;
  const count = columns[0]!.length;
  const dataBytes = 2 * channels * count;
  const bytes = new Uint8Array(44 + dataBytes);
  const view = new DataView(bytes.buffer);
  const text = (at: number, word: string) => {
    for (let i = 0; i < word.length; i++) bytes[at + i] = word.charCodeAt(i);
  };
  text(0, "RIFF");
  view.setUint32(4, 36 + dataBytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rateHz, true);
  view.setUint32(28, 2 * channels * rateHz, true);
  view.setUint16(32, 2 * channels, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, dataBytes, true);
  for (let i = 0, at = 44; i < count; i++)
    for (const column of columns) {
      view.setInt16(at, Math.max(-32_768, Math.min(32_767, Math.round(32_768 * column[i]!))), true);
      at += 2;
    }
  return bytes;
}
