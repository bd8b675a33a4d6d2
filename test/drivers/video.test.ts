/** Video to events: each part of the pixel model by itself, images in a folder, frames on standard input, ffmpeg's pipe. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type VideoPixelOptions, VideoPixels } from "../../drivers/video/pixels.ts";
import video, { openVideo, type VideoWorld } from "../../drivers/video.ts";
import { pixelAddress, pixels, polarityOf } from "../../src/events/geometry.ts";
import { besideCamera, besideRecording } from "../support/beside-recording.ts";
import { collect, eventsOfAll, liveContext } from "../support/live.ts";
import { eventsOf } from "../support/packets.ts";
import { pngOf } from "../support/png.ts";
import { asyncPieces } from "../support/recordings.ts";

const clean: VideoPixelOptions = {
  onThreshold: 0.2,
  offThreshold: 0.2,
  mismatch: 0,
  leakHz: 0,
  shotNoiseHz: 0,
  cutoffHz: 0,
  refractoryUs: 0,
};

/** Events of one pixel that sees the given intensities, a frame each 10 ms. */
function see(intensities: readonly number[], options: Partial<VideoPixelOptions> = {}, size = pixels(1, 1)) {
  const model = new VideoPixels(size, { ...clean, ...options }, 1);
  return intensities.flatMap((intensity, i) => {
    model.see(new Uint8Array(size.width * size.height).fill(intensity), i * 10_000);
    return eventsOf(model.events);
  });
}

describe("a pixel", () => {
  test("fires once for each threshold of log intensity, spread over the frame", () => {
    // ln(200 / 100) = 0.693: three thresholds of 0.2, at 0.2 / 0.693 of the frame and so on.
    expect(see([100, 200])).toEqual([
      [2885, 1],
      [5770, 1],
      [8656, 1],
    ]);
    expect(see([200, 100]).map(([, address]) => polarityOf(address))).toEqual([0, 0, 0]);
  });

  test("comes back to where it was with as many events, and is silent where nothing changes", () => {
    const there = see([100, 200, 100, 200, 100]);
    expect(there).toHaveLength(12);
    expect(see([77, 77, 77, 77])).toEqual([]);
  });

  test("is linear in the dark: quantised black makes no storm", () => {
    expect(see([0, 1])).toEqual([]);
    expect(see([0, 20])).toHaveLength(14);
  });

  test("fires no sooner than its refractory period, and tells the rest later", () => {
    const times = see([20, 200, 200, 200, 200, 200], { refractoryUs: 3000 }).map(([timeUs]) => timeUs);
    expect(times).toHaveLength(11);
    for (let i = 1; i < times.length; i++) expect(times[i]! - times[i - 1]!).toBeGreaterThanOrEqual(3000);
  });

  test("leaks towards ON at its rate", () => {
    const events = see(new Array(1001).fill(100), { leakHz: 2 });
    expect(events).toHaveLength(20);
    expect(events.every(([, address]) => polarityOf(address) === 1)).toBe(true);
  });

  test("follows slowly where its bandwidth is small, slower in the dark", () => {
    const late = (from: number, to: number) => see([from, to, to], { cutoffHz: 5 }).length;
    expect(late(50, 100)).toBeLessThan(see([50, 100, 100]).length);
    expect(see([50, ...new Array(200).fill(100)], { cutoffHz: 5 })).toHaveLength(3);
    expect(late(100, 200)).toBeGreaterThanOrEqual(late(25, 50));
  });
});

describe("an array", () => {
  test("has thresholds that differ, the same for the same seed", () => {
    const size = pixels(32, 32);
    const events = see([100, 160], { mismatch: 0.05 }, size);
    const counts = new Map<number, number>();
    for (const [, address] of events) counts.set(address, (counts.get(address) ?? 0) + 1);
    expect(new Set(counts.values()).size).toBeGreaterThan(1);
    expect(see([100, 160], { mismatch: 0.05 }, size)).toEqual(events);
    const times = events.map(([timeUs]) => timeUs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test("has shot noise at its rate, both ways, less of it in the light", () => {
    const size = pixels(64, 64);
    const dark = see(new Array(101).fill(0), { shotNoiseHz: 5 }, size);
    const light = see(new Array(101).fill(255), { shotNoiseHz: 5 }, size);
    // 4096 pixels, 1 s, 5 Hz; a memory that was moved makes some more.
    expect(dark.length).toBeGreaterThan(18_000);
    expect(dark.length).toBeLessThan(60_000);
    expect(light.length).toBeLessThan(dark.length / 2);
    const on = dark.filter(([, address]) => polarityOf(address) === 1).length;
    expect(on / dark.length).toBeGreaterThan(0.4);
    expect(on / dark.length).toBeLessThan(0.6);
  });
});

const folder = mkdtempSync(join(tmpdir(), "reflexarc-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const noWorld: VideoWorld = {
  ffmpeg: () => {
    throw new Error("not asked for");
  },
  stdin: asyncPieces(new Uint8Array(0)),
};
const optionsOf = (more: object) =>
  video.options.parse({ mismatch: 0, leakHz: 0, refractoryUs: 0, framesPerS: 100, ...more });
const flat = (value: number) => pngOf({ width: 2, height: 1 }, [Uint8Array.of(value, 100)]);

async function play(more: object, world: VideoWorld = noWorld) {
  const sensor = await openVideo(optionsOf(more), liveContext(), world);
  const { packets, ended } = collect(sensor.packets);
  await ended;
  return { sensor, packets, events: eventsOfAll(packets) };
}

describe("the sensor", () => {
  test("sees the frames of a recording at the times they were taken", async () => {
    writeFileSync(join(folder, "davis.aedat4"), besideRecording());
    const { sensor, events } = await play({ file: join(folder, "davis.aedat4") });
    expect(sensor.geometry).toEqual(besideCamera);
    expect(sensor.counts!()).toEqual({ frames: 4 });
    // A bright bar grows by 16 columns from frame to frame: 48 rows, and several steps of light each.
    const columns = new Set(events.map(([, address]) => address >>> 1).map((place) => place & 0x7fff));
    expect([...columns].sort((a, b) => a - b)).toEqual(Array.from({ length: 48 }, (_, x) => x));
    expect(events[0]![0]).toBeGreaterThanOrEqual(5000);
    expect(events.at(-1)![0]).toBeLessThanOrEqual(755_000);
    expect(new Set(events.map(([, address]) => address & 1))).toEqual(new Set([1]));
  });

  test("reads a folder of images in the order of their numbers", async () => {
    for (const [name, value] of [
      ["f1.png", 100],
      ["f2.png", 200],
      ["f10.png", 100],
    ] as const)
      writeFileSync(join(folder, name), flat(value));
    writeFileSync(join(folder, "notes.txt"), "no image");
    const { sensor, packets, events } = await play({ file: folder });
    expect(sensor.geometry).toEqual(pixels(2, 1));
    expect(events.map(([timeUs, address]) => [timeUs < 10_000, address])).toEqual([
      ...new Array(3).fill([true, pixelAddress(0, 0, 1)]),
      ...new Array(3).fill([false, pixelAddress(0, 0, 0)]),
    ]);
    expect(packets.at(-1)!.toUs).toBe(20_000);
    expect(sensor.counts!()).toEqual({ frames: 3 });
  });

  test("gives the same events for any packets", async () => {
    const { events } = await play({ file: folder });
    expect((await play({ file: folder, packetUs: 700 })).events).toEqual(events);
  });

  test("reads bare frames on standard input, and PGM from ffmpeg, which gets the file as a file", async () => {
    const bare = { ...noWorld, stdin: asyncPieces(Uint8Array.of(100, 100, 200, 100), [3]) };
    expect((await play({ file: "-", geometry: "2x1" }, bare)).events).toHaveLength(3);
    const asked: string[][] = [];
    const film = join(folder, "notes.txt");
    const world = {
      ...noWorld,
      ffmpeg: (args: readonly string[]) => {
        asked.push([...args]);
        return asyncPieces(Uint8Array.from(Buffer.from("P5 2 1 255 dzP5 2 1 255 zz", "latin1")), [5]);
      },
    };
    const { sensor } = await play({ file: film, geometry: "2x1" }, world);
    expect(sensor.counts!()).toEqual({ frames: 2 });
    expect(asked[0]).toContain(`file:${film}`);
    expect(asked[0]!.join(" ")).toMatch(/fps=100,scale=2:1 .* pgm/);
  });

  test("tells what it can't read", async () => {
    await expect(play({ file: join(folder, "none.mp4") })).rejects.toThrow(/can't be read \(ENOENT\)/);
    await expect(play({ file: "-" })).rejects.toThrow(/no frame/);
    writeFileSync(join(folder, "f11.png"), pngOf({ width: 3, height: 1 }, [Uint8Array.of(1, 2, 3)]));
    await expect(play({ file: folder })).rejects.toThrow(/frame 4 is 3x1, the first one 2x1/);
    writeFileSync(join(folder, "f11.png"), flat(1).subarray(0, 50));
    await expect(play({ file: folder })).rejects.toThrow(/f11\.png/);
  });

  test("says what each option means", () => {
    for (const [name, option] of Object.entries(video.options.shape))
      expect(option.description, name).toMatch(/./);
  });
});
