/** The file sink: through a pipeline onto a disk and back, split, refused, and never half there. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concat, firstValueFrom, from, lastValueFrom, map, throwError, toArray } from "rxjs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { formatOf } from "../../drivers/file.ts";
import type { Beside } from "../../src/events/beside.ts";
import { pixels } from "../../src/events/geometry.ts";
import { aedat4 } from "../../src/formats/aedat4.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { formatNamed, formats } from "../../src/formats/index.ts";
import { drivers } from "../../src/index.ts";
import { aedat4File, eventsPayload } from "../support/aedat4-file.ts";
import { besideRecording, besideRecords } from "../support/beside-recording.ts";
import type { Event } from "../support/packets.ts";
import { eventsOf } from "../support/packets.ts";
import { decodeAll, steadyPackets } from "../support/recordings.ts";
import { runText } from "../support/world.ts";

const camera = pixels(128, 96);
const made = steadyPackets(camera, 30_000, 5_000);
const events = made.flatMap(eventsOf);
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "reflexarc-file-"));
  writeFileSync(join(folder, "in.aedat4"), encodeFile(formatNamed("aedat4")!.encoder!(camera, {}), made));
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (output: string, choices: Parameters<typeof runText>[1] = {}, { filter = "", span = "" } = {}) =>
  runText(
    `stages:\n  - { id: eye, use: recording, file: in.aedat4${span} }\n${filter}  - { id: out, use: file, ${output} }\n`,
    { folder, ...choices },
  );
const read = (file: string, format = formatOf(file).name, options = {}): Event[] =>
  decodeAll(formatNamed(format)!, readFileSync(join(folder, file)), options).events;
const outputs = () =>
  readdirSync(folder)
    .filter((file) => file !== "in.aedat4")
    .sort();

test.each(formats.filter(({ encoder }) => encoder).map(({ name, extensions }) => [name, extensions[0]!]))(
  "%s: what is written is what came",
  async (format, extension) => {
    const { summary } = await run(`file: out.${extension}, format: ${format}`);
    const left = Object.values(summary.stages[1]!.lost).reduce((sum, count) => sum + count, 0);
    // Given to a file that tells its sensor, a size would move AEDAT 2's origin.
    const back = read(`out.${extension}`, format, format === "aedat2" ? {} : { geometry: camera });
    expect(back.length + left).toBe(events.length);
    expect(summary.exitCode).toBe(left > 0 ? 4 : 0);
    expect(summary.stages[1]!.out).toBe(events.length);
    if (left === 0) expect(back).toEqual(events);
    expect(outputs()).toEqual([`out.${extension}`]);
  },
);

test("split by time: each file has the events of its span, and none is lost between them", async () => {
  const { summary } = await run("file: cut.es, splitEveryUs: 7000");
  const spanUs = events.at(-1)![0] - events[0]![0];
  const files = outputs();
  expect(files.length).toBe(Math.floor(spanUs / 7000) + 1);
  expect(summary.stages[1]!.counts).toMatchObject({ files: files.length, "events written": events.length });
  expect(files.flatMap((file) => read(file, "es"))).toEqual(events);
  const second = read(files[1]!, "es");
  expect(second[0]![0]).toBeGreaterThanOrEqual(events[0]![0] + 7000);
  expect(second.at(-1)![0]).toBeLessThan(events[0]![0] + 14_000);
});

test("split by labels: windows may overlap, and what is in none is counted", async () => {
  const [a, b, c] = [events[100]![0], events[2000]![0], events[20_000]![0]];
  writeFileSync(
    join(folder, "labels.csv"),
    `class,startTime_usec,endTime_usec\nwave,${b},${c}\n5,${a},${b + 50}\n9,1,2\n`,
  );
  const { summary } = await run("file: g.aedat4, splitLabels: labels.csv");
  const within = (fromUs: number, toUs: number) => events.filter(([us]) => us >= fromUs && us < toUs);
  expect(outputs()).toEqual(["g-0001-5.aedat4", "g-0002-wave.aedat4", "labels.csv"]);
  expect(read("g-0001-5.aedat4")).toEqual(within(a, b + 50));
  expect(read("g-0002-wave.aedat4")).toEqual(within(b, c));
  expect(summary.stages[1]!.counts["outside every window"]).toBe(events.length - within(a, c).length);
});

test("an existing file stays as it is, unless it may be replaced", async () => {
  writeFileSync(join(folder, "out.dat"), "mine");
  await expect(run("file: out.dat")).rejects.toThrow(/the file exists already.*--force/);
  expect(readFileSync(join(folder, "out.dat"), "utf8")).toBe("mine");
  await run("file: out.dat, force: true");
  expect(read("out.dat")).toEqual(events);
  expect(outputs()).toEqual(["out.dat"]);
});

test.each([
  ["file: out.xyz", /"xyz" is no format that can be written/],
  ["file: no/such/out.es", /its folder doesn't exist/],
  ["file: out.es, splitEveryUs: 1000, splitLabels: labels.csv", /by time or by labels/],
  ["file: out.es, splitLabels: labels.csv", /there is no such file/],
])("%s is refused before anything is read", async (output, message) => {
  await expect(run(output)).rejects.toThrow(message);
  expect(outputs()).toEqual([]);
});

test("a cut recording leaves its good part; a strict run leaves nothing", async () => {
  const whole = readFileSync(join(folder, "in.aedat4"));
  writeFileSync(join(folder, "in.aedat4"), whole.subarray(0, whole.length / 2));
  const { summary } = await run("file: out.es");
  expect(summary.exitCode).toBe(3);
  expect((await run("file: strict.es", { strict: true })).summary.exitCode).toBe(3);
  const kept = read("out.es");
  expect(kept.length).toBeGreaterThan(1000);
  expect(kept).toEqual(events.slice(0, kept.length));

  writeFileSync(
    join(folder, "in.aedat4"),
    encodeFile(formatNamed("aedat4")!.encoder!(camera, {}), [...made, made[0]!]),
  );
  const repaired = await run("file: repaired.es");
  expect(repaired.summary.exitCode).toBe(4);
  const strict = await run("file: strict.es", { strict: true });
  expect(strict.summary.exitCode).toBe(3);
  expect(strict.summary.errors[0]!.message).toMatch(
    /times were repaired, first after 30000 events, where the file says 5000 us.*--strict/,
  );
  expect(outputs()).toEqual(["out.es", "repaired.es"]);
});

test("several sinks below each other take from the same stage", async () => {
  const { summary } = await run("file: a.es }\n  - { id: two, use: file, file: b.dat");
  expect(summary.exitCode).toBe(0);
  expect(read("a.es")).toEqual(events);
  expect(read("b.dat")).toEqual(events);
});

describe("what a recording holds beside its events", () => {
  const besideOf = (name: string) => {
    const records: Beside[] = [];
    decodeAll(aedat4, readFileSync(join(folder, name)), { beside: (record) => records.push(record) });
    return records;
  };
  const frames = (records: readonly Beside[]) => records.filter(({ type }) => type === "frames");
  const others = (records: readonly Beside[]) => records.filter(({ type }) => type !== "frames");
  const inOrder = (records: readonly Beside[]) => records.toSorted((a, b) => a.timeUs - b.timeUs);

  test("is written where the format can hold it, whatever a filter does to the events", async () => {
    writeFileSync(join(folder, "in.aedat4"), besideRecording());
    const { summary } = await run(
      "file: out.aedat4",
      {},
      { filter: "  - { id: half, use: polarity, keep: on }\n" },
    );
    expect(summary.exitCode).toBe(0);
    const written = besideOf("out.aedat4");
    expect(frames(written)).toEqual(frames(besideRecords));
    expect(inOrder(others(written))).toEqual(others(besideRecords));
    expect(read("out.aedat4")).toHaveLength(500);
    expect(summary.stages.at(-1)!.counts).toMatchObject({ "records written beside them": 32 });
  });

  test("goes with the span that it lies in", async () => {
    writeFileSync(join(folder, "in.aedat4"), besideRecording());
    const { summary } = await run("file: out.aedat4, splitEveryUs: 500000");
    expect(summary.exitCode).toBe(0);
    const parts = ["out-0000.aedat4", "out-0001.aedat4"].map(besideOf);
    const inSpan = (i: number) =>
      besideRecords.filter(({ timeUs }) => timeUs >= 500_000 * i && timeUs < 500_000 * (i + 1));
    for (const [i, part] of parts.entries()) {
      expect(part.length).toBeGreaterThan(10);
      expect(inOrder(part)).toEqual(inSpan(i));
    }
  });

  test("is cut with the events", async () => {
    writeFileSync(join(folder, "in.aedat4"), besideRecording());
    const { summary } = await run("file: out.aedat4", {}, { span: ", fromUs: 300000, toUs: 600000" });
    expect(summary.exitCode).toBe(0);
    const inside = besideRecords.filter(({ timeUs }) => timeUs >= 300_000 && timeUs < 600_000);
    expect(inOrder(besideOf("out.aedat4"))).toEqual(inside);
  });

  test("is told where the format can't hold it", async () => {
    writeFileSync(join(folder, "in.aedat4"), besideRecording());
    const { summary } = await run("file: out.raw");
    expect(summary.exitCode).toBe(4);
    expect(summary.stages.at(-1)!.lost).toMatchObject({
      "imu that evt3 can't hold": 10,
      "frames that evt3 can't hold": 4,
      "trigger that the format can't tell, or too late": 8,
    });
  });
});

test("another camera's events have no way into the file, and are told", async () => {
  const both = aedat4File(
    [
      { id: 0, type: "EVTS", width: 128, height: 96 },
      { id: 1, type: "EVTS", width: 128, height: 96 },
    ],
    [
      { stream: 0, payload: eventsPayload([[5, 1, 2, 1]]) },
      { stream: 1, payload: eventsPayload([[6, 1, 2, 1]]) },
    ],
  );
  writeFileSync(join(folder, "in.aedat4"), both);
  const { summary } = await run("file: out.es");
  expect(summary.exitCode).toBe(4);
  expect(summary.stages[1]!.lost).toEqual({ "events (stream 1) of eye": 1 });
});

test("as an operator it passes packets on, and completes the file with the stream", async () => {
  const path = join(folder, "operator.es");
  const passed = await firstValueFrom(
    from(made).pipe(drivers.file({ file: path }), map(eventsOf), toArray()),
  );
  expect(passed.flat()).toEqual(events);
  expect(read("operator.es")).toEqual(events);
  const failing = concat(
    from(made),
    throwError(() => new Error("gone")),
  ).pipe(drivers.file({ file: join(folder, "failed.es") }));
  await expect(lastValueFrom(failing)).rejects.toThrow("gone");
  await vi.waitFor(() => expect(outputs()).toEqual(["operator.es"]));
});
