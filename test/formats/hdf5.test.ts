/** The rows of an HDF5 file: which data sets they come from, and how they are decoded. */

import { describe, expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { eventSources, hdf5, hdf5RowsHead, hdf5TriggerRows } from "../../src/formats/hdf5.ts";
import { npy } from "../../src/formats/npy.ts";
import { join } from "../support/aedat4-file.ts";
import { readerKeepsTheLaws } from "../support/format-contract.ts";
import { decodeAll, steadyPackets } from "../support/recordings.ts";

const geometry = pixels(128, 128);
const array = encodeFile(npy.encoder!(geometry, {}), steadyPackets(geometry, 600, 1000));
const bytes = join([hdf5RowsHead(128, 128, 0), array]);

const triggers = hdf5TriggerRows([
  [7n, 0, 1],
  [900n, 2, 0],
]);

describe("rows", () => readerKeepsTheLaws(hdf5, bytes, { isBorder: () => false }));
describe("rows behind triggers", () =>
  readerKeepsTheLaws(hdf5, join([hdf5RowsHead(128, 128, 2), triggers, array]), { isBorder: () => false }));

test("the size that the file tells, or the one that is given", () => {
  expect(decodeAll(hdf5, bytes).decoder.geometry).toEqual(geometry);
  expect(decodeAll(hdf5, bytes).events[0]).toEqual([1000, pixelAddress(0, 0, 0)]);
  const untold = join([hdf5RowsHead(0, 0, 0), array]);
  expect(decodeAll(hdf5, untold).decoder.geometry).toBe(null);
  expect(decodeAll(hdf5, untold, { geometry: pixels(100, 100) }).events.length).toBeLessThan(600);
});

test("HDF5 itself, from a pipe, is refused with the remedy", () => {
  const file = Uint8Array.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a, ...new Uint8Array(100)]);
  expect(hdf5.sniff(file, "x")).toBe("sure");
  const { events, decoder } = decodeAll(hdf5, file);
  expect(events).toEqual([]);
  expect(decoder.geometry).toBe(null);
  expect(decoder.problems).toMatchObject([
    { what: "HDF5 can't be read from a pipe: name the file", fatal: true },
  ]);
});

test("where events are: columns, a table, structs, places with times", () => {
  const column = (path: string, rows = 5) => ({ path, shape: [rows] });
  const names = (path: string, columns: string[]) =>
    columns.map((name) => ({ name, path: `${path}/${name}` }));
  expect(
    eventSources([
      { path: "/t_offset", shape: [] },
      column("/ms_to_idx", 3),
      ...["p", "t", "x", "y"].map((name) => column(`/events/${name}`)),
      ...["ps", "ts", "xs", "ys"].map((name) => column(`/rpg/${name}`, 7)),
      { path: "/davis/left/events", shape: [9, 4] },
      { path: "/davis/left/imu", shape: [9, 6] },
      { path: "/CD/events", shape: [8], members: ["x", "y", "p", "t"] },
      { path: "/EXT_TRIGGER/events", shape: [8], members: ["p", "t", "id"] },
      { path: "/test/0/pos", shape: [3, 3] },
      column("/test/0/time", 3),
    ]),
  ).toEqual([
    { rows: 5, columns: names("/events", ["t", "x", "y", "p"]) },
    { rows: 7, columns: names("/rpg", ["ts", "xs", "ys", "ps"]) },
    { rows: 9, columns: [0, 1, 2, 3].map((column) => ({ name: "", path: "/davis/left/events", column })) },
    { rows: 8, columns: ["t", "x", "y", "p"].map((name) => ({ name, path: "/CD/events", member: name })) },
    {
      rows: 3,
      columns: [
        { name: "time", path: "/test/0/time" },
        ...["x", "y", "p"].map((name, column) => ({ name, path: "/test/0/pos", column })),
      ],
    },
  ]);
  expect(() => eventSources([column("/t", 4), column("/x", 5), column("/y"), column("/p")])).toThrow(
    '"/t" and "/x" have different lengths',
  );
});
