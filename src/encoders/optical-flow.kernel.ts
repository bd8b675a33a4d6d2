/**
 * Optical flow of radius 2. Events go in blocks through steps without a branch that depends on an event: what a step can't
 * rule out moves the place for the next one on. Planes are fitted for four events at a time, one a lane.
 */

/** How many events a block has. */
const blockEvents: i32 = 128;

// Bytes of `room`. An event's neighbours: six vectors of ages, microseconds, the oldest that is fitted, its place.
const neighboursBytes: usize = 112;
const oldestAt: usize = 96;
const placeAt: usize = 100;
// Then of each event in a block its pixel and its time, of four events their ages by rows, and of each flow its way
// around the compass, its slope and its place.
const pixelsAt: usize = 14_336;
const timesAt: usize = 14_848;
const squareAt: usize = 15_360;
const flowsAt: usize = 15_760;

/** Added to a number, it leaves it as a whole one in the low bits. */
const shifter: f64 = 6755399441055744;

/** The third greatest of eight. */
// @ts-ignore: decorator
@inline
function thirdOf(one: v128, other: v128): i32 {
  const high = i32x4.max_s(one, other);
  const low = i32x4.min_s(one, other);
  const highNext = i32x4.shuffle(high, high, 1, 0, 3, 2);
  const lowNext = i32x4.shuffle(low, low, 1, 0, 3, 2);
  // The three greatest of each four.
  const first = i32x4.max_s(high, highNext);
  const inner = i32x4.min_s(high, highNext);
  const outer = i32x4.max_s(low, lowNext);
  const second = i32x4.max_s(inner, outer);
  const third = i32x4.min_s(inner, outer);
  const first2 = i32x4.shuffle(first, first, 2, 3, 0, 1);
  const second2 = i32x4.shuffle(second, second, 2, 3, 0, 1);
  const third2 = i32x4.shuffle(third, third, 2, 3, 0, 1);
  const mixed = i32x4.max_s(i32x4.min_s(first, second2), i32x4.min_s(second, first2));
  return i32x4.extract_lane(i32x4.max_s(i32x4.max_s(third, third2), mixed), 0);
}

/** Finds the pixels and times of a block, four events at a time. */
// @ts-ignore: decorator
@inline
function locate(
  room: usize, times: usize, addresses: usize, count: i32, baseUs: f64, lastUs: usize, stride: i32, planeSize: i32,
): void {
  const base = f64x2.splat(baseUs);
  const whole = f64x2.splat(shifter);
  const perRow = i32x4.splat(stride);
  const perPlane = i32x4.splat(planeSize);
  const first = i32x4.splat(<i32>lastUs + 4 * (2 * stride + 2));
  const xs = i32x4.splat(0x7fff);
  const one = i32x4.splat(1);
  for (let i: usize = 0; i < <usize>count; i += 4) {
    const address = v128.load(addresses + (i << 2));
    const place = i32x4.add(
      i32x4.add(
        i32x4.mul(i32x4.shr_u(address, 16), perRow),
        i32x4.mul(v128.and(address, one), perPlane),
      ),
      v128.and(i32x4.shr_u(address, 1), xs),
    );
    v128.store(room + (i << 2), i32x4.add(first, i32x4.shl(place, 2)), pixelsAt);
    const early = f64x2.add(f64x2.sub(v128.load(times + (i << 3)), base), whole);
    const late = f64x2.add(f64x2.sub(v128.load(times + (i << 3), 16), base), whole);
    v128.store(room + (i << 2), i32x4.shuffle(early, late, 0, 2, 4, 6), timesAt);
  }
}

/**
 * Takes the times of a block, and leaves the ages around those events that have three neighbours in the window; answers
 * how many.
 */
// @ts-ignore: decorator
@inline
function look(room: usize, from: i32, count: i32, row: usize, windowUs: i32): i32 {
  let next = room;
  for (let i = 0; i < count; i++) {
    const pixel = load<u32>(room + (<usize>i << 2), pixelsAt);
    const sinceUs = load<i32>(room + (<usize>i << 2), timesAt);
    store<i32>(pixel, sinceUs);
    const now = i32x4.splat(sinceUs);
    const third = thirdOf(
      v128.load32_lane(pixel - 4, v128.load(pixel - row - 4), 3),
      v128.load32_lane(pixel + 4, v128.load(pixel + row - 4), 3),
    );
    const thirdAge = sinceUs - third;
    const besides = v128.load64_lane(pixel + 4, v128.load64_zero(pixel - 8), 1);
    let column = v128.load32_zero(pixel - 2 * row + 8);
    column = v128.load32_lane(pixel - row + 8, column, 1);
    column = v128.load32_lane(pixel + row + 8, column, 2);
    column = v128.load32_lane(pixel + 2 * row + 8, column, 3);
    v128.store(next, i32x4.sub(now, v128.load(pixel - 2 * row - 8)));
    v128.store(next, i32x4.sub(now, v128.load(pixel - row - 8)), 16);
    v128.store(next, i32x4.sub(now, v128.load(pixel + row - 8)), 32);
    v128.store(next, i32x4.sub(now, v128.load(pixel + 2 * row - 8)), 48);
    v128.store(next, i32x4.sub(now, besides), 64);
    v128.store(next, i32x4.sub(now, column), 80);
    const less = thirdAge * 5 - windowUs;
    store<i32>(next, windowUs + (less & (less >> 31)), oldestAt);
    store<i32>(next, from + i, placeAt);
    next += neighboursBytes & -i32(thirdAge <= windowUs);
  }
  return <i32>((next - room) / neighboursBytes);
}

/** Writes a vector of each of four events, `neighboursBytes` apart, as four of one pixel each. */
// @ts-ignore: decorator
@inline
function turn(from: usize, to0: usize, to1: usize, to2: usize, to3: usize): void {
  const e0 = v128.load(from);
  const e1 = v128.load(from, neighboursBytes);
  const e2 = v128.load(from, 2 * neighboursBytes);
  const e3 = v128.load(from, 3 * neighboursBytes);
  const low01 = i32x4.shuffle(e0, e1, 0, 4, 1, 5);
  const low23 = i32x4.shuffle(e2, e3, 0, 4, 1, 5);
  const high01 = i32x4.shuffle(e0, e1, 2, 6, 3, 7);
  const high23 = i32x4.shuffle(e2, e3, 2, 6, 3, 7);
  v128.store(to0, i64x2.shuffle(low01, low23, 0, 2));
  v128.store(to1, i64x2.shuffle(low01, low23, 1, 3));
  v128.store(to2, i64x2.shuffle(high01, high23, 0, 2));
  v128.store(to3, i64x2.shuffle(high01, high23, 1, 3));
}

/** Of four events, by lanes: the planes fitted last, how many pixels took part, whether these had one. */
let slopeX: v128 = i32x4.splat(0);
let slopeY: v128 = i32x4.splat(0);
let offset: v128 = i32x4.splat(0);
let fitted: v128 = i32x4.splat(0);
let isPlane: v128 = i32x4.splat(0);

/** Fits planes to the pixels of four squares up to an age and at most `off` away from the planes `a`, `b`, `c`. */
function fit(square: usize, oldest: v128, a: v128, b: v128, c: v128, off: v128): void {
  // Counts are negative: a mask of all ones is -1.
  let n = i32x4.splat(0);
  let sx = n;
  let sy = n;
  let st = n;
  let sxx = n;
  let sxy = n;
  let syy = n;
  let sxt = n;
  let syt = n;
  let y = i32x4.splat(-2);
  let rowPlane = i32x4.sub(c, i32x4.shl(i32x4.add(a, b), 1));
  for (let at = square; at < square + 400; at += 80) {
    const t0 = v128.load(at);
    const t1 = v128.load(at, 16);
    const t2 = v128.load(at, 32);
    const t3 = v128.load(at, 48);
    const t4 = v128.load(at, 64);
    const p1 = i32x4.add(rowPlane, a);
    const p2 = i32x4.add(p1, a);
    const p3 = i32x4.add(p2, a);
    const p4 = i32x4.add(p3, a);
    const m0 = v128.not(v128.or(i32x4.gt_s(t0, oldest), i32x4.gt_s(i32x4.abs(i32x4.sub(rowPlane, t0)), off)));
    const m1 = v128.not(v128.or(i32x4.gt_s(t1, oldest), i32x4.gt_s(i32x4.abs(i32x4.sub(p1, t1)), off)));
    const m2 = v128.not(v128.or(i32x4.gt_s(t2, oldest), i32x4.gt_s(i32x4.abs(i32x4.sub(p2, t2)), off)));
    const m3 = v128.not(v128.or(i32x4.gt_s(t3, oldest), i32x4.gt_s(i32x4.abs(i32x4.sub(p3, t3)), off)));
    const m4 = v128.not(v128.or(i32x4.gt_s(t4, oldest), i32x4.gt_s(i32x4.abs(i32x4.sub(p4, t4)), off)));
    const outer = i32x4.add(m0, m4);
    const inner = i32x4.add(m1, m3);
    const rowN = i32x4.add(i32x4.add(outer, inner), m2);
    const rowX = i32x4.add(i32x4.shl(i32x4.sub(m4, m0), 1), i32x4.sub(m3, m1));
    n = i32x4.add(n, rowN);
    sx = i32x4.add(sx, rowX);
    sxx = i32x4.add(sxx, i32x4.add(i32x4.shl(outer, 2), inner));
    const yN = i32x4.mul(y, rowN);
    sy = i32x4.add(sy, yN);
    syy = i32x4.add(syy, i32x4.mul(y, yN));
    sxy = i32x4.add(sxy, i32x4.mul(y, rowX));
    const u0 = v128.and(t0, m0);
    const u1 = v128.and(t1, m1);
    const u3 = v128.and(t3, m3);
    const u4 = v128.and(t4, m4);
    const rowT = i32x4.add(i32x4.add(i32x4.add(u0, u1), i32x4.add(u3, u4)), v128.and(t2, m2));
    st = i32x4.add(st, rowT);
    sxt = i32x4.add(sxt, i32x4.add(i32x4.shl(i32x4.sub(u4, u0), 1), i32x4.sub(u3, u1)));
    syt = i32x4.add(syt, i32x4.mul(y, rowT));
    y = i32x4.add(y, i32x4.splat(1));
    rowPlane = i32x4.add(rowPlane, b);
  }
  n = i32x4.neg(n);
  sx = i32x4.neg(sx);
  sy = i32x4.neg(sy);
  const xx = f32x4.convert_i32x4_s(i32x4.neg(i32x4.add(i32x4.mul(n, sxx), i32x4.mul(sx, sx))));
  const xy = f32x4.convert_i32x4_s(i32x4.neg(i32x4.add(i32x4.mul(n, sxy), i32x4.mul(sx, sy))));
  const yy = f32x4.convert_i32x4_s(i32x4.neg(i32x4.add(i32x4.mul(n, syy), i32x4.mul(sy, sy))));
  const xt = f32x4.convert_i32x4_s(i32x4.sub(i32x4.mul(n, sxt), i32x4.mul(sx, st)));
  const yt = f32x4.convert_i32x4_s(i32x4.sub(i32x4.mul(n, syt), i32x4.mul(sy, st)));
  const determinant = f32x4.sub(f32x4.mul(xx, yy), f32x4.mul(xy, xy));
  const across = f32x4.div(f32x4.sub(f32x4.mul(xt, yy), f32x4.mul(yt, xy)), determinant);
  const down = f32x4.div(f32x4.sub(f32x4.mul(yt, xx), f32x4.mul(xt, xy)), determinant);
  const centre = f32x4.add(
    f32x4.mul(across, f32x4.convert_i32x4_s(sx)),
    f32x4.mul(down, f32x4.convert_i32x4_s(sy)),
  );
  slopeX = across;
  slopeY = down;
  offset = f32x4.div(f32x4.sub(f32x4.convert_i32x4_s(st), centre), f32x4.convert_i32x4_s(n));
  fitted = n;
  isPlane = f32x4.ne(determinant, f32x4.splat(0));
}

/** The lengths of the slopes. */
// @ts-ignore: decorator
@inline
function lengths(): v128 {
  return f32x4.sqrt(f32x4.add(f32x4.mul(slopeX, slopeX), f32x4.mul(slopeY, slopeY)));
}

// @ts-ignore: decorator
@inline
function rounded(value: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(value));
}

/** How far the vectors against the slopes are around the compass, as `compass.ts` has it. */
// @ts-ignore: decorator
@inline
function waysAround(): v128 {
  const x = f32x4.neg(slopeX);
  const y = f32x4.neg(slopeY);
  const share = f32x4.div(y, f32x4.add(f32x4.abs(x), f32x4.abs(y)));
  const half = v128.bitselect(f32x4.sub(f32x4.splat(2), share), share, f32x4.lt(x, f32x4.splat(0)));
  return f32x4.add(half, v128.and(f32x4.splat(4), f32x4.lt(half, f32x4.splat(0))));
}

/** Fits planes twice and leaves the flows between the given slopes; answers how many. */
// @ts-ignore: decorator
@inline
function fitAll(room: usize, count: i32, support: i32, slopeMin: f32, slopeMax: f32): i32 {
  const square = room + squareAt;
  const least = i32x4.splat(support);
  const flattest = f32x4.splat(slopeMin);
  const steepest = f32x4.splat(slopeMax);
  const none = i32x4.splat(0);
  let flow = room + flowsAt;
  for (let i = 0; i < count; i += 4) {
    const events = room + <usize>i * neighboursBytes;
    turn(events, square, square + 16, square + 32, square + 48);
    turn(events + 16, square + 80, square + 96, square + 112, square + 128);
    turn(events + 32, square + 240, square + 256, square + 272, square + 288);
    turn(events + 48, square + 320, square + 336, square + 352, square + 368);
    turn(events + 64, square + 160, square + 176, square + 208, square + 224);
    turn(events + 80, square + 64, square + 144, square + 304, square + 384);
    const e0 = v128.load64_zero(events, oldestAt);
    const e1 = v128.load64_zero(events, neighboursBytes + oldestAt);
    const e2 = v128.load64_zero(events, 2 * neighboursBytes + oldestAt);
    const e3 = v128.load64_zero(events, 3 * neighboursBytes + oldestAt);
    const e01 = i32x4.shuffle(e0, e1, 0, 4, 1, 5);
    const e23 = i32x4.shuffle(e2, e3, 0, 4, 1, 5);
    const oldest = i64x2.shuffle(e01, e23, 0, 2);
    const places = i64x2.shuffle(e01, e23, 1, 3);
    fit(square, oldest, none, none, none, oldest);
    let taken = v128.and(isPlane, i32x4.ge_s(fitted, least));
    const off = i32x4.min_s(oldest, i32x4.trunc_sat_f32x4_s(lengths()));
    fit(square, oldest, rounded(slopeX), rounded(slopeY), rounded(offset), off);
    taken = v128.and(taken, v128.and(isPlane, i32x4.ge_s(fitted, least)));
    const perPx = lengths();
    taken = v128.and(taken, v128.and(f32x4.ge(perPx, flattest), f32x4.le(perPx, steepest)));
    // The last ones may be of an earlier block.
    taken = v128.and(taken, i32x4.gt_s(i32x4.splat(count - i), i32x4(0, 1, 2, 3)));
    const ways = waysAround();
    const low = i32x4.shuffle(ways, perPx, 0, 4, 1, 5);
    const high = i32x4.shuffle(ways, perPx, 2, 6, 3, 7);
    const step = v128.and(taken, i32x4.splat(16));
    v128.store(flow, i32x4.shuffle(low, places, 0, 1, 4, 4));
    flow += i32x4.extract_lane(step, 0);
    v128.store(flow, i32x4.shuffle(low, places, 2, 3, 5, 5));
    flow += i32x4.extract_lane(step, 1);
    v128.store(flow, i32x4.shuffle(high, places, 0, 1, 6, 6));
    flow += i32x4.extract_lane(step, 2);
    v128.store(flow, i32x4.shuffle(high, places, 2, 3, 7, 7));
    flow += i32x4.extract_lane(step, 3);
  }
  return <i32>((flow - room - flowsAt) >> 4);
}

/**
 * As the plain loop of `optical-flow.ts` with radius 2, for events of one base. `edges` and `before` are the tables of
 * `compass.ts`, `bands` the slopes up to which a flow is in the next band. `room` has 18 KiB for what is kept of a block.
 * Answers how many events gave a spike; these are the first ones of the columns.
 */
export function opticalFlow(
  times: usize, addresses: usize, count: i32, baseUs: f64, lastUs: usize, stride: i32, planeSize: i32, room: usize,
  windowUs: i32, support: i32, slopeMin: f32, slopeMax: f32, directions: i32,
  edges: usize, before: usize, bands: usize, bandCount: i32, cells: i32, rowOf: usize, columnOf: usize,
): i32 {
  const row = <usize>stride << 2;
  let told = 0;
  for (let from = 0; from < count; from += blockEvents) {
    const block = min(blockEvents, count - from);
    const at = <usize>from;
    locate(room, times + (at << 3), addresses + (at << 2), block, baseUs, lastUs, stride, planeSize);
    const seen = look(room, from, block, row, windowUs);
    const flows = fitAll(room, seen, support, slopeMin, slopeMax);
    for (let i = 0; i < flows; i++) {
      const flow = room + (<usize>i << 4);
      const way = load<f32>(flow, flowsAt);
      const perPx = load<f32>(flow, flowsAt + 4);
      const event = load<i32>(flow, flowsAt + 8);
      const address = load<u32>(addresses + (<usize>event << 2));
      const timeUs = load<f64>(times + (<usize>event << 3));
      let channel = <i32>load<u8>(before + <usize>(<i32>(way * 64)));
      channel += i32(way >= load<f32>(edges + (<usize>channel << 2)));
      channel &= (channel - directions) >> 31;
      for (let band = 0; band < bandCount; band++)
        channel += directions & -i32(perPx <= load<f32>(bands + (<usize>band << 2)));
      store<f64>(times + (<usize>told << 3), timeUs);
      store<u32>(
        addresses + (<usize>told << 2),
        channel * cells +
          load<u32>(rowOf + (<usize>(address >>> 16) << 2)) +
          load<u32>(columnOf + (<usize>((address >>> 1) & 0x7fff) << 2)),
      );
      told++;
    }
  }
  return told;
}
