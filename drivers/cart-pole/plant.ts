/** The cart-pole: a cart on a track, and a pole that stands on it and falls unless the cart is pushed. */

import { seededRandom } from "../../src/random.ts";

/** Position and speed of the cart, angle of the pole from upright and its speed; right and clockwise are positive. */
export interface CartPoleState {
  readonly xM: number;
  readonly xMPerS: number;
  readonly angleRad: number;
  readonly angleRadPerS: number;
}

const gravity = 9.8;
const poleKg = 0.1;
const totalKg = 1 + poleKg;
/** Half of the pole's length, metres. */
const halfM = 0.5;

/** Length of a step, seconds, and the push of a full command, newtons. */
export const stepS = 0.02;
export const pushN = 10;

/** Beyond these the pole has fallen, or the cart has left its track. */
export const trackM = 2.4;
export const upright = (12 * 2 * Math.PI) / 360;

/**
 * One step under a force, by explicit Euler: positions move with the speeds from before. Barto, Sutton and Anderson,
 * "Neuronlike adaptive elements that can solve difficult learning control problems", IEEE Trans. SMC 13, 1983, without
 * friction, in the order of operations of Gymnasium's `CartPoleEnv`.
 */
export function stepCartPole(
  { xM, xMPerS, angleRad, angleRadPerS }: CartPoleState,
  forceN: number,
): CartPoleState {
  const cos = Math.cos(angleRad);
  const sin = Math.sin(angleRad);
  const polemass = poleKg * halfM;
  const shared = (forceN + polemass * angleRadPerS * angleRadPerS * sin) / totalKg;
  const turn = (gravity * sin - cos * shared) / (halfM * (4 / 3 - (poleKg * cos * cos) / totalKg));
  const push = shared - (polemass * turn * cos) / totalKg;
  return {
    xM: xM + stepS * xMPerS,
    xMPerS: xMPerS + stepS * push,
    angleRad: angleRad + stepS * angleRadPerS,
    angleRadPerS: angleRadPerS + stepS * turn,
  };
}

export function hasFallen({ xM, angleRad }: CartPoleState): boolean {
  return Math.abs(xM) > trackM || Math.abs(angleRad) > upright;
}

/** Starts as Gymnasium has them: each of the four uniform from -0.05 to 0.05. */
export function cartPoleStarts(seed: number): () => CartPoleState {
  const random = seededRandom(seed);
  const near = () => 0.1 * random() - 0.05;
  return () => ({ xM: near(), xMPerS: near(), angleRad: near(), angleRadPerS: near() });
}
