import { describe, expect, test } from "vitest";
import { pixelAddress, pixels } from "../../src/events/geometry.ts";
import { csv } from "../../src/formats/csv.ts";
import { encodeFile } from "../../src/formats/format.ts";
import { inspectRecording } from "../../src/formats/inspect.ts";
import { formatKeepsTheLaws, readerKeepsTheLaws } from "../support/format-contract.ts";
import { type Event, eventsOf, packetOf } from "../support/packets.ts";
import { asyncPieces, decodeAll, packetsAll } from "../support/recordings.ts";

const geometry = pixels(346, 260);
/** After a line, with or without its end; polarity is one digit. */
const isBorder = (bytes: Uint8Array, byte: number) =>
  byte === 0 || bytes[byte - 1] === 0x0a || bytes[byte] === 0x0a;
const at = (timeUs: number, x: number, y: number, on: number): Event => [timeUs, pixelAddress(x, y, on)];
const text = (...lines: string[]) => new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));

describe("written files", () => formatKeepsTheLaws(csv, { geometry, isBorder }));
describe("written files in Unix time", () =>
  formatKeepsTheLaws(csv, { geometry, startUs: 1_631_717_221_674_515, isBorder }));
describe("written files from before the start of time", () =>
  formatKeepsTheLaws(csv, { geometry, startUs: -100_000, isBorder }));

const rows = Array.from(
  { length: 300 },
  (_, i) => [i * 13, (i * 3) % 346, (i * 5) % 260, (i >> 1) & 1] as const,
);
const events = rows.map(([t, x, y, p]) => at(t, x, y, p));

describe("a file without names", () => {
  const bytes = text(...rows.map(([t, x, y, p]) => `${(t / 1e6).toFixed(9)} ${x} ${y} ${p}`));
  readerKeepsTheLaws(csv, bytes, { isBorder });
});

function check(bytes: Uint8Array, fileName = "x.csv") {
  const whole = decodeAll(csv, bytes);
  for (const lengths of [[1], [7, 100]])
    expect(decodeAll(csv, bytes, {}, lengths).events).toEqual(whole.events);
  return {
    events: whole.events,
    cut: whole.cut,
    geometry: whole.decoder.geometry,
    told: whole.decoder.problems.filter(({ lost, fatal }) => !lost && !fatal).map(({ what }) => what),
    lost: whole.decoder.problems
      .filter(({ lost }) => lost)
      .map(({ what, count, firstByte }) => [what, count, firstByte]),
    refused: whole.decoder.problems.filter(({ fatal }) => fatal).map(({ what }) => what),
    sniffed: csv.sniff(bytes, fileName),
  };
}

test.each<[string, (row: readonly number[]) => string, string[], "sure" | "guess"]>([
  ["UZH's t x y p in seconds", ([t, x, y, p]) => `${(t! / 1e6).toFixed(6)} ${x} ${y} ${p}`, [], "guess"],
  ["t,x,y,p without names", ([t, x, y, p]) => `${t},${x},${y},${p}`, [], "guess"],
  ["x,y,p,t without names", ([t, x, y, p]) => `${x},${y},${p},${t}`, [], "guess"],
  ["x y t p without names", ([t, x, y, p]) => `${x}\t${y}\t${t}\t${p}`, [], "guess"],
  [
    "numpy's savetxt, floats in microseconds",
    (row) => row.map((one) => one.toExponential(18)).join(" "),
    [],
    "guess",
  ],
  [
    "names in any order, blanks, quotes, carriage returns",
    ([t, x, y, p]) => `${p} ; ${y};${t}; ${x}\r`,
    ['"Polarity"; y ;timestamp;"x"'],
    "sure",
  ],
  ["a unit in the name", ([t, x, y, p]) => `${t! * 1000},${x},${y},${p}`, ["t_ns,x,y,p"], "sure"],
  ["a unit in brackets", ([t, x, y, p]) => `${x},${y},${p},${t! / 1000}`, ["x,y,p,time [ms]"], "sure"],
  ["more columns than four, named", ([t, x, y, p]) => `7,${x},${y},${p},${t},8`, [",x,y,on,t,extra"], "sure"],
  ["polarity as -1 and 1", ([t, x, y, p]) => `${t},${x},${y},${p! * 2 - 1}`, ["t,x,y,p"], "sure"],
  [
    "polarity as True and False",
    ([t, x, y, p]) => `${t},${x},${y},${p ? "True" : "False"}`,
    ["t,x,y,on"],
    "sure",
  ],
  ["coordinates as floats", ([t, x, y, p]) => `${t},${x}.0,${y}.00,${p}.0`, ["t,x,y,p"], "sure"],
])("%s", (_, line, head, sniffed) => {
  const found = check(text(...head, ...rows.map(line)));
  expect(found.events).toEqual(events);
  expect(found.lost).toEqual([]);
  expect(found.cut).toBe(false);
  expect(found.sniffed).toBe(sniffed);
});

test("times are exact in every unit, to the microsecond of Unix time", () => {
  const us = 1_631_717_221_674_515;
  expect(check(text("t_ns,x,y,p", `${us}000,1,2,1`, `${us + 1}999,1,2,1`)).events).toEqual([
    at(us, 1, 2, 1),
    at(us + 2, 1, 2, 1),
  ]);
  expect(check(text("t,x,y,p", "1631717221.674515,1,2,1", "1631717221.674515499,1,2,1")).events).toEqual([
    at(us, 1, 2, 1),
    at(us, 1, 2, 1),
  ]);
  expect(check(text("t,x,y,p", `${us}000,1,2,1`)).told).toEqual([
    "no name tells the unit of time, taken for nanoseconds",
  ]);
  expect(check(text("t,x,y,p", `${us},1,2,1`)).events).toEqual([at(us, 1, 2, 1)]);
  expect(check(text("t,x,y,p", "0.000000000e+00,1,2,1", "3.811e-3,1,2,1")).events).toEqual([
    at(0, 1, 2, 1),
    at(3811, 1, 2, 1),
  ]);
  expect(check(text("t,x,y,p", "0.000,1,2,1", "3.000,1,2,1")).events[1]).toEqual(at(3_000_000, 1, 2, 1));
  expect(check(text("t,x,y,p", "-5,1,2,1")).events).toEqual([at(-5, 1, 2, 1)]);
});

test("what was guessed is told", () => {
  const { told, geometry: size } = check(
    text("# geometry 346x260", ...rows.map(([t, x, y, p]) => `${x},${y},${p},${t / 1e6}`)),
  );
  expect(told).toEqual([
    "no names tell the columns, taken for x y p t",
    "no name tells the unit of time, taken for seconds",
  ]);
  expect(size).toEqual(geometry);
});

test("lines that are no event are left out and counted, with their place", () => {
  const { events: found, lost } = check(
    text(
      "%geometry:346,260",
      "t,x,y,p",
      "",
      "1,2,3,1",
      "# a comment",
      "2,2,3",
      "hello",
      "3,346,3,1",
      "4,-1,3,1",
      "5,1,,3,1",
      `6,${"0".repeat(2000)}1,3,1`,
      "7,nan,1,1",
      "8,4,4,0",
    ),
  );
  expect(found).toEqual([at(1, 2, 3, 1), at(8, 4, 4, 0)]);
  expect(lost).toEqual([
    ["line that is no event, left out", 4, 47],
    ["event outside the sensor, left out", 2, 59],
    ["line that is too long, left out", 1, 2094],
  ]);
});

test("the sensor's size is written and read as faery does", () => {
  const file = encodeFile(csv.encoder!(geometry, {}), [packetOf(geometry, [at(5, 345, 259, 1)])]);
  expect(new TextDecoder().decode(file)).toBe("t,x@346,y@260,on\n5,345,259,1\n");
  expect(check(file)).toMatchObject({ geometry, events: [at(5, 345, 259, 1)], told: [], sniffed: "sure" });
});

test("a step back in time doesn't make a column another one", () => {
  const list = rows.map(([t, x, y, p], i) => `${i === 2 ? t - 20 : t} ${x} ${y} ${p}`);
  expect(check(text(...list)).told).toEqual(["no names tell the columns, taken for t x y p"]);
});

test.each([
  [
    "too few lines without names",
    text("0,1,1,1", "1,1,1,1"),
    "too few lines to tell the columns: name them in a first line, t,x,y,p",
  ],
  [
    "five columns without names",
    text("0,1,1,1,5"),
    "more than four columns and no names: name them in a first line, t,x,y,p",
  ],
  [
    "no polarity",
    text(...rows.map(([t, x, y]) => `${t},${x},${y},${y + 2}`)),
    "which columns are t, x, y and p can't be told",
  ],
  ["a cut last line", text("t,x,y,p", "1,2,3,1").subarray(0, -3), "the file is cut: it ends inside a line"],
  [
    "a last line that never ends",
    text("t,x,y,p", "1".repeat(3000)).subarray(0, -1),
    "the file is cut: it ends inside a line",
  ],
])("%s: refused", (_, bytes, why) => {
  const { events: found, refused } = check(bytes);
  expect(found).toEqual([]);
  expect(refused).toEqual([why]);
});

test("a last line without an end is used, and told", () => {
  const whole = text("t,x,y,p", "1,2,3,1", "20,4,5,0");
  expect(check(whole.subarray(0, -1))).toMatchObject({
    events: [at(1, 2, 3, 1), at(20, 4, 5, 0)],
    told: ["the last line has no end, and is taken for whole"],
    lost: [],
    refused: [],
  });
  const bare = text(...rows.map(([t, x, y, p]) => `${t} ${x} ${y} ${p}`));
  expect(check(bare.subarray(0, -1)).events).toEqual(events);
  for (const rest of ["# a comment", "  ", "\r"])
    expect(check(text("t,x,y,p", "1,2,3,1", rest).subarray(0, -1))).toMatchObject({
      events: [at(1, 2, 3, 1)],
      told: [],
      refused: [],
    });
});

test("a few lines without names will do when they can mean one thing only", () => {
  const seconds = text("0.000005 1 2 1");
  for (const bytes of [seconds, seconds.subarray(0, -1)]) {
    expect(check(bytes, "x.txt")).toMatchObject({ events: [at(5, 1, 2, 1)], refused: [], sniffed: "guess" });
    expect(check(bytes).told).toContain("no names tell the columns, taken for t x y p");
  }
  expect(check(text("1,2,0,40000", "3,4,1,40007").subarray(0, -1)).events).toEqual([
    at(40000, 1, 2, 0),
    at(40007, 3, 4, 1),
  ]);
});

test("the last line of a file comes as a packet too", async () => {
  const bytes = text("# geometry 10x10", "t,x,y,p", "1,2,3,1", "20,4,5,0").subarray(0, -1);
  const { packets, error } = await packetsAll(csv, bytes, { packetEvents: 100, packetUs: 10_000 }, {}, [7]);
  expect(error).toBe(undefined);
  expect(packets.flatMap(eventsOf)).toEqual([at(1, 2, 3, 1), at(20, 4, 5, 0)]);
  const info = await inspectRecording("x.csv", asyncPieces(bytes, [7]), csv, csv.decoder({}));
  expect(info).toMatchObject({ events: 2, lastUs: 20 });
});

test("other text is not taken for events", () => {
  expect(csv.sniff(text("to whom it may concern", "1,2,3"), "x.txt")).toBe("no");
  expect(csv.sniff(text("1,2,3,0"), "x.raw")).toBe("no");
  expect(csv.sniff(Uint8Array.of(116, 44, 120, 44, 121, 44, 112, 10, 0), "x.csv")).toBe("no");
});
