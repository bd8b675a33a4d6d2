/** Pictures: what each pixel shows, for any cut of the packets, and plots whose numbers are right. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { neurons, type PixelGeometry, pixelAddress, pixels } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { Canvas, short, ticks } from "../../src/pictures/canvas.ts";
import { countsColour, heatColour, ink, palette, polarityColour } from "../../src/pictures/colours.ts";
import { drawFields } from "../../src/pictures/fields.ts";
import { polarityFrames, timeSurface } from "../../src/pictures/frames.ts";
import { GrowingBins, type Picture, type ShowFrame } from "../../src/pictures/picture.ts";
import { plotFrame, ratePlot, spikeRaster } from "../../src/pictures/plots.ts";
import { PngWriter, type Raster } from "../../src/pictures/png.ts";
import { fourier, spectrogram } from "../../src/pictures/spectrogram.ts";
import { cutPacket, type Event, packetOf } from "../support/packets.ts";
import { readPng } from "../support/read-png.ts";

const sensor = pixels(12, 8);
const options = { everyUs: 1000, scale: 2, framesMax: 10 };

/** All frames of a picture, copied. */
function draw(make: (show: ShowFrame) => Picture, packets: readonly Packet[]): Canvas[] {
  const frames: Canvas[] = [];
  const picture = make((raster: Raster) => {
    const copy = new Canvas(raster.width, raster.height);
    copy.pixels.set(raster.pixels);
    frames.push(copy);
  });
  for (const packet of packets) picture.add(packet);
  picture.end();
  for (const frame of frames) expect([frame.width, frame.height]).toEqual([picture.width, picture.height]);
  return frames;
}
const at = (canvas: Canvas, x: number, y: number) => canvas.pixels[y * canvas.width + x];
const event = (timeUs: number, x: number, y: number, on: number): Event => [timeUs, pixelAddress(x, y, on)];

test("polarity frames: each event in its frame and its place, as large as it is told to be", () => {
  const events = [
    event(100, 3, 2, 1),
    event(200, 3, 2, 1),
    event(1099, 4, 2, 0),
    event(1100, 5, 5, 1),
    event(3500, 0, 0, 0),
  ];
  const frames = draw((show) => polarityFrames(sensor, options, show), [packetOf(sensor, events)]);
  expect(frames).toHaveLength(4);
  expect([at(frames[0]!, 6, 4), at(frames[0]!, 7, 5), at(frames[0]!, 8, 4)]).toEqual([
    countsColour(2, 0),
    countsColour(2, 0),
    countsColour(0, 1),
  ]);
  expect(at(frames[0]!, 10, 10)).toBe(countsColour(0, 0));
  expect([at(frames[1]!, 10, 10), at(frames[1]!, 6, 4)]).toEqual([countsColour(1, 0), countsColour(0, 0)]);
  expect(new Set(frames[2]!.pixels.subarray(0, 24 * 16))).toEqual(new Set([countsColour(0, 0)]));
  expect(at(frames[3]!, 0, 0)).toBe(countsColour(0, 1));
});

test("a time surface fades with tau, and remembers the latest polarity", () => {
  const events = [event(0, 1, 1, 0), event(500, 1, 1, 1), event(1000, 2, 1, 0), event(1999, 7, 7, 1)];
  const frames = draw(
    (show) => timeSurface(sensor, { ...options, tauUs: 1000 }, show),
    [packetOf(sensor, events)],
  );
  expect(at(frames[0]!, 2, 2)).toBe(polarityColour(1, Math.exp(-0.5)));
  expect(at(frames[1]!, 2, 2)).toBe(polarityColour(1, Math.exp(-1.5)));
  expect(at(frames[1]!, 4, 2)).toBe(polarityColour(0, Math.exp(-1)));
  expect(at(frames[1]!, 0, 0)).toBe(polarityColour(0, 0));
});

test("no packet at all is a picture too, and frames end at their bound", () => {
  expect(draw((show) => polarityFrames(sensor, options, show), [])).toHaveLength(1);
  const long = packetOf(sensor, [event(0, 0, 0, 1), event(1_000_000, 0, 0, 1)]);
  expect(draw((show) => polarityFrames(sensor, options, show), [long])).toHaveLength(10);
});

const pictures: [string, (geometry: PixelGeometry) => (show: ShowFrame) => Picture][] = [
  ["frames", (geometry) => (show) => polarityFrames(geometry, options, show)],
  ["surface", (geometry) => (show) => timeSurface(geometry, { ...options, tauUs: 700 }, show)],
  ["rate", (geometry) => (show) => ratePlot(geometry, show)],
  ["spectrogram", () => (show) => spectrogram({ sampleUs: 50, samples: 64 }, show)],
];
test.each(pictures)("%s: any cut of the packets draws the same", (_, make) => {
  const arbitrary = fc.record({
    events: fc.array(fc.tuple(fc.nat(9000), fc.nat(11), fc.nat(7), fc.nat(1)), {
      minLength: 1,
      maxLength: 60,
    }),
    cuts: fc.array(fc.nat(9500), { maxLength: 6 }),
  });
  fc.assert(
    fc.property(arbitrary, ({ events, cuts }) => {
      const sorted = events.sort(([a], [b]) => a - b).map(([us, x, y, on]) => event(us, x, y, on));
      const whole = packetOf(sensor, sorted, sorted[0]![0], 9600);
      const pixelsOf = (packets: Packet[]) =>
        draw(make(sensor), packets).map((frame) => Buffer.from(frame.pixels).toString("base64"));
      expect(pixelsOf(cutPacket(whole, cuts))).toEqual(pixelsOf([whole]));
    }),
    { numRuns: 25 },
  );
});

test("bins grow so that any time fits, and lose nothing", () => {
  const bins = new GrowingBins(8, 1, 10);
  for (let timeUs = 100; timeUs < 5000; timeUs += 7) {
    bins.reach(100, timeUs + 1);
    bins.add(timeUs, 0);
  }
  expect(bins.binUs).toBe(640);
  expect(bins.used).toBe(8);
  expect(bins.values.reduce((sum, value) => sum + value)).toBe(700);
  expect(bins.values[0]).toBe(Math.ceil(640 / 7));
});

test("the rate: ON up, OFF down, as high as their share", () => {
  const events = Array.from({ length: 900 }, (_, i) => event(i * 100, 1, 1, i % 3 === 0 ? 0 : 1));
  const [canvas] = draw((show) => ratePlot(sensor, show), [packetOf(sensor, events, 0, 87_600)]);
  const count = (colour: number) => canvas!.pixels.filter((one) => one === colour).length;
  // The legend's letters are in the same colours, hence not quite 2.
  const [on, off] = [count(polarityColour(1, 1)), count(polarityColour(0, 1))];
  expect(on / off).toBeGreaterThan(1.9);
  expect(on / off).toBeLessThan(2.1);
});

test("a flicker stands in the spectrogram at its frequency", () => {
  const events = Array.from({ length: 2000 }, (_, i) => event(Math.floor(i / 10) * 5000 + (i % 10), 1, 1, 1));
  const [canvas] = draw(
    (show) => spectrogram({ sampleUs: 500, samples: 256 }, show),
    [packetOf(sensor, events)],
  );
  const { left, top, height } = plotFrame;
  const brightness = Array.from({ length: height }, (_, y) => at(canvas!, left + 400, top + y)!);
  const hertz = (y: number) => (1 - (y + 0.5) / height) * 1000;
  const bright = brightness.flatMap((colour, y) => (colour > heatColour(0.9) ? [hertz(y)] : []));
  expect(bright.length).toBeGreaterThan(0);
  for (const found of bright) expect(Math.abs(found - 200 * Math.round(found / 200))).toBeLessThan(20);
});

test("the transform is the sum that defines it", () => {
  const real = Float64Array.from({ length: 16 }, (_, i) => Math.sin(i * i));
  const expected = Array.from(real, (_, k) =>
    real.reduce((sum, value, i) => sum + value * Math.cos((2 * Math.PI * i * k) / 16), 0),
  );
  const imaginary = new Float64Array(16);
  fourier(real, imaginary);
  real.forEach((value, k) => {
    expect(value).toBeCloseTo(expected[k]!, 10);
  });
});

test("a raster has each spike in its row", () => {
  const population = neurons(1, 1, 4);
  const [canvas] = draw(
    (show) => spikeRaster(population, show),
    [
      packetOf(
        population,
        [
          [0, 3],
          [50_000, 0],
        ],
        0,
        87_600,
      ),
    ],
  );
  const { left, top, width, height } = plotFrame;
  expect(at(canvas!, left, top + height - 1)).toBe(heatColour(0.6));
  expect(at(canvas!, left, top)).toBe(ink.background);
  expect(at(canvas!, left + Math.ceil((width * 500) / 876), top)).toBe(heatColour(0.6));
});

test("axes have round numbers", () => {
  expect(ticks(0, 6.2, 9)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(ticks(-0.7, 1.1, 4)).toEqual([-0.5, 0, 0.5, 1]);
  expect(ticks(3, 3, 5)).toEqual([3]);
  expect([0.25, 999, 1500, 2_000_000, 0].map(short)).toEqual(["0.25", "999", "1.5 k", "2 M", "0"]);
});

test("a PNG holds the frames that went in, and how long each is shown", () => {
  const writer = new PngWriter(3, 2);
  const frames = [1, 2, 3].map((first) => Uint8Array.from({ length: 6 }, (_, i) => first + i));
  const parts = [
    writer.start(palette),
    ...frames.map((one, i) => writer.frame({ width: 3, height: 2, pixels: one }, [0.5, 40, 12_000][i]!)),
    writer.end(),
  ];
  const file = Buffer.concat(parts);
  for (const { offset, bytes } of writer.patches()) file.set(bytes, offset);
  const read = readPng(file);
  expect([read.width, read.height, read.frames, read.shownMs]).toEqual([3, 2, frames, [0.5, 40, 12_000]]);
  expect(read.palette).toEqual(palette);
  expect(palette.length % 3).toBe(0);
  expect(palette.length).toBeLessThanOrEqual(768);
});

test("receptive fields: a tile a neuron, its channels summed, from its least weight to its largest", () => {
  // Two channels of 1 x 2 cells, three neurons; weights[source * targets + target].
  const weights = Float64Array.from([0, 1, 5, 2, 1, 5, 1, 0, 5, 1, 3, 5]);
  const canvas = drawFields({ weights, source: neurons(2, 1, 2), targets: 3, titles: ["7", "a", "-"] });
  const [scale, gap, head] = [34, 4, 9];
  expect([canvas.width, canvas.height]).toEqual([
    2 * (2 * scale + gap) + gap,
    2 * (scale + head + gap) + gap,
  ]);
  const tile = (column: number, row: number) =>
    [0, 1].map((cell) =>
      at(
        canvas,
        gap + column * (2 * scale + gap) + cell * scale + 5,
        gap + row * (scale + head + gap) + head + 5,
      ),
    );
  expect(tile(0, 0)).toEqual([heatColour(0), heatColour(1)]);
  expect(tile(1, 0)).toEqual([heatColour(0), heatColour(1)]);
  // No more weight here than there: dark.
  expect(tile(0, 1)).toEqual([heatColour(0), heatColour(0)]);
  expect(tile(1, 1)).toEqual([ink.background, ink.background]);
  expect(canvas.pixels.subarray(0, canvas.width * (gap + head)).includes(ink.text)).toBe(true);
});
