/** Equilibrium propagation: a network that settles learns from how its rest changes when its output is nudged. */

import { seededNormal, seededRandom } from "../random.ts";
import type { Numbers } from "./synapses.ts";

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
  readonly weights: readonly Numbers[];
  readonly biases: readonly Numbers[];
}

export interface EquilibriumNetwork {
  readonly parameters: EquilibriumParameters;
  /** Settles on an input: potentials of the layers after it. */
  settle(input: Float64Array): Float64Array[];
  /** Half the squared distance of the settled output from the target. */
  loss(input: Float64Array, target: Float64Array): number;
  /** Adds the gradient of that loss, as equilibrium propagation estimates it, to `gradient`; answers what it settled to before. */
  addGradient(input: Float64Array, target: Float64Array, gradient: EquilibriumParameters): Settled;
}

export interface Settled {
  readonly loss: number;
  readonly output: Float64Array;
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
  /** What the input gives the first layer: the same in every step of a sample. */
  const fromInput = new Float64Array(layers[1]!);
  const drives = fresh();

  function present(input: Float64Array): void {
    const weights = parameters.weights[0]!;
    fromInput.fill(0);
    for (let i = 0; i < input.length; i++) {
      const active = activation(input[i]!);
      if (active === 0) continue;
      const row = i * fromInput.length;
      for (let j = 0; j < fromInput.length; j++) fromInput[j] = fromInput[j]! + weights[row + j]! * active;
    }
  }

  /** One Euler step of all layers at once. `state[l]` is layer l + 1 of `layers`. */
  function step(state: Float64Array[], target: Float64Array | undefined, beta: number): void {
    drives[0]!.set(fromInput);
    for (let l = 1; l < drives.length; l++) drives[l]!.fill(0);
    // Potentials are kept between 0 and 1, where the activation is the potential itself.
    for (let l = 1; l < drives.length; l++) {
      const weights = parameters.weights[l]!;
      const [below, above] = [state[l - 1]!, state[l]!];
      const [back, forth] = [drives[l - 1]!, drives[l]!];
      for (let i = 0, at = 0; i < below.length; i++) {
        const active = below[i]!;
        let sum = 0;
        for (let j = 0; j < above.length; j++, at++) {
          const weight = weights[at]!;
          forth[j] = forth[j]! + weight * active;
          sum += weight * above[j]!;
        }
        back[i] = back[i]! + sum;
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
    present(input);
    const state = fresh();
    for (let t = 0; t < freeSteps; t++) step(state, undefined, 0);
    return state;
  }

  /** From the rest on the input that was settled on last. */
  function nudgedFrom(rest: Float64Array[], target: Float64Array, beta: number) {
    const state = rest.map((u) => u.slice());
    for (let t = 0; t < nudgedSteps; t++) step(state, target, beta);
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
      const towards = nudgedFrom(rest, target, nudge);
      const away = nudgedFrom(rest, target, -nudge);
      for (const [l, weights] of gradient.weights.entries()) {
        const size = layers[l + 1]!;
        for (let j = 0; j < size; j++) {
          const [up, down] = [activation(towards[l]![j]!), activation(away[l]![j]!)];
          gradient.biases[l]![j] = gradient.biases[l]![j]! - (up - down) / (2 * nudge);
          for (let i = 0; i < layers[l]!; i++) {
            const below = l === 0 ? input[i]! : towards[l - 1]![i]!;
            const belowAway = l === 0 ? input[i]! : away[l - 1]![i]!;
            if (below === 0 && belowAway === 0) continue;
            const change = activation(below) * up - activation(belowAway) * down;
            weights[i * size + j] = weights[i * size + j]! - change / (2 * nudge);
          }
        }
      }
      return { loss: lossOf(rest, target), output: rest[last]! };
    },
  };
}
