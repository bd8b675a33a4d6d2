/** A simulated cart with a pole on it: the motor of a loop that `read-back` closes. */

import { z } from "zod";
import { nextGridUs } from "../src/events/time.ts";
import { defineActuator } from "../src/stage.ts";
import { cartPoleStarts, hasFallen, pushN, stepCartPole } from "./cart-pole/plant.ts";

const options = z.strictObject({
  stepUs: z
    .int()
    .min(1000)
    .max(1_000_000)
    .default(20_000)
    .describe("packet time of one step of the plant, which is 20 ms of its own; microseconds"),
  seed: z
    .int()
    .min(0)
    .optional()
    .describe("seed of the states that it starts from; the pipeline's when left out"),
});

/**
 * A duty of -1 to 1 is a push of -10 to 10 N. The plant steps at each multiple of `stepUs`, under the push that was told last,
 * at that time or before: a decision on the state at one step acts in the step to the next, as in Gymnasium. Until the first
 * move it is held at its start. A pole that has fallen is set up anew, and counted.
 */
export default defineActuator({
  name: "cart-pole",
  about: "Simulates a cart that a motor pushes, with a pole on it that must not fall.",
  selfArming: true,
  units: ["duty"],
  options,
  /** The push in newtons, a float of 32 bits, low byte first; nothing for a release. */
  encode: () => (command) =>
    command.action === "release"
      ? new Uint8Array(0)
      : new Uint8Array(Float32Array.of(command.value * pushN).buffer),
  async open({ stepUs, seed }, context) {
    const nextStart = cartPoleStarts(seed ?? context.seed);
    let state = nextStart();
    let forceN = 0;
    /** All steps up to this time are done; NaN while it is held. */
    let steppedUs = Number.NaN;
    let steps = 0;
    let falls = 0;
    let stopped = false;

    const step = () => {
      state = stepCartPole(state, forceN);
      steps += 1;
      if (!hasFallen(state)) return;
      falls += 1;
      state = nextStart();
    };
    /** Steps up to, or before, a time. */
    const pass = (untilUs: number) => {
      for (; steppedUs + stepUs <= untilUs; steppedUs += stepUs) step();
    };

    return {
      write(_frame, command) {
        if (stopped) return;
        if (Number.isNaN(steppedUs)) {
          if (command.action === "release") return;
          steppedUs = nextGridUs(command.atUs, stepUs) - stepUs;
        }
        // Packet times are whole: a step at this very time is still to come.
        pass(command.atUs - 1);
        forceN = command.action === "release" ? 0 : command.value * pushN;
      },
      readings(atUs) {
        if (!stopped) pass(atUs);
        return { ...state, pushN: forceN, steps, falls };
      },
      async stop() {
        stopped = true;
      },
    };
  },
});
