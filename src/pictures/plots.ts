/** Plots over time: the rate of events, and which neuron spiked when. */

import { type Geometry, sizeOf } from "../events/geometry.ts";
import type { Packet } from "../events/packet.ts";
import { axisBelow, axisLeft, Canvas, type Frame, short } from "./canvas.ts";
import { heatColour, ink, polarityColour } from "./colours.ts";
import { GrowingBins, type Picture, type ShowFrame } from "./picture.ts";

const plot = { width: 960, height: 400 } as const;
/** Where the data lies in every plot. */
export const plotFrame: Frame = { left: 64, top: 28, width: 876, height: 324 };
/** The finest bin; with `plotFrame.width` of them the plot is shorter than a second, and then they grow. */
const firstBinUs = 100;

/** Events a second, ON upwards and OFF downwards; spikes upwards. */
export function ratePlot(geometry: Geometry, show: ShowFrame): Picture {
  const bins = new GrowingBins(plotFrame.width, 2, firstBinUs);
  const pixels = geometry.kind === "pixels";
  let events = 0;
  return {
    ...plot,
    add({ fromUs, toUs, count, times, addresses }: Packet) {
      bins.reach(fromUs, toUs);
      for (let i = 0; i < count; i++) bins.add(times[i]!, pixels ? addresses[i]! & 1 : 1);
      events += count;
    },
    end() {
      const canvas = new Canvas(plot.width, plot.height);
      drawRate(canvas, bins, pixels);
      const spanS = (bins.toUs - bins.fromUs) / 1e6;
      const mean = spanS > 0 ? `, ${short(events / spanS)} a second` : "";
      caption(canvas, `${events.toLocaleString("en")} ${pixels ? "events" : "spikes"}${mean}`, bins.binUs);
      show(canvas);
    },
  };
}

function drawRate(canvas: Canvas, bins: GrowingBins, bothWays: boolean): void {
  const { left, top, width, height } = plotFrame;
  const { used, columns, values, binUs } = bins;
  const rateOf = (row: number, column: number) => (values[row * columns + column]! * 1e6) / binUs;
  let high = 1;
  let low = 0;
  for (let column = 0; column < used; column++) {
    high = Math.max(high, rateOf(1, column));
    if (bothWays) low = Math.min(low, -rateOf(0, column));
  }
  [high, low] = [high * 1.05, low * 1.05];
  axisLeft(canvas, plotFrame, low, high, "across");
  axisBelow(canvas, plotFrame, 0, (used * binUs) / 1e6);
  const zero = Math.round(top + (high / (high - low)) * (height - 1));
  for (let x = 0; x < width; x++) {
    const column = Math.floor((x * used) / width);
    const up = Math.round((rateOf(1, column) / (high - low)) * (height - 1));
    const down = Math.round((rateOf(0, column) / (high - low)) * (height - 1));
    canvas.fill(left + x, zero - up, 1, up, polarityColour(1, 1));
    if (bothWays) canvas.fill(left + x, zero + 1, 1, down, polarityColour(0, 1));
  }
  canvas.fill(left, zero, width, 1, ink.faint);
  canvas.textBefore(left + width, plot.height - 14, "seconds", ink.faint);
  canvas.text(4, top - 18, "events/s", ink.faint);
  if (!bothWays) return;
  canvas.text(left + width - 90, top - 18, "ON", polarityColour(1, 1));
  canvas.text(left + width - 60, top - 18, "OFF", polarityColour(0, 1));
}

/** Spikes as dots: time to the right, neurons downwards; several in one place are brighter. */
export function spikeRaster(geometry: Geometry, show: ShowFrame): Picture {
  const neurons = sizeOf(geometry);
  const rows = Math.min(neurons, plotFrame.height);
  const bins = new GrowingBins(plotFrame.width, rows, firstBinUs);
  let spikes = 0;
  return {
    ...plot,
    add({ fromUs, toUs, count, times, addresses }: Packet) {
      bins.reach(fromUs, toUs);
      for (let i = 0; i < count; i++) bins.add(times[i]!, Math.floor((addresses[i]! * rows) / neurons));
      spikes += count;
    },
    end() {
      const canvas = new Canvas(plot.width, plot.height);
      drawGrid(canvas, bins, (value) =>
        value === 0 ? ink.background : heatColour(0.6 + 0.1 * Math.log2(value)),
      );
      axisBelow(canvas, plotFrame, 0, (bins.used * bins.binUs) / 1e6);
      axisLeft(canvas, plotFrame, neurons, 0, "none");
      canvas.text(4, plotFrame.top - 18, "neuron", ink.faint);
      canvas.textBefore(plotFrame.left + plotFrame.width, plot.height - 14, "seconds", ink.faint);
      caption(
        canvas,
        `${spikes.toLocaleString("en")} spikes of ${neurons.toLocaleString("en")} neurons`,
        bins.binUs,
      );
      show(canvas);
    },
  };
}

/** A picture of the bins that were reached, stretched over the plot; row 0 on top. */
export function drawGrid(canvas: Canvas, bins: GrowingBins, colour: (value: number) => number): void {
  const { left, top, width, height } = plotFrame;
  const { used, columns, rows, values } = bins;
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * rows) / height);
    for (let x = 0; x < width; x++) {
      const value = values[row * columns + Math.floor((x * used) / width)]!;
      canvas.pixels[(top + y) * canvas.width + left + x] = colour(value);
    }
  }
}

/** What the plot is of, and how long a column is. */
export function caption(canvas: Canvas, text: string, binUs: number): void {
  const bin =
    binUs >= 1e6 ? `${short(binUs / 1e6)} s` : binUs >= 1000 ? `${short(binUs / 1000)} ms` : `${binUs} us`;
  canvas.text(plotFrame.left, plotFrame.top - 18, text);
  canvas.text(plotFrame.left, plot.height - 14, `a column is ${bin}`, ink.faint);
}

export { plot as plotSize };
