/** How well a denoiser tells events from noise: noise with labels, the score, the area under its curve, and a plot. */

import { ReflexarcError } from "../errors.ts";
import { type PixelGeometry, pixelAddress, sizeOf } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { seededRandom } from "../random.ts";
import type { Step } from "../stage.ts";

/** A packet in which some events are noise; `isNoise` has 1 for those. Both are lent, as packets are. */
export interface NoisyPacket {
  readonly packet: Packet;
  readonly isNoise: Uint8Array;
}

/** Most noise that is added, events a second of the whole sensor. */
const noisePerSecondMax = 20e6;

/**
 * Adds shot noise to packets: a Poisson process of `hz` events a second for each pixel, of either polarity with equal
 * chance. It runs on packet time from the first packet on, and depends on nothing else but the seed. At one time, the
 * packet's own events come first. Throws a usage error when it would be more than 20 million events a second.
 */
export function noiseMixer(
  geometry: PixelGeometry,
  hz: number,
  seed: number,
): (packet: Packet) => NoisyPacket {
  const perSecond = hz * sizeOf(geometry);
  if (perSecond > noisePerSecondMax)
    throw new ReflexarcError({
      kind: "usage",
      room: "denoise-score",
      what: `noise of ${hz} Hz a pixel is ${Math.round(perSecond / 1e6)} million events a second`,
      remedy: `Give --noise-hz at most ${Math.floor((noisePerSecondMax / sizeOf(geometry)) * 100) / 100}.`,
    });
  const random = seededRandom(seed);
  const meanGapUs = 1e6 / perSecond;
  const packet = new Packet(geometry);
  let isNoise = new Uint8Array(packet.times.length);
  let nextUs = Number.NaN;
  const gapUs = () => -Math.log(1 - random()) * meanGapUs;

  return (clean) => {
    const { count, times, addresses } = clean;
    if (Number.isNaN(nextUs)) nextUs = clean.fromUs + gapUs();
    packet.begin(clean.fromUs, clean.toUs);
    const push = (timeUs: number, address: number, label: number) => {
      packet.push(timeUs, address);
      if (isNoise.length < packet.times.length) {
        const grown = new Uint8Array(packet.times.length);
        grown.set(isNoise);
        isNoise = grown;
      }
      isNoise[packet.count - 1] = label;
    };
    let i = 0;
    while (nextUs < clean.toUs) {
      const timeUs = Math.floor(nextUs);
      for (; i < count && times[i]! <= timeUs; i++) push(times[i]!, addresses[i]!, 0);
      const x = Math.floor(random() * geometry.width);
      const y = Math.floor(random() * geometry.height);
      push(timeUs, pixelAddress(x, y, random() < 0.5 ? 1 : 0), 1);
      nextUs += gapUs();
    }
    for (; i < count; i++) push(times[i]!, addresses[i]!, 0);
    return { packet, isNoise };
  };
}

/** What a denoiser let pass. */
export interface Passed {
  signal: number;
  noise: number;
}

/**
 * Runs a denoiser over noisy packets and counts what passes. Throws a usage error when something leaves it that didn't
 * come in: what moves or makes events can't be scored.
 */
export function scorer(step: Step<"events", "events">, room: string): (noisy: NoisyPacket) => Passed {
  const passed = { signal: 0, noise: 0 };
  return ({ packet, isNoise }) => {
    const out = step.step(packet);
    let i = 0;
    for (let k = 0; k < out.count; k++) {
      const timeUs = out.times[k]!;
      const address = out.addresses[k]!;
      while (i < packet.count && (packet.times[i] !== timeUs || packet.addresses[i] !== address)) i += 1;
      if (i === packet.count)
        throw new ReflexarcError({
          kind: "usage",
          room,
          what: "it changes events, so what passes can't be told from noise",
          remedy: "Score a filter that only drops events.",
        });
      if (isNoise[i] === 1) passed.noise += 1;
      else passed.signal += 1;
      i += 1;
    }
    return passed;
  };
}

/** A value of the option that is swept, and what passed with it, as shares of what came in. */
export interface RocPoint {
  readonly value: string;
  /** Signal that passed: true positives. */
  readonly tpr: number;
  /** Noise that passed: false positives. */
  readonly fpr: number;
}

/**
 * Area under the curve through the points, (0, 0) and (1, 1), by trapezoids in order of FPR (then TPR). Chance has 0.5,
 * and a denoiser that errs nowhere 1. With few points, or points that don't reach far, it tells of the straight lines
 * between them as well.
 */
export function areaUnder(points: readonly RocPoint[]): number {
  const curve = curveThrough(points);
  let area = 0;
  for (let i = 1; i < curve.length; i++) {
    const [before, after] = [curve[i - 1]!, curve[i]!];
    area += ((after.fpr - before.fpr) * (after.tpr + before.tpr)) / 2;
  }
  return area;
}

function curveThrough(points: readonly RocPoint[]): { fpr: number; tpr: number }[] {
  const inner = [...points].sort((a, b) => a.fpr - b.fpr || a.tpr - b.tpr);
  return [{ fpr: 0, tpr: 0 }, ...inner, { fpr: 1, tpr: 1 }];
}

/** The curve as an SVG picture: FPR to the right, TPR up, each point with its value. */
export function rocSvg(title: string, points: readonly RocPoint[]): string {
  const [size, left, top] = [400, 60, 40];
  const x = (fpr: number) => (left + fpr * size).toFixed(1);
  const y = (tpr: number) => (top + (1 - tpr) * size).toFixed(1);
  const line = curveThrough(points).map(({ fpr, tpr }) => `${x(fpr)},${y(tpr)}`);
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1].flatMap((tick) => [
    `<line x1="${x(tick)}" y1="${y(0)}" x2="${x(tick)}" y2="${y(1)}" stroke="#ddd"/>`,
    `<line x1="${x(0)}" y1="${y(tick)}" x2="${x(1)}" y2="${y(tick)}" stroke="#ddd"/>`,
    `<text x="${x(tick)}" y="${top + size + 18}" text-anchor="middle">${tick}</text>`,
    `<text x="${left - 8}" y="${y(tick)}" dy="4" text-anchor="end">${tick}</text>`,
  ]);
  const dots = points.flatMap(({ value, fpr, tpr }) => [
    `<circle cx="${x(fpr)}" cy="${y(tpr)}" r="3.5" fill="#06c"/>`,
    `<text x="${x(fpr)}" y="${y(tpr)}" dx="7" dy="13" font-size="10">${escaped(value)}</text>`,
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size + 120}" height="${size + 100}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="${left + size / 2}" y="22" text-anchor="middle" font-size="14">${escaped(title)}</text>`,
    ...ticks,
    `<line x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}" stroke="#999" stroke-dasharray="4 4"/>`,
    `<polyline points="${line.join(" ")}" fill="none" stroke="#06c" stroke-width="1.5"/>`,
    ...dots,
    `<text x="${left + size / 2}" y="${top + size + 42}" text-anchor="middle">noise that passes (FPR)</text>`,
    `<text transform="translate(16 ${top + size / 2}) rotate(-90)" text-anchor="middle">events that pass (TPR)</text>`,
    "</svg>\n",
  ].join("\n");
}

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
