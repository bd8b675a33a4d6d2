/** Problem files: what each format means, by brute force and by hand, and what is wrong in one, with its line. */

import { describe, expect, test } from "vitest";
import { anneal, type Instance, readProblem } from "../../src/solvers/index.ts";

const read = (lines: readonly string[], options = {}) => readProblem(lines.join("\n"), "p", options);

/** Values of all assignments that are valid, by the assignment. */
function valuesOf(instance: Instance): Map<string, number> {
  const { size } = instance.qubo;
  const values = new Map<string, number>();
  for (let k = 0; k < 2 ** size; k++) {
    const { valid, value, assignment } = instance.decode(
      Uint8Array.from({ length: size }, (_, i) => (k >> i) & 1),
    );
    if (valid) values.set(assignment.join(" "), value);
  }
  return values;
}

const cities = [
  [0, 0],
  [3, 4],
  [6, 8],
  [6, 0],
];
const tsp = (type: string, ...rest: string[]) => [
  "NAME: four",
  "TYPE : TSP",
  "DIMENSION: 4",
  `EDGE_WEIGHT_TYPE: ${type}`,
  ...rest,
];
const placed = ["NODE_COORD_SECTION", ...cities.map(([x, y], k) => `${k + 1} ${x} ${y}`), "EOF"];

describe("what the formats mean", () => {
  test("qbsolv's QUBO", () => {
    const instance = read([
      "c two",
      "p qubo 0 3 2 2",
      "0 0 -3",
      "2 2 1.5",
      "c then couplers",
      "0 1 2",
      "1 2 -4e0",
    ]);
    const values = valuesOf(instance);
    expect(values.get("0 0 0")).toBe(0);
    expect(values.get("1 1 1")).toBe(-3 + 1.5 + 2 - 4);
    expect(values.get("0 1 1")).toBe(-2.5);
    expect(instance.goal).toBe("minimise");
  });

  test("QPLIB's, with half of the diagonal, its own default and its sense", () => {
    const instance = read([
      "QPLIB_0001",
      "QBN",
      "maximize",
      "2 # variables",
      "2 # terms",
      "1 1 4",
      "2 1 3",
      "1 # default of b",
      "1",
      "2 -5",
      "10 # constant",
      "1.7976931348623157E+308 # infinity",
    ]);
    expect(Object.fromEntries(valuesOf(instance))).toEqual({ "0 0": 10, "1 0": 13, "0 1": 5, "1 1": 11 });
    expect(instance.goal).toBe("maximise");
  });

  test("a cut by rudy's edge list, with weights and without", () => {
    const instance = read(["3 3", "1 2 1", "2 3 -2", "1 3"]);
    expect(Object.fromEntries(valuesOf(instance))).toEqual({
      ...{ "0 0 0": 0, "1 0 0": 2, "0 1 0": -1, "0 0 1": -1 },
      ...{ "1 1 1": 0, "0 1 1": 2, "1 0 1": -1, "1 1 0": -1 },
    });
  });

  test("a colouring: valid where each node has one colour, and no edge has one twice", () => {
    const path = ["c a path", "p edge 3 2", "e 1 2", "e 2 3"];
    expect([...valuesOf(read(path, { colours: 2 })).keys()].sort()).toEqual(["1 2 1", "2 1 2"]);
    // An odd ring needs three, and an edge that is listed from both ends is one.
    const ring = read([
      "p col 5 10",
      ...[1, 2, 3, 4, 5].flatMap((a) => [`e ${a} ${(a % 5) + 1}`, `e ${(a % 5) + 1} ${a}`]),
    ]);
    expect(ring.about).toBe("5 nodes, 5 edges, 3 colours");
  });

  test("a tour, by coordinates or by matrices of every order", () => {
    const expected = valuesOf(read(tsp("EUC_2D", ...placed)));
    expect(expected.size).toBe(6);
    expect(expected.get("1 2 3 4")).toBe(5 + 5 + 8 + 6);
    const matrix = [
      [0, 5, 10, 6],
      [5, 0, 5, 5],
      [10, 5, 0, 8],
      [6, 5, 8, 0],
    ];
    const rows: Record<string, (row: number[], k: number) => number[]> = {
      FULL_MATRIX: (row) => row,
      UPPER_ROW: (row, k) => row.slice(k + 1),
      LOWER_ROW: (row, k) => row.slice(0, k),
      UPPER_DIAG_ROW: (row, k) => row.slice(k),
      LOWER_DIAG_ROW: (row, k) => row.slice(0, k + 1),
    };
    for (const [format, part] of Object.entries(rows)) {
      const written = tsp(
        "EXPLICIT",
        `EDGE_WEIGHT_FORMAT: ${format}`,
        "EDGE_WEIGHT_SECTION",
        matrix.flatMap(part).join(" "),
      );
      expect(valuesOf(read(written)), format).toEqual(expected);
    }
  });

  test.each([
    ["CEIL_2D", 5 + 5 + 8 + 6],
    ["MAN_2D", 7 + 7 + 8 + 6],
    ["MAX_2D", 4 + 4 + 8 + 6],
    // sqrt(25 / 10) = 1.58 is 2, sqrt(64 / 10) = 2.53 is 3, sqrt(36 / 10) = 1.90 is 2.
    ["ATT", 2 + 2 + 3 + 2],
  ])("distances of %s", (type, length) => {
    expect(valuesOf(read(tsp(type, ...placed))).get("1 2 3 4")).toBe(length);
  });

  test("geographical distances, by TSPLIB's own pi and radius", () => {
    // Cities 1, 2 and 3 of burma14, whose distances are well known.
    const written = [
      ...["NAME: burma", "TYPE: TSP", "DIMENSION: 3", "EDGE_WEIGHT_TYPE: GEO", "NODE_COORD_SECTION"],
      ...["1 16.47 96.10", "2 16.47 94.44", "3 20.09 92.54"],
    ];
    expect(valuesOf(read(written)).get("1 2 3")).toBe(153 + 422 + 510);
  });

  test("the energy of a valid tour is its length, and of a colouring its conflicts", () => {
    for (const instance of [
      read(tsp("EUC_2D", ...placed)),
      read(["p edge 3 2", "e 1 2", "e 2 3"], { colours: 2 }),
    ])
      for (const { x, energy } of anneal(instance.qubo, { seed: 1, restarts: 3, sweeps: 100 }).restarts) {
        const { valid, value } = instance.decode(x);
        expect(valid).toBe(true);
        expect(energy).toBeCloseTo(value, 9);
      }
  });
});

describe("what is wrong, and where", () => {
  const head = "p qubo 0 3 1 1";
  test.each<[string, readonly string[], string, string]>([
    ["nothing known", ["hello"], "this is no problem file that is known", "p"],
    ["nothing at all", [""], "this is no problem file that is known", "p"],
    ["no number", [head, "0 0 x"], 'the value "x" is not a finite number', "p:2"],
    ["NaN", [head, "0 0 NaN"], 'the value "NaN" is not a finite number', "p:2"],
    ["infinity", [head, "0 0 1e999"], 'the value "1e999" is not a finite number', "p:2"],
    ["a node too many", [head, "3 3 1"], "the node is 3, not a whole number from 0 to 2", "p:2"],
    ["a lower triangle", [head, "c", "2 1 1"], "the coupler 2 1 is not in the upper triangle", "p:3"],
    ["a word too many", [head, "0 0 1 1"], '"0 0 1 1" is not "node node value"', "p:2"],
    ["a term too few", [head, "0 1 1"], "0 diagonal terms and 1 couplers follow, not 1 and 1", "p:1"],
    ["far too many variables", ["p qubo 0 99999999 0 0"], "the number of nodes is 99999999", "p:1"],
    ["a cut edge list", ["3 2", "1 2 1"], "1 edges follow, not 2", "p:1"],
    ["an edge twice", ["3 2", "1 2 1", "2 1 1"], "the edge 2 1 is there twice", "p:3"],
    ["a loop", ["3 1", "2 2 1"], "the edge 2 2 joins a node to itself", "p:2"],
    ["half an edge", ["p edge 3 1", "e 1"], '"e 1" is not "e node node"', "p:2"],
    ["an unknown line", ["p edge 3 1", "q 1 2"], 'a line of kind "q"', "p:2"],
    ["edges left out", ["p edge 3 3", "e 1 2"], "1 edges follow, not 3", "p:1"],
    ["a problem that is none of ours", ["N", "LCL", "minimize", "2"], "the problem is of type LCL", "p:2"],
    ["a cut objective", ["N", "QBN", "minimize", "2", "1"], "the file ends before its quadratic term", "p:5"],
    ["too many cities", tsp("EUC_2D").map((line) => line.replace("4", "99")), "the dimension is 99", "p:3"],
    ["an unknown distance", tsp("XRAY1"), "distances of type XRAY1", "p:4"],
    ["no cities", tsp("EUC_2D"), "NODE_COORD_SECTION is missing", "p"],
    ["a city left out", tsp("EUC_2D", ...placed.slice(0, 4)), "3 cities follow, not 4", "p:5"],
    ["a city twice", tsp("EUC_2D", ...placed.slice(0, 4), "3 1 1"), "city 3 is there twice", "p:9"],
    ["another problem", ["TYPE: CVRP", "DIMENSION: 4"], "a problem of type CVRP", "p:1"],
    [
      "a matrix too short",
      tsp("EXPLICIT", "EDGE_WEIGHT_FORMAT: UPPER_ROW", "EDGE_WEIGHT_SECTION", "1 2 3"),
      "3 distances follow, not 6",
      "p:6",
    ],
    [
      "a way below 0",
      tsp("EXPLICIT", "EDGE_WEIGHT_FORMAT: UPPER_ROW", "EDGE_WEIGHT_SECTION", "1 2 3 4 5 -6"),
      "a distance is below 0",
      "p:6",
    ],
  ])("%s", (_, lines, what, where) => {
    expect(() => read(lines)).toThrow(
      expect.objectContaining({
        detail: expect.objectContaining({ where, what: expect.stringContaining(what) }),
      }),
    );
  });
});
