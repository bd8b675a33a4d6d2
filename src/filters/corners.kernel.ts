/** Corners: the circles of FAST as vectors, so that most events are refused after a few instructions. */

// @ts-ignore: decorator
@inline
function lane(vector: v128, index: u8, at: usize): v128 {
  // The compiler wants a constant.
  if (index == 0) return v128.load32_lane(at, vector, 0);
  if (index == 1) return v128.load32_lane(at, vector, 1);
  if (index == 2) return v128.load32_lane(at, vector, 2);
  return v128.load32_lane(at, vector, 3);
}

/** The time of a pixel of a circle; `ring` says how far it is from the pixel in the middle. */
// @ts-ignore: decorator
@inline
function time(pixel: usize, ring: usize, index: i32, turned: i32): i32 {
  return load<i32>(pixel + load<usize>(ring + (<usize>index << 2))) ^ turned;
}

// @ts-ignore: decorator
@inline
function greatest(vector: v128): v128 {
  const two = i32x4.max_s(vector, i32x4.shuffle(vector, vector, 2, 3, 0, 1));
  return i32x4.max_s(two, i32x4.shuffle(two, two, 1, 0, 3, 2));
}

/** A bit for each of 16 lanes whose compares are all ones. */
// @ts-ignore: decorator
@inline
function bits(a: v128, b: v128, c: v128, d: v128): i32 {
  return i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
}

/**
 * Whether the coarse times around a pixel leave it open that the circle of radius 3 has an arc of 3 to 6 newest pixels,
 * or with all bits turned over, of oldest ones: somewhere three in a row are not before the ten that follow.
 */
// @ts-ignore: decorator
@inline
function mayHaveArc(coarse: usize, row: usize, turned: i32): bool {
  const row2 = row << 1;
  const row3 = row2 + row;
  // From (-1, 3) on, clockwise.
  let a = v128.load(coarse + row3 - 2);
  a = v128.load16_lane(coarse + row2 + 4, a, 3);
  a = v128.load16_lane(coarse + row + 6, a, 4);
  a = v128.load16_lane(coarse + 6, a, 5);
  a = v128.load16_lane(coarse - row + 6, a, 6);
  a = v128.load16_lane(coarse - row2 + 4, a, 7);
  let b = v128.load(coarse - row3 - 2);
  b = i16x8.shuffle(b, b, 2, 1, 0, 3, 4, 5, 6, 7);
  b = v128.load16_lane(coarse - row2 - 4, b, 3);
  b = v128.load16_lane(coarse - row - 6, b, 4);
  b = v128.load16_lane(coarse - 6, b, 5);
  b = v128.load16_lane(coarse + row - 6, b, 6);
  b = v128.load16_lane(coarse + row2 - 4, b, 7);
  a = v128.xor(a, i32x4.splat(turned));
  b = v128.xor(b, i32x4.splat(turned));
  const a1 = i16x8.shuffle(a, b, 1, 2, 3, 4, 5, 6, 7, 8);
  const b1 = i16x8.shuffle(b, a, 1, 2, 3, 4, 5, 6, 7, 8);
  const threeA = i16x8.min_s(i16x8.min_s(a, a1), i16x8.shuffle(a, b, 2, 3, 4, 5, 6, 7, 8, 9));
  const threeB = i16x8.min_s(i16x8.min_s(b, b1), i16x8.shuffle(b, a, 2, 3, 4, 5, 6, 7, 8, 9));
  const twoA = i16x8.max_s(a, a1);
  const twoB = i16x8.max_s(b, b1);
  const fourA = i16x8.max_s(twoA, i16x8.shuffle(twoA, twoB, 2, 3, 4, 5, 6, 7, 8, 9));
  const fourB = i16x8.max_s(twoB, i16x8.shuffle(twoB, twoA, 2, 3, 4, 5, 6, 7, 8, 9));
  const eightA = i16x8.max_s(fourA, i16x8.shuffle(fourA, fourB, 4, 5, 6, 7, 8, 9, 10, 11));
  const eightB = i16x8.max_s(fourB, i16x8.shuffle(fourB, fourA, 4, 5, 6, 7, 8, 9, 10, 11));
  const tenA = i16x8.max_s(eightA, twoB);
  const tenB = i16x8.max_s(eightB, twoA);
  const restA = i16x8.shuffle(tenA, tenB, 3, 4, 5, 6, 7, 8, 9, 10);
  const restB = i16x8.shuffle(tenB, tenA, 3, 4, 5, 6, 7, 8, 9, 10);
  return v128.any_true(v128.or(i16x8.ge_s(threeA, restA), i16x8.ge_s(threeB, restB)));
}

/** As `mayHaveArc` of the circle of radius 4: four in a row are not before the twelve that follow. */
function mayHaveLargeArc(coarse: usize, row: usize, turned: i32): bool {
  const row2 = row << 1;
  const row3 = row2 + row;
  const row4 = row << 2;
  // Three vectors are the circle, from (-1, 4) on, clockwise; a fourth follows the third.
  let a = v128.load(coarse + row4 - 2);
  a = v128.load16_lane(coarse + row3 + 4, a, 3);
  a = v128.load16_lane(coarse + row2 + 6, a, 4);
  a = v128.load16_lane(coarse + row + 8, a, 5);
  a = v128.load16_lane(coarse + 8, a, 6);
  a = v128.load16_lane(coarse - row + 8, a, 7);
  let b = v128.load(coarse - row4 - 2);
  b = i16x8.shuffle(b, b, 0, 1, 2, 1, 0, 5, 6, 7);
  b = v128.load16_lane(coarse - row2 + 6, b, 0);
  b = v128.load16_lane(coarse - row3 + 4, b, 1);
  b = v128.load16_lane(coarse - row3 - 4, b, 5);
  b = v128.load16_lane(coarse - row2 - 6, b, 6);
  b = v128.load16_lane(coarse - row - 8, b, 7);
  let c = v128.load16_lane(coarse - 8, a, 0);
  c = v128.load16_lane(coarse + row - 8, c, 1);
  c = v128.load16_lane(coarse + row2 - 6, c, 2);
  c = v128.load16_lane(coarse + row3 - 4, c, 3);
  a = v128.xor(a, i32x4.splat(turned));
  b = v128.xor(b, i32x4.splat(turned));
  c = i16x8.shuffle(v128.xor(c, i32x4.splat(turned)), a, 0, 1, 2, 3, 8, 9, 10, 11);
  let d = i16x8.shuffle(a, b, 4, 5, 6, 7, 8, 9, 10, 11);
  const a1 = i16x8.shuffle(a, b, 1, 2, 3, 4, 5, 6, 7, 8);
  const b1 = i16x8.shuffle(b, c, 1, 2, 3, 4, 5, 6, 7, 8);
  const c1 = i16x8.shuffle(c, d, 1, 2, 3, 4, 5, 6, 7, 8);
  // Of two, then of four in a row.
  let minA = i16x8.min_s(a, a1);
  let minB = i16x8.min_s(b, b1);
  let minC = i16x8.min_s(c, c1);
  let minD = i16x8.shuffle(minA, minB, 4, 5, 6, 7, 8, 9, 10, 11);
  minA = i16x8.min_s(minA, i16x8.shuffle(minA, minB, 2, 3, 4, 5, 6, 7, 8, 9));
  minB = i16x8.min_s(minB, i16x8.shuffle(minB, minC, 2, 3, 4, 5, 6, 7, 8, 9));
  minC = i16x8.min_s(minC, i16x8.shuffle(minC, minD, 2, 3, 4, 5, 6, 7, 8, 9));
  a = i16x8.max_s(a, a1);
  b = i16x8.max_s(b, b1);
  c = i16x8.max_s(c, c1);
  d = i16x8.shuffle(a, b, 4, 5, 6, 7, 8, 9, 10, 11);
  a = i16x8.max_s(a, i16x8.shuffle(a, b, 2, 3, 4, 5, 6, 7, 8, 9));
  b = i16x8.max_s(b, i16x8.shuffle(b, c, 2, 3, 4, 5, 6, 7, 8, 9));
  c = i16x8.max_s(c, i16x8.shuffle(c, d, 2, 3, 4, 5, 6, 7, 8, 9));
  d = i16x8.shuffle(a, b, 4, 5, 6, 7, 8, 9, 10, 11);
  // Of eight that begin four further on, then of those and the four after them.
  const e = i16x8.shuffle(b, c, 4, 5, 6, 7, 8, 9, 10, 11);
  const f = i16x8.shuffle(c, d, 4, 5, 6, 7, 8, 9, 10, 11);
  const restA = i16x8.max_s(i16x8.max_s(d, b), e);
  const restB = i16x8.max_s(i16x8.max_s(e, c), f);
  const restC = i16x8.max_s(i16x8.max_s(f, d), b);
  return v128.any_true(
    v128.or(v128.or(i16x8.ge_s(minA, restA), i16x8.ge_s(minB, restB)), i16x8.ge_s(minC, restC)),
  );
}

/**
 * Whether 3 to 6 pixels side by side on the circle of radius 3 are newer than the rest; with all bits turned over by
 * `turned` (0 or -1), older. An arc grows from the newest pixel as that of the plain loop, and n pixels of it are such
 * an arc when no others are as new: one compare of the whole circle.
 */
function smallArc(pixel: usize, row: usize, ring: usize, turned: i32): bool {
  const row2 = row << 1;
  const row3 = row2 + row;
  // From (-1, 3) on, clockwise.
  let a = lane(v128.load(pixel + row3 - 4), 3, pixel + row2 + 8);
  let b = v128.load32_zero(pixel + row + 12);
  b = lane(b, 1, pixel + 12);
  b = lane(b, 2, pixel - row + 12);
  b = lane(b, 3, pixel - row2 + 8);
  let c = v128.load(pixel - row3 - 4);
  c = lane(i32x4.shuffle(c, c, 2, 1, 0, 3), 3, pixel - row2 - 8);
  let d = v128.load32_zero(pixel - row - 12);
  d = lane(d, 1, pixel - 12);
  d = lane(d, 2, pixel + row - 12);
  d = lane(d, 3, pixel + row2 - 8);
  const turn = i32x4.splat(turned);
  a = v128.xor(a, turn);
  b = v128.xor(b, turn);
  c = v128.xor(c, turn);
  d = v128.xor(d, turn);
  const newest = greatest(i32x4.max_s(i32x4.max_s(a, b), i32x4.max_s(c, d)));
  const first = ctz(bits(i32x4.eq(a, newest), i32x4.eq(b, newest), i32x4.eq(c, newest), i32x4.eq(d, newest)));
  let before = first + 15;
  let after = first + 1;
  let oldest = i32x4.extract_lane(newest, 0);
  for (let n = 2; n <= 6; n++) {
    const beforeUs = time(pixel, ring, before, turned);
    const afterUs = time(pixel, ring, after, turned);
    const grewBack = i32(beforeUs > afterUs);
    before -= grewBack;
    after += 1 - grewBack;
    oldest = min(oldest, max(beforeUs, afterUs));
    if (n < 3) continue;
    const from = i32x4.splat(oldest);
    const count = popcnt(bits(i32x4.ge_s(a, from), i32x4.ge_s(b, from), i32x4.ge_s(c, from), i32x4.ge_s(d, from)));
    if (count > 6) return false;
    if (count == n) return true;
  }
  return false;
}

/** As `smallArc`, on the circle of radius 4 with 4 to 8 pixels. */
function largeArc(pixel: usize, row: usize, ring: usize, turned: i32): bool {
  const turn = i32x4.splat(turned);
  const row2 = row << 1;
  const row3 = row2 + row;
  const row4 = row << 2;
  // From (-1, 4) on, clockwise.
  const a = v128.xor(turn, lane(v128.load(pixel + row4 - 4), 3, pixel + row3 + 8));
  let right = v128.load32_zero(pixel + row2 + 12);
  right = lane(right, 1, pixel + row + 16);
  right = lane(right, 2, pixel + 16);
  const b = v128.xor(turn, lane(right, 3, pixel - row + 16));
  let over = v128.load32_zero(pixel - row2 + 12);
  over = lane(over, 1, pixel - row3 + 8);
  over = lane(over, 2, pixel - row4 + 4);
  const c = v128.xor(turn, lane(over, 3, pixel - row4));
  let left = v128.load32_zero(pixel - row4 - 4);
  left = lane(left, 1, pixel - row3 - 8);
  left = lane(left, 2, pixel - row2 - 12);
  const d = v128.xor(turn, lane(left, 3, pixel - row - 16));
  let under = v128.load32_zero(pixel - 16);
  under = lane(under, 1, pixel + row - 16);
  under = lane(under, 2, pixel + row2 - 12);
  const e = v128.xor(turn, lane(under, 3, pixel + row3 - 8));

  const newest = greatest(i32x4.max_s(i32x4.max_s(i32x4.max_s(a, b), i32x4.max_s(c, d)), e));
  const first = ctz(
    bits(i32x4.eq(a, newest), i32x4.eq(b, newest), i32x4.eq(c, newest), i32x4.eq(d, newest)) |
      (i32x4.bitmask(i32x4.eq(e, newest)) << 16),
  );
  let before = first + 19;
  let after = first + 1;
  let oldest = i32x4.extract_lane(newest, 0);
  for (let n = 2; n <= 8; n++) {
    const beforeUs = time(pixel, ring, before, turned);
    const afterUs = time(pixel, ring, after, turned);
    const grewBack = i32(beforeUs > afterUs);
    before -= grewBack;
    after += 1 - grewBack;
    oldest = min(oldest, max(beforeUs, afterUs));
    if (n < 4) continue;
    const from = i32x4.splat(oldest);
    const count =
      popcnt(bits(i32x4.ge_s(a, from), i32x4.ge_s(b, from), i32x4.ge_s(c, from), i32x4.ge_s(d, from))) +
      popcnt(i32x4.bitmask(i32x4.ge_s(e, from)));
    if (count > 8) return false;
    if (count == n) return true;
  }
  return false;
}

/** Coarse times are counted in units of 2^7 us = 128 us, so that 16 bits hold 8.4 s. */
const coarseBits: i32 = 7;
const coarseMin: i32 = -32768;
const coarseMax: i32 = 32767;

/** How many events a block has. */
const blockEvents: i32 = 128;
// Where in `room` a block's events lie: their pixels, of those at the border turned over; twice their times, and one more
// for ON; and which of them don't repeat others.
const pixelsAt: usize = 0;
const keysAt: usize = 512;
const freshAt: usize = 1024;

/** Added to a number, it leaves it as a whole one in the low bits. */
const shifter: f64 = 6755399441055744;

/**
 * As the plain loop of `corners.ts`, for events whose times lie at most 2^28 us after `baseUs`. `latest` and `edges` are
 * its surfaces. `coarse` has the times of `edges` once more in 16 bits, which keep their order: what most events need is
 * half as many bytes then. They reach 2^15 units to both sides of an origin, and are moved when a time is too late for
 * them; what is too old then is all of one age. `smallRing` and `largeRing` hold how far the pixels of a circle are from
 * its middle in bytes, in the order of the vectors above and twice around, so that an arc needs no wrap.
 *
 * `state` has how many events repeated others, which is written, and the origin in microseconds after `baseUs`, which is
 * moved. `room` has 2 KiB for what is kept of a block. Answers how many events were kept; they are the first ones of the
 * columns.
 */
export function corners(
  times: usize, addresses: usize, count: i32, baseUs: f64, latest: usize, edges: usize, coarse: usize,
  width: i32, height: i32, repeatUs: i32, wide: i32, smallRing: usize, largeRing: usize, state: usize, room: usize,
): i32 {
  const planeSize = width * height;
  const row = <usize>width << 2;
  const coarseRow = <usize>width << 1;
  let originUs = load<i32>(state, 4);
  let repeated = 0;
  let kept = 0;
  for (let from = 0; from < count; from += blockEvents) {
    const block = min(blockEvents, count - from);
    locate(room, times + (<usize>from << 3), addresses + (<usize>from << 2), block, baseUs, width, height);
    const fresh = withoutRepeated(room, block, latest, repeatUs);
    repeated += block - fresh;
    for (let k = 0; k < fresh; k++) {
      const i = load<u32>(room + (<usize>k << 2), freshAt);
      const place = load<i32>(room + (<usize>i << 2), pixelsAt);
      const key = load<i32>(room + (<usize>i << 2), keysAt);
      const sinceUs = key >> 1;
      while ((sinceUs - originUs) >> coarseBits > coarseMax) originUs = moved(coarse, planeSize << 1, originUs, sinceUs);
      const at = <usize>((place ^ (place >> 31)) + (planeSize & -(key & 1)));
      const pixel = edges + (at << 2);
      const coarsePixel = coarse + (at << 1);
      store<i32>(pixel, sinceUs);
      store<i16>(coarsePixel, <i16>((sinceUs - originUs) >> coarseBits));
      if (place < 0) continue;
      if (!mayHaveArc(coarsePixel, coarseRow, 0) && !(wide && mayHaveArc(coarsePixel, coarseRow, -1))) continue;
      if (!mayHaveLargeArc(coarsePixel, coarseRow, 0) && !(wide && mayHaveLargeArc(coarsePixel, coarseRow, -1))) continue;
      if (!smallArc(pixel, row, smallRing, 0) && !(wide && smallArc(pixel, row, smallRing, -1))) continue;
      if (!largeArc(pixel, row, largeRing, 0) && !(wide && largeArc(pixel, row, largeRing, -1))) continue;
      const event = <usize>(from + <i32>i);
      store<f64>(times + (<usize>kept << 3), load<f64>(times + (event << 3)));
      store<u32>(addresses + (<usize>kept << 2), load<u32>(addresses + (event << 2)));
      kept++;
    }
  }
  store<i32>(state, repeated);
  store<i32>(state, originUs, 4);
  return kept;
}

/** Finds the pixels and times of a block, four events at a time. */
// @ts-ignore: decorator
@inline
function locate(
  room: usize, times: usize, addresses: usize, count: i32, baseUs: f64, width: i32, height: i32,
): void {
  const base = f64x2.splat(baseUs);
  const whole = f64x2.splat(shifter);
  const perRow = i32x4.splat(width);
  const xs = i32x4.splat(0x7fff);
  const one = i32x4.splat(1);
  const border = i32x4.splat(4);
  const innerWidth = i32x4.splat(width - 4);
  const innerHeight = i32x4.splat(height - 4);
  for (let i: usize = 0; i < <usize>count; i += 4) {
    const address = v128.load(addresses + (i << 2));
    const x = v128.and(i32x4.shr_u(address, 1), xs);
    const y = i32x4.shr_u(address, 16);
    const nearer = v128.or(i32x4.lt_s(x, border), i32x4.lt_s(y, border));
    const further = v128.or(i32x4.ge_s(x, innerWidth), i32x4.ge_s(y, innerHeight));
    const place = i32x4.add(i32x4.mul(y, perRow), x);
    v128.store(room + (i << 2), v128.xor(place, v128.or(nearer, further)), pixelsAt);
    const early = f64x2.add(f64x2.sub(v128.load(times + (i << 3)), base), whole);
    const late = f64x2.add(f64x2.sub(v128.load(times + (i << 3), 16), base), whole);
    const sinceUs = i32x4.shuffle(early, late, 0, 2, 4, 6);
    v128.store(room + (i << 2), v128.or(i32x4.shl(sinceUs, 1), v128.and(address, one)), keysAt);
  }
}

/** Takes a block's events as the last of their pixels, and answers how many don't repeat others: without a branch. */
// @ts-ignore: decorator
@inline
function withoutRepeated(room: usize, count: i32, latest: usize, repeatUs: i32): i32 {
  // No time is that far back, so that nothing repeats.
  const repeats = repeatUs > 0 ? repeatUs << 1 : -1;
  let fresh = 0;
  for (let i = 0; i < count; i++) {
    const place = load<i32>(room + (<usize>i << 2), pixelsAt);
    const key = load<i32>(room + (<usize>i << 2), keysAt);
    const last = latest + (<usize>(place ^ (place >> 31)) << 2);
    const before = load<i32>(last);
    store<i32>(last, key);
    store<u32>(room + (<usize>fresh << 2), i, freshAt);
    fresh += i32(key - before > repeats) | ((key ^ before) & 1);
  }
  return fresh;
}

/** Moves coarse times half their span on, or forgets them all when no one of them can be recent. Answers the new origin. */
function moved(coarse: usize, count: i32, originUs: i32, nowUs: i32): i32 {
  const half = i16x8.splat(<i16>coarseMax);
  const end = coarse + (<usize>count << 1);
  if ((nowUs - originUs) >> coarseBits > 3 * coarseMax) {
    for (let at = coarse; at < end; at += 16) v128.store(at, i16x8.splat(<i16>coarseMin));
    return nowUs + (coarseMax << coarseBits);
  }
  for (let at = coarse; at < end; at += 16) v128.store(at, i16x8.sub_sat_s(v128.load(at), half));
  return originUs + (coarseMax << coarseBits);
}
