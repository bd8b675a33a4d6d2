/** Region: some rectangles of the picture, which keeps its size. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { describeGeometry, sizeOf } from "../events/geometry.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { keepPixels } from "./keep-pixels.ts";

/**
 * Keeps the events inside of at least one of the rectangles, or those outside of all of them. Events stay where they
 * are (`crop` moves them). Throws a usage error when a rectangle leaves the sensor.
 */
export default defineStage({
  name: "region",
  about: "Keeps the events inside of rectangles, or outside of them, without moving them.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    rectangles: z
      .array(
        z.strictObject({
          x: z.int().min(0).describe("left column, pixels"),
          y: z.int().min(0).describe("top row, pixels"),
          width: z.int().positive().describe("columns"),
          height: z.int().positive().describe("rows"),
        }),
      )
      .min(1)
      .max(1024)
      .describe("one or more of x, y, width and height, pixels; they may overlap"),
    keep: z.enum(["inside", "outside"]).default("inside").describe("which events pass"),
  }),
  create({ rectangles, keep }, context) {
    const sensor = pixelsIn(context);
    const inside = keep === "inside" ? 1 : 0;
    const keeps = new Uint8Array(sizeOf(sensor)).fill(1 - inside);
    for (const { x, y, width, height } of rectangles) {
      if (x + width > sensor.width || y + height > sensor.height)
        throw new ReflexarcError({
          kind: "usage",
          room: context.id,
          what: `the rectangle of ${width}x${height} at (${x}, ${y}) leaves the sensor's ${describeGeometry(sensor)}`,
          remedy: "Make it smaller, or move it.",
        });
      for (let row = y; row < y + height; row++)
        keeps.fill(inside, row * sensor.width + x, row * sensor.width + x + width);
    }
    return keepPixels(sensor, keeps, `dropped ${keep === "inside" ? "outside" : "inside"} the region`);
  },
});
