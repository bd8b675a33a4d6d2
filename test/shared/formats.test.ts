/** Real recordings against an independent decode, their authors' own numbers, and a label file. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { inspectFile } from "../../drivers/recording.ts";
import type { PixelGeometry } from "../../src/events/geometry.ts";
import { sniffFormat } from "../../src/formats/index.ts";
import { packetDefaults } from "../../src/formats/packets.ts";
import type { Event } from "../support/packets.ts";
import { decodeAll, packetsAll } from "../support/recordings.ts";
import { type ExpectedRecording, expectedRecordings, shared } from "../support/shared.ts";

const types: Readonly<Record<string, string>> = {
  EVTS: "events",
  FRME: "frames",
  IMUS: "imu",
  TRIG: "triggers",
};
const recordings = expectedRecordings().filter(({ format }) => /^AEDAT[24]/.test(format));
const withEvents = recordings.filter(({ decoded }) => decoded !== undefined);
const sumOf = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);
const rangeOf = (values: ArrayLike<number>) => {
  const sorted = Float64Array.from(values).sort();
  return [sorted[0], sorted.at(-1)];
};
const sha256 = (column: ArrayBufferView) =>
  createHash("sha256")
    .update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength))
    .digest("hex");

/** Columns as the file stores them: an AEDAT 2 file counts both axes from the other side. */
function storedColumns(events: readonly Event[], { width, height }: PixelGeometry, turned: boolean) {
  const x = new Uint16Array(events.length);
  const y = new Uint16Array(events.length);
  const p = new Uint8Array(events.length);
  const t = new BigInt64Array(events.length);
  events.forEach(([timeUs, address], i) => {
    const [right, down] = [(address >>> 1) & 0x7fff, address >>> 16];
    x[i] = turned ? width - 1 - right : right;
    y[i] = turned ? height - 1 - down : down;
    p[i] = address & 1;
    t[i] = BigInt(timeUs);
  });
  return { t, x, y, p };
}

function decodeFile({ path }: ExpectedRecording, lengths?: readonly number[]) {
  const file = shared("recordings", path);
  const bytes = new Uint8Array(readFileSync(file));
  const format = sniffFormat(bytes.subarray(0, 1 << 16), basename(path))!;
  return { file, bytes, format, ...decodeAll(format, bytes, {}, lengths) };
}

test("the list was found", () => {
  expect(withEvents.length).toBeGreaterThanOrEqual(5);
  expect(recordings.length).toBeGreaterThanOrEqual(9);
});

describe.each(recordings)("$path", (expected) => {
  const { geometry, extra } = expected;

  test("is recognised, with its size and its streams", () => {
    const { format, decoder, bytes } = decodeFile(expected);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(expected.sha256);
    expect(format.name).toBe(expected.format.slice(0, 6).toLowerCase());
    expect([decoder.geometry!.width, decoder.geometry!.height]).toEqual(geometry);
    const count = (type: string) => decoder.streams.find((stream) => stream.type === type)?.count ?? 0;
    if (extra?.imu_words !== undefined) expect(count("imu")).toBe(extra.imu_words);
    if (!extra?.counts) return;
    const counted = decoder.streams.filter((stream) => stream.count > 0);
    expect(Object.fromEntries(counted.map((stream) => [stream.id, stream.count]))).toEqual(extra.counts);
    for (const { id, type } of counted) expect(type).toBe(types[extra.stream_ids![id]!]);
  });

  test("only the two that hold nothing but a header are cut", () => {
    expect(decodeFile(expected).cut).toBe(expected.format.endsWith("header"));
  });
});

describe.each(withEvents)("$path", (expected) => {
  const decoded = expected.decoded!;

  test("has the events of the independent decode, column by column", () => {
    const { events, decoder } = decodeFile(expected);
    const { t, x, y, p } = storedColumns(events, decoder.geometry!, expected.format.startsWith("AEDAT2"));
    const at = (i: number) => [Number(t.at(i)), x.at(i), y.at(i), p.at(i)];
    expect({
      events: events.length,
      t_first: at(0)[0],
      t_last: at(-1)[0],
      duration_us: at(-1)[0]! - at(0)[0]!,
      monotone: events.every(([timeUs], i) => i === 0 || timeUs >= events[i - 1]![0]),
      on: sumOf(p),
      off: events.length - sumOf(p),
      x_range: rangeOf(x),
      y_range: rangeOf(y),
      first: at(0),
      last: at(-1),
      sum_x: sumOf(x),
      sum_y: sumOf(y),
      sum_t_rel: events.reduce((sum, [timeUs]) => sum + timeUs - events[0]![0], 0),
      sha256_t_i64le: sha256(t),
      sha256_x_u16le: sha256(x),
      sha256_y_u16le: sha256(y),
      sha256_p_u8: sha256(p),
    }).toMatchObject(Object.fromEntries(Object.entries(decoded).filter(([key]) => key !== "backsteps")));
  });

  test("any cut of the bytes gives the same", () => {
    const whole = decodeFile(expected);
    const pieces = decodeFile(expected, [1, 4096, 7, 13, 100_003]);
    expect(pieces.events).toEqual(whole.events);
    expect(pieces.decoder.problems).toEqual(whole.decoder.problems);
  });

  test("comes as packets without loss", async () => {
    const { bytes, format, events } = decodeFile(expected);
    const { packets, error, reader } = await packetsAll(format, bytes, packetDefaults);
    expect(error).toBe(undefined);
    expect(reader.repairs).toEqual({ steppedBack: 0, jumpedAhead: 0, tooManyAtOnce: 0 });
    expect(sumOf(packets.map(({ count }) => count))).toBe(events.length);
    expect(packets[0]!.fromUs).toBe(decoded.t_first);
    expect(packets.at(-1)!.toUs).toBe(decoded.t_last + 1);
  });

  test("info tells its numbers", async () => {
    const file = shared("recordings", expected.path);
    const info = await inspectFile(file);
    expect(info).toMatchObject({
      file,
      format: expected.format.slice(0, 6).toLowerCase(),
      geometry: { width: expected.geometry![0], height: expected.geometry![1] },
      events: decoded.events,
      on: decoded.on,
      off: decoded.off,
      firstUs: decoded.t_first,
      lastUs: decoded.t_last,
      durationUs: decoded.duration_us,
      monotone: decoded.monotone,
    });
    expect(info.problems.filter(({ fatal }) => fatal)).toEqual([]);
  });

  test("a file cut at 10 places: a prefix", () => {
    const { bytes, format, events } = decodeFile(expected);
    for (let k = 1; k <= 10; k++) {
      const end = Math.floor((bytes.length * (k * 0.618034)) % bytes.length);
      const part = decodeAll(format, bytes.subarray(0, end));
      expect(part.events.length).toBeLessThan(events.length);
      expect(part.events).toEqual(events.slice(0, part.events.length));
      if (format.name === "aedat4") expect(part.cut).toBe(true);
    }
  });
});

/** Tables `x,y,polarity,time` of jAER's authors, whose y counts from below and whose polarity is 1 - the stored bit. */
const folder = shared("recordings", "aedat2");
const tables = readdirSync(folder).filter((name) => name.endsWith(".csv"));

test("the authors' tables were found", () => {
  expect(tables.length).toBeGreaterThanOrEqual(2);
});

test.each(tables)("%s equals the recording it was made from", (name) => {
  const rows = readFileSync(shared("recordings", "aedat2", name), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(",").map(Number));
  const recording = withEvents.find(
    ({ format, decoded }) => format.startsWith("AEDAT2") && decoded!.events === rows.length,
  );
  const { events, decoder } = decodeFile(recording!);
  const { height } = decoder.geometry!;
  expect(
    events.map(([timeUs, address]) => [
      (address >>> 1) & 0x7fff,
      height - 1 - (address >>> 16),
      1 - (address & 1),
      timeUs,
    ]),
  ).toEqual(rows);
});

describe("N-MNIST", () => {
  const rows = readFileSync(shared("recordings", "nmnist", "train.csv"), "utf8")
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(","));

  test("every sample has the numbers of the label file", async () => {
    const files = readdirSync(shared("recordings", "nmnist", "train"));
    expect(rows.map(([file]) => file)).toEqual(files.sort());
    expect(rows.length).toBeGreaterThanOrEqual(1000);
    for (const [file, , events, on, firstUs, lastUs] of rows) {
      const info = await inspectFile(shared("recordings", "nmnist", "train", file!));
      expect(info).toMatchObject({
        format: "nmnist",
        geometry: { width: 34, height: 34 },
        events: Number(events),
        on: Number(on),
        firstUs: Number(firstUs),
        lastUs: Number(lastUs),
        monotone: true,
        problems: [],
      });
    }
  });
});
