/** Equilibrium propagation: a network that settles learns from how its rest changes when its output is nudged. */

import { seededNormal, seededRandom } from "../random.ts";

export interface EquilibriumSettings {
  /** Neurons of each layer, input first, output last. */
  readonly layers: readonly number[];
  /** Euler steps until the network has settled, and for a nudge. */
  readonly freeSteps: number;
  readonly nudgedSteps: number;
  readonly stepSize: number;
  /** How strongly the output is drawn to its target. Used with both signs: the error is then of its square. */
  readonly nudge: number;
}

/** Symmetric weights between neighbouring layers, and biases of all layers but the input. */
export interface EquilibriumParameters {
  /** weights[l][i * size of layer l + 1 + j] joins neuron i of layer l and neuron j of the next, both ways. */
  readonly weights: readonly Float64Array[];
  readonly biases: readonly Float64Array[];
}

export interface EquilibriumNetwork {
  readonly parameters: EquilibriumParameters;
  /** Settles on an input: potentials of the layers after it. */
  settle(input: Float64Array): Float64Array[];
  /** Half the squared distance of the settled output from the target. */
  loss(input: Float64Array, target: Float64Array): number;
  /** Adds the gradient of that loss, as equilibrium propagation estimates it, to `gradient`; answers the loss. */
  addGradient(input: Float64Array, target: Float64Array, gradient: EquilibriumParameters): number;
}

export function zeroParameters(layers: readonly number[]): EquilibriumParameters {
  return {
    weights: layers.slice(1).map((size, l) => new Float64Array(layers[l]! * size)),
    biases: layers.slice(1).map((size) => new Float64Array(size)),
  };
}

export function initialEquilibrium(layers: readonly number[], seed: number): EquilibriumParameters {
  const parameters = zeroParameters(layers);
  const normal = seededNormal(seededRandom(seed));
  for (const [l, weights] of parameters.weights.entries()) {
    const deviation = 1 / Math.sqrt(layers[l]! + layers[l + 1]!);
    for (let k = 0; k < weights.length; k++) weights[k] = deviation * normal();
  }
  return parameters;
}

/** The activation: potentials count between 0 and 1. */
export const activation = (u: number) => (u < 0 ? 0 : u > 1 ? 1 : u);
export const activationSlope = (u: number) => (u >= 0 && u <= 1 ? 1 : 0);

/**
 * Scellier and Bengio, Frontiers in Computational Neuroscience 11:24 (2017): with the energy
 * E = sum u^2 / 2 - sum_l rho(u_l) W_l rho(u_l+1) - sum b rho(u) the network follows du/dt = -dE/du. The nudged phase
 * starts from the rest of the free one and adds nudge * (target - u) at the output. The gradient is the difference of
 * dE/dW at the two rests, one nudged towards the target and one away from it, over twice the nudge (Laborieux et al.,
 * Frontiers in Neuroscience 15:633674, 2021). It is local: what the two neurons of a weight show.
 */
export function equilibriumNetwork(
  settings: EquilibriumSettings,
  parameters: EquilibriumParameters,
): EquilibriumNetwork {
  const { layers, freeSteps, nudgedSteps, stepSize, nudge } = settings;
  const last = layers.length - 2;
  const fresh = () => layers.slice(1).map((size) => new Float64Array(size));

  /** One Euler step of all layers at once. `state[l]` is layer l + 1 of `layers`. */
  function step(
    input: Float64Array,
    state: Float64Array[],
    target: Float64Array | undefined,
    beta: number,
  ): void {
    const drives = fresh();
    for (const [l, weights] of parameters.weights.entries()) {
      const below = l === 0 ? input : state[l - 1]!;
      const above = state[l]!;
      const size = above.length;
      for (let i = 0; i < below.length; i++) {
        const active = activation(below[i]!);
        let back = 0;
        for (let j = 0; j < size; j++) {
          const weight = weights[i * size + j]!;
          drives[l]![j] = drives[l]![j]! + weight * active;
          back += weight * activation(above[j]!);
        }
        if (l > 0) drives[l - 1]![i] = drives[l - 1]![i]! + back;
      }
    }
    for (const [l, u] of state.entries())
      for (let j = 0; j < u.length; j++) {
        const pull = activationSlope(u[j]!) * (drives[l]![j]! + parameters.biases[l]![j]!) - u[j]!;
        const nudged = target && l === last ? beta * (target[j]! - u[j]!) : 0;
        // Kept where the activation has a slope: a potential outside would never come back.
        u[j] = activation(u[j]! + stepSize * (pull + nudged));
      }
  }

  function settle(input: Float64Array): Float64Array[] {
    const state = fresh();
    for (let t = 0; t < freeSteps; t++) step(input, state, undefined, 0);
    return state;
  }

  function nudgedFrom(input: Float64Array, rest: Float64Array[], target: Float64Array, beta: number) {
    const state = rest.map((u) => u.slice());
    for (let t = 0; t < nudgedSteps; t++) step(input, state, target, beta);
    return state;
  }

  const lossOf = (state: Float64Array[], target: Float64Array) =>
    state[last]!.reduce((sum, u, j) => sum + 0.5 * (u - target[j]!) ** 2, 0);

  return {
    parameters,
    settle,
    loss: (input, target) => lossOf(settle(input), target),
    addGradient(input, target, gradient) {
      const rest = settle(input);
      const towards = nudgedFrom(input, rest, target, nudge);
      const away = nudgedFrom(input, rest, target, -nudge);
      for (const [l, weights] of gradient.weights.entries()) {
        const size = layers[l + 1]!;
        for (let j = 0; j < size; j++) {
          const [up, down] = [activation(towards[l]![j]!), activation(away[l]![j]!)];
          gradient.biases[l]![j] = gradient.biases[l]![j]! - (up - down) / (2 * nudge);
          for (let i = 0; i < layers[l]!; i++) {
            const below = l === 0 ? input[i]! : towards[l - 1]![i]!;
            const belowAway = l === 0 ? input[i]! : away[l - 1]![i]!;
            const change = activation(below) * up - activation(belowAway) * down;
            weights[i * size + j] = weights[i * size + j]! - change / (2 * nudge);
          }
        }
      }
      return lossOf(rest, target);
    },
  };
}
