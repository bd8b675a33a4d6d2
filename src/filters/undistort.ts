/** Undistort: straight lines of the world become straight lines of the picture. */

import { z } from "zod";
import { pixelAddress } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import { defineStage, pixelsIn } from "../stage.ts";

/** How near to a pixel's true place the inversion must come, pixels. */
const errorPxMax = 0.001;
const iterationsMax = 100;
const nowhere = 0xffffffff;

/**
 * Moves each event to where a lens without distortion had put it, rounded to a pixel; what leaves the picture is
 * dropped. The camera is the pinhole with radial and tangential distortion of D. C. Brown 1966, with OpenCV's names
 * and order (module calib3d): for a ray (x, y, 1) and r2 = x^2 + y^2,
 *
 *     x' = x (1 + k1 r2 + k2 r2^2 + k3 r2^3) + 2 p1 x y + p2 (r2 + 2 x^2)      column = fx x' + cx
 *     y' = y (1 + k1 r2 + k2 r2^2 + k3 r2^3) + p1 (r2 + 2 y^2) + 2 p2 x y      row    = fy y' + cy
 *
 * The way back has no closed form: it is found once for each pixel by fixed-point iteration, as `undistortPoints` does
 * it, and kept in a table. A pixel for which it doesn't come within 0.001 pixels has no place (distortion that folds
 * the edge of the picture over), and its events are dropped. What leaves has the sensor's geometry and the camera
 * matrix (zoom fx, zoom fy, cx, cy). Several pixels may become one, and some may stay silent.
 */
export default defineStage({
  name: "undistort",
  about: "Moves events to where a lens without distortion had put them.",
  takes: "events",
  gives: "events",
  options: z.strictObject({
    fx: z.number().positive().describe("focal length, pixels of a row"),
    fy: z.number().positive().describe("focal length, pixels of a column"),
    cx: z.number().optional().describe("column of the optical axis, pixels; the middle without it"),
    cy: z.number().optional().describe("row of the optical axis, pixels; the middle without it"),
    k1: z.number().default(0).describe("radial distortion, of r^2"),
    k2: z.number().default(0).describe("radial distortion, of r^4"),
    p1: z.number().default(0).describe("tangential distortion, vertical"),
    p2: z.number().default(0).describe("tangential distortion, horizontal"),
    k3: z.number().default(0).describe("radial distortion, of r^6"),
    zoom: z.number().positive().default(1).describe("size of what leaves; below 1 more of the edge is seen"),
  }),
  create(camera, context) {
    const geometry = pixelsIn(context);
    const { width, height } = geometry;
    const { fx, fy, cx = (width - 1) / 2, cy = (height - 1) / 2, zoom } = camera;
    // The new address of each pixel with polarity 0, or nowhere.
    const placeOf = new Uint32Array(width * height).fill(nowhere);
    let blind = 0;
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++) {
        const ray = rayOf((column - cx) / fx, (row - cy) / fy, camera);
        const x = ray ? Math.round(zoom * fx * ray[0] + cx) : -1;
        const y = ray ? Math.round(zoom * fy * ray[1] + cy) : -1;
        if (x >= 0 && x < width && y >= 0 && y < height)
          placeOf[row * width + column] = pixelAddress(x, y, 0);
        else blind += 1;
      }
    const out = new Packet(geometry);
    let dropped = 0;
    return {
      step(packet) {
        const { count, times, addresses } = packet;
        out.begin(packet.fromUs, packet.toUs).reserve(count);
        const outTimes = out.times;
        const outAddresses = out.addresses;
        let kept = 0;
        for (let i = 0; i < count; i++) {
          const address = addresses[i]!;
          const place = placeOf[(address >>> 16) * width + ((address >>> 1) & 0x7fff)]!;
          outTimes[kept] = times[i]!;
          outAddresses[kept] = place | (address & 1);
          if (place !== nowhere) kept += 1;
        }
        out.count = kept;
        dropped += count - kept;
        return out;
      },
      counts: () => ({ "dropped outside the picture": dropped, "pixels without a place": blind }),
    };
  },
});

interface Lens {
  readonly fx: number;
  readonly fy: number;
  readonly k1: number;
  readonly k2: number;
  readonly p1: number;
  readonly p2: number;
  readonly k3: number;
}

/** The ray (x, y, 1) that the lens sends to (distortedX, distortedY), both in focal lengths; undefined without one. */
function rayOf(distortedX: number, distortedY: number, lens: Lens): readonly [number, number] | undefined {
  const { fx, fy, k1, k2, p1, p2, k3 } = lens;
  let [x, y] = [distortedX, distortedY];
  for (let iteration = 0; iteration < iterationsMax; iteration++) {
    const r2 = x * x + y * y;
    const radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3));
    const tangentialX = 2 * p1 * x * y + p2 * (r2 + 2 * x * x);
    const tangentialY = p1 * (r2 + 2 * y * y) + 2 * p2 * x * y;
    const errorX = x * radial + tangentialX - distortedX;
    const errorY = y * radial + tangentialY - distortedY;
    if (Math.abs(errorX) * fx < errorPxMax && Math.abs(errorY) * fy < errorPxMax) return [x, y];
    if (!(radial > 0)) return undefined;
    x = (distortedX - tangentialX) / radial;
    y = (distortedY - tangentialY) / radial;
  }
  return undefined;
}
