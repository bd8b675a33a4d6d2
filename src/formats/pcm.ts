/** Bare samples of sound as bytes: whole numbers, floats, and the two companded bytes of telephony (ITU-T G.711). */

export interface PcmEncoding {
  /** Bytes of one sample. */
  readonly bytes: number;
  /** The sample at a place, full scale at -1 and 1; a float may be beyond, or no number. */
  read(view: DataView, at: number): number;
  /** The highest value: a converter that is driven too hard stays there. */
  readonly highest: number;
}

const whole = (bytes: number, read: PcmEncoding["read"]): PcmEncoding => ({
  bytes,
  read,
  highest: 1 - 2 ** (1 - 8 * bytes),
});
const float = (bytes: number, read: PcmEncoding["read"]): PcmEncoding => ({ bytes, read, highest: 1 });
const companded = (table: Float32Array): PcmEncoding => ({
  bytes: 1,
  read: (view, at) => table[view.getUint8(at)]!,
  highest: table.reduce((a, b) => Math.max(a, b)),
});

/** By the names that ffmpeg and SoX users know: signed, unsigned or float, bits, byte order. */
export const pcmEncodings = {
  u8: whole(1, (view, at) => (view.getUint8(at) - 128) / 128),
  s8: whole(1, (view, at) => view.getInt8(at) / 128),
  s16le: whole(2, (view, at) => view.getInt16(at, true) / 32_768),
  s16be: whole(2, (view, at) => view.getInt16(at) / 32_768),
  s24le: whole(3, (view, at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 8_388_608),
  s24be: whole(3, (view, at) => ((view.getInt8(at) << 16) | view.getUint16(at + 1)) / 8_388_608),
  s32le: whole(4, (view, at) => view.getInt32(at, true) / 2_147_483_648),
  s32be: whole(4, (view, at) => view.getInt32(at) / 2_147_483_648),
  f32le: float(4, (view, at) => view.getFloat32(at, true)),
  f32be: float(4, (view, at) => view.getFloat32(at)),
  f64le: float(8, (view, at) => view.getFloat64(at, true)),
  f64be: float(8, (view, at) => view.getFloat64(at)),
  mulaw: companded(Float32Array.from({ length: 256 }, (_, byte) => fromMulaw(byte))),
  alaw: companded(Float32Array.from({ length: 256 }, (_, byte) => fromAlaw(byte))),
} as const satisfies Record<string, PcmEncoding>;

export type PcmName = keyof typeof pcmEncodings;
export const pcmNames = Object.keys(pcmEncodings) as [PcmName, ...PcmName[]];

/** G.711 mu-law: complemented sign, 3 bits of exponent, 4 of mantissa; 14 bits at full scale. */
function fromMulaw(byte: number): number {
  const bits = ~byte & 0xff;
  const magnitude = (((bits & 15) * 2 + 33) << ((bits >> 4) & 7)) - 33;
  return (bits & 0x80 ? -magnitude : magnitude) / 8192;
}

/** G.711 A-law: every other bit inverted, exponent 0 is linear; 13 bits at full scale. */
function fromAlaw(byte: number): number {
  const bits = byte ^ 0x55;
  const exponent = (bits >> 4) & 7;
  const mantissa = (bits & 15) * 2 + 1;
  const magnitude = exponent === 0 ? mantissa : (mantissa + 32) << (exponent - 1);
  return (bits & 0x80 ? magnitude : -magnitude) / 4096;
}

/** What was met in the samples so far. */
export interface SoundTally {
  /** Frames: samples of each channel. */
  frames: number;
  /** Largest magnitude. */
  peak: number;
  /** Sum of the squares of all samples of all channels. */
  squares: number;
  /** Samples at full scale whose neighbour before them in their channel was there too: the converter was driven too hard. */
  clipped: number;
  /** Floats that are no finite number: they are taken as 0. */
  broken: number;
}

/** Turns interleaved frames into columns. Any cut between frames gives the same. */
export class PcmFrames {
  readonly tally: SoundTally = { frames: 0, peak: 0, squares: 0, clipped: 0, broken: 0 };
  readonly frameBytes: number;
  readonly #encoding: PcmEncoding;
  readonly #channels: number;
  readonly #atTop: Uint8Array;

  constructor(name: PcmName, channels: number) {
    this.#encoding = pcmEncodings[name];
    this.#channels = channels;
    this.frameBytes = this.#encoding.bytes * channels;
    this.#atTop = new Uint8Array(channels);
  }

  /** Decodes `frames` frames from `start` on into the columns, from index `to` on. */
  decode(
    bytes: Uint8Array,
    start: number,
    frames: number,
    columns: readonly (Float32Array | Float64Array)[],
    to: number,
  ): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, frames * this.frameBytes);
    const { bytes: sampleBytes, read, highest } = this.#encoding;
    const { tally } = this;
    for (let channel = 0; channel < this.#channels; channel++) {
      const column = columns[channel]!;
      let wasAtTop = this.#atTop[channel]!;
      for (let i = 0, at = channel * sampleBytes; i < frames; i++, at += this.frameBytes) {
        let value = read(view, at);
        if (!Number.isFinite(value)) {
          tally.broken += 1;
          value = 0;
        }
        const magnitude = Math.abs(value);
        const atTop = magnitude >= highest ? 1 : 0;
        tally.clipped += atTop & wasAtTop;
        wasAtTop = atTop;
        if (magnitude > tally.peak) tally.peak = magnitude;
        tally.squares += value * value;
        column[to + i] = value;
      }
      this.#atTop[channel] = wasAtTop;
    }
    tally.frames += frames;
  }
}
