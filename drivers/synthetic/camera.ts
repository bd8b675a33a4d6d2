/** A model of an event camera's pixels: what they would say of a scene, noise and faults included. */

import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { seededNormal, seededRandom, seedFor } from "../../src/random.ts";
import { openScene, type SceneOptions } from "./scene.ts";

export interface CameraOptions extends SceneOptions {
  /** Brightness of the shape over that of the background. */
  readonly contrast: number;
  /** Change of log intensity that makes an event. */
  readonly threshold: number;
  /** Standard deviation of the threshold between pixels. */
  readonly mismatch: number;
  readonly refractoryUs: number;
  /** Random events a second and pixel. */
  readonly noiseHz: number;
  readonly hotPixels: number;
  readonly hotHz: number;
  readonly stepUs: number;
}

export interface Camera {
  /** Fills a packet that has begun with the events of its span; spans follow each other. */
  fill(packet: Packet): void;
  /** Events that the refractory period swallowed so far. */
  readonly swallowed: number;
}

/** A pixel that comes back to where it was has crossed each threshold again, in spite of rounding. */
const rounding = 1e-9;

/**
 * Pixels that remember a log intensity and fire when it has changed by their threshold, once for each threshold
 * crossed, at a time interpolated between two steps of the simulation (ESIM: Rebecq et al. 2018; v2e: Hu et al. 2021).
 * Noise and hot pixels are Poisson processes beside it. Only pixels that the shape leaves or enters are computed.
 * The result depends on options and seed alone, not on the spans that are asked for.
 */
export function openCamera(options: CameraOptions, seed: number): Camera {
  const { width, height, stepUs, refractoryUs } = options;
  const size = width * height;
  const scene = openScene(options, seed);
  const contrastLess1 = options.contrast - 1;
  const threshold = thresholds(options, seed);
  const seen = new Float64Array(size);
  const remembered = new Float64Array(size);
  const lastUs = new Float64Array(size).fill(-Infinity);
  const noise = noiseSources(options, seed);
  /** Events of the steps simulated so far that no span has taken yet. */
  const ahead = new Packet(pixels(width, height));
  let taken = 0;
  let simulatedUs = 0;
  let swallowed = 0;

  const look = (fromUs: number, x0: number, y0: number, x1: number, y1: number) => {
    for (let y = y0; y <= y1; y++)
      for (let x = x0; x <= x1; x++) {
        const pixel = y * width + x;
        const before = seen[pixel]!;
        const now = Math.log(1 + contrastLess1 * scene.coverage(x, y));
        if (now === before) continue;
        seen[pixel] = now;
        const polarity = now > before ? 1 : 0;
        const crossing = polarity === 1 ? threshold[pixel]! : -threshold[pixel]!;
        let next = remembered[pixel]! + crossing;
        while (polarity === 1 ? next <= now + rounding : next >= now - rounding) {
          const part = (next - before) / (now - before);
          ahead.push(
            fromUs + Math.min(stepUs - 1, Math.max(0, Math.floor(part * stepUs))),
            pixelAddress(x, y, polarity),
          );
          remembered[pixel] = next;
          next += crossing;
        }
      }
  };

  const begin = () => {
    scene.place(0);
    const { x0, y0, x1, y1 } = scene.box;
    for (let y = y0; y <= y1; y++)
      for (let x = x0; x <= x1; x++) seen[y * width + x] = Math.log(1 + contrastLess1 * scene.coverage(x, y));
    remembered.set(seen);
  };

  const step = () => {
    const first = ahead.count;
    const untilUs = simulatedUs + stepUs;
    const { x0, y0, x1, y1 } = scene.box;
    scene.place(untilUs);
    const { box } = scene;
    look(simulatedUs, Math.min(x0, box.x0), Math.min(y0, box.y0), Math.max(x1, box.x1), Math.max(y1, box.y1));
    for (const source of noise) source(untilUs, ahead);
    sortFrom(ahead, first);
    let kept = first;
    for (let i = first; i < ahead.count; i++) {
      const timeUs = ahead.times[i]!;
      const address = ahead.addresses[i]!;
      const pixel = (address >>> 16) * width + ((address >>> 1) & 0x7fff);
      if (timeUs - lastUs[pixel]! < refractoryUs) {
        swallowed += 1;
        continue;
      }
      lastUs[pixel] = timeUs;
      ahead.times[kept] = timeUs;
      ahead.addresses[kept] = address;
      kept += 1;
    }
    ahead.count = kept;
    simulatedUs = untilUs;
  };

  begin();
  return {
    fill(packet) {
      while (simulatedUs < packet.toUs) {
        if (taken === ahead.count) {
          ahead.count = 0;
          taken = 0;
        }
        step();
      }
      for (; taken < ahead.count && ahead.times[taken]! < packet.toUs; taken++)
        packet.push(ahead.times[taken]!, ahead.addresses[taken]!);
    },
    get swallowed() {
      return swallowed;
    },
  };
}

/** Each pixel's threshold, at least a tenth of the mean, so that no draw makes a pixel that never stops. */
function thresholds({ width, height, threshold, mismatch }: CameraOptions, seed: number): Float64Array {
  const normal = seededNormal(seededRandom(seedFor(seed, "mismatch")));
  return Float64Array.from({ length: width * height }, () =>
    Math.max(threshold / 10, threshold + mismatch * normal()),
  );
}

/** Appends its events before a time to a packet, in order. */
type NoiseSource = (untilUs: number, into: Packet) => void;

function noiseSources(options: CameraOptions, seed: number): NoiseSource[] {
  const { width, height, noiseHz, hotPixels, hotHz } = options;
  const random = seededRandom(seedFor(seed, "noise"));
  const background = poisson(noiseHz * width * height, random, () =>
    pixelAddress(Math.floor(random() * width), Math.floor(random() * height), random() < 0.5 ? 0 : 1),
  );
  const hotRandom = seededRandom(seedFor(seed, "hot"));
  // A hot pixel leaks towards brighter: all its events are ON.
  const hot = Array.from({ length: hotPixels }, () =>
    pixelAddress(Math.floor(hotRandom() * width), Math.floor(hotRandom() * height), 1),
  );
  return [background, ...hot.map((address) => poisson(hotHz, hotRandom, () => address))];
}

function poisson(rateHz: number, random: () => number, address: () => number): NoiseSource {
  const gapUs = () => (rateHz > 0 ? (-1e6 * Math.log(1 - random())) / rateHz : Infinity);
  let nextUs = gapUs();
  return (untilUs, into) => {
    for (; nextUs < untilUs; nextUs += gapUs()) into.push(Math.floor(nextUs), address());
  };
}

/** Insertion sort by time, then address: a step holds few events, and most are in order. */
function sortFrom({ times, addresses, count }: Packet, first: number): void {
  for (let i = first + 1; i < count; i++) {
    const timeUs = times[i]!;
    const address = addresses[i]!;
    let j = i - 1;
    while (j >= first && (times[j]! > timeUs || (times[j] === timeUs && addresses[j]! > address))) {
      times[j + 1] = times[j]!;
      addresses[j + 1] = addresses[j]!;
      j -= 1;
    }
    times[j + 1] = timeUs;
    addresses[j + 1] = address;
  }
}
