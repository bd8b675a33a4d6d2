/** Moves nothing: a simulated hobby servo that shows what a real one would do. */

import { defineActuator } from "../src/stage.ts";
import { pulseScale } from "./servo/pulse.ts";
import { servoOptions, simulateServo } from "./servo/simulation.ts";

export { type ServoOptions, type SimulatedServo, servoOptions, simulateServo } from "./servo/simulation.ts";

export default defineActuator({
  name: "dry-run",
  about: "Simulates a hobby servo and moves nothing.",
  selfArming: true,
  units: ["deg", "pulseUs"],
  options: servoOptions,
  reach: (options, unit) => pulseScale(options).reachIn(unit),
  /** The pulse width in quarters of a microsecond, 16 bits, low byte first; 0 for no pulses. */
  encode(options) {
    const scale = pulseScale(options);
    return (command) => {
      const quarters = command.action === "release" ? 0 : Math.round(scale.pulseIn(command) * 4);
      return Uint8Array.of(quarters & 0xff, quarters >> 8);
    };
  },
  async open(options) {
    const servo = simulateServo(options);
    let stopped = false;
    return {
      write(_frame, command) {
        if (!stopped) servo.tell(command);
      },
      readings: servo.at,
      async stop() {
        stopped = true;
      },
    };
  },
});
