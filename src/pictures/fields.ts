/** Receptive fields: what each neuron has learnt to look for, as a tile of its weights. */

import type { NeuronGeometry } from "../events/geometry.ts";
import { Canvas, letterHeight } from "./canvas.ts";
import { heatColour } from "./colours.ts";

export interface Fields {
  /** Weight of source to target: weights[source * targets + target]. */
  readonly weights: Float64Array;
  readonly source: NeuronGeometry;
  readonly targets: number;
  /** What is written above each tile, in a few letters. */
  readonly titles: readonly string[];
}

/** Sides of a tile are at least so long, so that there is room for a title. */
const tilePixels = 68;
const gap = 4;
/** Most tiles: beyond, no one looks at each. */
export const fieldsMax = 1024;

/**
 * A tile a target, row by row in a square; the weights of a place are summed over the source's channels, and each tile
 * has its own scale from its least to its largest.
 */
export function drawFields({ weights, source, targets, titles }: Fields): Canvas {
  const { channels, height, width } = source;
  const shown = Math.min(targets, fieldsMax);
  const columns = Math.ceil(Math.sqrt(shown));
  const rows = Math.ceil(shown / columns);
  const scale = Math.max(1, Math.round(tilePixels / Math.max(height, width)));
  const [across, down] = [width * scale + gap, height * scale + letterHeight + gap];
  const canvas = new Canvas(columns * across + gap, rows * down + gap);
  const field = new Float64Array(height * width);
  for (let target = 0; target < shown; target++) {
    for (let place = 0; place < field.length; place++) {
      field[place] = 0;
      for (let channel = 0; channel < channels; channel++)
        field[place]! += weights[(channel * field.length + place) * targets + target]!;
    }
    const low = field.reduce((least, value) => Math.min(least, value), Infinity);
    const high = field.reduce((most, value) => Math.max(most, value), -Infinity);
    const left = gap + (target % columns) * across;
    const top = gap + Math.floor(target / columns) * down;
    canvas.text(left, top, titles[target] ?? "");
    for (let place = 0; place < field.length; place++) {
      const share = high > low ? (field[place]! - low) / (high - low) : 0;
      const x = left + (place % width) * scale;
      const y = top + letterHeight + Math.floor(place / width) * scale;
      canvas.fill(x, y, scale, scale, heatColour(share));
    }
  }
  return canvas;
}
