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
 * Ages in microseconds, 0 to 2^31 - 1, as bytes in the same order: the exponent and three bits of the fraction that
 * they have as float32, counted from those of 1.
 */
// @ts-ignore: decorator
@inline
function asBytes(a: v128, b: v128, c: v128, d: v128): v128 {
  const least = i16x8.splat(0x3f7);
  const ab = i16x8.narrow_i32x4_s(
    i32x4.shr_u(f32x4.convert_i32x4_s(a), 20),
    i32x4.shr_u(f32x4.convert_i32x4_s(b), 20),
  );
  const cd = i16x8.narrow_i32x4_s(
    i32x4.shr_u(f32x4.convert_i32x4_s(c), 20),
    i32x4.shr_u(f32x4.convert_i32x4_s(d), 20),
  );
  return i8x16.narrow_i16x8_u(i16x8.sub(ab, least), i16x8.sub(cd, least));
}

/**
 * Whether somewhere on a circle of 16 three ages in a row are not above the ten that begin three further on. Where 3 to
 * 6 pixels are newer than the rest, the first three of them are so; of circles of noise one in twenty is.
 */
// @ts-ignore: decorator
@inline
function mayHaveArc(ages: v128): bool {
  const next = i8x16.shuffle(ages, ages, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0);
  const afterNext = i8x16.shuffle(ages, ages, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1);
  const three = i8x16.max_u(i8x16.max_u(ages, next), afterNext);
  const two = i8x16.min_u(ages, next);
  const four = i8x16.min_u(two, i8x16.shuffle(two, two, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1));
  const eight = i8x16.min_u(four, i32x4.shuffle(four, four, 1, 2, 3, 0));
  const ten = i8x16.min_u(eight, i64x2.shuffle(two, two, 1, 0));
  const rest = i8x16.shuffle(ten, ten, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5);
  return v128.any_true(i8x16.le_u(three, rest));
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
  const now = v128.load32_splat(pixel);
  const ages = asBytes(i32x4.sub(now, a), i32x4.sub(now, b), i32x4.sub(now, c), i32x4.sub(now, d));
  if (!mayHaveArc(v128.xor(ages, turn))) return false;
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

/**
 * As the plain loop of `corners.ts`, for events whose times lie at most 2^29 us after `baseUs`. `smallRing` and
 * `largeRing` hold how far the pixels of a circle are from its middle in bytes, in the order of the vectors above and
 * twice around, so that an arc needs no wrap. Writes to `repeated` how many events repeat others, and answers how many
 * it kept; they are the first ones of the columns.
 */
export function corners(
  times: usize, addresses: usize, count: i32, baseUs: f64, latest: usize, edges: usize,
  width: i32, height: i32, repeatUs: i32, wide: i32, smallRing: usize, largeRing: usize, repeated: usize,
): i32 {
  const first = withoutRepeated(times, addresses, count, baseUs, latest, width, repeatUs);
  store<i32>(repeated, count - first);
  const planeSize = width * height;
  const row = <usize>width << 2;
  const innerWidth = <u32>max(0, width - 8);
  const innerHeight = <u32>max(0, height - 8);
  let kept = 0;
  for (let i = 0; i < first; i++) {
    const timeUs = load<f64>(times + (<usize>i << 3));
    const address = load<u32>(addresses + (<usize>i << 2));
    const x = <i32>((address >>> 1) & 0x7fff);
    const y = <i32>(address >>> 16);
    const pixel = edges + (<usize>(y * width + x + <i32>(address & 1) * planeSize) << 2);
    store<i32>(pixel, <i32>(timeUs - baseUs));
    if (i32(<u32>(x - 4) >= innerWidth) | i32(<u32>(y - 4) >= innerHeight)) continue;
    if (!smallArc(pixel, row, smallRing, 0) && !(wide && smallArc(pixel, row, smallRing, -1))) continue;
    if (!largeArc(pixel, row, largeRing, 0) && !(wide && largeArc(pixel, row, largeRing, -1))) continue;
    store<f64>(times + (<usize>kept << 3), timeUs);
    store<u32>(addresses + (<usize>kept << 2), address);
    kept++;
  }
  return kept;
}

/** The first step for all events of a batch: by itself it needs no branch that nobody could foresee. */
function withoutRepeated(
  times: usize, addresses: usize, count: i32, baseUs: f64, latest: usize, width: i32, repeatUs: i32,
): i32 {
  // No time is that far back, so that nothing repeats.
  const repeats = repeatUs > 0 ? repeatUs : -1;
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const timeUs = load<f64>(times + (<usize>i << 3));
    const address = load<u32>(addresses + (<usize>i << 2));
    const sinceUs = <i32>(timeUs - baseUs);
    const place = <i32>(address >>> 16) * width + <i32>((address >>> 1) & 0x7fff);
    const last = latest + (<usize>((place << 1) | <i32>(address & 1)) << 2);
    const beforeUs = load<i32>(last);
    const otherUs = load<i32>(last ^ 4);
    store<i32>(last, sinceUs);
    store<f64>(times + (<usize>kept << 3), timeUs);
    store<u32>(addresses + (<usize>kept << 2), address);
    kept += i32(sinceUs - beforeUs > repeats) | i32(otherUs > beforeUs);
  }
  return kept;
}
