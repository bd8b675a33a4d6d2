/** Planes through the ages of the pixels around an event, by least squares. */

/** A pixel that never fired; times count from a base that moves before they exceed 2^29 us. */
export const neverUs = -(2 ** 30);
export const baseUsMax = 2 ** 29;

const { fround } = Math;

/**
 * The plane t = a x + b y + c through ages in microseconds, with x and y counted from an event; see `optical-flow.ts`.
 * Sums are exact; what is not whole is rounded to float32, of which a kernel's vector has four.
 */
export class PlaneFit {
  a = 0;
  b = 0;
  #c = 0;
  /** Up to which age pixels are fitted. */
  #ageUs = 0;
  readonly #lastUs: Int32Array;
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

  constructor(lastUs: Int32Array, stride: number, radius: number) {
    this.#lastUs = lastUs;
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
   * Finds from the 8 neighbours the age up to which pixels are fitted; false when it is more than `windowUs`. Behind a
   * straight edge lie three of them, so the third youngest tells how long the edge takes for a pixel, or for half a
   * diagonal; within 2 radius + 1 of these it passed all that is fitted.
   */
  look(pixel: number, nowUs: number, windowUs: number): boolean {
    const lastUs = this.#lastUs;
    const around = this.#around;
    let first = neverUs;
    let second = neverUs;
    let third = neverUs;
    for (let i = 0; i < 8; i++) {
      // Each difference keeps only its negative part: a minimum and a maximum without a branch.
      const atUs = lastUs[pixel + around[i]!]!;
      const a = (first - atUs) | 0;
      const olderA = a & (a >> 31);
      const b = (second - (atUs + olderA)) | 0;
      const olderB = b & (b >> 31);
      const c = (third - (atUs + olderA + olderB)) | 0;
      first = (first - olderA) | 0;
      second = (second - olderB) | 0;
      third = (third - (c & (c >> 31))) | 0;
    }
    this.#ageUs = Math.min(windowUs, (nowUs - third) * (2 * this.#radius + 1));
    return nowUs - third <= windowUs;
  }

  /** Fits all pixels up to that age; answers how many they are, 0 when they have no plane. */
  first(pixel: number, nowUs: number): number {
    return this.#fit(pixel, nowUs, 0, 0, 0, this.#ageUs);
  }

  /** Fits those of them that lie within a pixel's way of the plane so far, to whole microseconds. */
  again(pixel: number, nowUs: number): number {
    const offUs = Math.min(this.#ageUs, this.slope()) | 0;
    return this.#fit(pixel, nowUs, rounded(this.a), rounded(this.b), rounded(this.#c), offUs);
  }

  /** How much older a pixel further back is, across the edge. */
  slope(): number {
    return fround(Math.sqrt(fround(fround(this.a * this.a) + fround(this.b * this.b))));
  }

  /** Fits the pixels up to that age and at most `offUs` away from a plane. */
  #fit(pixel: number, nowUs: number, a: number, b: number, c: number, offUs: number): number {
    const lastUs = this.#lastUs;
    const radius = this.#radius;
    const stride = this.#stride;
    const ageUs = this.#ageUs;
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
        const t = (nowUs - lastUs[row + x]!) | 0;
        const off = (plane - t) | 0;
        // Its sign is set when the pixel takes no part: a choice without a branch.
        const out = ((ageUs - t) | (offUs - off) | (offUs + off)) >> 31;
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

/** The nearest whole number, of two the even one. */
function rounded(value: number): number {
  const shifter = 1.5 * 2 ** 52;
  return value + shifter - shifter;
}
