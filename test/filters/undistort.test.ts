/** Undistort against the lens's own equations. */

import { expect, test } from "vitest";
import { pixelAddress, pixels, xOf, yOf } from "../../src/events/geometry.ts";
import type { Packet } from "../../src/events/packet.ts";
import { undistort } from "../../src/filters/index.ts";
import { anyOptions } from "../../src/stage.ts";
import { check, create } from "../support/check-stage.ts";
import { type Event, eventsOf, packetOf } from "../support/packets.ts";

const sensor = pixels(240, 180);
/** The DAVIS240C of Mueggler et al., "The Event-Camera Dataset and Simulator", calib.txt. */
const davis = {
  fx: 199.092366542,
  fy: 198.82882047,
  cx: 132.192071378,
  cy: 110.712660011,
  k1: -0.368436311798,
  k2: 0.150947243557,
  p1: -0.000296130534385,
  p2: -0.000759431726241,
};

/** Where the lens sends an undistorted place of the picture: the equations of the docstring, forwards. */
function distorted(column: number, row: number, lens: typeof davis, zoom: number): [number, number] {
  const [x, y] = [(column - lens.cx) / lens.fx / zoom, (row - lens.cy) / lens.fy / zoom];
  const r2 = x ** 2 + y ** 2;
  const radial = 1 + lens.k1 * r2 + lens.k2 * r2 ** 2;
  const x2 = x * radial + 2 * lens.p1 * x * y + lens.p2 * (r2 + 2 * x ** 2);
  const y2 = y * radial + lens.p1 * (r2 + 2 * y ** 2) + 2 * lens.p2 * x * y;
  return [lens.fx * x2 + lens.cx, lens.fy * y2 + lens.cy];
}

test.each([1, 0.6])("each pixel's new place is sent back to it by the lens, zoom %d", (zoom) => {
  const step = create(anyOptions(undistort), { ...davis, zoom }, sensor);
  let [moved, kept] = [0, 0];
  for (let y = 0; y < 180; y += 7)
    for (let x = 0; x < 240; x += 7) {
      const event: Event = [y * 240 + x, pixelAddress(x, y, 1)];
      for (const [timeUs, address] of eventsOf(step.step(packetOf(sensor, [event])) as Packet)) {
        const [backX, backY] = distorted(xOf(address), yOf(address), davis, zoom);
        // The new place was rounded by half a pixel at most, and the lens shrinks what it shows.
        expect(Math.hypot(backX - x, backY - y)).toBeLessThan(0.75 / zoom);
        expect([timeUs, address & 1]).toEqual([event[0], 1]);
        kept += 1;
        if (xOf(address) !== x || yOf(address) !== y) moved += 1;
      }
    }
  const asked = 26 * 35;
  expect(moved).toBeGreaterThan(asked / 2);
  // At full size the straightened corners don't fit into the picture; smaller, nearly all do.
  expect(kept / asked).toBeGreaterThan(zoom === 1 ? 0.6 : 0.98);
  expect(kept / asked).toBeLessThan(zoom === 1 ? 0.95 : 1.01);
});

test("a lens without distortion moves nothing", () => {
  const input = "1@0,0+ 2@7,7- 3@3,5+";
  const step = check(anyOptions(undistort), { fx: 5, fy: 6 }, input, input);
  expect(step.counts?.()).toEqual({ "dropped outside the picture": 0, "pixels without a place": 0 });
});

test("barrel distortion pushes a corner out of the picture, and its event is dropped", () => {
  const step = check(anyOptions(undistort), { fx: 5, fy: 5, k1: -0.2 }, "1@0,0+ 2@3,4-", "2@3,4-");
  expect(step.counts?.()).toMatchObject({ "dropped outside the picture": 1 });
});

test("where the lens folds the picture over, there is no place", () => {
  // x' = x - x^3 never exceeds 0.385 focal lengths: columns further out are seen by no ray.
  const step = create(anyOptions(undistort), { fx: 5, fy: 5, k1: -1, zoom: 0.1 }, pixels(8, 1));
  expect(step.counts?.()).toMatchObject({ "pixels without a place": 4 });
});
