/** The spectrogram of events: which frequencies the rate of a region has, over time. */

import type { Packet } from "../events/packet.ts";
import { axisBelow, axisLeft, Canvas } from "./canvas.ts";
import { heatColour, ink } from "./colours.ts";
import { GrowingBins, type Picture, type ShowFrame } from "./picture.ts";
import { caption, drawGrid, plotFrame, plotSize } from "./plots.ts";

export interface SpectrogramOptions {
  /** Events are counted over this time: half of its inverse is the highest frequency. */
  readonly sampleUs: number;
  /** Samples that one transform is of, a power of 2; each starts at half of the one before. */
  readonly samples: number;
}

/** Levels above the loudest minus this are shown. */
const rangeDb = 50;

/** Power of the count of events (Welch: Hann window, half overlap, mean removed), averaged where time is long. */
export function spectrogram({ sampleUs, samples }: SpectrogramOptions, show: ShowFrame): Picture {
  const hop = samples / 2;
  const rows = hop;
  const power = new GrowingBins(plotFrame.width, rows, hop * sampleUs);
  const transforms = new GrowingBins(plotFrame.width, 1, hop * sampleUs);
  const counts = new Float64Array(samples);
  const window = Float64Array.from(counts, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / samples));
  const real = new Float64Array(samples);
  const imaginary = new Float64Array(samples);
  let startUs = Number.NaN;
  let at = 0;
  let windows = 0;
  let events = 0;

  const transform = () => {
    const mean = counts.reduce((sum, count) => sum + count, 0) / samples;
    for (let i = 0; i < samples; i++) real[i] = (counts[i]! - mean) * window[i]!;
    imaginary.fill(0);
    fourier(real, imaginary);
    const atUs = startUs + windows * hop * sampleUs;
    power.reach(startUs, atUs + hop * sampleUs);
    transforms.reach(startUs, atUs + hop * sampleUs);
    transforms.add(atUs, 0);
    for (let k = 0; k < rows; k++) power.add(atUs, rows - 1 - k, real[k]! ** 2 + imaginary[k]! ** 2);
    windows += 1;
    counts.copyWithin(0, hop);
    counts.fill(0, hop);
    at -= hop;
  };
  /** Samples before a time are complete. */
  const reach = (timeUs: number) => {
    const sample = Math.floor((timeUs - startUs) / sampleUs) - windows * hop;
    for (at = sample; at >= samples; ) transform();
  };
  return {
    ...plotSize,
    add({ fromUs, toUs, count, times }: Packet) {
      if (Number.isNaN(startUs)) startUs = fromUs;
      for (let i = 0; i < count; i++) {
        reach(times[i]!);
        counts[at]! += 1;
      }
      events += count;
      reach(toUs);
    },
    end() {
      if (windows === 0 && events > 0) transform();
      const canvas = new Canvas(plotSize.width, plotSize.height);
      draw(canvas, power, transforms, events);
      axisBelow(canvas, plotFrame, 0, (power.used * power.binUs || 0) / 1e6);
      axisLeft(canvas, plotFrame, 0, 5e5 / sampleUs, "none");
      show(canvas);
    },
  };
}

function draw(canvas: Canvas, power: GrowingBins, transforms: GrowingBins, events: number): void {
  const { columns, used, rows, values } = power;
  let highest = 0;
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < used; column++) {
      const place = row * columns + column;
      values[place] = values[place]! / Math.max(1, transforms.values[column]!);
      highest = Math.max(highest, values[place]!);
    }
  drawGrid(canvas, power, (value) => heatColour(1 + (10 * Math.log10(value / (highest || 1))) / rangeDb));
  canvas.text(4, plotFrame.top - 18, "Hz", ink.faint);
  canvas.textBefore(plotFrame.left + plotFrame.width, plotSize.height - 14, "seconds", ink.faint);
  caption(canvas, `power of ${events.toLocaleString("en")} events, ${rangeDb} dB`, power.binUs);
}

/** The discrete Fourier transform in place (Cooley and Tukey 1965, radix 2); the length is a power of 2. */
export function fourier(real: Float64Array, imaginary: Float64Array): void {
  const length = real.length;
  for (let i = 1, j = 0; i < length; i++) {
    let bit = length >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [real[i], real[j]] = [real[j]!, real[i]!];
    [imaginary[i], imaginary[j]] = [imaginary[j]!, imaginary[i]!];
  }
  for (let size = 2; size <= length; size *= 2) {
    for (let k = 0; k < size / 2; k++) {
      const [cosine, sine] = [Math.cos((-2 * Math.PI * k) / size), Math.sin((-2 * Math.PI * k) / size)];
      for (let i = k; i < length; i += size) {
        const j = i + size / 2;
        const re = real[j]! * cosine - imaginary[j]! * sine;
        const im = real[j]! * sine + imaginary[j]! * cosine;
        real[j] = real[i]! - re;
        imaginary[j] = imaginary[i]! - im;
        real[i]! += re;
        imaginary[i]! += im;
      }
    }
  }
}
