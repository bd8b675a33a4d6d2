/** The wav sensor: packets on the grid of time, spans, damage told after the good prefix. */

import { describe, expect, test } from "vitest";
import wav, { inspectSound, openWav } from "../../drivers/wav.ts";
import { virtualClock } from "../../src/clock.ts";
import type { Sensor } from "../../src/stage.ts";
import { rowsOf } from "../support/samples.ts";
import { type WavParts, wavFile } from "../support/wav-file.ts";

const ramp = (count: number) => Float32Array.from({ length: count }, (_, i) => (i - count / 2) / count);

function open(
  parts: WavParts | Uint8Array,
  given: object = {},
  pieceBytes = 1000,
): Promise<Sensor<"samples">> {
  const file = parts instanceof Uint8Array ? parts : wavFile(parts);
  const context = {
    id: "ears",
    pipeline: "test",
    clock: virtualClock(),
    signal: new AbortController().signal,
    seed: 1,
    resolvePath: (path: string) => path,
    notice: () => {},
  };
  return openWav(wav.options.parse({ file: "x.wav", ...given }), context, async function* (_, fromByte = 0) {
    for (let at = fromByte; at < file.length; at += pieceBytes) yield file.slice(at, at + pieceBytes);
  });
}

async function all(sensor: Sensor<"samples">) {
  const rows: (readonly number[])[] = [];
  const spans: [number, number][] = [];
  for await (const samples of sensor.packets) {
    for (const row of rowsOf(samples)) {
      expect(row[0]! >= samples.fromUs && row[0]! < samples.toUs).toBe(true);
      rows.push(row);
    }
    spans.push([samples.fromUs, samples.toUs]);
  }
  return { rows, spans };
}

test.each([8000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])(
  "%i Hz: every sample once, at its time, in spans without a gap",
  async (rateHz) => {
    const count = Math.floor(rateHz / 7);
    const sensor = await open({ encoding: "s16le", rateHz, columns: [ramp(count)] });
    const { rows, spans } = await all(sensor);
    expect(rows.length).toBe(count);
    for (const [i, [timeUs]] of rows.entries()) expect(timeUs).toBe((i * 1e6) / rateHz);
    for (const [i, [fromUs]] of spans.entries()) expect(fromUs).toBe(i === 0 ? 0 : spans[i - 1]![1]);
    expect(spans.at(-1)![1]).toBe(Math.ceil((count * 1e6) / rateHz));
    expect(sensor.geometry.rateHz).toBe(rateHz);
  },
);

test("pieces and packets of another size change no sample", async () => {
  const parts: WavParts = { encoding: "s24le", rateHz: 44_100, columns: [ramp(3000), ramp(3000)] };
  const { rows } = await all(await open(parts));
  expect((await all(await open(parts, { packetUs: 777 }, 13))).rows).toEqual(rows);
  expect((await open(parts)).geometry.channels.map(({ name }) => name)).toEqual(["left", "right"]);
});

test("a span begins and ends where it is told", async () => {
  const parts: WavParts = { encoding: "s16le", rateHz: 8000, columns: [ramp(8000)] };
  const whole = await all(await open(parts));
  const part = await all(await open(parts, { fromUs: 100_001, toUs: 250_000 }));
  expect(part.rows).toEqual(whole.rows.filter(([timeUs]) => timeUs! >= 100_001 && timeUs! < 250_000));
  expect([part.spans[0]![0], part.spans.at(-1)![1]]).toEqual([100_001, 250_000]);
  expect((await all(await open(parts, { fromUs: 5_000_000 }))).spans).toEqual([]);
});

test("bare samples are read from behind a header that is passed over", async () => {
  const file = wavFile({ encoding: "s16le", rateHz: 16_000, columns: [ramp(500), ramp(500)] });
  const raw = { encoding: "s16le", rateHz: 16_000, channels: 2, skipBytes: 44 };
  expect((await all(await open(file, raw))).rows).toEqual((await all(await open(file))).rows);
});

describe("damage", () => {
  test("a file that was cut gives its prefix, and then says so", async () => {
    const file = wavFile({ encoding: "s16le", rateHz: 8000, columns: [ramp(1000)] });
    const sensor = await open(file.slice(0, 1044));
    const times: number[] = [];
    await expect(
      (async () => {
        for await (const samples of sensor.packets) times.push(...rowsOf(samples).map(([timeUs]) => timeUs!));
      })(),
    ).rejects.toThrow(/the file ends 1000 bytes before its data do, at byte 1044.*x\.wav.*Copy it again/s);
    expect(times.length).toBe(500);
  });

  test("samples that are no number are silenced and counted as lost", async () => {
    const sensor = await open({ encoding: "f32le", rateHz: 8000, columns: [[0.5, Number.NaN, 0.25]] });
    expect((await all(sensor)).rows.map(([, value]) => value)).toEqual([0.5, 0, 0.25]);
    expect(sensor.lost?.()).toEqual({ "samples that are no number, silenced": 1 });
  });

  test("an empty file, and one that is no WAV file, are refused", async () => {
    await expect(open(new Uint8Array(0))).rejects.toThrow("shorter than a WAV header");
    await expect(open(new Uint8Array(100))).rejects.toThrow("doesn't begin as a WAV file");
  });
});

test("the inspection tells rate, length, level and clipping", async () => {
  const square = Float32Array.from({ length: 800 }, (_, i) => (i % 80 < 40 ? 1 : -1));
  const file = wavFile({ encoding: "s16le", rateHz: 8000, columns: [square] });
  const about = await inspectSound("x.wav", async function* () {
    yield file;
  });
  expect(about).toMatchObject({ format: "wav", encoding: "s16le", rateHz: 8000, channels: 1, frames: 800 });
  expect(about!.durationUs).toBe(100_000);
  expect(about!.rms).toBeCloseTo(1, 3);
  expect(about!.clipped).toBe(799);
});
