/** The one shape of every picture: packets in, frames out. */

import type { Packet } from "../events/packet.ts";
import type { Raster } from "./png.ts";

/** A frame that is complete; its pixels are lent until the call returns. */
export type ShowFrame = (raster: Raster) => void;

export interface Picture {
  readonly width: number;
  readonly height: number;
  add(packet: Packet): void;
  /** Shows what is left: a plot shows itself only here. */
  end(): void;
}

/** A rectangle of pixels. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Counts on a grid of time that grows coarser as time goes on, so that any length of time fits into `columns`. */
export class GrowingBins {
  readonly columns: number;
  readonly rows: number;
  /** Row by row. */
  readonly values: Float64Array;
  binUs: number;
  fromUs = Number.NaN;
  toUs = Number.NaN;

  constructor(columns: number, rows: number, binUs: number) {
    this.columns = columns;
    this.rows = rows;
    this.binUs = binUs;
    this.values = new Float64Array(columns * rows);
  }

  /** Makes room for a span; call it before `add` with times of it. */
  reach(fromUs: number, toUs: number): void {
    if (Number.isNaN(this.fromUs)) this.fromUs = fromUs;
    this.toUs = toUs;
    while (toUs - this.fromUs > this.columns * this.binUs) this.halve();
  }

  add(timeUs: number, row: number, amount = 1): void {
    this.values[row * this.columns + Math.floor((timeUs - this.fromUs) / this.binUs)]! += amount;
  }

  /** How many columns have been reached. */
  get used(): number {
    return Math.min(this.columns, Math.max(1, Math.ceil((this.toUs - this.fromUs) / this.binUs)));
  }

  private halve(): void {
    const { columns, rows, values } = this;
    for (let row = 0; row < rows; row++) {
      const first = row * columns;
      for (let i = 0; i < columns; i++)
        values[first + i] = 2 * i + 1 < columns ? values[first + 2 * i]! + values[first + 2 * i + 1]! : 0;
    }
    this.binUs *= 2;
  }
}
