/** Planes through the ages of the pixels around an event, by least squares. */

/** A pixel that never fired, or too long ago; times are kept in 16 bits, from 0 on from a base that moves. */
export const never = -(2 ** 15);
/** Bits that the window has at most: then all that is older than it is so, too, when its age no longer fits in 16. */
export const windowBits = 14;

/** The oldest fitted age has so many bits: then all sums over 25 pixels fit in 16. */
const ageBits = 10;
/** A plane with a greater number than this is taken for one that has it when it is compared with pixels. */
const planeMax = 4095;

const { fround } = Math;

/**
 * The plane t = a x + b y + c through the ages of pixels, with x and y counted from an event; see `optical-flow.ts`. Times
 * are whole numbers of units; ages are those without their last bits, as many as leave the oldest one 10. Sums are
 * exact; what is not whole is rounded to float32.
 */
export class PlaneFit {
  a = 0;
  b = 0;
  #c = 0;
  /** How many last bits ages are without, and up to which age pixels are fitted then. */
  #shift = 0;
  #oldest = 0;
  readonly #last: Int16Array;
  readonly #stride: number;
  readonly #radius: number;
  /** From a pixel to its 8 neighbours. */
  readonly #around: Int32Array;
  /**
   * Sums over the pixels of a row that take part, by the bits of those pixels: how many, of x, and of x^2. With them
   * the loop over pixels has only the ages to sum.
   */
  readonly #counts: Int32Array;
  readonly #sums: Int32Array;
  readonly #squares: Int32Array;

  constructor(last: Int16Array, stride: number, radius: number) {
    this.#last = last;
    this.#stride = stride;
    this.#radius = radius;
    this.#around = Int32Array.of(-stride - 1, -stride, 1 - stride, -1, 1, stride - 1, stride, stride + 1);
    const rowSum = (of: (x: number) => number) =>
      Int32Array.from({ length: 1 << (2 * radius + 1) }, (_, bits) => {
        let sum = 0;
        for (let x = -radius; x <= radius; x++) if ((bits >> (x + radius)) & 1) sum += of(x);
        return sum;
      });
    this.#counts = rowSum(() => 1);
    this.#sums = rowSum((x) => x);
    this.#squares = rowSum((x) => x * x);
  }

  /**
   * Finds from the 8 neighbours the age up to which pixels are fitted; false when it is more than `window`. Behind a
   * straight edge lie three of them, so the third youngest tells how long the edge takes for a pixel, or for half a
   * diagonal; within 2 radius + 1 of these it passed all that is fitted.
   */
  look(pixel: number, now: number, window: number): boolean {
    const last = this.#last;
    const around = this.#around;
    let first = never;
    let second = never;
    let third = never;
    for (let i = 0; i < 8; i++) {
      // Each difference keeps only its negative part: a minimum and a maximum without a branch.
      const at = last[pixel + around[i]!]!;
      const a = (first - at) | 0;
      const olderA = a & (a >> 31);
      const b = (second - (at + olderA)) | 0;
      const olderB = b & (b >> 31);
      const c = (third - (at + olderA + olderB)) | 0;
      first = (first - olderA) | 0;
      second = (second - olderB) | 0;
      third = (third - (c & (c >> 31))) | 0;
    }
    const age = Math.min(window, (now - third) * (2 * this.#radius + 1));
    this.#shift = Math.max(0, 32 - ageBits - Math.clz32(age));
    this.#oldest = age >> this.#shift;
    return now - third <= window;
  }

  /** Fits all pixels up to that age; answers how many they are, 0 when they have no plane. */
  first(pixel: number, now: number): number {
    return this.#fit(pixel, now, 0, 0, 0, this.#oldest);
  }

  /** Fits those of them that lie within a pixel's way of the plane so far, to whole ages. */
  again(pixel: number, now: number): number {
    const off = Math.min(this.#oldest, this.#perPixel()) | 0;
    return this.#fit(pixel, now, rounded(this.a), rounded(this.b), rounded(this.#c), off);
  }

  /** How much older a pixel further back is, across the edge, in units of time. */
  slope(): number {
    return fround(this.#perPixel() * 2 ** this.#shift);
  }

  #perPixel(): number {
    return fround(Math.sqrt(fround(fround(this.a * this.a) + fround(this.b * this.b))));
  }

  /** Fits the pixels up to that age and at most `most` away from a plane. */
  #fit(pixel: number, now: number, a: number, b: number, c: number, most: number): number {
    const last = this.#last;
    const radius = this.#radius;
    const stride = this.#stride;
    const oldest = this.#oldest;
    const shift = this.#shift;
    let n = 0;
    let sx = 0;
    let sy = 0;
    let st = 0;
    let sxx = 0;
    let sxy = 0;
    let syy = 0;
    let sxt = 0;
    let syt = 0;
    let row = pixel - radius * stride;
    let rowPlane = (c - radius * (a + b)) | 0;
    for (let y = -radius; y <= radius; y++) {
      let bits = 0;
      let rowT = 0;
      let rowXT = 0;
      let plane = rowPlane;
      for (let x = -radius; x <= radius; x++) {
        const t = (now - last[row + x]!) >> shift;
        const off = (plane - t) | 0;
        // Its sign is set when the pixel takes no part: a choice without a branch.
        const out = ((oldest - t) | (most - off) | (most + off)) >> 31;
        const fitted = t & ~out;
        rowT = (rowT + fitted) | 0;
        rowXT = (rowXT + Math.imul(x, fitted)) | 0;
        bits |= (out + 1) << (x + radius);
        plane = (plane + a) | 0;
      }
      const rowN = this.#counts[bits]!;
      const rowX = this.#sums[bits]!;
      n += rowN;
      sx += rowX;
      sxx += this.#squares[bits]!;
      sy += y * rowN;
      syy += y * y * rowN;
      sxy += y * rowX;
      st += rowT;
      sxt += rowXT;
      syt += y * rowT;
      row += stride;
      rowPlane = (rowPlane + b) | 0;
    }
    const xx = fround(n * sxx - sx * sx);
    const xy = fround(n * sxy - sx * sy);
    const yy = fround(n * syy - sy * sy);
    const xt = fround(n * sxt - sx * st);
    const yt = fround(n * syt - sy * st);
    const determinant = fround(fround(xx * yy) - fround(xy * xy));
    if (determinant === 0) return 0;
    this.a = fround(fround(fround(xt * yy) - fround(yt * xy)) / determinant);
    this.b = fround(fround(fround(yt * xx) - fround(xt * xy)) / determinant);
    const centre = fround(fround(this.a * sx) + fround(this.b * sy));
    this.#c = fround(fround(fround(st) - centre) / n);
    return n;
  }
}

/** The nearest whole number, of two the even one, no further from 0 than a plane's numbers may be. */
function rounded(value: number): number {
  const shifter = 1.5 * 2 ** 52;
  return Math.max(-planeMax, Math.min(planeMax, value)) + shifter - shifter;
}
