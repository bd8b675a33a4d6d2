/** AEDAT 2, four words at a time, big-endian: the ordinary case of `Aedat2Decoder.decode`. */

import { addresses, input, state, times } from "./memory.kernel";

/** Records of a DAVIS, as `aedat2Dvs128`. */
export function aedat2Davis(from: i32, to: i32, baseUs: f64, last: i32, width: i32, height: i32): i32 {
  return decode(true, from, to, baseUs, last, width, height);
}

/**
 * Decodes records `from` to `to` of the input, up to the first that is no address of the chip, outside the sensor, or of
 * a time of another sign than `last`. Answers how many; `state` holds events, frame words, IMU words and triggers.
 */
export function aedat2Dvs128(from: i32, to: i32, baseUs: f64, last: i32, width: i32, height: i32): i32 {
  return decode(false, from, to, baseUs, last, width, height);
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function decode(isDavis: bool, from: i32, to: i32, baseUs: f64, last: i32, width: i32, height: i32): i32 {
  const lastX = i32x4.splat(width - 1);
  const lastY = i32x4.splat(height - 1);
  const sign = i32x4.splat(last);
  // Bits, besides the highest, that no address of an event has.
  const others = i32x4.splat(isDavis ? 0x7ff : 0x7fff8000);
  const base = f64x2.splat(baseUs);
  const zero = i32x4.splat(0);
  const one = i32x4.splat(1);
  let at = input + (<usize>from << 3);
  let i = 0;
  let n = 0;
  let frames = 0;
  let imu = 0;
  let triggers = 0;
  let end = to - from - 3;
  while (i < end) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const turnedA = i8x16.shuffle(a, a, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 5, 4, 15, 14, 13, 12);
    const turnedB = i8x16.shuffle(b, b, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 5, 4, 15, 14, 13, 12);
    const word = i64x2.shuffle(turnedA, turnedB, 0, 2);
    const t = i64x2.shuffle(turnedA, turnedB, 1, 3);
    const rawX = isDavis
      ? v128.and(i32x4.shr_u(word, 12), i32x4.splat(0x3ff))
      : v128.and(i32x4.shr_u(word, 1), i32x4.splat(0x7f));
    const rawY = isDavis
      ? v128.and(i32x4.shr_u(word, 22), i32x4.splat(0x1ff))
      : v128.and(i32x4.shr_u(word, 8), i32x4.splat(0x7f));
    const on = v128.and(isDavis ? i32x4.shr_u(word, 11) : word, one);
    const x = i32x4.sub(lastX, rawX);
    const y = i32x4.sub(lastY, rawY);
    // Sign bits: set where a word is out of the ordinary.
    const noAddress = v128.or(word, i32x4.sub(zero, v128.and(word, others)));
    const odd = v128.or(v128.or(x, y), v128.or(noAddress, v128.xor(t, sign)));
    const bits = i32x4.bitmask(odd);
    if (bits) {
      // Frames, IMU samples and triggers lie between the events.
      for (let k = 0; k < 4; k++, at += 8, i++) {
        const address = bswap(load<u32>(at));
        if (bits & (1 << k)) {
          if (isDavis) {
            if (address & 0x80000000) {
              if ((address & 0xc00) == 0xc00) imu++;
              else frames++;
              continue;
            }
            if (address & 0x400) {
              triggers++;
              continue;
            }
          } else if (address >>> 15 == 1) {
            triggers++;
            continue;
          }
          end = 0;
          break;
        }
        const column: u32 = isDavis ? (address >>> 12) & 0x3ff : (address >>> 1) & 0x7f;
        const row: u32 = isDavis ? (address >>> 22) & 0x1ff : (address >>> 8) & 0x7f;
        const p: u32 = isDavis ? (address >>> 11) & 1 : address & 1;
        store<u32>(addresses + (<usize>n << 2), ((height - 1 - row) << 16) | ((width - 1 - column) << 1) | p);
        store<f64>(times + (<usize>n << 3), baseUs + <f64>(<i32>bswap(load<u32>(at, 4))));
        n++;
      }
      continue;
    }
    v128.store(addresses + (<usize>n << 2), v128.or(v128.or(i32x4.shl(y, 16), i32x4.shl(x, 1)), on));
    const out = times + (<usize>n << 3);
    v128.store(out, f64x2.add(f64x2.convert_low_i32x4_s(t), base));
    v128.store(out, f64x2.add(f64x2.convert_low_i32x4_s(i64x2.shuffle(t, t, 1, 1)), base), 16);
    n += 4;
    i += 4;
    at += 32;
  }
  store<i32>(state, n);
  store<i32>(state, frames, 4);
  store<i32>(state, imu, 8);
  store<i32>(state, triggers, 12);
  return i;
}
