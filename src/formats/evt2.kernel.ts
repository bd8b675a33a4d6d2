/** EVT2, four words at a time where they are events: the ordinary case of `Evt2Decoder.decode`. */

import { addresses, input, state, times } from "./memory.kernel";

/**
 * Decodes words `from` to `to` of the input, up to one that is no ordinary one: outside the sensor, of no known type, or a TIME_HIGH that falls. `baseUs`
 * is what is added to all times, `high` the TIME_HIGH so far, which must have come. Answers how many words; `state`
 * holds events, TIME_HIGH and triggers.
 */
export function evt2(from: i32, to: i32, countMax: i32, baseUs: f64, high: i32, width: i32, height: i32): i32 {
  const lastX = i32x4.splat(width - 1);
  const lastY = i32x4.splat(height - 1);
  const side = i32x4.splat(0x7ff);
  const fine = i32x4.splat(63);
  const upper = i32x4.splat(0x43300000);
  const one = i32x4.splat(0x1fffffff);
  let highUs = baseUs + <f64>high * 64;
  let base = f64x2.splat(highUs - 4503599627370496.0);
  const start = input + (<usize>from << 2);
  const end = input + (<usize>to << 2);
  let at = start;
  let n = 0;
  let triggers = 0;
  while (at < end && n <= countMax) {
    if (at + 16 <= end) {
      const word = v128.load(at);
      const x = v128.and(i32x4.shr_u(word, 11), side);
      const y = v128.and(word, side);
      // Sign bits: set where a word is no event or lies outside; OFF and ON are types 0 and 1.
      const outside = v128.or(i32x4.sub(lastX, x), i32x4.sub(lastY, y));
      const bits = i32x4.bitmask(v128.or(outside, v128.or(word, i32x4.sub(one, word))));
      const t = v128.and(i32x4.shr_u(word, 22), fine);
      const place = v128.or(i32x4.shl(y, 16), i32x4.shl(x, 1));
      // All four are written, and those before the first that is none of the kind count.
      v128.store(addresses + (<usize>n << 2), v128.or(place, i32x4.shr_u(word, 28)));
      const out = times + (<usize>n << 3);
      v128.store(out, f64x2.add(i32x4.shuffle(t, upper, 0, 4, 1, 5), base));
      v128.store(out, f64x2.add(i32x4.shuffle(t, upper, 2, 6, 3, 7), base), 16);
      // A guess at all four, so that the next round needn't wait for the count.
      if (!bits) {
        n += 4;
        at += 16;
        continue;
      }
      const good = ctz(bits);
      n += good;
      at += <usize>good << 2;
    }
    const word = load<u32>(at);
    const type = word >>> 28;
    if (type <= 1) {
      const x = <i32>((word >>> 11) & 0x7ff);
      const y = <i32>(word & 0x7ff);
      if (x >= width || y >= height) break;
      store<f64>(times + (<usize>n << 3), highUs + <f64>(<i32>((word >>> 22) & 63)));
      store<u32>(addresses + (<usize>n << 2), (y << 16) | (x << 1) | type);
      n++;
    } else if (type == 8) {
      const next = <i32>(word & 0xfffffff);
      if (next < high) break;
      high = next;
      highUs = baseUs + <f64>high * 64;
      base = f64x2.splat(highUs - 4503599627370496.0);
    } else if (type == 10) triggers++;
    else if (type < 14) break;
    at += 4;
  }
  store<i32>(state, n);
  store<i32>(state, high, 4);
  store<i32>(state, triggers, 8);
  return <i32>((at - start) >>> 2);
}
