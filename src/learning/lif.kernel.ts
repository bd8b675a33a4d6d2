/** One step of the LIF neurons of a layer, forwards and backwards, in the order of roundings of `membranes.ts`. */

/** `drive`, `u` and `out` are of the step at hand; a spike is a potential above `threshold`. */
export function lifForward(
  drive: usize, u: usize, out: usize, v: usize, rate: usize, gain: usize, threshold: f32, subtracts: i32, size: i32,
): void {
  const bytes = <usize>size << 2;
  const limit = f32x4.splat(threshold);
  const one = f32x4.splat(1);
  let n: usize = 0;
  for (; n + 16 <= bytes; n += 16) {
    const before = v128.load(v + n);
    const pull = f32x4.add(
      f32x4.sub(f32x4.splat(0), before),
      f32x4.mul(v128.load(gain + n), v128.load(drive + n)),
    );
    const now = f32x4.add(before, f32x4.mul(v128.load(rate + n), pull));
    const fires = f32x4.gt(now, limit);
    v128.store(u + n, now);
    v128.store(out + n, v128.and(one, fires));
    const after = subtracts ? f32x4.sub(now, limit) : f32x4.splat(0);
    v128.store(v + n, v128.bitselect(after, now, fires));
  }
  for (; n < bytes; n += 4) {
    const before = load<f32>(v + n);
    const now = before + load<f32>(rate + n) * ((<f32>0 - before) + load<f32>(gain + n) * load<f32>(drive + n));
    const fires = now > threshold;
    store<f32>(u + n, now);
    store<f32>(out + n, fires ? 1 : 0);
    store<f32>(v + n, fires ? (subtracts ? now - threshold : 0) : now);
  }
}

/** Takes `errorOut` of the step at hand, leaves `errorIn`, and what goes on to the step before in `errorV`. */
export function lifBackward(
  u: usize, out: usize, errorOut: usize, errorIn: usize, errorV: usize, rate: usize, gain: usize,
  threshold: f32, inverse: f32, subtracts: i32, size: i32,
): void {
  const bytes = <usize>size << 2;
  const limit = f32x4.splat(threshold);
  const narrow = f32x4.splat(inverse);
  const one = f32x4.splat(1);
  let n: usize = 0;
  for (; n + 16 <= bytes; n += 16) {
    const far = f32x4.mul(f32x4.abs(f32x4.sub(v128.load(u + n), limit)), narrow);
    const slope = v128.and(f32x4.mul(f32x4.sub(one, far), narrow), f32x4.lt(far, one));
    let through = v128.load(errorV + n);
    if (!subtracts) through = f32x4.mul(through, f32x4.sub(one, v128.load(out + n)));
    const back = f32x4.add(through, f32x4.mul(v128.load(errorOut + n), slope));
    const own = v128.load(rate + n);
    v128.store(errorIn + n, f32x4.mul(f32x4.mul(back, own), v128.load(gain + n)));
    v128.store(errorV + n, f32x4.mul(back, f32x4.sub(one, own)));
  }
  for (; n < bytes; n += 4) {
    const far = abs(load<f32>(u + n) - threshold) * inverse;
    const slope: f32 = far < 1 ? (<f32>1 - far) * inverse : 0;
    let through = load<f32>(errorV + n);
    if (!subtracts) through *= <f32>1 - load<f32>(out + n);
    const back = through + load<f32>(errorOut + n) * slope;
    const own = load<f32>(rate + n);
    store<f32>(errorIn + n, back * own * load<f32>(gain + n));
    store<f32>(errorV + n, back * (<f32>1 - own));
  }
}
