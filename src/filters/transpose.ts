/** Transpose: rows become columns. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import {
  describeGeometry,
  type PixelGeometry,
  pixelAddress,
  pixels,
  pixelWidthMax,
} from "../events/geometry.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { moveEvents } from "./move.ts";

/** Exchanges x and y; width and height change places. */
export default defineStage({
  name: "transpose",
  about: "Exchanges x and y, so that rows become columns.",
  takes: "events",
  gives: "events",
  options: z.strictObject({}),
  create(_, context) {
    const sensor = pixelsIn(context);
    return moveEvents(
      sensor,
      transposed(sensor, context.id),
      (x) => pixelAddress(0, x, 0),
      (y) => pixelAddress(y, 0, 0),
    );
  },
});

/** The geometry on its side. Throws a usage error when its height is more than an address has for a width. */
export function transposed(sensor: PixelGeometry, room: string): PixelGeometry {
  if (sensor.height <= pixelWidthMax) return pixels(sensor.height, sensor.width);
  throw new ReflexarcError({
    kind: "usage",
    room,
    what: `a picture may be ${pixelWidthMax} pixels wide, and ${describeGeometry(sensor)} on their side are wider`,
    remedy: "Crop or rescale them first.",
  });
}
