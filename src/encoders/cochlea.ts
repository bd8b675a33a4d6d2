/** Cochlea: sound becomes spikes of a bank of band-pass filters, whose gain follows how loud each band has been. */

import { z } from "zod";
import { ReflexarcError } from "../errors.ts";
import { neurons } from "../events/geometry.ts";
import { Packet } from "../events/packet.ts";
import type { Samples } from "../events/samples.ts";
import { channelsIn, defineStage, type StageContext } from "../stage.ts";
import { centresHz, Decimator, Gammatone } from "./gammatone.ts";

/** The bank's rate is the sound's over the whole number that leaves at least so many samples a second. */
const bankHzMin = 16_000;
/** Gains are set anew after so long, counted in samples since the first one. */
const gainUs = 5000;
/** A band must lie so far below half the rate, or its filter is another one than at a higher rate. */
const rateOverHighMin = 2.2;

/**
 * Each channel of the sound runs through gammatone filters; what leaves filter b is x, half-wave rectified, and
 *
 *     M += (mean of x over 5 ms - M) (1 - exp(-5 ms / gainTauMs)),     z = x / (floor + M)^gain
 *
 * with M the mean over all channels: the ears of one head share their gains, so that the louder stays louder. A steady
 * sound comes out at z near 1 however loud it is, an onset far above (compare PCEN: Wang et al., ICASSP 2017). Then,
 * with spikes: integrate, a neuron of each band gathers v += (sqrt(z) - leak) rateHz dt, no less than 0, and fires when v
 * reaches 1, which is taken away: a steady noise stays below the leak and costs nothing. With spikes: level, the band
 * fires once in each period where z rises through `level`, so its spikes hold the sound's phase, for what compares two ears.
 *
 * Times are interpolated between samples, and are one sample of the bank late, since a spike between two samples is known
 * only at the second. Sound of 32 kHz or more is brought to 16 to 32 kHz first; below that the bank runs at the sound's own
 * rate. A recording at 8 kHz and one at 16 kHz so give nearly the same spikes, if the bands end below 3.6 kHz.
 *
 * Gives neurons of shape (channels, 1, bands), id = channel * bands + band, the lowest band first. Throws a usage error when
 * the sound has no rate, or too low a one for `highHz`.
 */
export default defineStage({
  name: "cochlea",
  about: "Sound becomes spikes of 16 to 64 frequency bands, with a gain that adapts to each.",
  takes: "samples",
  gives: "spikes",
  options: z.strictObject({
    bands: z.int().min(4).max(64).default(32).describe("frequency bands of each channel"),
    lowHz: z.number().min(20).max(20_000).default(100).describe("centre of the lowest band, hertz"),
    highHz: z.number().min(50).max(20_000).default(3600).describe("centre of the highest band, hertz"),
    spikes: z
      .enum(["integrate", "level"])
      .default("integrate")
      .describe(
        "integrate: a rate that tells how strong a band is; level: one a period, which tells its phase",
      ),
    rateHz: z
      .number()
      .positive()
      .max(10_000)
      .default(100)
      .describe("integrate: spikes a second of a band whose drive exceeds the leak by 1"),
    leak: z
      .number()
      .min(0)
      .default(1)
      .describe(
        "integrate: drive that makes no spike; a steady sound has about 0.5, since half of each period is silent",
      ),
    level: z
      .number()
      .positive()
      .default(1)
      .describe("level: where a spike is, in units of the band's own mean; a steady tone reaches 3.1"),
    gain: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe("how much of a band's loudness is taken out: 0 none, 1 all"),
    gainTauMs: z.number().min(1).max(60_000).default(400).describe("how fast the gain follows, milliseconds"),
    floor: z
      .number()
      .positive()
      .max(1)
      .default(0.0005)
      .describe("loudness, of full scale, below which a band counts as silent"),
  }),
  create(options, context) {
    const { bands, spikes } = options;
    const { rateHz, channels } = rateOf(context, options.highHz);
    const factor = Math.max(1, Math.floor(rateHz / bankHzMin));
    const bankHz = rateHz / factor;
    const centres = centresHz(bands, options.lowHz, options.highHz);
    const ears = channels.map(() => new Ear(centres, bankHz, factor > 1 ? new Decimator(factor) : undefined));
    const geometry = neurons(channels.length, 1, bands);
    const out = new Packet(geometry);
    const later = new Packet(geometry);
    const gainSamples = Math.max(1, Math.round((gainUs * bankHz) / 1e6));
    const follow = 1 - Math.exp((-gainSamples * 1000) / bankHz / options.gainTauMs);
    const gains = new Float64Array(bands).fill(options.floor ** -options.gain);
    const levels = new Float64Array(bands);
    const sums = new Float64Array(bands);
    const fire = spikes === "integrate" ? integrate(options, bankHz) : cross(options.level);
    /** Samples of the bank since its gains were set. */
    let since = 0;
    /** Times of the samples at hand, one late. */
    const timesUs = new Float64Array(gainSamples);
    const sampleUs = 1e6 / bankHz;
    let keys = new Float64Array(1024);

    /** Lets the bank hear what its ears have gathered, at most up to the next setting of the gains. */
    function hear(): void {
      const count = ears[0]!.count;
      for (let band = 0; band < bands; band++) {
        let sum = 0;
        for (let ear = 0; ear < ears.length; ear++)
          if (!ears[ear]!.isSilentIn(band))
            sum += fire(ears[ear]!, band, ear * bands + band, gains[band]!, timesUs, sampleUs, later);
        sums[band] = sums[band]! + sum;
      }
      for (const ear of ears) ear.clear();
      since += count;
      if (since < gainSamples) return;
      for (let band = 0; band < bands; band++) {
        const mean = sums[band]! / (since * ears.length);
        levels[band] = levels[band]! + (mean - levels[band]!) * follow;
        gains[band] = (options.floor + levels[band]!) ** -options.gain;
      }
      sums.fill(0);
      since = 0;
    }

    function listen(samples: Samples): void {
      for (let i = 0; i < samples.count; i++) {
        let kept = false;
        for (let channel = 0; channel < ears.length; channel++)
          kept = ears[channel]!.take(samples.columns[channel]![i]!);
        if (!kept) continue;
        const at = ears[0]!.count - 1;
        timesUs[at] = samples.timeUs(i);
        if (since + ears[0]!.count === gainSamples) hear();
      }
      if (ears[0]!.count > 0) hear();
    }

    return {
      geometry,
      step(samples) {
        listen(samples);
        out.begin(samples.fromUs, samples.toUs);
        if (keys.length < later.count) keys = new Float64Array(2 * later.count);
        settle(later, out, keys);
        return out;
      },
    };
  },
});

type Options = { readonly rateHz: number; readonly leak: number };
type Fire = (
  ear: Ear,
  band: number,
  id: number,
  gain: number,
  timesUs: Float64Array,
  sampleUs: number,
  spikes: Packet,
) => number;

/** One channel: its filters, and what was gathered for them. */
class Ear {
  count = 0;
  readonly input: Float64Array;
  readonly output: Float64Array;
  readonly bank: readonly Gammatone[];
  /** Of each band: the potential of its neuron, or the last value. */
  readonly memory: Float64Array;
  /** Level: the band has been below 0 since its last spike. */
  readonly ready: Uint8Array;
  readonly #decimator: Decimator | undefined;
  /** What was gathered is exactly 0. */
  #isZero = true;

  constructor(centres: readonly number[], bankHz: number, decimator: Decimator | undefined) {
    const size = Math.ceil((2 * gainUs * bankHz) / 1e6) + 1;
    this.input = new Float64Array(size);
    this.output = new Float64Array(size);
    this.bank = centres.map((hz) => new Gammatone(hz, bankHz));
    this.memory = new Float64Array(centres.length);
    this.ready = new Uint8Array(centres.length).fill(1);
    this.#decimator = decimator;
  }

  /** Takes a sample of the sound; true when the bank has one more. A value that is no number is silence. */
  take(sample: number): boolean {
    const value = Number.isFinite(sample) ? sample : 0;
    const kept = this.#decimator ? this.#decimator.push(value) : value;
    if (Number.isNaN(kept)) return false;
    if (kept !== 0) this.#isZero = false;
    this.input[this.count] = kept;
    this.count += 1;
    return true;
  }

  /** Digital silence, after all before it has died away, changes nothing and fires nothing: it needn't be worked out. */
  isSilentIn(band: number): boolean {
    return this.#isZero && this.bank[band]!.still && this.memory[band] === 0;
  }

  clear(): void {
    this.count = 0;
    this.#isZero = true;
  }
}

/** Integrate-and-fire on the compressed half-wave; answers the sum of the half-wave. */
function integrate({ rateHz, leak }: Options, bankHz: number): Fire {
  const perSample = rateHz / bankHz;
  return (ear, band, id, gain, timesUs, sampleUs, spikes) => {
    const { output, count, memory } = ear;
    ear.bank[band]!.run(ear.input, count, output);
    let v = memory[band]!;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const x = output[i]!;
      let drive = -leak;
      if (x > 0) {
        sum += x;
        drive += Math.sqrt(gain * x);
      }
      const rise = drive * perSample;
      v = Math.max(0, v + rise);
      if (v < 1) continue;
      v -= 1;
      spikes.push(timesUs[i]! + sampleUs * Math.max(0, 1 - v / rise), id);
      // A rise of more than one spike a sample: the rest is not kept.
      if (v >= 1) v = 0;
    }
    memory[band] = v;
    return sum;
  };
}

/** A spike wherever the half-wave rises through a level, once a period; answers the sum of the half-wave. */
function cross(level: number): Fire {
  return (ear, band, id, gain, timesUs, sampleUs, spikes) => {
    const { output, count, memory, ready } = ear;
    ear.bank[band]!.run(ear.input, count, output);
    const at = level / gain;
    let before = memory[band]!;
    let isReady = ready[band]!;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const x = output[i]!;
      if (x > 0) sum += x;
      else isReady = 1;
      if (isReady === 1 && x >= at) {
        isReady = 0;
        const share = before < at ? (at - before) / (x - before) : 0;
        spikes.push(timesUs[i]! + sampleUs * share, id);
      }
      before = x;
    }
    memory[band] = before;
    ready[band] = isReady;
    return sum;
  };
}

/** Moves the spikes before `out.toUs` over, at whole microseconds, by time and then by neuron; the others stay. */
function settle(later: Packet, out: Packet, keys: Float64Array): void {
  const { fromUs, toUs } = out;
  let kept = 0;
  let count = 0;
  for (let i = 0; i < later.count; i++) {
    const timeUs = later.times[i]!;
    if (timeUs < toUs) {
      keys[count++] = Math.max(0, Math.floor(timeUs) - fromUs) * idsMax + later.addresses[i]!;
    } else {
      later.times[kept] = timeUs;
      later.addresses[kept++] = later.addresses[i]!;
    }
  }
  later.count = kept;
  keys.subarray(0, count).sort();
  out.reserve(count);
  for (let i = 0; i < count; i++) {
    const id = keys[i]! % idsMax;
    out.times[i] = fromUs + (keys[i]! - id) / idsMax;
    out.addresses[i] = id;
  }
  out.count = count;
}

/** More than 64 channels of 64 bands each have. */
const idsMax = 8192;

function rateOf(context: StageContext, highHz: number) {
  const { rateHz, channels } = channelsIn(context);
  const refuse = (what: string, remedy: string) =>
    new ReflexarcError({ kind: "usage", room: context.id, what, remedy });
  if (rateHz === undefined)
    throw refuse(
      "hears sound, but gets samples without a rate",
      "Encode a series by its changes or its rate.",
    );
  if (channels.length > 64) throw refuse(`hears 64 channels, but gets ${channels.length}`, "Give it fewer.");
  if (rateHz < rateOverHighMin * highHz)
    throw refuse(
      `its bands go up to ${highHz} Hz, which sound of ${rateHz} Hz doesn't hold`,
      `Set highHz to ${Math.floor(rateHz / rateOverHighMin)} or less.`,
    );
  return { rateHz, channels };
}
