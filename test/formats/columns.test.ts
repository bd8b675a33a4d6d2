import { expect, test } from "vitest";
import {
  OrderSeeker,
  orderByLooking,
  orderByName,
  unitByLooking,
  wholeUs,
} from "../../src/formats/columns.ts";

test.each([
  [["t", "x", "y", "p"], { t: 0, x: 1, y: 2, p: 3 }, undefined],
  [["x", "y", "polarity", "timestamp_ns"], { t: 3, x: 0, y: 1, p: 2 }, 1e-3],
  [["", "Time [s]", "X", "Y", "On"], { t: 1, x: 2, y: 3, p: 4 }, 1e6],
  [["# ts (us)", "x_addr", "y_addr", "pol"], { t: 0, x: 1, y: 2, p: 3 }, 1],
  [["t", "x@640", "y@480", "on"], { t: 0, x: 1, y: 2, p: 3 }, undefined],
])("names: %j", (names, order, unitUs) => {
  expect(orderByName(names)).toEqual({ order, unitUs });
});

test("names that don't tell all four columns tell nothing", () => {
  expect(orderByName(["t", "x", "y"])).toBeUndefined();
  expect(orderByName(["a", "b", "c", "d"])).toBeUndefined();
  expect(orderByName(["t".repeat(1000), "x", "y", "p"])).toBeUndefined();
});

const rows = Array.from({ length: 100 }, (_, i) => ({
  t: i * 7,
  x: (i * 37) % 128,
  y: (i * 53) % 128,
  p: i & 1,
}));

test.each(["txyp", "xypt", "xytp", "pxyt", "tpxy", "xtyp"])("order %s is found by looking", (order) => {
  const columns = [...order].map((name) => rows.map((row) => row[name as "t"]));
  const expected = Object.fromEntries([...order].map((name, place) => [name, place]));
  expect(orderByLooking(columns)).toEqual(expected);
});

test("a column without a polarity is no list of events", () => {
  expect(
    orderByLooking([
      [1, 2],
      [3, 4],
      [5, 6],
      [7, 8],
    ]),
  ).toBeUndefined();
  const seeker = new OrderSeeker();
  for (let i = 0; i < 255; i++) expect(seeker.add([i, 5, 5, 5])).toBeUndefined();
  expect(seeker.add([256, 5, 5, 5])).toBe("none");
});

test.each<[string, number[], number]>([
  ["whole numbers are microseconds", [0, 5, 9], 1],
  ["fractions are seconds", [0, 0.5, 0.75], 1e6],
  ["fractions of Unix seconds", [1631717221.5, 1631717221.75], 1e6],
  ["fractions that would be days apart are microseconds", [0.5, 100_000.5, 300_000.5], 1],
  ["nanoseconds since 1970", [1631717221674515000, 1631717221674516000], 1e-3],
  ["microseconds since 1970", [1631717221674515, 1631717221674516], 1],
  ["many slow thousands are nanoseconds", Array.from({ length: 100 }, (_, i) => i * 50_000), 1e-3],
  ["few slow thousands stay microseconds", [0, 50_000, 100_000], 1],
])("%s", (_, times, unitUs) => {
  expect(unitByLooking(times)).toBe(unitUs);
});

test("nanoseconds of Unix time lose nothing above the microsecond", () => {
  expect(wholeUs(1631717221674515000, 1e-3)).toBe(1631717221674515);
  expect(wholeUs(0.003811, 1e6)).toBe(3811);
});
