/** Rotate: a camera that was mounted on its side or upside down. */

import { z } from "zod";
import { pixelAddress, pixels } from "../events/geometry.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { moveEvents } from "./move.ts";
import { transposed } from "./transpose.ts";

/** Turns the picture clockwise; after 90 and 270 degrees, width and height have changed places. */
export default defineStage({
  name: "rotate",
  about: "Turns the picture clockwise by 90, 180 or 270 degrees.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    degrees: z.literal([90, 180, 270]).default(90).describe("how far, clockwise, degrees"),
  }),
  create({ degrees }, context) {
    const sensor = pixelsIn(context);
    const [right, bottom] = [sensor.width - 1, sensor.height - 1];
    if (degrees === 180)
      return moveEvents(
        sensor,
        pixels(sensor.width, sensor.height),
        (x) => pixelAddress(right - x, 0, 0),
        (y) => pixelAddress(0, bottom - y, 0),
      );
    // Clockwise, the top row becomes the right column; counterclockwise, the left one.
    return moveEvents(
      sensor,
      transposed(sensor, context.id),
      (x) => pixelAddress(0, degrees === 90 ? x : right - x, 0),
      (y) => pixelAddress(degrees === 90 ? bottom - y : y, 0, 0),
    );
  },
});
