/** WAV files: every kind of sample, any cut of the bytes, headers that lie. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReflexarcError } from "../../src/errors.ts";
import { type PcmName, pcmEncodings, pcmNames } from "../../src/formats/pcm.ts";
import { RawSound, type SoundDecoder, WavSound } from "../../src/formats/wav.ts";
import { type WavParts, wavFile } from "../support/wav-file.ts";

/** All that a decoder gives for these bytes, cut into pieces. */
function heard(decoder: SoundDecoder, bytes: Uint8Array, cuts: readonly number[] = []): number[][] {
  const edges = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  const channels: number[][] = [];
  const read = () => {
    for (;;) {
      const columns = Array.from({ length: decoder.format?.channels ?? 1 }, () => new Float32Array(7));
      const count = decoder.read(columns, 0, 7);
      if (count === 0) return;
      for (const [channel, column] of columns.entries())
        channels[channel] = [...(channels[channel] ?? []), ...column.subarray(0, count)];
    }
  };
  for (let i = 1; i < edges.length; i++) {
    decoder.push(bytes.slice(edges[i - 1], edges[i]));
    read();
  }
  decoder.end();
  return channels;
}

const wave = (count: number) => Float32Array.from({ length: count }, (_, i) => 0.9 * Math.sin(i / 3));
const wavNames = pcmNames.filter((name) => /le$|^u8|law$/.test(name));

describe.each(wavNames)("samples of %s", (encoding) => {
  const steps = { u8: 6, mulaw: 5, alaw: 5, s16le: 14 } as Partial<Record<PcmName, number>>;

  test("come back as they were, to the encoding's precision, mono and stereo, in any cut", () => {
    for (const columns of [[wave(50)], [wave(50), wave(50).map((value) => value / 2)]]) {
      const file = wavFile({ encoding, rateHz: 8000, columns });
      const whole = heard(new WavSound("x"), file);
      expect(whole.length).toBe(columns.length);
      for (const [channel, column] of columns.entries())
        for (const [i, value] of column.entries())
          expect(Math.abs(whole[channel]![i]! - value)).toBeLessThan(2 ** -(steps[encoding] ?? 20));
      fc.assert(
        fc.property(fc.array(fc.nat(file.length), { maxLength: 8 }), (cuts) => {
          expect(heard(new WavSound("x"), file, cuts)).toEqual(whole);
        }),
      );
    }
  });
});

test.each(pcmNames)("bare samples of %s need no header", (encoding) => {
  const { bytes } = pcmEncodings[encoding];
  const file = wavFile({
    encoding: wavNames.includes(encoding) ? encoding : "s16le",
    rateHz: 8000,
    columns: [wave(9)],
  });
  const raw = new RawSound({ encoding, rateHz: 8000, channels: 1 });
  const body = file.slice(44, 44 + 4 * bytes + 1);
  expect(heard(raw, body)[0]!.length).toBe(Math.floor(body.length / bytes));
  expect(raw.problems.length).toBe(body.length % bytes > 0 ? 1 : 0);
});

test("big-endian samples are the little-endian ones turned round", () => {
  for (const size of ["s16", "s24", "s32", "f32", "f64"] as const) {
    const little = wavFile({ encoding: `${size}le`, rateHz: 8000, columns: [wave(20)] }).slice(44);
    const { bytes } = pcmEncodings[`${size}le`];
    const big = new Uint8Array(little.length);
    for (let i = 0; i < little.length; i++) big[i] = little[i - (i % bytes) + bytes - 1 - (i % bytes)]!;
    const read = (encoding: PcmName, body: Uint8Array) =>
      heard(new RawSound({ encoding, rateHz: 8000, channels: 1 }), body);
    expect(read(`${size}be`, big)).toEqual(read(`${size}le`, little));
  }
});

describe("what a header may say", () => {
  const columns = [wave(10)];
  const plain = { encoding: "s16le", rateHz: 44_100, columns } as const;

  test.each<[string, Partial<WavParts>]>([
    ["extensible", { extensible: true }],
    ["RF64", { magic: "RF64" }],
    ["BW64", { magic: "BW64" }],
    ["chunks before and after the samples", { before: [["LIST", 7]], after: [["id3 ", 10]] }],
    ["no length at all, as a pipe leaves it", { dataBytes: 0xffffffff }],
    ["a length of 0, as a recorder that lost its power leaves it", { dataBytes: 0 }],
    ["a wrong length of the whole and a wrong byte rate", { riffBytes: 3, bytesPerS: 17 }],
  ])("%s", (_, parts) => {
    const decoder = new WavSound("x");
    expect(heard(decoder, wavFile({ ...plain, ...parts }))[0]!.length).toBe(10);
    expect(decoder.format).toEqual({ encoding: "s16le", rateHz: 44_100, channels: 1 });
    expect(decoder.problems).toEqual([]);
  });

  test("more samples than there are: the prefix is used, and the cut is told", () => {
    const decoder = new WavSound("x");
    expect(heard(decoder, wavFile({ ...plain, dataBytes: 1000 }))[0]!.length).toBe(10);
    expect(decoder.problems).toEqual([
      { what: "the file ends 980 bytes before its data do", firstByte: 64, fatal: true },
    ]);
  });

  test("part of a frame at the end is left out", () => {
    const decoder = new WavSound("x");
    expect(heard(decoder, wavFile({ ...plain, dataBytes: 19 }))[0]!.length).toBe(9);
    expect(decoder.problems[0]?.what).toMatch(/part of a frame/);
  });

  test.each<[string, Partial<WavParts>, RegExp]>([
    ["no channel", { channels: 0 }, /says 0 channels/],
    ["no rate", { rateHz: 0 }, /says 0 samples a second/],
    ["four billion a second", { rateHz: 0xffffffff }, /samples a second/],
    ["frames that don't fit", { frameBytes: 7 }, /contradicts itself/],
    ["ADPCM", { tag: 2 }, /compressed \(Microsoft ADPCM\).*ffmpeg/s],
    ["an unknown format", { tag: 0x1234 }, /in format 4660/],
    ["64-bit whole numbers", { bits: 64 }, /64 bits/],
    ["samples before their format", { order: "data first" }, /before their format/],
  ])("%s is refused", (_, parts, message) => {
    const decoder = new WavSound("x.wav");
    expect(() => heard(decoder, wavFile({ ...plain, ...parts }))).toThrow(message);
    expect(() => heard(new WavSound("x.wav"), wavFile({ ...plain, ...parts }))).toThrow(ReflexarcError);
  });

  test("a file cut anywhere gives a prefix, or says that it is cut", () => {
    const file = wavFile({ ...plain, before: [["LIST", 6]] });
    const whole = heard(new WavSound("x"), file)[0]!;
    for (let length = 0; length < file.length; length++) {
      const decoder = new WavSound("x");
      let got: number[] | undefined;
      try {
        got = heard(decoder, file.slice(0, length))[0] ?? [];
      } catch (cause) {
        expect(cause).toBeInstanceOf(ReflexarcError);
        continue;
      }
      expect(got).toEqual(whole.slice(0, got.length));
      expect(decoder.problems.some(({ fatal }) => fatal)).toBe(true);
    }
  });
});

test("what is odd in the samples is counted: clipped, silent, no number", () => {
  const tallyOf = (encoding: PcmName, column: Float32Array) => {
    const decoder = new WavSound("x");
    heard(decoder, wavFile({ encoding, rateHz: 8000, columns: [column] }));
    return decoder.tally!;
  };
  const loud = wave(100).map((value) => Math.max(-1, Math.min(32_767 / 32_768, 3 * value)));
  expect(tallyOf("s16le", loud).clipped).toBeGreaterThan(30);
  expect(tallyOf("s16le", wave(100)).clipped).toBe(0);
  expect(tallyOf("s16le", new Float32Array(50))).toMatchObject({ peak: 0, squares: 0, frames: 50 });
  expect(tallyOf("f32le", Float32Array.of(0, Number.NaN, Infinity, 0.5))).toMatchObject({
    broken: 2,
    peak: 0.5,
  });
});

test("random damage to a file never does anything but give samples or a ReflexarcError", () => {
  const file = wavFile({
    encoding: "s24le",
    rateHz: 48_000,
    columns: [wave(40), wave(40)],
    extensible: true,
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      (damage) => {
        const broken = file.slice();
        for (const [at, value] of damage) broken[at] = value;
        try {
          const channels = heard(new WavSound("x"), broken);
          for (const column of channels) expect(column.length).toBeLessThanOrEqual(file.length);
        } catch (cause) {
          expect(cause).toBeInstanceOf(ReflexarcError);
        }
      },
    ),
    { numRuns: 500 },
  );
});
