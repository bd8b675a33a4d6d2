/** What a network learnt, as text: the same bits back, and a clear word where it doesn't fit. And documents that learn. */

import { expect, test } from "vitest";
import { neurons } from "../../src/events/geometry.ts";
import {
  buildNetwork,
  frozen,
  type Learned,
  type Network,
  nirFromNetwork,
  parseNetwork,
  readLearned,
  withLearned,
  writeLearned,
} from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";

const document = (plasticity: string, more = "", neuron = "adapt: { step: 1 }") => `
input: in
output: out
populations:
  in: {}
  out: { shape: [1, 1, 2], neuron: { ${neuron} } }
projections:
  - { from: in, to: out, pattern: dense, weights: 0.5${more}, plasticity: { ${plasticity} } }
`;

function build(text: string): Network {
  const placed = parseNetwork(text, "net.yaml");
  return buildNetwork(placed, { geometry: neurons(1, 1, 3), seed: 1, readText: () => "" });
}

test("text gives the same bits back", () => {
  const random = seededRandom(1);
  const numbers = (count: number) =>
    Float64Array.from({ length: count }, () => (random() - 0.5) * 10 ** (20 * random() - 10));
  const learned: Learned = {
    projections: [{ from: "in", to: "out", weights: numbers(500) }],
    populations: [{ name: "out", raised: numbers(20) }],
  };
  expect(readLearned(writeLearned(learned), "file")).toEqual(learned);
  expect(readLearned(writeLearned({ projections: [], populations: [] }), "file").projections).toEqual([]);
});

test("it goes into the network that it is of", () => {
  const network = build(document("rule: pair"));
  const learned: Learned = {
    projections: [{ from: "in", to: "out", weights: Float64Array.of(0, 0.1, 0.2, 0.3, 0.4, 1) }],
    populations: [{ name: "out", raised: Float64Array.of(3, 4) }],
  };
  const { projections, populations } = frozen(withLearned(network, learned, "kept"));
  expect(projections[0]).not.toHaveProperty("plasticity");
  expect(projections[0]!.weights.values).toEqual(learned.projections[0]!.weights);
  expect(populations[1]!.neuron).toMatchObject({
    adapt: { step: 0, tauUs: Infinity, raised: learned.populations[0]!.raised },
  });
  const refused = (change: Partial<Learned>) => () => withLearned(network, { ...learned, ...change }, "kept");
  const weights = (from: string, values: number[]) => [
    { from, to: "out", weights: Float64Array.from(values) },
  ];
  expect(refused({ projections: [] })).toThrow('there are no weights from "in" to "out" (kept)');
  expect(refused({ projections: weights("in", [1]) })).toThrow('1 weights from "in" to "out" instead of 6');
  expect(refused({ projections: weights("in", [0, 0, 0, 0, 0, 2]) })).toThrow(
    "a weight of 2 is not within 0 and 1",
  );
  expect(refused({ projections: [...learned.projections, ...weights("mid", [1])] })).toThrow(
    "where nothing learns",
  );
  expect(refused({ populations: [] })).toThrow('there are no thresholds of "out"');
});

test.each([
  ["no JSON", "this is no file of what a network learnt"],
  ['{"format":"other"}', "this is no file of what a network learnt"],
  ['{"format":"reflexarc-learned","version":2}', "version 2, known is 1"],
  ['{"format":"reflexarc-learned","version":1}', '"projections" is no list of parts'],
  [
    '{"format":"reflexarc-learned","version":1,"projections":[{"from":1}],"populations":[]}',
    'a part without "from"',
  ],
  [
    '{"format":"reflexarc-learned","version":1,"projections":[{"from":"a","to":"b","weights":[null]}],"populations":[]}',
    '"weights" isn\'t all finite numbers',
  ],
])("%s is refused", (text, told) => {
  expect(() => readLearned(text, "kept.json")).toThrow(told);
});

test.each([
  ["rule: pears", "", 'unknown rule "pears" (net.yaml:8, projections.0.plasticity.rule)'],
  ["rule: pair, potentation: 1", "", 'Did you mean "potentiation"?'],
  ["rule: pair, max: 0.4", "", "a weight of 0.5 is not within min 0 and max 0.4"],
  ["rule: pair, min: 2", "", "min 2 is not below max 1 (net.yaml:8, projections.0.plasticity.min)"],
  ["rule: pair", ", bits: 8", "weights that learn in 8 bits"],
  [
    "rule: products, dw: x1*y0 + z2*x0",
    "",
    'unknown variable "z2" at character 9 (net.yaml:8, projections.0.plasticity.dw)',
  ],
  [
    "rule: products, dw: x1*y0",
    "",
    "the rule uses x1, which has no time constant (net.yaml:8, projections.0.plasticity.x1). Add x1: { tauMs: 20 }.",
  ],
  ["rule: products, dw: t*y0", "", "the rule uses the tag t, which nothing changes"],
  ["rule: products, dw: r0*w", "", "the rule uses r0, but nothing rewards"],
  ["rule: products, dw: x0, reward: { from: out, values: [1, 1] }", "", "a reward that the rule doesn't use"],
  ["rule: reward, reward: { from: out, values: [1] }", "", "1 values for 2 neurons that reward"],
  ["rule: reward, reward: { from: in, values: [1, 1, 1] }", "", "the input can't reward"],
  ["rule: reward, reward: { from: oat, values: [1] }", "", 'there is no population "oat"'],
  ["rule: pair, total: 1, memristor: {}", "", "a total beside memristors"],
])("%s%s: %s", (plasticity, more, told) => {
  expect(() => build(document(plasticity, more))).toThrow(told);
});

test("a threshold doesn't fall faster than its membrane leaks", () => {
  const neuron = "tauMs: 10, adapt: { step: 1, tauMs: 9 }";
  expect(() => build(document("rule: pair", "", neuron))).toThrow(
    "falls back faster than the membrane leaks",
  );
  expect(() => build(document("rule: pair", "", "adapt: { step: 1, tauMs: 9 }"))).toThrow(
    "falls back faster",
  );
  build(document("rule: pair", "", "tauMs: 10, adapt: { step: 1, tauMs: 10 }"));
});

test("what shares its weights, or has no synapse for each pair, doesn't learn", () => {
  const text = (projection: string) => `
input: in
output: out
populations: { in: {}, out: { shape: [1, 1, 3] } }
projections: [${projection}]
`;
  const convolution =
    "{ from: in, to: out, pattern: convolution, kernel: [1, 1], weights: 1, plasticity: { rule: pair } }";
  expect(() => build(text(convolution))).toThrow('unknown key "plasticity"');
  const loop = "{ from: out, to: out, pattern: dense, self: false, weights: 0, plasticity: { rule: pair } }";
  expect(() => build(text(loop))).toThrow("a projection without `self` that learns");
});

test("NIR has no word for it, and says so", () => {
  const network = build(document("rule: pair"));
  expect(() => nirFromNetwork(network, "out.nir")).toThrow("which NIR has no word for");
  const steady = {
    ...network,
    populations: frozen(network).populations.map((p) =>
      p.neuron ? { ...p, neuron: { ...p.neuron, adapt: undefined } } : p,
    ),
  } as Network;
  expect(() => nirFromNetwork(steady, "out.nir")).toThrow("learns, which NIR has no word for");
});
