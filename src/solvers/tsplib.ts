/** Small travelling-salesman instances in TSPLIB's .tsp: a tour of least length through all cities. */

import { instanceBounds, type Line, linesOf, numberIn, refused, wholeIn } from "./lines.ts";
import type { ProblemFormat } from "./problem.ts";
import { QuboTerms } from "./qubo.ts";

type Distances = readonly Float64Array[];

/**
 * What it costs to leave a city or a place empty, as a part of the longest way. With 1 it can never pay (a city left out
 * saves two ways and breaks two rules), but the ways then hardly count: of 8 random cities, 25 % of the restarts of 1,000
 * sweeps end in a shortest tour, and with 0.7 it is 53 %; with 0.6, half of them end in no tour.
 */
const penalty = 0.75;

/**
 * G. Reinelt, "TSPLIB 95". The first city is the first of the tour; variable (c, p) is 1 where city c has place p, which
 * makes (cities - 1)^2 of them. Each place has one city and each city one place, after Lucas, "Ising formulations of many NP
 * problems", Front. Phys. 2:5, 2014, section 7.2.
 */
export const tsplib: ProblemFormat = {
  name: "tsplib",
  about: `travelling salesman of at most ${instanceBounds.cities} cities, as TSPLIB has it (.tsp)`,
  recognises: (text) => /^\s*(NAME|TYPE|COMMENT|DIMENSION|EDGE_WEIGHT_TYPE)\s*:/m.test(text),
  read(text, file) {
    const { distances, where } = readDistances(linesOf(text, file), file);
    const cities = distances.length;
    if (distances.some((row) => row.some((value) => value < 0)))
      throw refused("a distance is below 0", where, "Add one number to all distances.");
    const free = cities - 1;
    const variable = (city: number, place: number) => (city - 1) * free + place - 1;
    const all = Array.from({ length: free }, (_, k) => k + 1);
    const longest = Math.max(...distances.map((row, i) => Math.max(...row.filter((_, j) => i !== j))));
    const qubo = new QuboTerms(free * free);
    for (const k of all) {
      qubo.exactlyOne(
        all.map((place) => variable(k, place)),
        penalty * longest,
      );
      qubo.exactlyOne(
        all.map((city) => variable(city, k)),
        penalty * longest,
      );
    }
    for (const a of all) {
      qubo.add(variable(a, 1), variable(a, 1), distances[0]![a]!);
      qubo.add(variable(a, free), variable(a, free), distances[a]![0]!);
      for (const b of all)
        if (a !== b)
          for (let place = 1; place < free; place++)
            qubo.add(variable(a, place), variable(b, place + 1), distances[a]![b]!);
    }
    return {
      problem: "tour",
      about: `${cities} cities`,
      goal: "minimise",
      qubo: qubo.build(),
      decode(x) {
        const at = all.map((place) => all.filter((city) => x[variable(city, place)] === 1));
        const tour = [0, ...at.flat()];
        const valid = at.every(({ length }) => length === 1) && new Set(tour).size === cities;
        const value = tour.reduce((sum, city, k) => sum + distances[city]![tour[(k + 1) % tour.length]!]!, 0);
        return { valid, value, assignment: tour.map((city) => city + 1) };
      },
    };
  },
};

function readDistances(lines: readonly Line[], file: string): { distances: Distances; where: string } {
  const stated = new Map<string, { value: string; where: string }>();
  const sections = new Map<string, { rows: Line[]; where: string }>();
  let rows: Line[] | undefined;
  for (const line of lines) {
    const whole = line.words.join(" ");
    if (whole === "EOF") break;
    const [, key, value] = /^([A-Z_]+)\s*:\s*(.*)$/.exec(whole) ?? [];
    if (key) stated.set(key, { value: value!, where: line.where });
    else if (/^[A-Z_]+_SECTION$/.test(whole)) {
      rows = [];
      sections.set(whole, { rows, where: line.where });
    } else if (rows) rows.push(line);
    else throw refused(`"${whole.slice(0, 60)}" is no "KEY : value" and no section`, line.where);
  }
  const need = (key: string) => {
    const found = stated.get(key);
    if (!found) throw refused(`${key} is missing`, file);
    return found;
  };
  const section = (name: string) => {
    const found = sections.get(name);
    if (!found) throw refused(`${name} is missing`, file);
    return found;
  };
  const type = stated.get("TYPE");
  if (type && !/^A?TSP\b/.test(type.value))
    throw refused(`a problem of type ${type.value}`, type.where, "Only TSP and ATSP can be solved.");
  const dimension = need("DIMENSION");
  const cities = Number(dimension.value);
  if (!Number.isInteger(cities) || cities < 3 || cities > instanceBounds.cities)
    throw refused(
      `the dimension is ${dimension.value}`,
      dimension.where,
      `From 3 to ${instanceBounds.cities} cities can be solved: the network has a neuron for each city and place.`,
    );
  const kind = need("EDGE_WEIGHT_TYPE");
  if (kind.value === "EXPLICIT") {
    const format = need("EDGE_WEIGHT_FORMAT");
    const { rows, where } = section("EDGE_WEIGHT_SECTION");
    return { distances: matrixOf(format, rows, cities, where), where };
  }
  const measure = measures[kind.value];
  if (!measure)
    throw refused(
      `distances of type ${kind.value}`,
      kind.where,
      `Known are EXPLICIT, ${Object.keys(measures).join(", ")}.`,
    );
  const coordinates = section("NODE_COORD_SECTION");
  if (coordinates.rows.length !== cities)
    throw refused(`${coordinates.rows.length} cities follow, not ${cities}`, coordinates.where);
  const places: (readonly [x: number, y: number])[] = [];
  for (const row of coordinates.rows) {
    const city = wholeIn(row, 0, "city", 1, cities) - 1;
    if (places[city]) throw refused(`city ${city + 1} is there twice`, row.where);
    places[city] = [numberIn(row, 1, "x"), numberIn(row, 2, "y")];
  }
  const distances = places.map(([ax, ay]) =>
    Float64Array.from(places, ([bx, by]) => measure(ax, ay, bx, by)),
  );
  return { distances, where: coordinates.where };
}

/** TSPLIB's distances between two places: whole numbers, rounded as it says. */
const measures: Readonly<Record<string, (ax: number, ay: number, bx: number, by: number) => number>> = {
  EUC_2D: (ax, ay, bx, by) => Math.floor(Math.hypot(ax - bx, ay - by) + 0.5),
  CEIL_2D: (ax, ay, bx, by) => Math.ceil(Math.hypot(ax - bx, ay - by)),
  MAN_2D: (ax, ay, bx, by) => Math.floor(Math.abs(ax - bx) + Math.abs(ay - by) + 0.5),
  MAX_2D: (ax, ay, bx, by) =>
    Math.max(Math.floor(Math.abs(ax - bx) + 0.5), Math.floor(Math.abs(ay - by) + 0.5)),
  ATT(ax, ay, bx, by) {
    const exact = Math.sqrt(((ax - bx) ** 2 + (ay - by) ** 2) / 10);
    return Math.ceil(exact - 0.5) < exact ? Math.ceil(exact - 0.5) + 1 : Math.ceil(exact - 0.5);
  },
  GEO(ax, ay, bx, by) {
    // Degrees and minutes as DDD.MM, and TSPLIB's own pi: its optima depend on both.
    const radians = (given: number) =>
      // biome-ignore lint/suspicious/noApproximativeNumericConstant: it is TSPLIB's.
      (3.141592 * (Math.trunc(given) + (5 * (given - Math.trunc(given))) / 3)) / 180;
    const [q1, q2, q3] = [
      Math.cos(radians(ay) - radians(by)),
      Math.cos(radians(ax) - radians(bx)),
      Math.cos(radians(ax) + radians(bx)),
    ];
    return Math.floor(6378.388 * Math.acos(0.5 * ((1 + q1) * q2 - (1 - q1) * q3)) + 1);
  },
};

/** The cells of an EDGE_WEIGHT_SECTION in their order, for each format: row and column, both from 0. */
const orders: Readonly<Record<string, (cities: number) => (readonly [row: number, column: number])[]>> = {
  FULL_MATRIX: (n) => cells(n, () => [0, n]),
  UPPER_ROW: (n) => cells(n, (row) => [row + 1, n]),
  LOWER_ROW: (n) => cells(n, (row) => [0, row]),
  UPPER_DIAG_ROW: (n) => cells(n, (row) => [row, n]),
  LOWER_DIAG_ROW: (n) => cells(n, (row) => [0, row + 1]),
};

function cells(n: number, columns: (row: number) => readonly [from: number, to: number]) {
  return Array.from({ length: n }, (_, row) => {
    const [from, to] = columns(row);
    return Array.from({ length: Math.max(0, to - from) }, (_, k) => [row, from + k] as const);
  }).flat();
}

function matrixOf(
  format: { value: string; where: string },
  rows: readonly Line[],
  cities: number,
  where: string,
): Distances {
  const order = orders[format.value]?.(cities);
  if (!order)
    throw refused(
      `a matrix of format ${format.value}`,
      format.where,
      `Known are ${Object.keys(orders).join(", ")}.`,
    );
  const values = rows.flatMap((row) => row.words.map((_, place) => numberIn(row, place, "distance")));
  if (values.length !== order.length)
    throw refused(`${values.length} distances follow, not ${order.length}`, where);
  const distances = Array.from({ length: cities }, () => new Float64Array(cities));
  const whole = format.value === "FULL_MATRIX";
  for (const [k, [row, column]] of order.entries()) {
    distances[row]![column] = values[k]!;
    if (!whole) distances[column]![row] = values[k]!;
  }
  return distances;
}
