/** EVT3, vectors by a table: the ordinary case of `Evt3Decoder.decode`. */

import { addresses, input, state, times } from "./memory.kernel";

/** For each byte, twice the places of its set bits, lowest first, as eight 16-bit numbers. */
const places: usize = memory.data(256 * 16, 16);
for (let byte = 0; byte < 256; byte++) {
  let rest = byte;
  for (let k = 0; rest; k++, rest &= rest - 1) store<u16>(places + byte * 16 + k * 2, ctz(rest) * 2);
}

/**
 * Decodes words `from` to `to` of the input, up to one that is no ordinary one: an event without a row or outside the sensor, a vector that reaches
 * over its edge, a TIME_HIGH that falls, a VECT_8 after no VECT_12 (unless `readsLone`), or no known type.
 * `baseUs` is what is added to all times; a TIME_HIGH must have come. `state` holds, before and after: row, base, is
 * lone, TIME_HIGH, TIME_LOW; and after: events, triggers. Answers how many words.
 */
export function evt3(from: i32, to: i32, countMax: i32, baseUs: f64, width: i32, height: i32, readsLone: bool): i32 {
  let row = load<i32>(state);
  let base = load<i32>(state, 4);
  let isLone = load<i32>(state, 8) != 0;
  let high = load<i32>(state, 12);
  let low = load<i32>(state, 16);
  // No pixel is inside a sensor of no width: that is how a row that is none lets nothing through.
  let edge = row < height ? width : 0;
  let highUs = baseUs + <f64>(high * 4096);
  const start = input + (<usize>from << 1);
  let end = input + (<usize>to << 1);
  let at = start;
  let n = 0;
  let triggers = 0;
  while (at < end && n <= countMax) {
    const word = <i32>load<u16>(at);
    const type = word >>> 12;
    if ((0b1000101 >>> type) & 1) {
      // A row, a pixel or a TIME_LOW come in no order that could be foreseen: all three are done, and one counts.
      const isRow = -i32(type == 0);
      const isPixel = i32(type == 2);
      const isLow = -i32(type == 6);
      const x = word & 0x7ff;
      store<f64>(times + (<usize>n << 3), highUs + <f64>low);
      store<i32>(addresses + (<usize>n << 2), (row << 16) | (x << 1) | ((word >>> 11) & 1));
      if (isPixel & i32(x >= edge)) break;
      n += isPixel;
      row = (row & ~isRow) | (x & isRow);
      edge = (edge & ~isRow) | (width & isRow & -i32(x < height));
      low = (low & ~isLow) | (word & 0xfff & isLow);
      at += 2;
      continue;
    }
    switch (type) {
      case 3:
        base = ((word & 0x7ff) << 1) | ((word >>> 11) & 1);
        isLone = true;
        // The group that cameras send: a base, two vectors of 12 and one of 8, which make 32 pixels.
        if (at + 8 <= end && (base >>> 1) + 32 <= edge) {
          const group = load<u64>(at);
          if ((group & 0xf000f000f0000000) == 0x5000400040000000) {
            const mask =
              (<i32>(group >>> 16) & 0xfff) | ((<i32>(group >>> 32) & 0xfff) << 12) | (<i32>(group >>> 48) << 24);
            const first = (row << 16) + base;
            const timeUs = highUs + <f64>low;
            n = vector(mask & 0xff, first, timeUs, n);
            n = vector((mask >>> 8) & 0xff, first + 16, timeUs, n);
            n = vector((mask >>> 16) & 0xff, first + 32, timeUs, n);
            n = vector(mask >>> 24, first + 48, timeUs, n);
            base += 64;
            isLone = false;
            at += 6;
          }
        }
        break;
      case 4: {
        if ((base >>> 1) + 12 > edge) {
          end = 0;
          break;
        }
        isLone = false;
        n = vector(word & 0xff, (row << 16) + base, highUs + <f64>low, n);
        n = vector((word >>> 8) & 0xf, (row << 16) + base + 16, highUs + <f64>low, n);
        base += 24;
        break;
      }
      case 5: {
        if ((base >>> 1) + 8 > edge || (isLone && !readsLone)) {
          end = 0;
          break;
        }
        n = vector(word & 0xff, (row << 16) + base, highUs + <f64>low, n);
        base += 16;
        break;
      }
      case 8: {
        const next = word & 0xfff;
        if (next < high) {
          end = 0;
        } else if (next != high) {
          high = next;
          low = 0;
          highUs = baseUs + <f64>(high * 4096);
        }
        break;
      }
      case 10:
        triggers++;
        break;
      case 7:
      case 14:
      case 15:
        break;
      default:
        end = 0;
    }
    at += 2;
  }
  // The word that ended the loop is for the reader in TypeScript.
  if (end == 0) at -= 2;
  store<i32>(state, row);
  store<i32>(state, base, 4);
  store<i32>(state, i32(isLone), 8);
  store<i32>(state, high, 12);
  store<i32>(state, low, 16);
  store<i32>(state, n, 20);
  store<i32>(state, triggers, 24);
  return <i32>((at - start) >>> 1);
}

/** Appends an event for each bit of a byte; writes eight whatever it holds. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function vector(mask: i32, first: i32, timeUs: f64, n: i32): i32 {
  const table = places + (<usize>mask << 4);
  const firsts = i32x4.splat(first);
  const out = addresses + (<usize>n << 2);
  v128.store(out, i32x4.add(firsts, v128.load16x4_u(table)));
  v128.store(out, i32x4.add(firsts, v128.load16x4_u(table, 8)), 16);
  const time = f64x2.splat(timeUs);
  const outTimes = times + (<usize>n << 3);
  v128.store(outTimes, time);
  v128.store(outTimes, time, 16);
  v128.store(outTimes, time, 32);
  v128.store(outTimes, time, 48);
  return n + popcnt(mask);
}
