/** The numbers that `info` tells, and how a format is recognised. */

import { expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { encodeFile, extensionOf } from "../../src/formats/format.ts";
import { formatNamed, formats, recogniseFormat, sniffFormat } from "../../src/formats/index.ts";
import { inspectRecording } from "../../src/formats/inspect.ts";
import { packetOf } from "../support/packets.ts";
import { asyncPieces, steadyPackets } from "../support/recordings.ts";

const camera = pixels(128, 128);
const aedat4 = formatNamed("aedat4")!;

test("a recording as the file has it, steps back and all", async () => {
  const packet = packetOf(camera, [
    [10, pixelAddress(1, 1, 1)],
    [5, pixelAddress(1, 1, 0)],
    [30, pixelAddress(1, 1, 1)],
  ]);
  const bytes = encodeFile(aedat4.encoder!(camera, {}), [packet]);
  const info = await inspectRecording("a.aedat4", asyncPieces(bytes, [7]), aedat4, aedat4.decoder({}));
  expect(info).toEqual({
    file: "a.aedat4",
    format: "aedat4",
    geometry: { width: 128, height: 128 },
    events: 3,
    on: 2,
    off: 1,
    firstUs: 10,
    lastUs: 30,
    durationUs: 20,
    monotone: false,
    streams: [{ id: 0, type: "events", count: 3 }],
    problems: [],
  });
});

test("a cut recording is told, not thrown; one without events has no times", async () => {
  const bytes = encodeFile(aedat4.encoder!(camera, {}), steadyPackets(camera, 1000, 0));
  const cut = await inspectRecording("a", asyncPieces(bytes.subarray(0, -1)), aedat4, aedat4.decoder({}));
  expect(cut).toMatchObject({ events: 1000, monotone: true });
  expect(cut.problems).toMatchObject([{ fatal: true, count: 1 }]);
  const empty = encodeFile(aedat4.encoder!(camera, {}), []);
  const none = await inspectRecording("a", asyncPieces(empty), aedat4, aedat4.decoder({}));
  expect(none).toMatchObject({
    events: 0,
    firstUs: null,
    lastUs: null,
    durationUs: 0,
    monotone: true,
    problems: [],
  });
});

test("each format that can be written is recognised", () => {
  const written = formats.filter(({ encoder }) => encoder);
  expect(written.length).toBeGreaterThanOrEqual(3);
  for (const format of written) {
    const geometry = format.name === "nmnist" ? pixels(34, 34) : camera;
    const bytes = encodeFile(format.encoder!(geometry, {}), steadyPackets(geometry, 1000, 0));
    expect(sniffFormat(bytes, `some.name.${format.extensions[0]}`)?.name).toBe(format.name);
  }
});

test("noise in a .bin file is no recording", () => {
  const noise = Uint8Array.from({ length: 5000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
  expect(sniffFormat(noise, "noise.bin")).toBe(undefined);
  expect(sniffFormat(new Uint8Array(0), "empty.bin")).toBe(undefined);
  expect([extensionOf("a/b.c/d"), extensionOf("x.BIN"), extensionOf("none")]).toEqual(["", "bin", ""]);
});

test("the pieces come whole after a look at the first, and errors name the remedy", async () => {
  const bytes = encodeFile(aedat4.encoder!(camera, {}), steadyPackets(camera, 1000, 0));
  const { format, pieces } = await recogniseFormat(asyncPieces(bytes, [999]), "a");
  expect(format.name).toBe("aedat4");
  const info = await inspectRecording("a", pieces, format, format.decoder({}));
  expect(info).toMatchObject({ events: 1000, problems: [] });
  await expect(recogniseFormat(asyncPieces(new Uint8Array(0)), "a")).rejects.toThrow("the file is empty");
  await expect(recogniseFormat(asyncPieces(bytes), "a", "aedat")).rejects.toThrow("Did you mean aedat4?");
  const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a]);
  await expect(recogniseFormat(asyncPieces(png), "a.png")).rejects.toThrow(/begins with ".PNG."/);
});
