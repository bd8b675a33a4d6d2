/** Dense synapses, four neurons at a time. Sums are made in the order of the plain loops, so that both round alike. */

// @ts-ignore: decorator
@inline
function madd(sum: v128, value: v128, at: usize, place: usize): v128 {
  return f32x4.add(sum, f32x4.mul(value, v128.load(at + place)));
}

// @ts-ignore: decorator
@inline
function learned(row: usize, value: v128, error: v128, place: usize): void {
  v128.store(row + place, f32x4.add(v128.load(row + place), f32x4.mul(value, error)));
}

/** drive[t + later] += weights x events[t], for t of `from` to `to`. Blocks of 32 neurons stay in registers. */
export function denseForward(
  weights: usize, starts: usize, ids: usize, values: usize, from: i32, to: i32, drive: usize, later: i32, size: i32,
): void {
  const row = <usize>size << 2;
  for (let t = from; t < to; t++) {
    const first = load<u32>(starts + (<usize>t << 2));
    const end = load<u32>(starts + (<usize>t << 2), 4);
    if (first == end) continue;
    const at = drive + <usize>(t + later) * row;
    let n: usize = 0;
    for (; n + 128 <= row; n += 128) {
      const block = at + n;
      let a = v128.load(block);
      let b = v128.load(block, 16);
      let c = v128.load(block, 32);
      let d = v128.load(block, 48);
      let e = v128.load(block, 64);
      let f = v128.load(block, 80);
      let g = v128.load(block, 96);
      let h = v128.load(block, 112);
      for (let k = first; k < end; k++) {
        const value = v128.load32_splat(values + (<usize>k << 2));
        const from = weights + n + <usize>load<u32>(ids + (<usize>k << 2)) * row;
        a = madd(a, value, from, 0);
        b = madd(b, value, from, 16);
        c = madd(c, value, from, 32);
        d = madd(d, value, from, 48);
        e = madd(e, value, from, 64);
        f = madd(f, value, from, 80);
        g = madd(g, value, from, 96);
        h = madd(h, value, from, 112);
      }
      v128.store(block, a);
      v128.store(block, b, 16);
      v128.store(block, c, 32);
      v128.store(block, d, 48);
      v128.store(block, e, 64);
      v128.store(block, f, 80);
      v128.store(block, g, 96);
      v128.store(block, h, 112);
    }
    for (; n + 16 <= row; n += 16) {
      let a = v128.load(at + n);
      for (let k = first; k < end; k++) {
        const from = weights + n + <usize>load<u32>(ids + (<usize>k << 2)) * row;
        a = madd(a, v128.load32_splat(values + (<usize>k << 2)), from, 0);
      }
      v128.store(at + n, a);
    }
    for (; n < row; n += 4) {
      let a = load<f32>(at + n);
      for (let k = first; k < end; k++)
        a += load<f32>(values + (<usize>k << 2)) *
          load<f32>(weights + n + <usize>load<u32>(ids + (<usize>k << 2)) * row);
      store<f32>(at + n, a);
    }
  }
}

/** gradient += events[t] x error[t + later], for t of `from` to `to`. */
export function denseLearn(
  gradient: usize, starts: usize, ids: usize, values: usize, from: i32, to: i32, error: usize, later: i32, size: i32,
): void {
  const row = <usize>size << 2;
  for (let t = from; t < to; t++) {
    const first = load<u32>(starts + (<usize>t << 2));
    const end = load<u32>(starts + (<usize>t << 2), 4);
    const at = error + <usize>(t + later) * row;
    let n: usize = 0;
    for (; n + 128 <= row; n += 128) {
      const block = at + n;
      const a = v128.load(block);
      const b = v128.load(block, 16);
      const c = v128.load(block, 32);
      const d = v128.load(block, 48);
      const e = v128.load(block, 64);
      const f = v128.load(block, 80);
      const g = v128.load(block, 96);
      const h = v128.load(block, 112);
      for (let k = first; k < end; k++) {
        const value = v128.load32_splat(values + (<usize>k << 2));
        const to = gradient + n + <usize>load<u32>(ids + (<usize>k << 2)) * row;
        learned(to, value, a, 0);
        learned(to, value, b, 16);
        learned(to, value, c, 32);
        learned(to, value, d, 48);
        learned(to, value, e, 64);
        learned(to, value, f, 80);
        learned(to, value, g, 96);
        learned(to, value, h, 112);
      }
    }
    for (; n + 16 <= row; n += 16) {
      const a = v128.load(at + n);
      for (let k = first; k < end; k++) {
        const to = gradient + n + <usize>load<u32>(ids + (<usize>k << 2)) * row;
        learned(to, v128.load32_splat(values + (<usize>k << 2)), a, 0);
      }
    }
    for (; n < row; n += 4) {
      const a = load<f32>(at + n);
      for (let k = first; k < end; k++) {
        const to = gradient + n + <usize>load<u32>(ids + (<usize>k << 2)) * row;
        store<f32>(to, load<f32>(to) + load<f32>(values + (<usize>k << 2)) * a);
      }
    }
  }
}

/** into[id] += lift x (weights[id] . error) of each source: four sums, of every fourth product, and then theirs. */
export function denseBack(weights: usize, error: usize, into: usize, lift: f32, sources: i32, size: i32): void {
  const whole = <usize>(size & ~3) << 2;
  const rest = size & 3;
  for (let id = 0; id < sources; id++) {
    let sums = f32x4.splat(0);
    for (let n: usize = 0; n < whole; n += 16)
      sums = f32x4.add(sums, f32x4.mul(v128.load(weights + n), v128.load(error + n)));
    let a = f32x4.extract_lane(sums, 0);
    let b = f32x4.extract_lane(sums, 1);
    let c = f32x4.extract_lane(sums, 2);
    if (rest > 0) a += load<f32>(weights + whole) * load<f32>(error + whole);
    if (rest > 1) b += load<f32>(weights + whole, 4) * load<f32>(error + whole, 4);
    if (rest > 2) c += load<f32>(weights + whole, 8) * load<f32>(error + whole, 8);
    const at = into + (<usize>id << 2);
    store<f32>(at, load<f32>(at) + lift * ((a + b) + (c + f32x4.extract_lane(sums, 3))));
    weights += <usize>size << 2;
  }
}

/**
 * Gradient of one delay line's weights from those of its spikes, whole steps late and one more, between which `part` of
 * each spike is late; answers what a step more is worth, in four sums as above.
 */
export function lineLearn(weights: usize, early: usize, late: usize, gradient: usize, part: f32, size: i32): f32 {
  const bytes = <usize>size << 2;
  const later = f32x4.splat(part);
  const sooner = f32x4.splat(<f32>1 - part);
  let sums = f32x4.splat(0);
  let n: usize = 0;
  for (; n + 16 <= bytes; n += 16) {
    const a = v128.load(early + n);
    const b = v128.load(late + n);
    const both = f32x4.add(f32x4.mul(sooner, a), f32x4.mul(later, b));
    v128.store(gradient + n, f32x4.add(v128.load(gradient + n), both));
    sums = f32x4.add(sums, f32x4.mul(v128.load(weights + n), f32x4.sub(b, a)));
  }
  let a = f32x4.extract_lane(sums, 0);
  let b = f32x4.extract_lane(sums, 1);
  let c = f32x4.extract_lane(sums, 2);
  for (let lane = 0; n < bytes; n += 4, lane++) {
    const soon = load<f32>(early + n);
    const after = load<f32>(late + n);
    store<f32>(gradient + n, load<f32>(gradient + n) + ((<f32>1 - part) * soon + part * after));
    const product = load<f32>(weights + n) * (after - soon);
    if (lane == 0) a += product;
    else if (lane == 1) b += product;
    else c += product;
  }
  return (a + b) + (c + f32x4.extract_lane(sums, 3));
}
