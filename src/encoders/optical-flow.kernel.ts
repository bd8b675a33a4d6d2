/**
 * Optical flow of radius 2. Events go in blocks through steps without a branch that depends on an event: what a step can't
 * rule out moves the place for the next one on. Planes are fitted for eight events at a time, one a lane of 16 bits, each
 * step for all groups of a block, so that a processor needn't wait for one group's divisions.
 */

/** How many events a block has, and how many of them make a group. */
const blockEvents: i32 = 64;
const groupEvents: i32 = 8;

// Bytes of `room`. Of each event that is fitted the ages of five rows of neighbours; the float32 2^k of the bits that these
// are without; its place in the packet; the oldest age that is fitted, in 16 bits.
const neighboursBytes: usize = 80;
// At first the age of the third youngest neighbour.
const thirdsAt: usize = 5760;
const scalesAt: usize = thirdsAt;
const placesAt: usize = 6048;
const oldestAt: usize = 6336;
// Of each event in a block its pixel and its time.
const pixelsAt: usize = 6528;
const timesAt: usize = 6784;
// Of a group: its ages by pixels, the bounds of a fit, its sums, and its planes. After the groups what rows sum up to.
const groupsAt: usize = 7040;
const groupBytes: usize = 784;
const oldestOf: usize = 400;
const takenOf: usize = 416;
const nearOf: usize = 432;
const planeOf: usize = 448;
const sumsOf: usize = 496;
const slopesOf: usize = 640;
const masksOf: usize = 736;
const rowsAt: usize = 13_312;
// Of each flow its way around the compass, its slope and its place.
const flowsAt: usize = 13_712;

/** Added to a number, these leave it as a whole one in its low bits. */
const shifter: f64 = 6755399441055744;
const halfShifter: f32 = 12582912;

/** Times in 16 bits that are `by` less, none below -2^15. `by` is at most 2^16 - 1. */
export function moveBase(last: usize, count: i32, by: i32): void {
  const one = i16x8.splat(<i16>min(by, 0x7fff));
  const other = i16x8.splat(<i16>min(by - min(by, 0x7fff), 0x7fff));
  for (let at = last, end = last + (<usize>count << 1); at < end; at += 16)
    v128.store(at, i16x8.sub_sat_s(i16x8.sub_sat_s(v128.load(at), one), other));
}

/** The third greatest of eight. */
// @ts-ignore: decorator
@inline
function thirdOf(eight: v128): i32 {
  const other = i32x4.shuffle(eight, eight, 2, 3, 0, 1);
  const high = i16x8.max_s(eight, other);
  const low = i16x8.min_s(eight, other);
  const highNext = i16x8.shuffle(high, high, 1, 0, 3, 2, 4, 5, 6, 7);
  const lowNext = i16x8.shuffle(low, low, 1, 0, 3, 2, 4, 5, 6, 7);
  // The three greatest of each four.
  const first = i16x8.max_s(high, highNext);
  const inner = i16x8.min_s(high, highNext);
  const outer = i16x8.max_s(low, lowNext);
  const second = i16x8.max_s(inner, outer);
  const third = i16x8.min_s(inner, outer);
  const first2 = i32x4.shuffle(first, first, 1, 0, 3, 2);
  const second2 = i32x4.shuffle(second, second, 1, 0, 3, 2);
  const third2 = i32x4.shuffle(third, third, 1, 0, 3, 2);
  const mixed = i16x8.max_s(i16x8.min_s(first, second2), i16x8.min_s(second, first2));
  return i16x8.extract_lane_s(i16x8.max_s(i16x8.max_s(third, third2), mixed), 0);
}

/** Finds the pixels and times of a block, four events at a time. */
// @ts-ignore: decorator
@inline
function locate(
  room: usize, times: usize, addresses: usize, count: i32, baseUs: f64, unitBits: i32, last: usize, stride: i32,
  planeSize: i32,
): void {
  const base = f64x2.splat(baseUs);
  const whole = f64x2.splat(shifter);
  const perRow = i32x4.splat(stride);
  const perPlane = i32x4.splat(planeSize);
  const first = i32x4.splat(<i32>last + 2 * (2 * stride + 2));
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
    v128.store(room + (i << 2), i32x4.add(first, i32x4.shl(place, 1)), pixelsAt);
    const early = f64x2.add(f64x2.sub(v128.load(times + (i << 3)), base), whole);
    const late = f64x2.add(f64x2.sub(v128.load(times + (i << 3), 16), base), whole);
    v128.store(room + (i << 2), i32x4.shr_u(i32x4.shuffle(early, late, 0, 2, 4, 6), unitBits), timesAt);
  }
}

/**
 * Takes the times of a block, and leaves the ages around those events that have three neighbours in the window; answers
 * how many. What is left of the others is written over: a branch that nobody can foresee costs more. Ages of more than 15
 * bits are taken for 2^15 - 1.
 */
// @ts-ignore: decorator
@inline
function look(room: usize, from: i32, count: i32, row: usize, window: i32): i32 {
  let seen: usize = 0;
  for (let i = 0; i < count; i++) {
    const pixel = load<u32>(room + (<usize>i << 2), pixelsAt);
    const time = load<i32>(room + (<usize>i << 2), timesAt);
    const now = i16x8.splat(<i16>time);
    let around = v128.load64_lane(pixel + row - 2, v128.load(pixel - row - 2), 1);
    around = v128.load16_lane(pixel - 2, around, 3);
    around = v128.load16_lane(pixel + 2, around, 7);
    const thirdAge = time - thirdOf(around);
    const rows = room + seen * neighboursBytes;
    v128.store(rows, i16x8.sub_sat_s(now, v128.load(pixel - 2 * row - 4)));
    v128.store(rows, i16x8.sub_sat_s(now, v128.load(pixel - row - 4)), 16);
    v128.store(rows, i16x8.replace_lane(i16x8.sub_sat_s(now, v128.load(pixel - 4)), 2, 0), 32);
    v128.store(rows, i16x8.sub_sat_s(now, v128.load(pixel + row - 4)), 48);
    v128.store(rows, i16x8.sub_sat_s(now, v128.load(pixel + 2 * row - 4)), 64);
    store<i16>(pixel, <i16>time);
    store<i32>(room + (seen << 2), from + i, placesAt);
    store<i32>(room + (seen << 2), thirdAge, thirdsAt);
    seen += i32(thirdAge <= window);
  }
  return <i32>seen;
}

/** Takes so many last bits from the ages around each event that the oldest ones that are fitted have 10. */
// @ts-ignore: decorator
@inline
function shorten(room: usize, seen: i32, window: i32): void {
  for (let i: usize = 0; i < <usize>seen; i++) {
    const oldest = min(load<i32>(room + (i << 2), thirdsAt) * 5, window);
    const shift = max(0, 22 - clz(oldest));
    store<i32>(room + (i << 2), (127 + shift) << 23, scalesAt);
    store<i16>(room + (i << 1), <i16>(oldest >> shift), oldestAt);
    const rows = room + i * neighboursBytes;
    v128.store(rows, i16x8.shr_u(v128.load(rows), shift));
    v128.store(rows, i16x8.shr_u(v128.load(rows, 16), shift), 16);
    v128.store(rows, i16x8.shr_u(v128.load(rows, 32), shift), 32);
    v128.store(rows, i16x8.shr_u(v128.load(rows, 48), shift), 48);
    v128.store(rows, i16x8.shr_u(v128.load(rows, 64), shift), 64);
  }
}

/** Writes the first five ages that each of eight events has in a row as those of five pixels. */
// @ts-ignore: decorator
@inline
function turn(from: usize, to: usize): void {
  const e0 = v128.load(from);
  const e1 = v128.load(from, neighboursBytes);
  const e2 = v128.load(from, 2 * neighboursBytes);
  const e3 = v128.load(from, 3 * neighboursBytes);
  const e4 = v128.load(from, 4 * neighboursBytes);
  const e5 = v128.load(from, 5 * neighboursBytes);
  const e6 = v128.load(from, 6 * neighboursBytes);
  const e7 = v128.load(from, 7 * neighboursBytes);
  const low01 = i16x8.shuffle(e0, e1, 0, 8, 1, 9, 2, 10, 3, 11);
  const low23 = i16x8.shuffle(e2, e3, 0, 8, 1, 9, 2, 10, 3, 11);
  const low45 = i16x8.shuffle(e4, e5, 0, 8, 1, 9, 2, 10, 3, 11);
  const low67 = i16x8.shuffle(e6, e7, 0, 8, 1, 9, 2, 10, 3, 11);
  const left03 = i32x4.shuffle(low01, low23, 0, 4, 1, 5);
  const left47 = i32x4.shuffle(low45, low67, 0, 4, 1, 5);
  const right03 = i32x4.shuffle(low01, low23, 2, 6, 3, 7);
  const right47 = i32x4.shuffle(low45, low67, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(left03, left47, 0, 2));
  v128.store(to, i64x2.shuffle(left03, left47, 1, 3), 16);
  v128.store(to, i64x2.shuffle(right03, right47, 0, 2), 32);
  v128.store(to, i64x2.shuffle(right03, right47, 1, 3), 48);
  const last01 = i16x8.shuffle(e0, e1, 4, 12, 5, 13, 6, 14, 7, 15);
  const last23 = i16x8.shuffle(e2, e3, 4, 12, 5, 13, 6, 14, 7, 15);
  const last45 = i16x8.shuffle(e4, e5, 4, 12, 5, 13, 6, 14, 7, 15);
  const last67 = i16x8.shuffle(e6, e7, 4, 12, 5, 13, 6, 14, 7, 15);
  const last03 = i32x4.shuffle(last01, last23, 0, 4, 1, 5);
  const last47 = i32x4.shuffle(last45, last67, 0, 4, 1, 5);
  v128.store(to, i64x2.shuffle(last03, last47, 0, 2), 64);
}

/** A mask of the ages below `bound`, in the second fit also of those nearer than `near` to a plane. */
// @ts-ignore: decorator
@inline
function part(age: v128, bound: v128, plane: v128, near: v128, isSecond: bool): v128 {
  const young = i16x8.gt_s(bound, age);
  return isSecond ? v128.and(young, i16x8.gt_s(near, i16x8.abs(i16x8.sub(plane, age)))) : young;
}

/** Sums of five pixels in a row: how many take part, of x, of x^2, of ages, and of x times age. */
// @ts-ignore: decorator
@inline
function sumRow(square: usize, to: usize, bound: v128, plane: v128, a: v128, near: v128, isSecond: bool): void {
  const t0 = v128.load(square);
  const t1 = v128.load(square, 16);
  const t2 = v128.load(square, 32);
  const t3 = v128.load(square, 48);
  const t4 = v128.load(square, 64);
  const p1 = i16x8.add(plane, a);
  const p2 = i16x8.add(p1, a);
  const p3 = i16x8.add(p2, a);
  // A mask of all ones is -1, so counts are negative.
  const m0 = part(t0, bound, plane, near, isSecond);
  const m1 = part(t1, bound, p1, near, isSecond);
  const m2 = part(t2, bound, p2, near, isSecond);
  const m3 = part(t3, bound, p3, near, isSecond);
  const m4 = part(t4, bound, i16x8.add(p3, a), near, isSecond);
  const outer = i16x8.add(m0, m4);
  const inner = i16x8.add(m1, m3);
  v128.store(to, i16x8.add(i16x8.add(outer, inner), m2));
  v128.store(to, i16x8.add(i16x8.shl(i16x8.sub(m4, m0), 1), i16x8.sub(m3, m1)), 16);
  v128.store(to, i16x8.add(i16x8.shl(outer, 2), inner), 32);
  const u0 = v128.and(t0, m0);
  const u1 = v128.and(t1, m1);
  const u3 = v128.and(t3, m3);
  const u4 = v128.and(t4, m4);
  v128.store(to, i16x8.add(i16x8.add(i16x8.add(u0, u4), i16x8.add(u1, u3)), v128.and(t2, m2)), 48);
  v128.store(to, i16x8.add(i16x8.shl(i16x8.sub(u4, u0), 1), i16x8.sub(u3, u1)), 64);
}

/** Sums up what a fit of a group needs: the first one of all ages up to its oldest ones, the second near its planes. */
// @ts-ignore: decorator
@inline
function sumUp(group: usize, rows: usize, isSecond: bool): void {
  const bound = i16x8.add(v128.load(group, oldestOf), i16x8.splat(1));
  const near = v128.load(group, nearOf);
  const a = v128.load(group, planeOf);
  const b = v128.load(group, planeOf + 16);
  const twoB = i16x8.add(b, b);
  const plane = i16x8.sub(v128.load(group, planeOf + 32), i16x8.add(a, a));
  sumRow(group, rows, bound, i16x8.sub(plane, twoB), a, near, isSecond);
  sumRow(group + 80, rows + 80, bound, i16x8.sub(plane, b), a, near, isSecond);
  sumRow(group + 160, rows + 160, bound, plane, a, near, isSecond);
  sumRow(group + 240, rows + 240, bound, i16x8.add(plane, b), a, near, isSecond);
  sumRow(group + 320, rows + 320, bound, i16x8.add(plane, twoB), a, near, isSecond);
  const n = i16x8.neg(sumOf(rows));
  const sx = i16x8.neg(sumOf(rows + 16));
  const sy = i16x8.neg(slantOf(rows));
  const syy = i16x8.add(
    i16x8.shl(i16x8.add(v128.load(rows), v128.load(rows, 320)), 2),
    i16x8.add(v128.load(rows, 80), v128.load(rows, 240)),
  );
  const sums = group + sumsOf;
  v128.store(sums, n);
  v128.store(sums, sx, 16);
  v128.store(sums, sy, 32);
  v128.store(sums, sumOf(rows + 48), 48);
  v128.store(sums, sumOf(rows + 64), 64);
  v128.store(sums, slantOf(rows + 48), 80);
  v128.store(sums, i16x8.neg(i16x8.add(i16x8.mul(n, sumOf(rows + 32)), i16x8.mul(sx, sx))), 96);
  v128.store(sums, i16x8.neg(i16x8.add(i16x8.mul(n, slantOf(rows + 16)), i16x8.mul(sx, sy))), 112);
  v128.store(sums, i16x8.neg(i16x8.add(i16x8.mul(n, syy), i16x8.mul(sy, sy))), 128);
}

/** Adds up what five rows have, 80 bytes apart. */
// @ts-ignore: decorator
@inline
function sumOf(at: usize): v128 {
  const outer = i16x8.add(v128.load(at), v128.load(at, 320));
  const inner = i16x8.add(v128.load(at, 80), v128.load(at, 240));
  return i16x8.add(i16x8.add(outer, inner), v128.load(at, 160));
}

/** As `sumOf`, each row times its y. */
// @ts-ignore: decorator
@inline
function slantOf(at: usize): v128 {
  const outer = i16x8.sub(v128.load(at, 320), v128.load(at));
  return i16x8.add(i16x8.shl(outer, 1), i16x8.sub(v128.load(at, 240), v128.load(at, 80)));
}

/**
 * From a group's sums its planes of least squares: slopes along x and y and, after the first fit, offsets, as float32, and a
 * mask of those which have one.
 */
// @ts-ignore: decorator
@inline
function solve(group: usize, isSecond: bool): void {
  const n = v128.load(group, sumsOf);
  const sx = v128.load(group, sumsOf + 16);
  const sy = v128.load(group, sumsOf + 32);
  const st = v128.load(group, sumsOf + 48);
  const sxt = v128.load(group, sumsOf + 64);
  const syt = v128.load(group, sumsOf + 80);
  const xx = v128.load(group, sumsOf + 96);
  const xy = v128.load(group, sumsOf + 112);
  const yy = v128.load(group, sumsOf + 128);
  solveFour(
    group + slopesOf, i32x4.extend_low_i16x8_s(xx), i32x4.extend_low_i16x8_s(xy), i32x4.extend_low_i16x8_s(yy),
    i32x4.sub(i32x4.extmul_low_i16x8_s(n, sxt), i32x4.extmul_low_i16x8_s(sx, st)),
    i32x4.sub(i32x4.extmul_low_i16x8_s(n, syt), i32x4.extmul_low_i16x8_s(sy, st)),
    i32x4.extend_low_i16x8_s(sx), i32x4.extend_low_i16x8_s(sy),
    i32x4.extend_low_i16x8_s(st), i32x4.extend_low_i16x8_s(n), isSecond,
  );
  solveFour(
    group + slopesOf + 16, i32x4.extend_high_i16x8_s(xx), i32x4.extend_high_i16x8_s(xy), i32x4.extend_high_i16x8_s(yy),
    i32x4.sub(i32x4.extmul_high_i16x8_s(n, sxt), i32x4.extmul_high_i16x8_s(sx, st)),
    i32x4.sub(i32x4.extmul_high_i16x8_s(n, syt), i32x4.extmul_high_i16x8_s(sy, st)),
    i32x4.extend_high_i16x8_s(sx), i32x4.extend_high_i16x8_s(sy),
    i32x4.extend_high_i16x8_s(st), i32x4.extend_high_i16x8_s(n), isSecond,
  );
}

// @ts-ignore: decorator
@inline
function solveFour(
  to: usize, wholeXx: v128, wholeXy: v128, wholeYy: v128, wholeXt: v128, wholeYt: v128, sx: v128, sy: v128, st: v128,
  n: v128, isSecond: bool,
): void {
  const xx = f32x4.convert_i32x4_s(wholeXx);
  const xy = f32x4.convert_i32x4_s(wholeXy);
  const yy = f32x4.convert_i32x4_s(wholeYy);
  const xt = f32x4.convert_i32x4_s(wholeXt);
  const yt = f32x4.convert_i32x4_s(wholeYt);
  const determinant = f32x4.sub(f32x4.mul(xx, yy), f32x4.mul(xy, xy));
  const across = f32x4.div(f32x4.sub(f32x4.mul(xt, yy), f32x4.mul(yt, xy)), determinant);
  const down = f32x4.div(f32x4.sub(f32x4.mul(yt, xx), f32x4.mul(xt, xy)), determinant);
  v128.store(to, across);
  v128.store(to, down, 32);
  v128.store(to, f32x4.ne(determinant, f32x4.splat(0)), masksOf - slopesOf);
  if (isSecond) return;
  const centre = f32x4.add(
    f32x4.mul(across, f32x4.convert_i32x4_s(sx)),
    f32x4.mul(down, f32x4.convert_i32x4_s(sy)),
  );
  v128.store(to, f32x4.div(f32x4.sub(f32x4.convert_i32x4_s(st), centre), f32x4.convert_i32x4_s(n)), 64);
}

/** The lengths of four slopes, along x at `at`. */
// @ts-ignore: decorator
@inline
function lengths(at: usize): v128 {
  const x = v128.load(at);
  const y = v128.load(at, 32);
  return f32x4.sqrt(f32x4.add(f32x4.mul(x, x), f32x4.mul(y, y)));
}

/** The nearest whole numbers in 16 bits of eight that planes have, of two the even one, none further from 0 than 4095. */
// @ts-ignore: decorator
@inline
function rounded(at: usize): v128 {
  const most = f32x4.splat(4095);
  const least = f32x4.splat(-4095);
  return inWords(
    f32x4.pmax(least, f32x4.pmin(most, v128.load(at))),
    f32x4.pmax(least, f32x4.pmin(most, v128.load(at, 16))),
  );
}

// @ts-ignore: decorator
@inline
function floored(value: v128): v128 {
  return f32x4.floor(f32x4.pmin(f32x4.splat(4095), value));
}

// @ts-ignore: decorator
@inline
function inWords(low: v128, high: v128): v128 {
  const add = f32x4.splat(halfShifter);
  return i16x8.shuffle(f32x4.add(low, add), f32x4.add(high, add), 0, 2, 4, 6, 8, 10, 12, 14);
}

/** Those of a group that are taken so far and have a plane through as many pixels as are asked for. */
// @ts-ignore: decorator
@inline
function supported(group: usize, least: v128): v128 {
  return v128.and(
    v128.and(v128.load(group, takenOf), i16x8.ge_s(v128.load(group, sumsOf), least)),
    i16x8.narrow_i32x4_s(v128.load(group, masksOf), v128.load(group, masksOf + 16)),
  );
}

/** Between the fits of a group: the planes in whole ages, and how near to them pixels must be, more than which isn't. */
// @ts-ignore: decorator
@inline
function refine(group: usize, least: v128): void {
  const slopes = group + slopesOf;
  v128.store(group, supported(group, least), takenOf);
  const off = i16x8.min_s(
    v128.load(group, oldestOf),
    inWords(floored(lengths(slopes)), floored(lengths(slopes + 16))),
  );
  v128.store(group, i16x8.add(off, i16x8.splat(1)), nearOf);
  v128.store(group, rounded(slopes), planeOf);
  v128.store(group, rounded(slopes + 32), planeOf + 16);
  v128.store(group, rounded(slopes + 64), planeOf + 32);
}

/** How far the vectors against four slopes are around the compass, as `compass.ts` has it. */
// @ts-ignore: decorator
@inline
function waysAround(at: usize): v128 {
  const x = f32x4.neg(v128.load(at));
  const y = f32x4.neg(v128.load(at, 32));
  const share = f32x4.div(y, f32x4.add(f32x4.abs(x), f32x4.abs(y)));
  const half = v128.bitselect(f32x4.sub(f32x4.splat(2), share), share, f32x4.lt(x, f32x4.splat(0)));
  return f32x4.add(half, v128.and(f32x4.splat(4), f32x4.lt(half, f32x4.splat(0))));
}

/** Fits planes twice and leaves the flows between the given slopes; answers how many. */
// @ts-ignore: decorator
@inline
function fitAll(room: usize, count: i32, support: i32, slopeMinUs: f32, slopeMaxUs: f32, unitUs: f32): i32 {
  const least = i16x8.splat(<i16>support);
  const groups = room + groupsAt;
  const rows = room + rowsAt;
  const end = groups + <usize>((count + groupEvents - 1) / groupEvents) * groupBytes;
  for (let group = groups, first = 0; group < end; group += groupBytes, first += groupEvents) {
    const events = room + <usize>first * neighboursBytes;
    turn(events, group);
    turn(events + 16, group + 80);
    turn(events + 32, group + 160);
    turn(events + 48, group + 240);
    turn(events + 64, group + 320);
    v128.store(group, v128.load(room + (<usize>first << 1), oldestAt), oldestOf);
    // The last ones may be of an earlier block.
    v128.store(group, i16x8.gt_s(i16x8.splat(<i16>(count - first)), i16x8(0, 1, 2, 3, 4, 5, 6, 7)), takenOf);
    sumUp(group, rows, false);
  }
  for (let group = groups; group < end; group += groupBytes) {
    solve(group, false);
    refine(group, least);
  }
  for (let group = groups; group < end; group += groupBytes) sumUp(group, rows, true);
  let flow = room + flowsAt;
  let words = room;
  for (let group = groups; group < end; group += groupBytes) {
    solve(group, true);
    const taken = supported(group, least);
    const slopes = group + slopesOf;
    flow = tell(flow, slopes, words, i32x4.extend_low_i16x8_s(taken), slopeMinUs, slopeMaxUs, unitUs);
    flow = tell(flow, slopes + 16, words + 16, i32x4.extend_high_i16x8_s(taken), slopeMinUs, slopeMaxUs, unitUs);
    words += 4 * groupEvents;
  }
  return <i32>((flow - room - flowsAt) >> 4);
}

/** Writes those of four flows that are taken and between the given slopes; answers where the next one goes. */
// @ts-ignore: decorator
@inline
function tell(
  flow: usize, slopes: usize, words: usize, taken: v128, slopeMinUs: f32, slopeMaxUs: f32, unitUs: f32,
): usize {
  const places = v128.load(words, placesAt);
  const perPxUs = f32x4.mul(f32x4.mul(lengths(slopes), v128.load(words, scalesAt)), f32x4.splat(unitUs));
  const between = v128.and(f32x4.ge(perPxUs, f32x4.splat(slopeMinUs)), f32x4.le(perPxUs, f32x4.splat(slopeMaxUs)));
  const step = v128.and(taken, v128.and(between, i32x4.splat(16)));
  const ways = waysAround(slopes);
  const low = i32x4.shuffle(ways, perPxUs, 0, 4, 1, 5);
  const high = i32x4.shuffle(ways, perPxUs, 2, 6, 3, 7);
  v128.store(flow, i32x4.shuffle(low, places, 0, 1, 4, 4));
  flow += i32x4.extract_lane(step, 0);
  v128.store(flow, i32x4.shuffle(low, places, 2, 3, 5, 5));
  flow += i32x4.extract_lane(step, 1);
  v128.store(flow, i32x4.shuffle(high, places, 0, 1, 6, 6));
  flow += i32x4.extract_lane(step, 2);
  v128.store(flow, i32x4.shuffle(high, places, 2, 3, 7, 7));
  return flow + i32x4.extract_lane(step, 3);
}

/**
 * As the plain loop of `optical-flow.ts` with radius 2, for events of one base. `edges` and `before` are the tables of
 * `compass.ts`, `bands` the slopes up to which a flow is in the next band. `room` has 16 KiB for what is kept of a block.
 * Answers how many events gave a spike; these are the first ones of the columns.
 */
export function opticalFlow(
  times: usize, addresses: usize, count: i32, baseUs: f64, unitBits: i32, last: usize, stride: i32, planeSize: i32,
  room: usize, window: i32, support: i32, slopeMinUs: f32, slopeMaxUs: f32, directions: i32,
  edges: usize, before: usize, bands: usize, bandCount: i32, cells: i32, rowOf: usize, columnOf: usize,
): i32 {
  const row = <usize>stride << 1;
  const unitUs = <f32>(1 << unitBits);
  let told = 0;
  for (let from = 0; from < count; from += blockEvents) {
    const block = min(blockEvents, count - from);
    const at = <usize>from;
    locate(room, times + (at << 3), addresses + (at << 2), block, baseUs, unitBits, last, stride, planeSize);
    const seen = look(room, from, block, row, window);
    shorten(room, seen, window);
    const flows = fitAll(room, seen, support, slopeMinUs, slopeMaxUs, unitUs);
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
