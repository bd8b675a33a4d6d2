/** Weights as Loihi holds them: clipped to 8 bits and a sign mode, and shifted (lava-nc/lava, `weightutils.py`). */

export interface LoihiWeightOptions {
  /** Bits of the mantissa, 1 to 8. */
  readonly bits?: number;
  /** Shifts the sum that arrives; not below 0. */
  readonly exponent?: number;
}

/**
 * What each weight is worth on the chip. All weights of a projection share a sign mode: at least 0 [0, 255], at most
 * 0 [-255, 0], or mixed [-256, 255], which costs the lowest bit. Bits that the mantissa hasn't are cut off.
 */
export function loihiWeights(
  weights: ArrayLike<number>,
  { bits = 8, exponent = 0 }: LoihiWeightOptions = {},
): Float64Array {
  let least = 0;
  let most = 0;
  for (let k = 0; k < weights.length; k++) {
    least = Math.min(least, weights[k]!);
    most = Math.max(most, weights[k]!);
  }
  const mixed = least < 0 && most > 0;
  const unit = 2 ** (8 - bits + (mixed ? 1 : 0));
  const low = least < 0 ? (mixed ? -256 : -255) : 0;
  const high = most > 0 ? 255 : 0;
  return Float64Array.from(weights, (weight) => {
    const clipped = Math.trunc(Math.min(high, Math.max(low, weight)));
    // Inhibitory mantissas are cut towards 0, mixed ones downwards.
    const cut = mixed ? Math.floor(clipped / unit) * unit : Math.trunc(clipped / unit) * unit;
    return cut * 2 ** exponent;
  });
}
