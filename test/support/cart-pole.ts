/** The cart-pole without a pipeline: Gymnasium's loop around a network, and the states that a trace tells. */

import { type CartPoleState, pushN, stepCartPole } from "../../drivers/cart-pole/plant.ts";
import { createStepped } from "../../src/core/index.ts";
import type { Network } from "../../src/network/index.ts";

const ranges = [2.4, 2, 0.209, 2];

/** A controller's decision on each observation, 24 steps of the network each: 0 left, 1 right. */
export function controllerOf(network: Network): (state: CartPoleState) => number {
  const engine = createStepped(network);
  const output = engine.cells[network.output]!;
  const input = new Float64Array(8);
  return ({ xM, xMPerS, angleRad, angleRadPerS }) => {
    const counts = [0, 0];
    const observed = [xM, xMPerS, angleRad, angleRadPerS];
    for (let step = 0; step < 24; step++) {
      input.fill(0);
      for (const [j, value] of observed.entries()) {
        const spikes = Math.ceil(8 * Math.min(1, Math.abs(value) / ranges[j]!));
        if (step % 3 === 0 && step / 3 < spikes) input[2 * j + (value > 0 ? 1 : 0)] = 1;
      }
      engine.step(input);
      for (let k = 0; k < output.count; k++) counts[output.ids[k]!]! += 1;
    }
    return counts[1]! > counts[0]! ? 1 : 0;
  };
}

/** So many states from a start. The network has seen the start once before it is let go: its guard says home first. */
export function freeRun(network: Network, start: CartPoleState, count: number): CartPoleState[] {
  const decide = controllerOf(network);
  decide(start);
  const states = [start];
  while (states.length < count) {
    const state = states.at(-1)!;
    states.push(stepCartPole(state, decide(state) === 1 ? pushN : -pushN));
  }
  return states;
}

/** What the motor showed at each step of a trace, the start first. */
export function statesOf(trace: readonly string[]): CartPoleState[] {
  return trace
    .filter((line) => line.includes('"xMPerS":'))
    .map((line) => JSON.parse(line))
    .map(({ xM, xMPerS, angleRad, angleRadPerS }) => ({ xM, xMPerS, angleRad, angleRadPerS }));
}
