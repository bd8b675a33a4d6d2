/** The way of a spike from core to core: east or west first, then north or south. */

import type { Ground } from "./ground.ts";

/** Where the input's spikes come from: a port at the first tile. */
export const port = -1;

export interface Route {
  /** Core numbers; `port` for the input. */
  readonly from: number;
  readonly to: number;
  readonly hopsX: number;
  readonly hopsY: number;
  /** Directed links on the way: of tile t its east, west, south and north ones are 4 t to 4 t + 3. */
  readonly links: readonly number[];
}

const [east, west, south, north] = [0, 1, 2, 3];

/** On a mesh X before Y, so that no two ways wait for each other in a circle; on a crossbar one hop into the target's port. */
export function routeBetween(ground: Ground, from: number, to: number): Route {
  const { fabric } = ground.chip;
  if (fabric.kind === "crossbar")
    return { from, to, hopsX: from === to ? 0 : 1, hopsY: 0, links: from === to ? [] : [4 * to] };
  const start = from === port ? { x: 0, y: 0 } : ground.tileOf(from);
  const end = ground.tileOf(to);
  const links: number[] = [];
  let { x, y } = start;
  const leave = (direction: number) => links.push(4 * (y * fabric.width + x) + direction);
  for (; x !== end.x; x += Math.sign(end.x - x)) leave(x < end.x ? east! : west!);
  for (; y !== end.y; y += Math.sign(end.y - y)) leave(y < end.y ? south! : north!);
  return { from, to, hopsX: Math.abs(end.x - start.x), hopsY: Math.abs(end.y - start.y), links };
}

/** Whether a link leads east or west. */
export function isAlongX(link: number): boolean {
  return link % 4 < 2;
}
