/** Network documents: what they build, and what each mistake is told. */

import { expect, test } from "vitest";
import { core } from "../../src/core/index.ts";
import { type NeuronGeometry, neurons } from "../../src/events/geometry.ts";
import { buildNetwork, type Network, parseNetwork, weightValues } from "../../src/network/index.ts";

const files: Record<string, string> = {
  "rows.csv": "# two targets\n1, 2, 3, 4\n\n5 6 7 8\n",
  "bad.csv": "1 2 3 4\n1 2 nan 4\n",
};

function build(text: string, geometry: NeuronGeometry = neurons(1, 2, 2)): Network {
  const readText = (path: string) => files[path]!;
  return buildNetwork(parseNetwork(text, "net.yaml"), { geometry, seed: 1, readText });
}

/** A document with these projections, from a 1x2x2 input `in` to `out`. */
const withProjections = (projections: string, shape = "[1, 1, 2]") => `
input: in
output: out
populations:
  in: {}
  out: { shape: ${shape}, neuron: { tauMs: 10, threshold: 2 } }
projections:
${projections}
`;

function weightsOf(projection: string, shape?: string, geometry?: NeuronGeometry): number[] {
  return [
    ...weightValues(build(withProjections(`  - ${projection}`, shape), geometry).projections[0]!.weights),
  ];
}

test("a document becomes populations and projections in its order, with defaults", () => {
  const { populations, projections, input, output } = build(
    withProjections("  - { from: in, to: out, pattern: dense, weights: 1 }"),
  );
  expect(populations).toEqual([
    { name: "in", geometry: neurons(1, 2, 2), size: 4, neuron: undefined },
    {
      name: "out",
      geometry: neurons(1, 1, 2),
      size: 2,
      neuron: { model: "jump", tauUs: 10_000, threshold: 2, reset: 0, rest: 0, refractoryUs: 0 },
    },
  ]);
  expect([input, output]).toEqual([0, 1]);
  expect(projections).toEqual([
    {
      pattern: "dense",
      from: 0,
      to: 1,
      delayUs: 0,
      weights: { values: new Float64Array(8).fill(1), scale: 1 },
    },
  ]);
});

test("rows are one a target, in the document or a file", () => {
  const expected = [1, 5, 2, 6, 3, 7, 4, 8];
  expect(
    weightsOf(
      "{ from: in, to: out, pattern: dense, weights: { kind: rows, rows: [[1, 2, 3, 4], [5, 6, 7, 8]] } }",
    ),
  ).toEqual(expected);
  expect(
    weightsOf("{ from: in, to: out, pattern: dense, weights: { kind: file, file: rows.csv, scale: 0.5 } }"),
  ).toEqual(expected.map((w) => w / 2));
});

test("weights follow rows, columns, channels and distance", () => {
  const pool = (weights: string) => `{ from: in, to: out, pattern: pool, weights: ${weights} }`;
  expect(weightsOf(pool("{ kind: by-row, values: [1, 3] }"), "[1, 1, 1]", neurons(2, 3, 1))).toEqual([
    1, 2, 3, 1, 2, 3,
  ]);
  expect(weightsOf(pool("{ kind: by-column, values: [0, 1, 4] }"), "[1, 1, 1]", neurons(1, 1, 5))).toEqual([
    0, 0.5, 1, 2.5, 4,
  ]);
  expect(weightsOf(pool("{ kind: by-channel, values: [1, -1] }"), "[1, 1, 1]", neurons(2, 1, 2))).toEqual([
    1, 1, -1, -1,
  ]);
  const near = weightsOf(
    "{ from: in, to: out, pattern: dense, weights: { kind: gaussian, peak: 2, sigmaCells: 1 } }",
    "[1, 1, 2]",
    neurons(1, 1, 4),
  );
  // Four places over two cells: their centres lie at 0.25, 0.75, 1.25 and 1.75, the cells' at 0.5 and 1.5.
  const bell = (d: number) => 2 * Math.exp((-d * d) / 2);
  expect(near).toEqual([
    bell(0.25),
    bell(1.25),
    bell(0.25),
    bell(0.75),
    bell(0.75),
    bell(0.25),
    bell(1.25),
    bell(0.25),
  ]);
});

test("8 bits keep each weight to half a step of the largest / 127", () => {
  const projection =
    "{ from: in, to: out, pattern: dense, bits: 8, weights: { kind: normal, mean: 0, deviation: 1 } }";
  const exact = weightsOf(projection.replace("bits: 8, ", ""));
  const { weights } = build(withProjections(`  - ${projection}`)).projections[0]!;
  expect(weights.values).toBeInstanceOf(Int8Array);
  expect(weights.scale).toBe(Math.max(...exact.map(Math.abs)) / 127);
  for (const [i, weight] of weightValues(weights).entries())
    expect(Math.abs(weight - exact[i]!)).toBeLessThanOrEqual(weights.scale / 2);
});

test("random synapses come with their probability, and the same seed gives the same ones", () => {
  const text = withProjections(
    "  - { from: in, to: out, pattern: sparse, probability: 0.2, delayUs: { minUs: 100, maxUs: 350, stepUs: 100 } }",
    "[1, 40, 40]",
  );
  const [projection] = build(text, neurons(1, 10, 10)).projections;
  if (projection?.pattern !== "sparse") throw new Error("not sparse");
  expect(projection.targets.length).toBeGreaterThan(31_000);
  expect(projection.targets.length).toBeLessThan(33_000);
  expect(new Set(projection.delaysUs)).toEqual(new Set([100, 200, 300]));
  expect(build(text, neurons(1, 10, 10)).projections[0]).toEqual(projection);
});

test("a recurrent projection takes 1 us if nothing is said", () => {
  const text = withProjections("  - { from: out, to: out, pattern: dense, self: false, weights: -1 }");
  expect(build(text).projections[0]).toMatchObject({
    delayUs: 1,
    weights: { values: Float64Array.of(0, -1, -1, 0) },
  });
});

const dense = "  - { from: in, to: out, pattern: dense, weights: 1 }";
const mistakes: readonly [name: string, text: string, message: string][] = [
  [
    "a dangling population",
    withProjections("  - { from: in, to: outt, pattern: dense, weights: 1 }"),
    '[network] there is no population "outt" (net.yaml:8, projections.0.to). Did you mean "out"?',
  ],
  [
    "a dangling output",
    withProjections(dense).replace("output: out", "output: motor"),
    '[network] there is no population "motor" (net.yaml:3, output). Populations are in, out.',
  ],
  [
    "a dangling input",
    withProjections(dense).replace("input: in", "input: eye"),
    '[network] there is no population "eye" for the input (net.yaml:2, input). Populations are in, out.',
  ],
  [
    "an input of another shape",
    withProjections(dense).replace("in: {}", "in: { shape: [1, 4, 4] }"),
    "[network] the input \"in\" is 1x4x4 neurons, but 1x2x2 neurons come in (net.yaml:5, populations.in.shape). Make this shape and the encoder's the same, or leave the input's shape out.",
  ],
  [
    "a misspelt key",
    withProjections("  - { from: in, to: out, pattern: dense, weigths: 1 }"),
    '[network] unknown key "weigths" (net.yaml:8, projections.0.weigths). Did you mean "weights"?',
  ],
  [
    "a misspelt parameter",
    withProjections(dense).replace("tauMs", "tauUs"),
    '[network] unknown key "tauUs" (net.yaml:6, populations.out.neuron.tauUs). Did you mean "tauMs"?',
  ],
  [
    "a missing weight",
    withProjections("  - { from: in, to: out, pattern: dense }"),
    '[network] "weights" is missing (net.yaml:8, projections.0.weights). Give a finite number, or { kind: ... }.',
  ],
  [
    "an unknown pattern",
    withProjections("  - { from: in, to: out, pattern: full, weights: 1 }"),
    '[network] unknown pattern "full" (net.yaml:8, projections.0.pattern). Patterns are dense, one-to-one, pool, convolution, sparse.',
  ],
  [
    "an unknown kind of weights",
    withProjections("  - { from: in, to: out, pattern: dense, weights: { kind: ones } }"),
    "Kinds of weights are constant, uniform, normal, ",
  ],
  [
    "a weight that is not a number",
    withProjections("  - { from: in, to: out, pattern: dense, weights: .nan }"),
    "[network] unknown weights NaN (net.yaml:8, projections.0.weights). Give a finite number, or { kind: ... }.",
  ],
  [
    "an infinite weight",
    withProjections("  - { from: in, to: out, pattern: dense, weights: { kind: constant, value: 1e999 } }"),
    "(net.yaml:8, projections.0.weights.value)",
  ],
  [
    "a weight that is not a number, in a file",
    withProjections("  - { from: in, to: out, pattern: dense, weights: { kind: file, file: bad.csv } }"),
    "[network] number 3 of the line is not finite (bad.csv:2). Weights are finite numbers.",
  ],
  [
    "weights that overflow",
    withProjections(
      "  - { from: in, to: out, pattern: dense, weights: { kind: rows, rows: [[1, 2, 3, 4], [5, 6, 7, 8]], scale: 1e308 } }",
    ),
    "[network] a weight is Infinity (net.yaml:8, projections.0.weights). Weights are finite numbers.",
  ],
  [
    "too few rows",
    withProjections(
      "  - { from: in, to: out, pattern: dense, weights: { kind: rows, rows: [[1, 2, 3, 4]] } }",
    ),
    "[network] 1 rows of weights instead of 2 (net.yaml:8, projections.0.weights). Give 2 rows, one a target, of 4 numbers, one a source.",
  ],
  [
    "a negative delay",
    withProjections("  - { from: in, to: out, pattern: dense, weights: 1, delayUs: -1 }"),
    "(net.yaml:8, projections.0.delayUs)",
  ],
  [
    "a recurrent delay of 0",
    withProjections("  - { from: out, to: out, pattern: dense, weights: 1, delayUs: 0 }"),
    '[network] a delay of 0 from "out" back to "out" (net.yaml:8, projections.0.delayUs). A recurrent projection takes at least 1 us.',
  ],
  [
    "too many delays",
    withProjections(
      "  - { from: in, to: out, pattern: sparse, probability: 1, delayUs: { minUs: 0, maxUs: 50000 } }",
      "[1, 50, 50]",
    ),
    "distinct delays from 4 neurons (net.yaml:8, projections.0.delayUs). At most 1024 are possible",
  ],
  [
    "a synapse of a neuron that is not there",
    withProjections("  - { from: in, to: out, pattern: sparse, synapses: [[0, 0, 1], [4, 0, 1]] }"),
    "[network] synapse 1 joins neuron 4 of 4 to neuron 0 of 2 (net.yaml:8, projections.0.synapses). Neurons count from 0.",
  ],
  [
    "sparse without synapses",
    withProjections("  - { from: in, to: out, pattern: sparse }"),
    "[network] sparse needs either `synapses` or `probability` (net.yaml:8, projections.0). Give one of the two.",
  ],
  [
    "one-to-one of unequal shapes",
    withProjections("  - { from: in, to: out, pattern: one-to-one, weights: 1 }"),
    "[network] one-to-one from 1x2x2 neurons to 1x1x2 neurons (net.yaml:8, projections.0). Make the shapes equal, or use the pattern pool.",
  ],
  [
    "a pool that grows",
    withProjections("  - { from: in, to: out, pattern: pool, weights: 1 }", "[1, 3, 3]"),
    "[network] pool from 1x2x2 neurons to 1x3x3 neurons (net.yaml:8, projections.0).",
  ],
  [
    "a convolution of another size",
    withProjections("  - { from: in, to: out, pattern: convolution, kernel: [2, 2], weights: 1 }"),
    '[network] the convolution gives 1x1x1 neurons, but "out" is 1x1x2 neurons (net.yaml:8, projections.0). Give "out" the shape [1, 1, 1], or change kernel, stride or padding.',
  ],
  [
    "a projection to the input",
    withProjections("  - { from: out, to: in, pattern: dense, weights: 1 }"),
    "[network] a projection leads to the input (net.yaml:8, projections.0.to).",
  ],
  [
    "a population without a shape",
    withProjections(dense).replace("shape: [1, 1, 2], ", ""),
    '[network] population "out" has no shape (net.yaml:6, populations.out). Add shape: [channels, height, width].',
  ],
  [
    "a reset above the threshold",
    withProjections(dense).replace("threshold: 2", "reset: 2"),
    "[network] the reset 2 is not below the threshold 1 (net.yaml:6, populations.out.neuron.reset). Lower it.",
  ],
  [
    "too many neurons",
    withProjections(dense, "[16, 1024, 1024]"),
    "[network] 16777220 neurons, at most 1048576 are possible (net.yaml:5, populations). Pool the input more coarsely.",
  ],
  [
    "too many weights",
    withProjections("  - { from: out, to: out, pattern: dense, weights: 1 }", "[1, 100, 100]"),
    "[network] 100000000 weights, room is left for 16777216 of 16777216 (net.yaml:8, projections.0). Use a pool, a convolution or a smaller grid.",
  ],
  [
    "too many random synapses",
    withProjections("  - { from: out, to: out, pattern: sparse, probability: 0.5 }", "[1, 100, 100]"),
    "[network] 50000000 weights, room is left for 16777216",
  ],
  ["text that is not YAML", "input: [", "[network] this is not valid YAML"],
  [
    "a nesting bomb",
    "[".repeat(100_000),
    "[network] brackets or dashes are nested deeper than 32 (net.yaml:1)",
  ],
  ["a list instead of a map", "- 1", "[network] "],
];

test.each(mistakes)("%s is told, with its place and remedy", (_, text, message) => {
  expect(() => build(text)).toThrow(message);
});

test("an inline network tells the same in the options of the stage", () => {
  const network = {
    input: "in",
    output: "out",
    populations: { in: {} },
    projections: [{ from: "in", to: "out", pattern: "full", weights: 1 }],
  };
  const [issue] = core.options.safeParse({ network }).error!.issues;
  expect(issue!.message).toMatch(
    /^projections\.0\.pattern: unknown pattern "full"\. Patterns are dense, one-to-one, /,
  );
});
