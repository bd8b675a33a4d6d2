/** A bank of gammatone filters, and the reduction of a high sampling rate before it. */

/** Width of the auditory filter at a frequency, hertz (Glasberg & Moore, Hearing Research 47, 1990, equation 3). */
export function erbHz(hz: number): number {
  return 24.7 * (1 + 0.00437 * hz);
}

/** Centre frequencies from `lowHz` to `highHz`, evenly spaced on the ERB-rate scale (ibid., equation 4). */
export function centresHz(bands: number, lowHz: number, highHz: number): number[] {
  const rate = (hz: number) => Math.log10(1 + 0.00437 * hz);
  const step = (rate(highHz) - rate(lowHz)) / (bands - 1);
  return Array.from({ length: bands }, (_, i) => (10 ** (rate(lowHz) + i * step) - 1) / 0.00437);
}

/**
 * A fourth-order gammatone: four complex one-pole filters in a row (Hohmann, Acta Acustica 88, 2002, equations 10 to 14),
 *
 *     s1[n] = p s1[n-1] + x[n],   s_i[n] = p s_i[n-1] + s_(i-1)[n],   p = exp(2 pi (i fc - 1.019 ERB(fc)) / rate)
 *     y[n] = 2 (1 - |p|)^4 Re s4[n]
 *
 * so that a tone of amplitude 1 at the centre fc leaves with amplitude 1. One such filter costs 28 multiplications a sample.
 */
export class Gammatone {
  readonly #re: number;
  readonly #im: number;
  readonly #scale: number;
  readonly #state = new Float64Array(8);
  /** All has died away: what comes in as 0 goes out as 0. */
  still = true;

  constructor(centreHz: number, rateHz: number) {
    const radius = Math.exp((-2 * Math.PI * 1.019 * erbHz(centreHz)) / rateHz);
    const angle = (2 * Math.PI * centreHz) / rateHz;
    this.#re = radius * Math.cos(angle);
    this.#im = radius * Math.sin(angle);
    this.#scale = 2 * (1 - radius) ** 4;
  }

  /** Filters `count` samples. The state is in local variables meanwhile: this loop is what the encoder's time goes into. */
  run(input: Float64Array, count: number, output: Float64Array): void {
    const s = this.#state;
    const re = this.#re;
    const im = this.#im;
    const scale = this.#scale;
    let [a, b, c, d] = [s[0]!, s[1]!, s[2]!, s[3]!];
    let [e, f, g, h] = [s[4]!, s[5]!, s[6]!, s[7]!];
    for (let i = 0; i < count; i++) {
      let next = re * a - im * b + input[i]!;
      b = re * b + im * a;
      a = next;
      next = re * c - im * d + a;
      d = re * d + im * c + b;
      c = next;
      next = re * e - im * f + c;
      f = re * f + im * e + d;
      e = next;
      next = re * g - im * h + e;
      h = re * h + im * g + f;
      g = next;
      output[i] = scale * g;
    }
    // What has died away would go on as denormal numbers, which take a hundred times as long.
    this.still = Math.abs(g) + Math.abs(h) < 1e-200 && Math.abs(a) + Math.abs(b) < 1e-200;
    if (this.still) s.fill(0);
    else {
      s[0] = a;
      s[1] = b;
      s[2] = c;
      s[3] = d;
      s[4] = e;
      s[5] = f;
      s[6] = g;
      s[7] = h;
    }
  }
}

/**
 * Keeps every `factor`-th sample behind a low-pass: a sinc with a Hann window over 16 of the kept samples, down by 6 dB at
 * 0.45 of their rate. It delays by 8 of them.
 */
export class Decimator {
  readonly #factor: number;
  readonly #taps: Float64Array;
  /** The newest samples, twice, so that a window of them is always in one piece. */
  readonly #ring: Float64Array;
  #at = 0;
  #phase = 0;

  constructor(factor: number) {
    this.#factor = factor;
    const size = 16 * factor + 1;
    const taps = Float64Array.from({ length: size }, (_, i) => {
      const t = (i - 8 * factor) / factor;
      const sinc = t === 0 ? 1 : Math.sin(0.9 * Math.PI * t) / (0.9 * Math.PI * t);
      return sinc * (0.5 + 0.5 * Math.cos((Math.PI * t) / 8));
    });
    const sum = taps.reduce((a, b) => a + b);
    this.#taps = taps.map((tap) => tap / sum);
    this.#ring = new Float64Array(2 * size);
  }

  /** Takes a sample; answers a kept one, or NaN between them. */
  push(sample: number): number {
    const taps = this.#taps;
    const ring = this.#ring;
    ring[this.#at] = sample;
    ring[this.#at + taps.length] = sample;
    this.#at = (this.#at + 1) % taps.length;
    this.#phase += 1;
    if (this.#phase < this.#factor) return Number.NaN;
    this.#phase = 0;
    let sum = 0;
    for (let i = 0, at = this.#at; i < taps.length; i++, at++) sum += taps[i]! * ring[at]!;
    return sum;
  }
}
