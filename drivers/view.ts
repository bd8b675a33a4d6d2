/** A picture of what comes: frames or a time surface as an animated PNG, the rate, a spectrogram or a raster as a plot. */

import { z } from "zod";
import { ReflexarcError } from "../src/errors.ts";
import type { Geometry, PixelGeometry } from "../src/events/geometry.ts";
import { keepEvents, type Packet } from "../src/events/packet.ts";
import { palette } from "../src/pictures/colours.ts";
import { polarityFrames, timeSurface } from "../src/pictures/frames.ts";
import type { Picture, Region, ShowFrame } from "../src/pictures/picture.ts";
import { ratePlot, spikeRaster } from "../src/pictures/plots.ts";
import { PngWriter } from "../src/pictures/png.ts";
import { spectrogram } from "../src/pictures/spectrogram.ts";
import { defineSink } from "../src/stage.ts";
import { AtomicFile } from "./atomic-file.ts";

const regionText = /^(\d{1,5}),(\d{1,5}),([1-9]\d{0,4})x([1-9]\d{0,4})$/;
/** A small sensor is drawn larger, until its picture is as wide. */
const usualWidth = 384;

const options = z.strictObject({
  file: z.string().min(1).describe("The PNG to write; a relative path starts at the document."),
  kind: z
    .enum(["frames", "surface", "rate", "spectrogram", "raster"])
    .optional()
    .describe("What is drawn; frames of camera events, a raster of spikes by default."),
  everyUs: z
    .int()
    .min(100)
    .default(33_333)
    .describe("Frames, surface: recorded time of a frame, in microseconds."),
  framesMax: z
    .int()
    .positive()
    .max(10_000)
    .default(300)
    .describe("Frames, surface: most frames that are drawn."),
  speed: z
    .number()
    .positive()
    .max(1000)
    .default(1)
    .describe("Frames, surface: recorded time for each time that is shown."),
  scale: z
    .int()
    .positive()
    .max(16)
    .optional()
    .describe("Frames, surface: sides of a pixel in the picture; a small sensor is drawn larger by default."),
  tauUs: z
    .int()
    .positive()
    .default(50_000)
    .describe("Surface: an event fades to 37 % in this time, microseconds."),
  region: z
    .string()
    .regex(regionText, 'must be a corner and a size in pixels, such as "10,10,64x64"')
    .optional()
    .describe("Only events of this region are drawn, as x,y,WIDTHxHEIGHT; all by default."),
  sampleUs: z
    .int()
    .positive()
    .max(1_000_000)
    .default(500)
    .describe(
      "Spectrogram: events are counted over this time; the highest frequency is half of its inverse.",
    ),
  samples: z
    .literal([64, 128, 256, 512, 1024, 2048])
    .default(256)
    .describe("Spectrogram: samples of one transform; more are finer in frequency and coarser in time."),
  force: z.boolean().default(false).describe("Replaces a file that exists."),
});
type Options = z.output<typeof options>;

export default defineSink({
  name: "view",
  about: "Draws what comes into a PNG: frames, a time surface, the rate, a spectrogram or a raster.",
  takes: "packets",
  options,
  async open(given, { id, geometry, resolveOutput }) {
    const file = new AtomicFile(resolveOutput(given.file), { overwrite: given.force });
    const keep = given.region === undefined ? undefined : keeperOf(given.region, geometry, id);
    let events = 0;
    const shownMs = given.everyUs / 1000 / given.speed;
    const show: ShowFrame = (raster) => file.write(png.frame(raster, shownMs));
    const picture = pictureOf(given, geometry, id, show);
    const png = new PngWriter(picture.width, picture.height);
    await file.open();
    file.write(png.start(palette));
    return {
      write(packet: Packet) {
        const drawn = keep ? keep(packet) : packet;
        events += drawn.count;
        picture.add(drawn);
      },
      settle: () => file.settle(),
      async end() {
        picture.end();
        file.write(png.end());
        await file.end(png.patches());
      },
      discard: () => file.discard(),
      counts: () => ({ frames: png.frames, events, bytes: file.bytes }),
    };
  },
});

function pictureOf(given: Options, geometry: Geometry, id: string, show: ShowFrame): Picture {
  const { kind = geometry.kind === "pixels" ? "frames" : "raster" } = given;
  if (kind === "rate") return ratePlot(geometry, show);
  if (kind === "spectrogram") return spectrogram(given, show);
  if (kind === "raster") return spikeRaster(geometry, show);
  if (geometry.kind !== "pixels")
    throw wrong(id, `${kind} need camera events`, "Draw a raster, the rate or a spectrogram.");
  const scale = given.scale ?? Math.max(1, Math.floor(usualWidth / geometry.width));
  return kind === "surface"
    ? timeSurface(geometry, { ...given, scale }, show)
    : polarityFrames(geometry, { ...given, scale }, show);
}

/** Keeps the events of a region where they are. Throws a ReflexarcError when it leaves the sensor. */
function keeperOf(text: string, geometry: Geometry, id: string): (packet: Packet) => Packet {
  const [, x, y, width, height] = regionText.exec(text)!.map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const region: Region = { x, y, width, height };
  if (geometry.kind !== "pixels") throw wrong(id, "a region is one of a camera", "Leave it out.");
  if (!holds(geometry, region)) throw wrong(id, `the region ${text} leaves the sensor`, "Make it smaller.");
  return keepEvents(geometry, (address) => {
    const [column, row] = [(address >>> 1) & 0x7fff, address >>> 16];
    return column >= x && column < x + width && row >= y && row < y + height;
  });
}

function holds(sensor: PixelGeometry, { x, y, width, height }: Region): boolean {
  return x + width <= sensor.width && y + height <= sensor.height;
}

function wrong(room: string, what: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room, what, remedy });
}
