/** Doze: while gates keep all of a run asleep, its packets may be longer, so that the machine is woken less often. */

import type { Plan } from "./document.ts";

/**
 * Longest packet then, microseconds of the wall: a detector hears so much later at most what is in a recording of sound. Each
 * packet is a wake-up, and a wake-up costs ten times what is done in it, for caches are cold.
 */
export const dozeUs = 200_000;

/** Whether nothing leaves a plan but through a gate: only then nobody waits for what comes in while all gates sleep. */
export function isGated({ nodes }: Plan): boolean {
  const open = new Set<string>();
  let gated = false;
  for (const node of nodes) {
    if (node.kind !== "sensor" && !node.from.some((id) => open.has(id))) continue;
    if (node.kind === "actuator" || node.kind === "sink") return false;
    if (node.kind === "stage" && node.definition.holdsBack) gated = true;
    else open.add(node.id);
  }
  return gated;
}
