/** Puts a driver that talks with its device through the contract of actuators. */

import type { Actuator } from "../../src/stage.ts";
import type { Bench } from "./driver-contract.ts";
import { type FakeBoard, turn } from "./fake-board.ts";

/** Counts only the frames after the opening: what readied the device is not a command. */
export function benchOf(actuator: Actuator, board: FakeBoard): Bench {
  const before = board.frames.length;
  return { actuator, received: () => board.frames.length - before, lose: board.unplug, settle: turn };
}
