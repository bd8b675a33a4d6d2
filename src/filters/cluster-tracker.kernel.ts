/** Cluster tracker: each event finds its cluster without a branch that depends on where it is. */

import { growing } from "./scale.kernel";

/** Beyond the 16 clusters: one that is nowhere, and one that takes the events that belong to none. */
const nowhere: i32 = 16;
const none: i32 = 17;
/** As `driftPx`. */
const driftPx: f64 = 4;

/** The larger of the distances in x and y, in both lanes. */
// @ts-ignore: decorator
@inline
function away(from: v128, to: v128): v128 {
  const both = f64x2.abs(f64x2.sub(from, to));
  return f64x2.pmax(both, i64x2.shuffle(both, both, 1, 0));
}

/**
 * As the plain loop of `cluster-tracker.ts`, up to an event that begins a cluster or lets one drift too far, which is
 * left to the plain loop as it tells the squares. Columns of clusters have 18 places. Writes to `passed` how many events
 * it kept, which are the first ones of the columns; answers how many events are done.
 */
export function clusters(
  times: usize, addresses: usize, count: i32, originUs: f64, fine: usize, coarse: usize,
  nearby: usize, columns: i32, centres: usize, told: usize, masses: usize, kept: usize, full: i32,
  radius: f64, mixing: f64, passed: usize,
): i32 {
  const reach = f64x2.splat(radius);
  const share = f64x2.splat(mixing);
  const drift = f64x2.splat(driftPx);
  let out = 0;
  let i = 0;
  for (; i < count; i++) {
    const timeUs = load<f64>(times + (<usize>i << 3));
    const address = load<u32>(addresses + (<usize>i << 2));
    const x = <i32>((address >>> 1) & 0x7fff);
    const y = <i32>(address >>> 16);
    const event = f64x2.convert_low_i32x4_s(i32x4.replace_lane(i32x4.splat(x), 1, y));
    const may = <u32>load<u16>(nearby + (<usize>((y >> 3) * columns + (x >> 3)) << 1));
    // Most noise is near none.
    if (!may) {
      if (!full) break;
      continue;
    }
    let rest = may & (may - 1);
    let c = <i32>ctz(may);
    let centre = v128.load(centres + (<usize>c << 4));
    let distance = away(centre, event);
    let nearer = f64x2.le(distance, reach);
    let nearest = select<i32>(c, none, i64x2.bitmask(nearer) & 1);
    let best = v128.bitselect(distance, reach, nearer);
    let old = centre;
    c = <i32>ctz(rest | (1 << nowhere));
    rest &= rest - 1;
    centre = v128.load(centres + (<usize>c << 4));
    distance = away(centre, event);
    nearer = f64x2.le(distance, best);
    nearest = select<i32>(c, nearest, i64x2.bitmask(nearer) & 1);
    old = v128.bitselect(centre, old, nearer);
    while (rest) {
      best = v128.bitselect(distance, best, nearer);
      c = <i32>ctz(rest);
      rest &= rest - 1;
      centre = v128.load(centres + (<usize>c << 4));
      distance = away(centre, event);
      nearer = f64x2.le(distance, best);
      nearest = select<i32>(c, nearest, i64x2.bitmask(nearer) & 1);
      old = v128.bitselect(centre, old, nearer);
    }
    if (i32(nearest == none) & (full ^ 1)) break;
    const moved = f64x2.add(old, f64x2.mul(share, f64x2.sub(event, old)));
    const drifted = f64x2.abs(f64x2.sub(moved, v128.load(told + (<usize>nearest << 4))));
    if (v128.any_true(f64x2.gt(drifted, drift))) break;
    v128.store(centres + (<usize>nearest << 4), moved);
    const mass = masses + (<usize>nearest << 3);
    store<f64>(mass, load<f64>(mass) + growing(fine, coarse, <i32>(timeUs - originUs)));
    store<f64>(times + (<usize>out << 3), timeUs);
    store<u32>(addresses + (<usize>out << 2), address);
    out += <i32>load<u8>(kept + <usize>nearest);
  }
  store<i32>(passed, out);
  return i;
}
