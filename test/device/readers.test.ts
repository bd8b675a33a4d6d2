/** What we write is opened by others' readers, and each event of it is the same there: a mistake made twice doesn't cancel out. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { pixels, polarityOf, xOf, yOf } from "../../src/events/geometry.ts";
import { compressions } from "../../src/formats/aedat4-write.ts";
import { type EncodeOptions, encodeFile } from "../../src/formats/format.ts";
import { formatNamed } from "../../src/formats/index.ts";
import { besideEvents, besideRecording, besideRecords } from "../support/beside-recording.ts";
import { type Event, eventsOf } from "../support/packets.ts";
import { endPeers, temporaryFolder } from "../support/peers.ts";
import { steadyPackets } from "../support/recordings.ts";
import { root } from "../support/world.ts";

afterEach(endPeers);

const python = join(root, ".cache/peers/bin/python");

interface Found {
  readonly events: number;
  readonly digests: Readonly<Record<"t" | "x" | "y" | "p", string>>;
  readonly beside: Readonly<Record<"frames" | "imu" | "triggers", number>>;
  readonly sums: Readonly<Record<"frames" | "imu" | "triggers", number>>;
}

/** What a Python package finds in a recording. */
function readBy(reader: string, format: string, bytes: Uint8Array, extension: string): Found {
  if (!existsSync(python)) throw new Error("others' readers are not installed: run .ci/install-peers");
  const file = join(temporaryFolder(), `recording.${extension}`);
  writeFileSync(file, bytes);
  const script = join(root, "test/device/read-recording.py");
  return JSON.parse(execFileSync(python, [script, reader, format, file], { encoding: "utf8" })) as Found;
}

function digestsOf(events: readonly Event[]): Found["digests"] {
  const sha256 = (column: ArrayBufferView) =>
    createHash("sha256")
      .update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength))
      .digest("hex");
  return {
    t: sha256(BigInt64Array.from(events, ([timeUs]) => BigInt(timeUs))),
    x: sha256(Uint16Array.from(events, ([, address]) => xOf(address))),
    y: sha256(Uint16Array.from(events, ([, address]) => yOf(address))),
    p: sha256(Uint8Array.from(events, ([, address]) => polarityOf(address))),
  };
}

const camera = pixels(640, 480);
/** Past the end of EVT3's 24 bits of time. */
const packets = steadyPackets(camera, 100_000, 16_700_000);
const events = packets.flatMap(eventsOf);

const cases: [reader: string, format: string, extension: string, options: EncodeOptions][] = [
  ...compressions.map((compression): (typeof cases)[number] => [
    "aedat",
    "aedat4",
    "aedat4",
    { compression },
  ]),
  ...compressions.map((compression): (typeof cases)[number] => [
    "faery",
    "aedat4",
    "aedat4",
    { compression },
  ]),
  ["faery", "evt2", "raw", {}],
  ["faery", "evt3", "raw", {}],
  ["faery", "dat", "dat", {}],
  ["faery", "es", "es", {}],
  ["faery", "csv", "csv", {}],
  ["expelliarmus", "evt2", "raw", {}],
  ["expelliarmus", "evt3", "raw", {}],
  ["expelliarmus", "dat", "dat", {}],
];

describe("100,000 events as others read them", () => {
  test.each(cases)("%s reads %s (.%s) %j", (reader, format, extension, options) => {
    const bytes = encodeFile(formatNamed(format)!.encoder!(camera, options), packets);
    const found = readBy(reader, format, bytes, extension);
    expect(found.events).toBe(events.length);
    // This reader has only the lower 12 bits of such a file's times right.
    const bits = reader === "expelliarmus" && format === "evt3" ? 4096 : Number.POSITIVE_INFINITY;
    expect(found.digests).toEqual(digestsOf(events.map(([timeUs, address]) => [timeUs % bits, address])));
  });
});

test("aedat reads the frames, IMU samples and triggers beside our events", () => {
  const found = readBy("aedat", "aedat4", besideRecording(), "aedat4");
  expect(found.digests).toEqual(digestsOf(besideEvents));
  const all = { frames: 0, imu: 0, triggers: 0 };
  const sums = { frames: 0, imu: 0, triggers: 0 };
  for (const record of besideRecords) {
    all[record.type] += 1;
    if (record.type === "frames") sums.frames += record.pixels.reduce((sum, value) => sum + value, 0);
    else if (record.type === "imu") sums.imu += record.acceleration[1];
    else sums.triggers += record.timeUs;
  }
  expect(found.beside).toEqual(all);
  expect(found.sums).toEqual(sums);
});
