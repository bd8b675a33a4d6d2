/** Equilibrium propagation held against back-propagation through the settling, and a task that it learns. */

import { expect, test } from "vitest";
import {
  activationSlope,
  type EquilibriumParameters,
  equilibriumNetwork,
  initialEquilibrium,
  zeroParameters,
} from "../../src/learning/equilibrium.ts";
import { seededRandom } from "../../src/random.ts";

const settings = { freeSteps: 400, nudgedSteps: 200, stepSize: 0.2, nudge: 0.01 };

/** Back-propagation through the last steps of settling, at the rest (Ernoult et al., NeurIPS 2019): the same steps again, reversed. */
function backPropagated(
  layers: readonly number[],
  parameters: EquilibriumParameters,
  input: Float64Array,
  rest: readonly Float64Array[],
  target: Float64Array,
): EquilibriumParameters {
  const { stepSize } = settings;
  const gradient = zeroParameters(layers);
  const last = rest.length - 1;
  let error = rest.map((u, l) => (l === last ? u.map((value, j) => value - target[j]!) : u.map(() => 0)));
  const at = (l: number) => (l < 0 ? input : rest[l]!);
  for (let t = 0; t < 400; t++) {
    // A step is u' = u + stepSize (slope(u) (W rho + b) - u); on the edge of 0 or 1 nothing passes.
    const through = error.map((own, l) =>
      own.map((value, j) =>
        rest[l]![j]! <= 0 || rest[l]![j]! >= 1 ? 0 : value * activationSlope(rest[l]![j]!),
      ),
    );
    const before = through.map((own) => own.map((value) => value * (1 - stepSize)));
    for (const [l, weights] of parameters.weights.entries()) {
      const size = layers[l + 1]!;
      for (let i = 0; i < layers[l]!; i++)
        for (let j = 0; j < size; j++) {
          const k = i * size + j;
          const [below, above] = [at(l - 1)[i]!, rest[l]![j]!];
          gradient.weights[l]![k]! += stepSize * through[l]![j]! * below;
          if (l === 0) continue;
          gradient.weights[l]![k]! += stepSize * through[l - 1]![i]! * above;
          before[l - 1]![i]! += stepSize * through[l]![j]! * weights[k]!;
          before[l]![j]! += stepSize * through[l - 1]![i]! * weights[k]!;
        }
      for (let j = 0; j < size; j++) gradient.biases[l]![j]! += stepSize * through[l]![j]!;
    }
    error = before;
  }
  return gradient;
}

/** Weights with which every neuron rests between the edges of its activation, where the loss has a slope. */
function softParameters(layers: readonly number[], seed: number): EquilibriumParameters {
  const parameters = initialEquilibrium(layers, seed);
  for (const weights of parameters.weights)
    for (const [k, weight] of weights.entries()) weights[k] = 0.25 * weight;
  for (const biases of parameters.biases) biases.fill(0.45);
  return parameters;
}

test.each([0, 1, 2, 3, 4])(
  "its gradient is that of back-propagation through the settling, seed %i",
  (seed) => {
    const layers = [4, 6, 5, 3];
    const random = seededRandom(seed);
    const parameters = softParameters(layers, seed);
    const network = equilibriumNetwork({ ...settings, layers }, parameters);
    const input = Float64Array.from({ length: 4 }, () => random());
    const target = Float64Array.from({ length: 3 }, () => random());
    const gradient = zeroParameters(layers);
    const { loss, output } = network.addGradient(input, target, gradient);
    expect(output).toEqual(network.settle(input).at(-1));
    expect(loss).toBeCloseTo(network.loss(input, target), 12);
    for (const u of network.settle(input).flatMap((column) => [...column])) {
      expect(u).toBeGreaterThan(0.02);
      expect(u).toBeLessThan(0.98);
    }
    const truth = backPropagated(layers, parameters, input, network.settle(input), target);
    const flat = ({ weights, biases }: EquilibriumParameters) =>
      [...weights, ...biases].flatMap((column) => [...column]);
    const [estimate, exact] = [flat(gradient), flat(truth)];
    const norm = (values: readonly number[]) =>
      Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    expect(norm(exact)).toBeGreaterThan(1e-3);
    expect(norm(estimate.map((value, k) => value - exact[k]!)) / norm(exact)).toBeLessThan(0.02);
  },
);

test("and both are the slope of the loss, by finite differences", () => {
  const layers = [4, 6, 3];
  const parameters = softParameters(layers, 2);
  const network = equilibriumNetwork({ ...settings, layers }, parameters);
  const input = Float64Array.of(0.9, 0.2, 0.6, 0.4);
  const target = Float64Array.of(1, 0, 0.5);
  const gradient = zeroParameters(layers);
  network.addGradient(input, target, gradient);
  let largest = 0;
  for (const [l, weights] of parameters.weights.entries())
    for (let k = 0; k < weights.length; k += 3) {
      const kept = weights[k]!;
      weights[k] = kept + 1e-5;
      const more = network.loss(input, target);
      weights[k] = kept - 1e-5;
      const less = network.loss(input, target);
      weights[k] = kept;
      const slope = (more - less) / 2e-5;
      largest = Math.max(largest, Math.abs(slope));
      expect(Math.abs(gradient.weights[l]![k]! - slope)).toBeLessThan(2e-3);
    }
  expect(largest).toBeGreaterThan(0.02);
});

test("learns exclusive or, the same from the same seed", () => {
  const layers = [2, 16, 1];
  const train = () => {
    const parameters = initialEquilibrium(layers, 3);
    for (const biases of parameters.biases) biases.fill(0);
    const network = equilibriumNetwork(
      { layers, freeSteps: 30, nudgedSteps: 15, stepSize: 0.4, nudge: 0.3 },
      parameters,
    );
    const cases = [0, 1, 2, 3].map(
      (n) =>
        [Float64Array.of(n & 1, n >> 1), Float64Array.of(((n & 1) ^ (n >> 1)) === 1 ? 0.8 : 0.2)] as const,
    );
    for (let epoch = 0; epoch < 2000; epoch++) {
      const gradient = zeroParameters(layers);
      for (const [input, target] of cases) network.addGradient(input, target, gradient);
      for (const [l, weights] of parameters.weights.entries()) {
        for (let k = 0; k < weights.length; k++) weights[k]! -= 0.05 * gradient.weights[l]![k]!;
        const biases = parameters.biases[l]!;
        for (let k = 0; k < biases.length; k++) biases[k]! -= 0.02 * gradient.biases[l]![k]!;
      }
    }
    return cases.map(([input]) => network.settle(input).at(-1)![0]!);
  };
  const outputs = train();
  expect(outputs.map((value) => Math.round(value))).toEqual([0, 1, 1, 0]);
  expect(train()).toEqual(outputs);
});
