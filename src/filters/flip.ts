/** Flip: the picture as a mirror shows it. */

import { z } from "zod";
import { pixelAddress } from "../events/geometry.ts";
import { defineStage, pixelsIn } from "../stage.ts";
import { moveEvents } from "./move.ts";

/** Exchanges left and right (x becomes width - 1 - x), up and down (y becomes height - 1 - y), or both. */
export default defineStage({
  name: "flip",
  about: "Mirrors the picture left to right, up to down, or both.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    exchange: z
      .enum(["left-right", "up-down", "both"])
      .default("left-right")
      .describe("which sides of the picture change places"),
  }),
  create({ exchange }, context) {
    const geometry = pixelsIn(context);
    const [right, bottom] = [geometry.width - 1, geometry.height - 1];
    return moveEvents(
      geometry,
      geometry,
      (x) => pixelAddress(exchange === "up-down" ? x : right - x, 0, 0),
      (y) => pixelAddress(0, exchange === "left-right" ? y : bottom - y, 0),
    );
  },
});
