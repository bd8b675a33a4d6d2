/** Rescale: a picture of one size becomes a picture of another. */

import { z } from "zod";
import { pixelAddress, pixelHeightMax, pixels, pixelWidthMax } from "../events/geometry.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { moveEvents } from "./move.ts";

/**
 * Moves each event from (x, y) to (floor(x * width / sensor width), floor(y * height / sensor height)) and keeps its
 * time and polarity. No event is dropped or made: a smaller picture is busier (a refractory filter behind it thins
 * it), a larger one has pixels that stay silent.
 */
export default defineStage({
  name: "rescale",
  about: "Stretches or shrinks the picture to a given size, and keeps every event.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    width: z.int().min(1).max(pixelWidthMax).describe("columns of what leaves, pixels"),
    height: z.int().min(1).max(pixelHeightMax).describe("rows of what leaves, pixels"),
  }),
  create({ width, height }, context) {
    const sensor = pixelsIn(context);
    return moveEvents(
      sensor,
      pixels(width, height),
      (x) => pixelAddress(Math.floor((x * width) / sensor.width), 0, 0),
      (y) => pixelAddress(0, Math.floor((y * height) / sensor.height), 0),
    );
  },
});
