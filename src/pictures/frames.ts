/** Frames of a span each: which polarity fired where, or how long ago each pixel did. */

import type { PixelGeometry } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { Canvas, letterHeight } from "./canvas.ts";
import { countMax, countsColour, ink, polarityColour } from "./colours.ts";
import type { Picture, ShowFrame } from "./picture.ts";

export interface FrameOptions {
  /** Length of a frame. */
  readonly everyUs: number;
  /** Sides of a pixel in the picture. */
  readonly scale: number;
  readonly framesMax: number;
}

/** Events of each frame's span: ON and OFF in their colours, brighter for more, whitish where both fired. */
export function polarityFrames(geometry: PixelGeometry, options: FrameOptions, show: ShowFrame): Picture {
  const counts = new Uint8Array(geometry.width * geometry.height);
  return new Frames(geometry, options, show, {
    add(pixel, polarity) {
      const before = counts[pixel]!;
      if (polarity === 1 && before >> 4 < countMax) counts[pixel] = before + 16;
      else if (polarity === 0 && (before & 15) < countMax) counts[pixel] = before + 1;
    },
    colour: (pixel) => countsColour(counts[pixel]! >> 4, counts[pixel]! & 15),
    begin: () => counts.fill(0),
  });
}

/** The latest event of each pixel at the frame's end, fading with `tauUs` (HATS, Sironi et al. 2018, equation 1). */
export function timeSurface(
  geometry: PixelGeometry,
  { tauUs, ...options }: FrameOptions & { tauUs: number },
  show: ShowFrame,
): Picture {
  const lastUs = new Float64Array(geometry.width * geometry.height).fill(Number.NEGATIVE_INFINITY);
  const polarities = new Uint8Array(lastUs.length);
  return new Frames(geometry, options, show, {
    add(pixel, polarity, timeUs) {
      lastUs[pixel] = timeUs;
      polarities[pixel] = polarity;
    },
    colour: (pixel, atUs) => polarityColour(polarities[pixel]!, Math.exp((lastUs[pixel]! - atUs) / tauUs)),
    begin: () => {},
  });
}

/** What one kind of frame remembers of each pixel. */
interface Memory {
  add(pixel: number, polarity: number, timeUs: number): void;
  colour(pixel: number, atUs: number): number;
  /** A new frame begins. */
  begin(): void;
}

class Frames implements Picture {
  readonly width: number;
  readonly height: number;
  private readonly geometry: PixelGeometry;
  private readonly options: FrameOptions;
  private readonly show: ShowFrame;
  private readonly memory: Memory;
  private readonly canvas: Canvas;
  private startUs = Number.NaN;
  private shown = 0;
  private count = 0;
  private reachedUs = 0;

  constructor(geometry: PixelGeometry, options: FrameOptions, show: ShowFrame, memory: Memory) {
    this.geometry = geometry;
    this.options = options;
    this.show = show;
    this.memory = memory;
    this.width = geometry.width * options.scale;
    this.height = geometry.height * options.scale + letterHeight + 3;
    this.canvas = new Canvas(this.width, this.height);
  }

  add({ fromUs, toUs, count, times, addresses }: Packet): void {
    if (Number.isNaN(this.startUs)) this.startUs = fromUs;
    const { width, height } = this.geometry;
    const { memory } = this;
    for (let i = 0; i < count; i++) {
      const timeUs = times[i]!;
      const address = addresses[i]!;
      if (timeUs >= this.nextUs) this.showUntil(timeUs);
      const [x, y] = [(address >>> 1) & 0x7fff, address >>> 16];
      if (x >= width || y >= height) continue;
      memory.add(y * width + x, address & 1, timeUs);
      this.count += 1;
    }
    this.showUntil(toUs);
    this.reachedUs = toUs;
  }

  /** The last frame may be of a shorter span; without a packet there is an empty one. */
  end(): void {
    const begun = this.reachedUs > this.startUs + this.shown * this.options.everyUs;
    if (this.shown === 0 || begun) this.draw(this.nextUs);
  }

  /** End of the frame that is being filled. */
  private get nextUs(): number {
    return this.startUs + (this.shown + 1) * this.options.everyUs;
  }

  /** Shows the frames that end at a time or before it. */
  private showUntil(timeUs: number): void {
    while (this.nextUs <= timeUs && this.shown < this.options.framesMax) this.draw(this.nextUs);
  }

  private draw(atUs: number): void {
    if (this.shown === this.options.framesMax) return;
    const { canvas, memory, width } = this;
    const { scale, everyUs } = this.options;
    const { pixels } = canvas;
    for (let y = 0, pixel = 0; y < this.geometry.height; y++) {
      const row = y * scale * width;
      for (let x = 0, at = row; x < this.geometry.width; x++, pixel++) {
        const colour = memory.colour(pixel, atUs);
        for (let i = 0; i < scale; i++) pixels[at++] = colour;
      }
      for (let i = 1; i < scale; i++) pixels.copyWithin(row + i * width, row, row + width);
    }
    const top = this.height - letterHeight - 3;
    canvas.fill(0, top, width, letterHeight + 3, ink.background);
    canvas.fill(0, top, width, 1, ink.grid);
    const seconds = ((this.shown * everyUs) / 1e6).toFixed(everyUs < 10_000 ? 4 : 2);
    canvas.text(2, top + 3, Number.isNaN(this.startUs) ? "no events" : `${seconds} s`);
    canvas.textBefore(width - 2, top + 3, this.count.toLocaleString("en"), ink.faint);
    this.show(canvas);
    this.shown += 1;
    this.count = 0;
    memory.begin();
  }
}
