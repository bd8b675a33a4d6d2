/** DAT version 2, four events at a time: the ordinary case of `DatDecoder.decode`. */

import { addresses, input, times } from "./memory.kernel";

/**
 * Decodes records `from` to `to` of the input, up to the first that is no ordinary one: outside the sensor, or in the
 * other half of the 32 bits of time than `last`. Answers how many, each of which is an event.
 */
export function dat(from: i32, to: i32, baseUs: f64, last: i32, width: i32, height: i32): i32 {
  const lastX = i32x4.splat(width - 1);
  const lastY = i32x4.splat(height - 1);
  const side = i32x4.splat(0x3fff);
  const half = i32x4.splat(last);
  // A 32-bit number below these bits is a double of 2^52 more.
  const upper = i32x4.splat(0x43300000);
  const base = f64x2.splat(baseUs - 4503599627370496.0);
  const zero = i32x4.splat(0);
  const records = to - from;
  let at = input + (<usize>from << 3);
  let i = 0;
  for (; i + 4 <= records; i += 4, at += 32) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const t = i32x4.shuffle(a, b, 0, 2, 4, 6);
    const word = i32x4.shuffle(a, b, 1, 3, 5, 7);
    const x = v128.and(word, side);
    const y = v128.and(i32x4.shr_u(word, 14), side);
    // Sign bits: set where a record is out of the ordinary.
    const outside = v128.or(i32x4.sub(lastX, x), i32x4.sub(lastY, y));
    if (i32x4.bitmask(v128.or(outside, v128.xor(t, half)))) break;
    // Minus one where the polarity's bits hold something.
    const on = i32x4.gt_s(i32x4.shr_u(word, 28), zero);
    const place = v128.or(i32x4.shl(y, 16), i32x4.shl(x, 1));
    v128.store(addresses + (<usize>i << 2), i32x4.sub(place, on));
    const out = times + (<usize>i << 3);
    v128.store(out, f64x2.add(i32x4.shuffle(t, upper, 0, 4, 1, 5), base));
    v128.store(out, f64x2.add(i32x4.shuffle(t, upper, 2, 6, 3, 7), base), 16);
  }
  return i;
}
