/** Line tracker: votes for four angles at a time, and the search for the strongest line. */

import { growing } from "./scale.kernel";

// @ts-ignore: decorator
@inline
function add(votes: usize, line: i32, weight: f64): void {
  const at = votes + (<usize>line << 3);
  store<f64>(at, load<f64>(at) + weight);
}

/**
 * As the plain loop of `line-tracker.ts`, for events up to the next choice. `angles` is a multiple of 4 that `cosines`,
 * `sines` and `votes` have room for. `lessX` and `lessY` are twice the middle of the sensor. Answers how many events it
 * kept; they are the first ones of the columns.
 */
export function lineVotes(
  times: usize, addresses: usize, count: i32, untilVote: i32, voteEvery: i32, originUs: f64, fine: usize, coarse: usize,
  cosines: usize, sines: usize, angles: i32, votes: usize, offsets: i32, lessX: i32, lessY: i32,
  cosine: f64, sine: f64, offset: f64, distance: f64,
): i32 {
  const middle = offsets >>> 1;
  const firstRows = i32x4.add(i32x4.splat(middle), i32x4.mul(i32x4.splat(offsets), i32x4(0, 1, 2, 3)));
  const fourRows = i32x4.splat(4 * offsets);
  const half = i32x4.splat(1 << 12);
  let kept = 0;
  let until = untilVote;
  for (let i = 0; i < count; i++) {
    const timeUs = load<f64>(times + (<usize>i << 3));
    const address = load<u32>(addresses + (<usize>i << 2));
    const twiceX = 2 * <i32>((address >>> 1) & 0x7fff) - lessX;
    const twiceY = 2 * <i32>(address >>> 16) - lessY;
    if (--until == 0) {
      until = voteEvery;
      const weight = <f64>voteEvery * growing(fine, coarse, <i32>(timeUs - originUs));
      const xs = i32x4.splat(twiceX);
      const ys = i32x4.splat(twiceY);
      let rows = firstRows;
      for (let angle: usize = 0, end = <usize>angles << 2; angle < end; angle += 16) {
        const sum = i32x4.add(
          i32x4.mul(xs, v128.load(cosines + angle)),
          i32x4.mul(ys, v128.load(sines + angle)),
        );
        const lines = i32x4.add(rows, i32x4.shr_s(i32x4.add(sum, half), 13));
        add(votes, i32x4.extract_lane(lines, 0), weight);
        add(votes, i32x4.extract_lane(lines, 1), weight);
        add(votes, i32x4.extract_lane(lines, 2), weight);
        add(votes, i32x4.extract_lane(lines, 3), weight);
        rows = i32x4.add(rows, fourRows);
      }
    }
    store<f64>(times + (<usize>kept << 3), timeUs);
    store<u32>(addresses + (<usize>kept << 2), address);
    const away = <f64>twiceX * 0.5 * cosine + <f64>twiceY * 0.5 * sine - offset;
    kept += i32(abs(away) <= distance);
  }
  return kept;
}

/** The first of the greatest votes, when they are at least `least` and not 0; else -1. */
export function strongest(votes: usize, count: i32, least: f64): i32 {
  const end = votes + (<usize>count << 3);
  let a = f64x2.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let at = votes;
  for (; at + 64 <= end; at += 64) {
    a = f64x2.pmax(a, v128.load(at));
    b = f64x2.pmax(b, v128.load(at, 16));
    c = f64x2.pmax(c, v128.load(at, 32));
    d = f64x2.pmax(d, v128.load(at, 48));
  }
  a = f64x2.pmax(f64x2.pmax(a, b), f64x2.pmax(c, d));
  let most = max(f64x2.extract_lane(a, 0), f64x2.extract_lane(a, 1));
  for (; at < end; at += 8) most = max(most, load<f64>(at));
  if (most == 0 || most < least) return -1;
  at = votes;
  while (load<f64>(at) != most) at += 8;
  return <i32>((at - votes) >>> 3);
}
