/** A strict run: what would be repaired, guessed or left out ends it instead. */

import { ReflexarcError } from "../errors.ts";
import type { Sensor, SensorFlow } from "../stage.ts";
import type { RunningNode } from "./build.ts";

/** Throws a ReflexarcError that names the first repair or loss of a sensor or stage, if there is one by now. */
export function refuseRepairs(
  sensors: ReadonlyMap<string, Sensor<SensorFlow>>,
  running: readonly RunningNode[],
): void {
  for (const [id, sensor] of sensors) {
    const [problem] = sensor.problems?.() ?? [];
    if (problem !== undefined) throw refusal(id, problem);
  }
  for (const { node, lost } of running) {
    const first = Object.entries(lost()).find(([, count]) => count > 0);
    if (first) throw refusal(node.id, `${first[0]}: ${first[1]}`);
  }
}

function refusal(room: string, what: string): ReflexarcError {
  return new ReflexarcError({
    kind: "input",
    room,
    what,
    remedy: "Leave --strict away to go on with the repair, which is then counted.",
  });
}
