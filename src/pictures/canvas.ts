/** A picture to draw on: rectangles, text in a font of 5 by 7 pixels, and axes with round numbers. */

import { ink } from "./colours.ts";
import type { Raster } from "./png.ts";

export const letterWidth = 6;
export const letterHeight = 9;

export class Canvas implements Raster {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint8Array(width * height).fill(ink.background);
  }

  /** Fills a rectangle, as far as it is on the canvas. */
  fill(x: number, y: number, width: number, height: number, colour: number): void {
    const [left, right] = [Math.max(0, x), Math.min(this.width, x + width)];
    for (let row = Math.max(0, y); row < Math.min(this.height, y + height); row++)
      if (right > left) this.pixels.fill(colour, row * this.width + left, row * this.width + right);
  }

  /** Writes from an upper-left corner; letters that there are none of are left blank. */
  text(x: number, y: number, text: string, colour: number = ink.text): void {
    [...text].forEach((letter, i) => {
      const columns = font[letter];
      if (!columns) return;
      for (let column = 0; column < 5; column++)
        for (let row = 0; row < 8; row++)
          if ((columns[column]! >> row) & 1) this.fill(x + i * letterWidth + column, y + row, 1, 1, colour);
    });
  }

  /** Writes so that the text ends at `right`. */
  textBefore(right: number, y: number, text: string, colour?: number): void {
    this.text(right - text.length * letterWidth + 1, y, text, colour);
  }

  textAround(x: number, y: number, text: string, colour?: number): void {
    this.text(Math.round(x - (text.length * letterWidth - 1) / 2), y, text, colour);
  }
}

/** Where a plot's data lies on a canvas. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Round numbers from `low` to `high`, about `count` of them. */
export function ticks(low: number, high: number, count: number): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough)!;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** A number in few letters: `1.5 M`, `20 k`, `0.25`. */
export function short(value: number): string {
  const [factor, letter] = [
    [1e9, " G"],
    [1e6, " M"],
    [1e3, " k"],
  ].find(([one]) => Math.abs(value) >= Number(one)) ?? [1, ""];
  return `${Number((value / Number(factor)).toPrecision(3))}${letter}`;
}

/** Numbers and their lines below a plot: `low` at its left edge, `high` at its right. */
export function axisBelow(
  canvas: Canvas,
  { left, top, width, height }: Frame,
  low: number,
  high: number,
): void {
  for (const value of ticks(low, high, Math.max(2, Math.floor(width / 90)))) {
    const x = Math.round(left + ((value - low) / (high - low || 1)) * (width - 1));
    canvas.fill(x, top + height, 1, 4, ink.faint);
    canvas.textAround(x, top + height + 6, short(value), ink.faint);
  }
}

/** Numbers left of a plot: `low` at its lower edge, `high` at its upper; with lines across it where `lines` is given. */
export function axisLeft(
  canvas: Canvas,
  { left, top, width, height }: Frame,
  low: number,
  high: number,
  lines: "across" | "none",
): void {
  for (const value of ticks(low, high, Math.max(2, Math.floor(height / 40)))) {
    const y = Math.round(top + height - 1 - ((value - low) / (high - low || 1)) * (height - 1));
    if (lines === "across") canvas.fill(left, y, width, 1, ink.grid);
    canvas.fill(left - 4, y, 4, 1, ink.faint);
    canvas.textBefore(left - 7, y - 3, short(Math.abs(value)), ink.faint);
  }
}

/** Columns of each letter from the left, bit 0 on top: the usual font of small displays. */
const font: Readonly<Record<string, Uint8Array>> = readFont(`
 0000000000 !00005f0000 %2313086462 (001c224100 )0041221c00 *2a1c7f1c2a +08083e0808 ,0080703000 -0808080808
.0000606000 /2010080402 03e5149453e 100427f4000 27249494946 32141494d33 41814127f10 52745454539 63c4a494931
74121110907 83649494936 9464949291e :0000140000 =1414141414 A7c1211127c B7f49494936 C3e41414122 D7f4141413e
E7f49494941 F7f09090901 G3e41415173 H7f0808087f I00417f4100 J2040413f01 K7f08142241 L7f40404040 M7f021c027f
N7f0408107f O3e4141413e P7f09090906 Q3e4151215e R7f09192946 S2649494932 T03017f0103 U3f4040403f V1f2040201f
W3f4038403f X6314081463 Y0304780403 Z6159494d43 a2054547840 b7f28444438 c3844444428 d384444287f e3854545418
f00087e0902 g18a4a49c78 h7f08040478 i00447d4000 j2040403d00 k7f10284400 l00417f4000 m7c04780478 n7c08040478
o3844444438 pfc18242418 q18242418fc r7c08040408 s4854545424 t04043f4424 u3c4040207c v1c2040201c w3c4030403c
x4428102844 y4c9090907c z4464544c44
`);

function readFont(text: string): Record<string, Uint8Array> {
  const letters = text.matchAll(/(.)([\da-f]{10})(?=\s|$)/g);
  return Object.fromEntries(
    [...letters].map(([, letter, columns]) => [letter!, Uint8Array.from(Buffer.from(columns!, "hex"))]),
  );
}
