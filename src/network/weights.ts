/** Weights from a few words: constants, seeded numbers, functions of distance, rows from a document or a file. */

import type { NeuronGeometry } from "../events/geometry.ts";
import { seededNormal, seededRandom } from "../random.ts";
import { type GeneratedWeights, refused } from "./document.ts";

/** A weight for a source and a target neuron. Seeded kinds give the next number of their series at each call. */
export type WeightOf = (source: number, target: number) => number;

export interface WeightRequest {
  readonly weights: number | GeneratedWeights;
  readonly from: NeuronGeometry;
  readonly to: NeuronGeometry;
  readonly seed: number;
  /** Where the weights stand, for messages. */
  readonly where: string;
  readonly readText: (path: string) => string;
}

/** Longest file of weights, in characters. */
const fileLengthMax = 16 * 1024 * 1024;

/** Makes the function that tells each weight of a projection. Throws a ReflexarcError. */
export function weightFunction(request: WeightRequest): WeightOf {
  const { from, to, seed, where } = request;
  const spec =
    typeof request.weights === "number"
      ? { kind: "constant" as const, value: request.weights }
      : request.weights;
  switch (spec.kind) {
    case "constant":
      return () => spec.value;
    case "uniform": {
      const random = seededRandom(seed);
      return () => spec.min + random() * (spec.max - spec.min);
    }
    case "normal": {
      const normal = seededNormal(seededRandom(seed));
      return () => spec.mean + spec.deviation * normal();
    }
    case "gaussian": {
      const squared = squaredDistance(from, to);
      return (source, target) => spec.peak * bell(squared(source, target), spec.sigmaCells);
    }
    case "mexican-hat": {
      const squared = squaredDistance(from, to);
      return (source, target) => {
        const distance = squared(source, target);
        return (
          spec.peak * bell(distance, spec.sigmaCells) -
          spec.surround * bell(distance, spec.surroundSigmaCells)
        );
      };
    }
    case "by-channel": {
      if (spec.values.length !== from.channels)
        throw refused(
          `${spec.values.length} weights for ${from.channels} source channels`,
          where,
          "Give one number a channel of the source.",
        );
      const plane = from.height * from.width;
      return (source) => spec.values[Math.floor(source / plane)]!;
    }
    case "by-row": {
      const rows = spread(spec.values, from.height);
      return (source) => rows[Math.floor(source / from.width) % from.height]!;
    }
    case "by-column": {
      const columns = spread(spec.values, from.width);
      return (source) => columns[source % from.width]!;
    }
    case "rows":
      return rowWeights(spec.rows, spec.scale, request);
    case "file":
      return rowWeights(readRows(request.readText(spec.file), spec.file), spec.scale, request);
  }
}

function bell(squared: number, sigma: number): number {
  return Math.exp(-squared / (2 * sigma * sigma));
}

/** Squared distance between the places of two neurons, in cells of the target; both fields cover each other. */
function squaredDistance(from: NeuronGeometry, to: NeuronGeometry): WeightOf {
  const scaleX = to.width / from.width;
  const scaleY = to.height / from.height;
  return (source, target) => {
    const dx = ((source % from.width) + 0.5) * scaleX - ((target % to.width) + 0.5);
    const dy =
      ((Math.floor(source / from.width) % from.height) + 0.5) * scaleY -
      ((Math.floor(target / to.width) % to.height) + 0.5);
    return dx * dx + dy * dy;
  };
}

/** Some numbers spread evenly over `count` places, straight lines between them. */
function spread(values: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, place) => {
    const at = count === 1 ? 0 : (place * (values.length - 1)) / (count - 1);
    const left = Math.floor(at);
    const right = Math.min(left + 1, values.length - 1);
    return values[left]! + (values[right]! - values[left]!) * (at - left);
  });
}

function rowWeights(rows: readonly (readonly number[])[], scale: number, request: WeightRequest): WeightOf {
  const sources = request.from.channels * request.from.height * request.from.width;
  const targets = request.to.channels * request.to.height * request.to.width;
  const wrong = rows.findIndex((row) => row.length !== sources);
  if (rows.length !== targets || wrong >= 0)
    throw refused(
      wrong >= 0
        ? `row ${wrong} of the weights has ${rows[wrong]!.length} numbers instead of ${sources}`
        : `${rows.length} rows of weights instead of ${targets}`,
      request.where,
      `Give ${targets} rows, one a target, of ${sources} numbers, one a source.`,
    );
  return (source, target) => rows[target]![source]! * scale;
}

function readRows(text: string, file: string): number[][] {
  if (text.length > fileLengthMax)
    throw refused(
      `the weights are longer than ${fileLengthMax} characters`,
      file,
      "Split the projection in two.",
    );
  const rows: number[][] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const content = line.replace(/#.*/, "").trim();
    if (content === "") continue;
    const row = content
      .split(/[\s,;]+/)
      .filter((word) => word !== "")
      .map(Number);
    const wrong = row.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0)
      throw refused(
        `number ${wrong + 1} of the line is not finite`,
        `${file}:${index + 1}`,
        "Weights are finite numbers.",
      );
    rows.push(row);
  }
  return rows;
}
