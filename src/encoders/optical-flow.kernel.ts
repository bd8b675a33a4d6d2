/** Optical flow of radius 2: the 24 pixels around an event as six vectors of ages. */

/** The plane that was fitted last: its slopes, and its age at the event's pixel. */
const plane: usize = memory.data(3 * 8, 16);
/** Of each octant, by which coordinate is larger and both signs: the angle to start from, and which way. */
const angles = memory.data<f64>([
  0, 1.5707963267948966, 3.141592653589793, 1.5707963267948966,
  0, -1.5707963267948966, -3.141592653589793, -1.5707963267948966,
]);
const turns = memory.data<f64>([1, -1, -1, 1, -1, 1, 1, -1]);
/** How near to the edge of a direction an angle is told exactly by the host; above the error of `angleOf`. */
const doubt: f64 = 1e-3;

/** atan2(b, a) to 2e-6. */
// @ts-ignore: decorator
@inline
function angleOf(a: f64, b: f64): f64 {
  const across = abs(a);
  const down = abs(b);
  const steep = down > across;
  const ratio = min(across, down) / max(across, down);
  const square = ratio * ratio;
  // A polynomial for the arc tangent from 0 to 1.
  const angle =
    ratio *
    (0.99997726 +
      square *
        (-0.33262347 +
          square * (0.19354346 + square * (-0.11643287 + square * (0.05265332 + square * -0.0117212)))));
  const octant = <usize>(i32(steep) | (i32(a < 0) << 1) | (i32(b < 0) << 2)) << 3;
  return load<f64>(angles + octant) + load<f64>(turns + octant) * angle;
}

/** As JavaScript's Math.round. */
// @ts-ignore: decorator
@inline
function rounded(value: f64): i32 {
  const above = ceil(value);
  return <i32>above - i32(above - 0.5 > value);
}

/** Sums of a and b in the first two lanes. */
// @ts-ignore: decorator
@inline
function sumsOf(a: v128, b: v128): v128 {
  const two = i32x4.add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
  return i32x4.add(two, i32x4.shuffle(two, two, 2, 3, 0, 1));
}

/**
 * Fits a plane to the ages whose masks are all ones, and to the event itself when `own` is 1; answers how many they are,
 * 0 when they have no plane. The vectors have x from -2 to 1 of the rows y = -2, -1, 1 and 2, then x = -2, -1, 1, 2 of
 * the event's row and y = -2, -1, 1, 2 of the column x = 2. Sums count x and y from the corner, which changes neither
 * variances nor slopes; all are whole numbers, so that they are those of the plain loop in whatever order.
 */
// @ts-ignore: decorator
@inline
function fit(
  sums: usize, own: i32, d0: v128, d1: v128, d3: v128, d4: v128, dRow: v128, dColumn: v128,
  m0: v128, m1: v128, m3: v128, m4: v128, mRow: v128, mColumn: v128,
): i32 {
  const rows = i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(m0, m1), i16x8.narrow_i32x4_s(m3, m4)));
  const cross = i16x8.narrow_i32x4_s(mRow, mColumn);
  const others = i8x16.bitmask(i8x16.narrow_i16x8_s(cross, cross)) & 0xff;
  const packed =
    load<u64>(sums + (<usize>(rows & 0xff) << 3)) +
    load<u64>(sums + (<usize>(rows >>> 8) << 3), 2048) +
    load<u64>(sums + (<usize>others << 3), 4096) +
    // The event's own pixel: 1, x = y = 2, and their squares and product.
    (own ? 0x040404020201 : 0);
  const n = <i32>(packed & 0xff);
  const x = <i32>((packed >> 8) & 0xff);
  const y = <i32>((packed >> 16) & 0xff);
  const xx = n * <i32>((packed >> 24) & 0xff) - x * x;
  const xy = n * <i32>((packed >> 32) & 0xff) - x * y;
  const yy = n * <i32>((packed >> 40) & 0xff) - y * y;
  const determinant = xx * yy - xy * xy;
  if (determinant == 0) return 0;

  const t0 = v128.and(d0, m0);
  const t1 = v128.and(d1, m1);
  const t3 = v128.and(d3, m3);
  const t4 = v128.and(d4, m4);
  const tRow = v128.and(dRow, mRow);
  const tColumn = v128.and(dColumn, mColumn);
  const corner = i32x4(0, 1, 3, 4);
  const inRows = i32x4.add(i32x4.add(t0, t1), i32x4.add(t3, t4));
  const all = i32x4.add(inRows, i32x4.add(tRow, tColumn));
  const byX = i32x4.add(
    i32x4.add(i32x4.mul(inRows, i32x4(0, 1, 2, 3)), i32x4.mul(tRow, corner)),
    i32x4.shl(tColumn, 2),
  );
  const odd = i32x4.add(t1, t3);
  const even = i32x4.add(i32x4.add(t3, tRow), i32x4.shl(t4, 1));
  const byY = i32x4.add(i32x4.add(odd, i32x4.shl(even, 1)), i32x4.mul(tColumn, corner));
  const first = sumsOf(all, byX);
  const second = sumsOf(byY, byY);
  // Ages count back in time.
  const t = -i32x4.extract_lane(first, 0);
  const xt = n * -i32x4.extract_lane(first, 1) - x * t;
  const yt = n * -i32x4.extract_lane(second, 0) - y * t;
  const slopes = f64x2.div(
    f64x2(
      <f64>xt * <f64>yy - <f64>yt * <f64>xy,
      <f64>yt * <f64>xx - <f64>xt * <f64>xy,
    ),
    f64x2.splat(<f64>determinant),
  );
  v128.store(plane, slopes);
  const a = f64x2.extract_lane(slopes, 0);
  const b = f64x2.extract_lane(slopes, 1);
  store<f64>(plane, (<f64>t - a * <f64>(x - 2 * n) - b * <f64>(y - 2 * n)) / <f64>n, 16);
  return n;
}

/** The third smallest of eight, from four pairs of them. */
// @ts-ignore: decorator
@inline
function thirdOf(one: v128, other: v128): i32 {
  const low = i32x4.min_s(one, other);
  const high = i32x4.max_s(one, other);
  const lowNext = i32x4.shuffle(low, low, 1, 0, 3, 2);
  const highNext = i32x4.shuffle(high, high, 1, 0, 3, 2);
  // The three smallest of each four.
  const first = i32x4.min_s(low, lowNext);
  const inner = i32x4.max_s(low, lowNext);
  const outer = i32x4.min_s(high, highNext);
  const second = i32x4.min_s(inner, outer);
  const third = i32x4.max_s(inner, outer);
  const first2 = i32x4.shuffle(first, first, 2, 3, 0, 1);
  const second2 = i32x4.shuffle(second, second, 2, 3, 0, 1);
  const third2 = i32x4.shuffle(third, third, 2, 3, 0, 1);
  const mixed = i32x4.min_s(i32x4.max_s(first, second2), i32x4.max_s(second, first2));
  return i32x4.extract_lane(i32x4.min_s(i32x4.min_s(third, third2), mixed), 0);
}

// @ts-ignore: decorator
@inline
function within(off: v128, most: v128, also: v128): v128 {
  return v128.and(i32x4.le_s(i32x4.abs(off), most), also);
}

/**
 * As the plain loop of `optical-flow.ts` with radius 2, for events of one base. `sums` has three tables of 256 entries:
 * for each pattern of eight pixels a byte each for their number and the sums of x, y, x^2, x y and y^2. `bands` are
 * the speeds at which a band begins. An event whose direction is in doubt is given without it, and listed: its place
 * in `doubtful`, its slopes in `doubtfulSlopes`, how many they are in `doubts`. Answers how many events gave a spike;
 * these are the first ones of the columns.
 */
export function opticalFlow(
  times: usize, addresses: usize, count: i32, baseUs: f64, lastUs: usize, stride: i32, planeSize: i32, sums: usize,
  windowUs: i32, support: i32, slopeMin: f64, slopeMax: f64, directions: i32, directionsPerRadian: f64,
  bands: usize, bandCount: i32, cells: i32, rowOf: usize, columnOf: usize,
  doubtful: usize, doubtfulSlopes: usize, doubts: usize,
): i32 {
  const row = <usize>stride << 2;
  let doubtCount = 0;
  let told = 0;
  for (let i = 0; i < count; i++) {
    const timeUs = load<f64>(times + (<usize>i << 3));
    const address = load<u32>(addresses + (<usize>i << 2));
    const x = <i32>((address >>> 1) & 0x7fff);
    const y = <i32>(address >>> 16);
    const sinceUs = <i32>(timeUs - baseUs);
    const pixel = lastUs + (<usize>(<i32>(address & 1) * planeSize + (y + 2) * stride + x + 2) << 2);
    store<i32>(pixel, sinceUs);
    const now = i32x4.splat(sinceUs);
    const d1 = i32x4.sub(now, v128.load(pixel - row - 8));
    const d3 = i32x4.sub(now, v128.load(pixel + row - 8));
    const dRow = i32x4.sub(now, v128.load64_lane(pixel + 4, v128.load64_zero(pixel - 8), 1));
    const third = thirdOf(i32x4.shuffle(d1, dRow, 1, 2, 3, 5), i32x4.shuffle(d3, dRow, 1, 2, 3, 6));
    if (third > windowUs) continue;
    const age = i32x4.splat(min(windowUs, third * 5));
    const d0 = i32x4.sub(now, v128.load(pixel - 2 * row - 8));
    const d4 = i32x4.sub(now, v128.load(pixel + 2 * row - 8));
    let column = v128.load32_zero(pixel - 2 * row + 8);
    column = v128.load32_lane(pixel - row + 8, column, 1);
    column = v128.load32_lane(pixel + row + 8, column, 2);
    const dColumn = i32x4.sub(now, v128.load32_lane(pixel + 2 * row + 8, column, 3));
    const m0 = i32x4.le_s(d0, age);
    const m1 = i32x4.le_s(d1, age);
    const m3 = i32x4.le_s(d3, age);
    const m4 = i32x4.le_s(d4, age);
    const mRow = i32x4.le_s(dRow, age);
    const mColumn = i32x4.le_s(dColumn, age);
    if (fit(sums, 1, d0, d1, d3, d4, dRow, dColumn, m0, m1, m3, m4, mRow, mColumn) < support) continue;

    let a = load<f64>(plane);
    let b = load<f64>(plane, 8);
    const mostUs = <i32>min(<f64>i32x4.extract_lane(age, 0), sqrt(a * a + b * b));
    const most = i32x4.splat(mostUs);
    const across = rounded(a);
    const down = i32x4.splat(rounded(b));
    const offUs = rounded(load<f64>(plane, 16));
    const middle = i32x4.splat(offUs);
    const inRow = i32x4.add(middle, i32x4.mul(i32x4.splat(across), i32x4(-2, -1, 0, 1)));
    const p1 = i32x4.sub(inRow, down);
    const p3 = i32x4.add(inRow, down);
    const corner = i32x4(-2, -1, 1, 2);
    const pRow = i32x4.add(middle, i32x4.mul(i32x4.splat(across), corner));
    const pColumn = i32x4.add(i32x4.splat(offUs + 2 * across), i32x4.mul(down, corner));
    const fitted = fit(
      sums, i32(abs(offUs) <= mostUs), d0, d1, d3, d4, dRow, dColumn,
      within(i32x4.add(d0, i32x4.sub(p1, down)), most, m0),
      within(i32x4.add(d1, p1), most, m1),
      within(i32x4.add(d3, p3), most, m3),
      within(i32x4.add(d4, i32x4.add(p3, down)), most, m4),
      within(i32x4.add(dRow, pRow), most, mRow),
      within(i32x4.add(dColumn, pColumn), most, mColumn),
    );
    if (fitted < support) continue;
    a = load<f64>(plane);
    b = load<f64>(plane, 8);
    const slope = sqrt(a * a + b * b);
    if (!(i32(slope >= slopeMin) & i32(slope <= slopeMax))) continue;

    const turned = angleOf(a, b) * directionsPerRadian;
    const nearest = floor(turned + 0.5);
    const direction = <i32>nearest;
    let channel = direction + (directions & (direction >> 31));
    if (0.5 - abs(turned - nearest) < doubt) {
      store<i32>(doubtful + (<usize>doubtCount << 2), told);
      store<f64>(doubtfulSlopes + (<usize>doubtCount << 4), a);
      store<f64>(doubtfulSlopes + (<usize>doubtCount << 4), b, 8);
      doubtCount++;
      channel = 0;
    }
    for (let band = 0; band < bandCount && 1e6 >= slope * load<f64>(bands + (<usize>band << 3)); band++)
      channel += directions;
    store<f64>(times + (<usize>told << 3), timeUs);
    store<u32>(
      addresses + (<usize>told << 2),
      channel * cells + load<u32>(rowOf + (<usize>y << 2)) + load<u32>(columnOf + (<usize>x << 2)),
    );
    told++;
  }
  store<i32>(doubts, doubtCount);
  return told;
}
