/** convert, diff and the pipe from outside: files in, files out, and every loss told. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { pixels } from "../../src/events/geometry.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { formatNamed } from "../../src/formats/index.ts";
import { cli } from "../support/cli.ts";
import { eventsOf } from "../support/packets.ts";
import { readPng } from "../support/read-png.ts";
import { decodeAll, steadyPackets } from "../support/recordings.ts";
import { root } from "../support/world.ts";

const cwd = mkdtempSync(join(tmpdir(), "reflexarc-recordings-"));
const camera = pixels(128, 128);
const made = steadyPackets(camera, 20_000, 1_000);
const events = made.flatMap(eventsOf);
const run = (...args: string[]) => cli(args, { cwd });
const read = (file: string, format: string) =>
  decodeAll(formatNamed(format)!, readFileSync(join(cwd, file))).events;

beforeAll(() => {
  const write = (name: string, format: string, packets: typeof made) =>
    writeFileSync(join(cwd, name), encodeFile(formatNamed(format)!.encoder!(camera, {}), packets));
  write("a.aedat4", "aedat4", made);
  write("a.dat", "dat", made);
  write(
    "odd.dat",
    "dat",
    made.filter((_, i) => i % 2 === 1),
  );
  write(
    "even.dat",
    "dat",
    made.filter((_, i) => i % 2 === 0),
  );
  write("back.aedat4", "aedat4", [...made, made[0]!]);
});
afterAll(() => rmSync(cwd, { recursive: true }));

describe("convert", () => {
  test("to another format, told in numbers", async () => {
    const { code, stdout, stderr } = await run("convert", "a.aedat4", "out.raw", "--json");
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({
      format: "evt3",
      files: 1,
      eventsIn: 20_000,
      events: 20_000,
      exitCode: 0,
    });
    expect(read("out.raw", "evt3")).toEqual(events);
    expect((await run("convert", "a.aedat4", "text.raw", "--format", "evt2")).stdout).toMatch(
      /^text\.raw: evt2, 20,000 of 20,000 events, 0\.1 MB\n {2}[\d.]+ s, [\d.]+ million events\/s, peak memory \d+ MB\n$/,
    );
  });

  test("several inputs are merged by time", async () => {
    expect((await run("convert", "odd.dat", "even.dat", "merged.es")).code).toBe(0);
    expect(read("merged.es", "es")).toEqual(events);
  });

  test("filters on the way, and a span", async () => {
    const filters = ["--filter", "crop,roi=10,20,30x40", "--filter", "polarity,keep=on"];
    expect(
      (await run("convert", "a.dat", "part.dat", ...filters, "--from", "2ms", "--to", "40ms")).code,
    ).toBe(0);
    const firstUs = events[0]![0];
    const expected = events.filter(([timeUs, address]) => {
      const [x, y] = [(address >>> 1) & 0x7fff, address >>> 16];
      const inside = x >= 10 && x < 40 && y >= 20 && y < 60 && (address & 1) === 1;
      return inside && timeUs >= firstUs + 2000 && timeUs < firstUs + 40_000;
    });
    expect(expected.length).toBeGreaterThan(100);
    expect(read("part.dat", "dat").map(([timeUs]) => timeUs)).toEqual(expected.map(([timeUs]) => timeUs));
  });

  test("split by time and by labels", async () => {
    expect((await run("convert", "a.dat", "s.es", "--split-every", "20ms")).stdout).toMatch(
      /^3 files like s\.es/m,
    );
    expect(readdirSync(cwd).filter((name) => /^s-/.test(name))).toEqual([
      "s-0000.es",
      "s-0001.es",
      "s-0002.es",
    ]);
    writeFileSync(join(cwd, "labels.csv"), "class,startTime_usec,endTime_usec\n3,2000,9000\n8,9000,20000\n");
    await run("convert", "a.dat", "g.es", "--split-labels", "labels.csv");
    expect(read("g-0001-8.es", "es")).toEqual(events.filter(([timeUs]) => timeUs >= 9000 && timeUs < 20_000));
  });

  test("what the target can't hold is counted, with exit code 4", async () => {
    const large = pixels(640, 480);
    const packets = steadyPackets(large, 5000, 0);
    writeFileSync(join(cwd, "large.dat"), encodeFile(formatNamed("dat")!.encoder!(large, {}), packets));
    const held = packets
      .flatMap(eventsOf)
      .filter(([, address]) => (address & 0xffff) < 512 && address >>> 16 < 240);
    const { code, stdout } = await run("convert", "large.dat", "large.bin", "--json");
    const { events: written, lost } = JSON.parse(stdout);
    expect(written).toBe(held.length);
    expect(Object.values(lost).reduce((sum: number, count) => sum + Number(count), 0)).toBe(
      5000 - held.length,
    );
    expect(code).toBe(4);
  });

  test("repairs are counted, or refused with --strict", async () => {
    const repaired = await run("convert", "back.aedat4", "back.es");
    expect(repaired.code).toBe(4);
    expect(repaired.stdout).toMatch(/LOST 500 event with a time before the last one/);
    const strict = await run("convert", "back.aedat4", "strict.es", "--strict");
    expect(strict.code).toBe(3);
    expect(strict.stderr).toMatch(/times were repaired, first after 20000 events.*--strict/);
    expect(existsSync(join(cwd, "strict.es"))).toBe(false);
  });

  test.each([
    [["convert", "a.dat"], 2, /nothing to write to/],
    [["convert", "a.dat", "a.aedat4"], 2, /exists already.*--force/],
    [["convert", "a.dat", "n.es", "--filter", "crop,widht=3"], 2, /Did you mean "--width"/],
    [["convert", "a.dat", "n.es", "--from", "soon"], 2, /fromUs.*--from/],
  ] as const)("%j is refused and leaves nothing", async (args, exitCode, message) => {
    const before = readdirSync(cwd);
    const { code, stderr, stdout } = await run(...args);
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([exitCode, ""]);
    expect(readdirSync(cwd)).toEqual(before);
  });
});

test("an interrupted conversion leaves nothing", async () => {
  const large = join(cwd, "long.es");
  writeFileSync(
    large,
    encodeFile(formatNamed("es")!.encoder!(camera, {}), steadyPackets(camera, 2_000_000, 0)),
  );
  const child = spawn(
    process.execPath,
    [join(root, "dist/src/cli/main.js"), "convert", "long.es", "long.csv"],
    { cwd },
  );
  const isPart = (name: string) => name.endsWith(".part");
  await vi.waitFor(() => expect(readdirSync(cwd).some(isPart)).toBe(true), { timeout: 20_000, interval: 2 });
  child.kill("SIGINT");
  const [code] = await once(child, "close");
  expect(code).toBe(4);
  expect(readdirSync(cwd).filter((name) => isPart(name) || name === "long.csv")).toEqual([]);
});

describe("diff", () => {
  test("two formats of the same events are the same", async () => {
    const { code, stdout } = await run("diff", "a.aedat4", "a.dat");
    expect(stdout).toBe("a.aedat4 and a.dat are the same: 20,000 events, 128x128 pixels.\n");
    expect(code).toBe(0);
  });

  test("the first event that differs, and the counts", async () => {
    const other = made.map((packet) => packet);
    const packet = made[30]!;
    const address = packet.addresses[7]!;
    packet.addresses[7] = address ^ 1;
    writeFileSync(
      join(cwd, "other.dat"),
      encodeFile(formatNamed("dat")!.encoder!(camera, {}), other.slice(0, -1)),
    );
    packet.addresses[7] = address;
    const { code, stdout } = await run("diff", "a.dat", "other.dat", "--json");
    expect(code).toBe(3);
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({ index: 15_007, events: [20_000, 19_500], same: false });
    expect(found.a).toEqual({ ...found.b, polarity: 1 - found.b.polarity });
    expect(found.a.timeUs).toBe(events[15_007]![0]);
    expect((await run("diff", "a.dat", "other.dat")).stdout).toMatch(
      /^Event 15,007 is the first that differs\.\n/,
    );
  });

  test("one that ends early, and one of another sensor", async () => {
    writeFileSync(
      join(cwd, "short.dat"),
      encodeFile(formatNamed("dat")!.encoder!(camera, {}), made.slice(0, 10)),
    );
    expect((await run("diff", "short.dat", "a.dat")).stdout).toMatch(
      /5,000 is the first.*\n.*none, it has ended/,
    );
    const { code, stdout } = await run("diff", "a.dat", "a.dat", "--geometry", "130x130");
    expect([code, stdout]).toEqual([0, expect.stringMatching(/130x130/)]);
  });
});

describe("view", () => {
  test("draws a span of a recording, filtered, as an animated PNG", async () => {
    const choices = ["--every", "10ms", "--from", "10ms", "--filter", "crop,roi=0,0,64x64", "--json"];
    const { code, stdout } = await run("view", "a.dat", "--png", "a.png", ...choices);
    expect(code).toBe(0);
    const told = JSON.parse(stdout);
    const { frames, shownMs, width } = readPng(readFileSync(join(cwd, "a.png")));
    expect([frames.length, shownMs[0], width]).toEqual([5, 10, 384]);
    expect(told).toMatchObject({ frames: 5, output: "a.png", exitCode: 0 });
    expect(told.events).toBeGreaterThan(1000);
  });

  test("a plot, and how it is refused", async () => {
    expect((await run("view", "a.dat", "--png", "r.png", "--kind", "rate")).stdout).toMatch(
      /^r\.png: 1 frame of 20,000 events, \d+ kB\n$/,
    );
    const { code, stderr } = await run("view", "a.dat", "--png", "k.png", "--kind", "rat");
    expect(stderr).toMatch(/the option "kind" of view is wrong.*\(output view --kind\)/);
    expect([code, existsSync(join(cwd, "k.png"))]).toEqual([2, false]);
  });
});

describe("the pipe", () => {
  const words = ["input", "file", "a.dat", "filter", "crop", "--roi", "1,2,60x50", "output", "file"];

  test("does what its document does, which --print-yaml prints", async () => {
    const { stdout, code } = await run(...words, "p.es", "output", "file", "p.dat");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^command line: dry run/);
    const printed = await run(...words, "q.es", "--print-yaml");
    writeFileSync(join(cwd, "q.yaml"), printed.stdout);
    expect((await run("run", "q.yaml")).code).toBe(0);
    expect(readFileSync(join(cwd, "q.es"))).toEqual(readFileSync(join(cwd, "p.es")));
    expect((await run("diff", "p.es", "p.dat")).code).toBe(0);
  });

  test("a run with an output can be verified, which writes nothing", async () => {
    writeFileSync(join(cwd, "v.yaml"), (await run(...words, "v.es", "--print-yaml")).stdout);
    expect((await run("run", "v.yaml", "--trace", "v.jsonl")).code).toBe(0);
    rmSync(join(cwd, "v.es"));
    const { code, stdout } = await run("verify", "v.jsonl");
    expect(stdout).toMatch(/is the same, byte for byte/);
    expect(code).toBe(0);
    expect(existsSync(join(cwd, "v.es"))).toBe(false);
  });

  test("tells every mistake in its own words", async () => {
    const { code, stderr } = await run(
      "input",
      "file",
      "a.dat",
      "filter",
      "crop",
      "--widht",
      "3",
      "output",
      "fil",
      "x",
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/no option "--widht" \(filter crop --widht\)\. Did you mean "--width"/);
    expect(stderr).toMatch(/no output called "fil".*Did you mean "file"/);
  });
});
