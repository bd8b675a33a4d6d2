/** Surface threshold without tests for bounds, and without a branch that depends on an event. */

import { growing } from "./scale.kernel";

/** Sums in the order of the plain loop, so that both round alike. */
// @ts-ignore: decorator
@inline
function nineAround(pixel: usize, row: usize): f64 {
  const above = pixel - row;
  const below = pixel + row;
  const first = load<f64>(above - 8) + load<f64>(above) + load<f64>(above, 8);
  const second = load<f64>(pixel - 8) + load<f64>(pixel, 8);
  return first + second + (load<f64>(below - 8) + load<f64>(below) + load<f64>(below, 8));
}

/**
 * As the plain loop of `surface-threshold.ts`, for events up to the end of the frame that began at `originUs`. Answers
 * how many events it kept; they are the first ones of the columns.
 */
export function surfaceThreshold(
  times: usize, addresses: usize, count: i32, originUs: f64, fine: usize, coarse: usize,
  traces: usize, radius: i32, stride: i32, onPlane: i32, sumMin: f64, sumMax: f64,
): i32 {
  const row = <usize>stride << 3;
  const side = 2 * radius + 1;
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const timeUs = load<f64>(times + (<usize>i << 3));
    const address = load<u32>(addresses + (<usize>i << 2));
    const trace = growing(fine, coarse, <i32>(timeUs - originUs));
    const place =
      (<i32>(address >>> 16) + radius) * stride + <i32>((address >>> 1) & 0x7fff) + radius + <i32>(address & 1) * onPlane;
    const pixel = traces + (<usize>place << 3);
    let sum: f64 = 0;
    if (radius == 1) sum = nineAround(pixel, row);
    else {
      store<f64>(pixel, 0);
      let from = pixel - <usize>radius * row - (<usize>radius << 3);
      for (let y = 0; y < side; y++) {
        let rowSum: f64 = 0;
        for (let x = 0; x < side; x++) rowSum += load<f64>(from + (<usize>x << 3));
        sum += rowSum;
        from += row;
      }
    }
    store<f64>(pixel, trace);
    store<f64>(times + (<usize>kept << 3), timeUs);
    store<u32>(addresses + (<usize>kept << 2), address);
    kept += i32(sum >= sumMin * trace) & i32(sum <= sumMax * trace);
  }
  return kept;
}
