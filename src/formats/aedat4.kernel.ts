/** AEDAT 4's event structs, four at a time: the ordinary case of `Aedat4Decoder.handOut`. */

import { addresses, times } from "./memory.kernel";

/**
 * Decodes the structs at `from` up to the first outside the sensor or of a time that 52 bits don't hold; answers how
 * many, each of which is an event.
 */
export function aedat4(from: usize, count: i32, width: i32, height: i32): i32 {
  const room = i32x4.splat((width - 1) | ((height - 1) << 16));
  // A number of 52 bits below this exponent is a double of 2^52 more.
  const exponent = i64x2.splat(0x4330000000000000);
  const base = f64x2.splat(4503599627370496.0);
  const timeRest = i64x2.splat(0xfff0000000000000);
  const columns = i32x4.splat(0xffff);
  const onBits = i32x4.splat(0xff);
  const zero = i32x4.splat(0);
  let at = from;
  let i = 0;
  for (; i + 4 <= count; i += 4, at += 64) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    const early = i64x2.shuffle(a, b, 0, 2);
    const late = i64x2.shuffle(c, d, 0, 2);
    const front = i64x2.shuffle(a, b, 1, 3);
    const rear = i64x2.shuffle(c, d, 1, 3);
    const place = i32x4.shuffle(front, rear, 0, 2, 4, 6);
    const outside = i16x8.sub_sat_u(place, room);
    if (v128.any_true(v128.or(outside, v128.and(v128.or(early, late), timeRest)))) break;
    // Minus one where the byte holds something.
    const on = i32x4.gt_s(v128.and(i32x4.shuffle(front, rear, 1, 3, 5, 7), onBits), zero);
    const doubled = i32x4.add(place, v128.and(place, columns));
    v128.store(addresses + (<usize>i << 2), i32x4.sub(doubled, on));
    const out = times + (<usize>i << 3);
    v128.store(out, f64x2.sub(v128.or(early, exponent), base));
    v128.store(out, f64x2.sub(v128.or(late, exponent), base), 16);
  }
  return i;
}
