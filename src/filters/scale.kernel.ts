/** The growing scale of `growing-scale.ts`, from its two tables. */

// @ts-ignore: decorator
@inline
export function growing(fine: usize, coarse: usize, sinceUs: i32): f64 {
  return (
    load<f64>(fine + (<usize>(sinceUs & 4095) << 3)) * load<f64>(coarse + (<usize>(<u32>sinceUs >>> 12) << 3))
  );
}
