/** The pixels of an event camera that looks at a video: what they would have said between one frame and the next. */

import type { PixelGeometry } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { seededNormal, seededRandom, seedFor } from "../../src/random.ts";

export interface VideoPixelOptions {
  /** Change of log intensity (base e) that makes an event, brighter and darker. */
  readonly onThreshold: number;
  readonly offThreshold: number;
  /** Standard deviation of the thresholds from pixel to pixel. */
  readonly mismatch: number;
  /** ON events a second of a pixel whose light does not change. */
  readonly leakHz: number;
  /** Random events a second and pixel in the dark; a quarter of it in full light. */
  readonly shotNoiseHz: number;
  /** Bandwidth of the photoreceptor in full light, Hz; 0 is unlimited. In the dark it is a fourteenth of it. */
  readonly cutoffHz: number;
  readonly refractoryUs: number;
}

/** Below this intensity (of 255) the response is linear: a camera's quantised dark is no light of infinite contrast. */
const linearBelow = 20;
const thresholdMin = 0.01;
/** v2e: a pixel in full light has a quarter of the shot noise. */
const brightNoise = 0.25;
/** A pixel that comes back to where it was has crossed each threshold again, in spite of rounding. */
const rounding = 1e-9;
/** Events of one pixel between two frames; a wild frame makes no more. */
const crossingsMax = 255;

/**
 * The model of v2e (Hu, Liu and Delbruck 2021; `emulator.py`): log intensity (linear below 20 of 255) through a low-pass
 * whose bandwidth grows with the light; a pixel fires for each threshold that it crosses, at a time interpolated between
 * the frames, and not sooner than `refractoryUs` after its last event; its memory leaks towards ON; shot noise comes at a
 * rate that falls with the light, and with the pixel's own threshold. The same frames and seed give the same events.
 */
export class VideoPixels {
  /** Events between the last two frames, in order of time. */
  readonly events: Packet;
  readonly #options: VideoPixelOptions;
  readonly #width: number;
  readonly #log = logTable();
  readonly #on: Float32Array;
  readonly #off: Float32Array;
  readonly #seen: Float64Array;
  readonly #memory: Float64Array;
  readonly #lastUs: Float64Array;
  readonly #random: () => number;
  readonly #unsorted: Packet;
  #buckets = new Uint32Array(0);
  #fromUs = Number.NaN;

  constructor(geometry: PixelGeometry, options: VideoPixelOptions, seed: number) {
    const { width, height } = geometry;
    const size = width * height;
    this.#options = options;
    this.#width = width;
    this.events = new Packet(geometry);
    this.#unsorted = new Packet(geometry);
    const normal = seededNormal(seededRandom(seedFor(seed, "mismatch")));
    const draw = (mean: number) =>
      Float32Array.from({ length: size }, () => Math.max(thresholdMin, mean + options.mismatch * normal()));
    this.#on = draw(options.onThreshold);
    this.#off = draw(options.offThreshold);
    this.#seen = new Float64Array(size);
    this.#memory = new Float64Array(size);
    this.#lastUs = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
    this.#random = seededRandom(seedFor(seed, "shot-noise"));
  }

  /** The next frame, of 8 bits a pixel, and its time. The first one is only remembered. */
  see(frame: Uint8Array, timeUs: number): void {
    const log = this.#log;
    if (Number.isNaN(this.#fromUs)) {
      for (let i = 0; i < frame.length; i++) this.#memory[i] = this.#seen[i] = log[frame[i]!]!;
      this.events.begin(timeUs, timeUs);
    } else {
      this.#unsorted.begin(this.#fromUs, timeUs);
      this.#look(frame, timeUs - this.#fromUs);
      this.#addNoise(frame, timeUs - this.#fromUs);
      this.#sort(timeUs - this.#fromUs);
    }
    this.#fromUs = timeUs;
  }

  #look(frame: Uint8Array, spanUs: number): void {
    const log = this.#log;
    const seen = this.#seen;
    const memory = this.#memory;
    const { leakHz, cutoffHz, refractoryUs } = this.#options;
    const leak = (leakHz * spanUs) / 1e6;
    const smoothing = (2 * Math.PI * cutoffHz * spanUs) / 1e6;
    const lastUs = this.#lastUs;
    for (let pixel = 0; pixel < frame.length; pixel++) {
      const intensity = frame[pixel]!;
      const before = seen[pixel]!;
      let now = log[intensity]!;
      if (cutoffHz > 0) now = before + Math.min(1, smoothing * ((intensity + 20) / 275)) * (now - before);
      seen[pixel] = now;
      const up = this.#on[pixel]!;
      const down = this.#off[pixel]!;
      // The memory's leak is the same as a scene that brightens: both are spread over the frame.
      const from = before - memory[pixel]!;
      const to = now + leak * up - memory[pixel]!;
      let moved = leak * up;
      const on = to >= up - rounding;
      if (on || to <= rounding - down) {
        const step = on ? up : -down;
        let atUs = lastUs[pixel]! + refractoryUs - this.#fromUs;
        for (let n = 1; n <= crossingsMax && n * Math.abs(step) <= Math.abs(to) + rounding; n++) {
          const part = to === from ? 0 : (n * step - from) / (to - from);
          atUs = Math.max(atUs, Math.min(spanUs - 1, Math.max(0, Math.floor(part * spanUs))));
          // What the refractory period holds back stays to be told in the next frame.
          if (atUs >= spanUs) break;
          this.#fire(pixel, atUs, on ? 1 : 0);
          moved -= step;
          atUs += refractoryUs;
        }
      }
      memory[pixel]! -= moved;
    }
  }

  #fire(pixel: number, atUs: number, on: number): void {
    const y = Math.floor(pixel / this.#width);
    this.#unsorted.push(this.#fromUs + atUs, ((y << 16) | ((pixel - y * this.#width) << 1) | on) >>> 0);
    this.#lastUs[pixel] = this.#fromUs + atUs;
  }

  /** Draws the gaps between noisy pixels, not each pixel, and lets those in the light off with a chance. */
  #addNoise(frame: Uint8Array, spanUs: number): void {
    const { shotNoiseHz, refractoryUs, onThreshold, offThreshold } = this.#options;
    if (shotNoiseHz === 0) return;
    const random = this.#random;
    const chance = Math.min(0.5, (2 * shotNoiseHz * spanUs) / 1e6);
    const log = Math.log(1 - chance);
    for (let pixel = Math.floor(Math.log(1 - random()) / log); pixel < frame.length; ) {
      const light = 1 + (brightNoise - 1) * (frame[pixel]! / 255);
      const on = random() < 0.5 ? 1 : 0;
      const ease = on === 1 ? onThreshold / this.#on[pixel]! : offThreshold / this.#off[pixel]!;
      const atUs = Math.floor(random() * spanUs);
      if (
        random() < (light * Math.min(2, ease)) / 2 &&
        this.#fromUs + atUs - this.#lastUs[pixel]! >= refractoryUs
      ) {
        this.#fire(pixel, atUs, on);
        this.#memory[pixel]! += on === 1 ? this.#on[pixel]! : -this.#off[pixel]!;
      }
      pixel += 1 + Math.floor(Math.log(1 - random()) / log);
    }
  }

  /** By time, equal times in the order in which they were found: a counting sort over the frame's microseconds. */
  #sort(spanUs: number): void {
    const { times, addresses, count } = this.#unsorted;
    if (this.#buckets.length < spanUs + 1) this.#buckets = new Uint32Array(spanUs + 1);
    const buckets = this.#buckets.fill(0, 0, spanUs + 1);
    for (let i = 0; i < count; i++) buckets[times[i]! - this.#fromUs + 1]! += 1;
    for (let i = 1; i <= spanUs; i++) buckets[i]! += buckets[i - 1]!;
    const { events } = this;
    events.begin(this.#fromUs, this.#fromUs + spanUs).reserve(count);
    for (let i = 0; i < count; i++) {
      const place = buckets[times[i]! - this.#fromUs]!++;
      events.times[place] = times[i]!;
      events.addresses[place] = addresses[i]!;
    }
    events.count = count;
  }
}

/** `lin_log` of v2e for each of 256 intensities. */
function logTable(): Float64Array {
  const slope = Math.log(linearBelow) / linearBelow;
  return Float64Array.from({ length: 256 }, (_, x) => (x <= linearBelow ? x * slope : Math.log(x)));
}
