/** A simulated event camera that looks at a moving shape: an input for whoever has no camera, with a known truth. */

import { z } from "zod";
import { pixels } from "../src/events/geometry.ts";
import { Packet } from "../src/events/packet.ts";
import { defineSensor } from "../src/stage.ts";
import { openCamera } from "./synthetic/camera.ts";
import { sceneNames } from "./synthetic/scene.ts";

export { goalCrossings, sceneTruth, shownDigit } from "./synthetic/scene.ts";

/** The model keeps three numbers for each pixel: 100 MB at this width and height. */
const sidePxMax = 2048;

export const syntheticOptions = z.strictObject({
  scene: z.enum(sceneNames).default("moving-dot").describe("what moves; moving-dot when left out"),
  width: z.int().min(8).max(sidePxMax).default(128).describe("width of the array, pixels"),
  height: z.int().min(8).max(sidePxMax).default(128).describe("height of the array, pixels"),
  durationMs: z
    .number()
    .positive()
    .max(3_600_000)
    .default(5000)
    .describe("length of the scene, milliseconds"),
  sizePx: z
    .number()
    .positive()
    .max(2 * sidePxMax)
    .default(9)
    .describe("diameter of the dot, of the ball, or of the disc at its end; width of the bar; pixels"),
  speedPxPerS: z
    .number()
    .positive()
    .max(1e6)
    .default(80)
    .describe("speed of bar and ball, and of the dot along x where it is fastest, pixels a second"),
  digits: z
    .string()
    .regex(/^[0-9]+$/)
    .default("0123456789")
    .describe("the digits that digit-saccades shows, one after another and over again"),
  digitMs: z
    .number()
    .min(1)
    .default(400)
    .describe("time of a digit, milliseconds: three saccades, then nothing for the last quarter"),
  contrast: z
    .number()
    .min(0.001)
    .max(1000)
    .default(0.3)
    .describe("brightness of the shape over that of the background; below 1 it is dark"),
  threshold: z
    .number()
    .min(0.01)
    .max(10)
    .default(0.35)
    .describe("change of log intensity (base e) that makes an event"),
  mismatch: z
    .number()
    .min(0)
    .max(1)
    .default(0.02)
    .describe("standard deviation of the threshold from pixel to pixel"),
  refractoryUs: z
    .number()
    .min(0)
    .max(1e9)
    .default(300)
    .describe("a pixel is silent this long after an event, microseconds"),
  noiseHz: z.number().min(0).max(1000).default(0.1).describe("random events a second and pixel"),
  hotPixels: z.int().min(0).max(10_000).default(2).describe("how many pixels fire without a reason"),
  hotHz: z.number().min(0).max(100_000).default(50).describe("events a second of each hot pixel"),
  stepUs: z
    .int()
    .positive()
    .max(100_000)
    .default(500)
    .describe("step of the simulation, microseconds; times are interpolated between"),
  packetUs: z
    .int()
    .positive()
    .max(1_000_000)
    .default(10_000)
    .describe("span of a packet, microseconds; changes no event"),
  seed: z
    .int()
    .min(0)
    .optional()
    .describe("seed of noise, faults and the ball's launch; the pipeline's when left out"),
});

export type SyntheticOptions = z.output<typeof syntheticOptions>;

export default defineSensor({
  name: "synthetic",
  about:
    "A simulated event camera: a moving dot, a bar, a looming disc, a bouncing ball or digits under saccades.",
  gives: "events",
  live: false,
  options: syntheticOptions,
  async open(options, { seed, signal }) {
    const geometry = pixels(options.width, options.height);
    const camera = openCamera(options, options.seed ?? seed);
    async function* packets() {
      const packet = new Packet(geometry);
      const endUs = Math.round(options.durationMs * 1000);
      for (let fromUs = 0; fromUs < endUs && !signal.aborted; fromUs += options.packetUs) {
        camera.fill(packet.begin(fromUs, Math.min(endUs, fromUs + options.packetUs)));
        yield packet;
      }
    }
    return {
      geometry,
      packets: packets(),
      counts: () => ({ "within the refractory period": camera.swallowed }),
    };
  },
});
