/** N-MNIST, four events of five bytes at a time: the ordinary case of `NmnistDecoder.decode`. */

import { addresses, input, times } from "./memory.kernel";

/**
 * Decodes records `from` to `to` of the input, up to the first outside the sensor; answers how many, each of which is
 * an event.
 */
export function nmnist(from: i32, to: i32, baseUs: f64, width: i32, height: i32): i32 {
  const room = i32x4.splat((min(width, 256) - 1) | ((min(height, 256) - 1) << 16));
  const upper = i32x4.splat(0x43300000);
  const base = f64x2.splat(baseUs - 4503599627370496.0);
  const zero = i32x4.splat(0);
  const columns = i32x4.splat(0xff);
  const timeBits = i32x4.splat(0x7fffff);
  const records = to - from;
  let at = input + <usize>from * 5;
  let i = 0;
  for (; i + 4 <= records; i += 4, at += 20) {
    // Bytes 0 to 15 hold the first three records and bytes 4 to 19 the last three; lanes 16 and on are of the second.
    const a = v128.load(at);
    const b = v128.load(at, 4);
    // x and y as 16-bit halves; then polarity and 23 bits of time, turned round.
    const places = i8x16.shuffle(a, zero, 0, 16, 1, 16, 5, 16, 6, 16, 10, 16, 11, 16, 15, 16, 16, 16);
    const place = i16x8.replace_lane(places, 7, load<u8>(at, 16));
    const rear = i8x16.shuffle(a, b, 4, 3, 2, 2, 9, 8, 7, 7, 14, 13, 12, 12, 31, 30, 29, 29);
    if (v128.any_true(i16x8.sub_sat_u(place, room))) break;
    const on = v128.and(i32x4.shr_u(rear, 23), i32x4.splat(1));
    const doubled = i32x4.add(place, v128.and(place, columns));
    v128.store(addresses + (<usize>i << 2), v128.or(doubled, on));
    const t = v128.and(rear, timeBits);
    const out = times + (<usize>i << 3);
    v128.store(out, f64x2.add(i32x4.shuffle(t, upper, 0, 4, 1, 5), base));
    v128.store(out, f64x2.add(i32x4.shuffle(t, upper, 2, 6, 3, 7), base), 16);
  }
  return i;
}
