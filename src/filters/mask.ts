/** Mask: pixels that are known to be broken, or not to matter. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { describeGeometry, type PixelGeometry, sizeOf } from "../events/geometry.ts";
import { defineStage, pixelsIn, type StageContext } from "../stage.ts";
import { keepPixels } from "./keep-pixels.ts";

/**
 * Drops the events of marked pixels, or keeps only those. Pixels are marked by a list, by a bitmap that is drawn in
 * the document, or by one in a file, or by several of these. A bitmap has one character a pixel and is as large as the
 * sensor: `#` or `1` marks it, `.` or `0` doesn't; blanks and line ends mean nothing. The file may also be a plain PBM
 * (`P1`, as image editors write it; a black pixel is marked). Throws a usage error when a pixel is not on the sensor
 * or a bitmap has another size.
 */
export default defineStage({
  name: "mask",
  about: "Drops the events of marked pixels, or keeps only those.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    pixels: z
      .array(z.tuple([z.int().min(0), z.int().min(0)]))
      .default([])
      .describe("marked pixels, each as [x, y]"),
    bitmap: z.string().optional().describe("a picture of the sensor: # or 1 marks a pixel, . or 0 doesn't"),
    file: z.string().optional().describe("a text file with such a picture, or a plain PBM (P1)"),
    keep: z.enum(["unmarked", "marked"]).default("unmarked").describe("which events pass"),
  }),
  create({ pixels, bitmap, file, keep }, context) {
    const sensor = pixelsIn(context);
    const marked = new Uint8Array(sizeOf(sensor));
    for (const [x, y] of pixels) {
      if (x >= sensor.width || y >= sensor.height)
        throw wrong(context, `there is no pixel (${x}, ${y}) on ${describeGeometry(sensor)}`);
      marked[y * sensor.width + x] = 1;
    }
    if (bitmap !== undefined) draw(bitmap, "its bitmap", marked, sensor, context);
    if (file !== undefined) draw(context.readText(file), `"${file}"`, marked, sensor, context);
    const keeps = keep === "marked" ? marked : marked.map((mark) => 1 - mark);
    return keepPixels(sensor, keeps, `dropped from ${keep === "marked" ? "unmarked" : "marked"} pixels`);
  },
});

/** Marks what a bitmap marks. */
function draw(
  text: string,
  called: string,
  marked: Uint8Array,
  sensor: PixelGeometry,
  context: StageContext,
): void {
  const dots = dotsOf(text, called, sensor, context);
  const strange = /[^.#01]/.exec(dots);
  if (strange) throw wrong(context, `${called} has the character "${strange[0]}"`);
  if (dots.length !== marked.length)
    throw wrong(context, `${called} has ${dots.length} pixels, but there are ${describeGeometry(sensor)}`);
  for (let pixel = 0; pixel < dots.length; pixel++)
    if (dots[pixel] === "#" || dots[pixel] === "1") marked[pixel] = 1;
}

/** A bitmap without its blanks, a plain PBM also without its comments and its head: `P1`, width and height. */
function dotsOf(text: string, called: string, sensor: PixelGeometry, context: StageContext): string {
  if (!/^P1\s/.test(text)) return text.replace(/\s+/g, "");
  const plain = text.replace(/#[^\n]*/g, "");
  const head = /^P1\s+(\d+)\s+(\d+)\s/.exec(plain);
  if (!head || Number(head[1]) !== sensor.width || Number(head[2]) !== sensor.height)
    throw wrong(context, `${called} is a PBM that is not of ${describeGeometry(sensor)}`);
  return plain.slice(head[0].length).replace(/\s+/g, "");
}

function wrong(context: StageContext, what: string): ReflexarcError {
  return new ReflexarcError({
    kind: "usage",
    room: context.id,
    what,
    remedy: "Draw it as large as the sensor, with # for a marked pixel and . for any other.",
  });
}
