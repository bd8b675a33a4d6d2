/** A real DVS-Gesture split in HDF5: its samples are the label windows of the AEDAT 3.1 files beside it. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readHdf5Rows } from "../../drivers/hdf5-events.ts";
import { pixels } from "../../src/events/geometry.ts";
import { aedat31 } from "../../src/formats/aedat31.ts";
import { hdf5 } from "../../src/formats/hdf5.ts";
import type { Event } from "../support/packets.ts";
import { decodeAll } from "../support/recordings.ts";
import { shared } from "../support/shared.ts";

const folder = shared("recordings", "aedat31");
const names = readdirSync(folder).sort();
const geometry = pixels(128, 128);

/** The events of each label's window, its end left out, as that split has it, file by file. */
function windows(): Event[][] {
  return names
    .filter((name) => names.includes(name.replace(/\.aedat$/, "_labels.csv")))
    .filter((name) => name.endsWith(".aedat"))
    .flatMap((name) => {
      const { events } = decodeAll(aedat31, new Uint8Array(readFileSync(join(folder, name))), { geometry });
      const labels = readFileSync(join(folder, name.replace(/\.aedat$/, "_labels.csv")), "utf8");
      return labels
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => line.split(",").map(Number))
        .sort((a, b) => a[1]! - b[1]!)
        .map(([, fromUs, toUs]) => events.filter(([t]) => t >= fromUs! && t < toUs!));
    });
}

async function sample(file: string, stream: number): Promise<Event[]> {
  const parts: Uint8Array[] = [];
  for await (const part of readHdf5Rows(join(folder, file), stream)) parts.push(part);
  const { events, cut } = decodeAll(hdf5, new Uint8Array(Buffer.concat(parts)), { geometry });
  expect(cut).toBe(false);
  return events;
}

test.each(names.filter((name) => name.endsWith(".hdf5")))(
  "%s: each sample is a label's window",
  async (file) => {
    const expected = windows();
    let samples = 0;
    for (; ; samples++) {
      const events = await sample(file, samples).catch((error: Error) => error.message);
      if (typeof events === "string") {
        expect(events).toContain(`there are ${samples}`);
        break;
      }
      expect(events.length).toBeGreaterThan(0);
      expect(expected).toContainEqual(events);
    }
    expect(samples).toBeGreaterThanOrEqual(7);
  },
);

test("a split was seen", () => expect(names.filter((name) => name.endsWith(".hdf5"))).not.toEqual([]));
