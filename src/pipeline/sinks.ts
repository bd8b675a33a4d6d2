/** The sinks of a run: opened when their geometry is known, never far behind, completed or discarded at its end. */

import type { Geometry } from "../events/geometry.ts";
import type { Counts, Sensor, SensorFlow, Sink, SinkContext } from "../stage.ts";
import type { Plan } from "./document.ts";
import { fedBy } from "./sources.ts";

export class Sinks {
  readonly byId = new Map<string, Sink>();

  async open(
    plan: Plan,
    geometries: ReadonlyMap<string, Geometry>,
    contextOf: (id: string) => Omit<SinkContext, "geometry">,
  ): Promise<void> {
    for (const { id, kind, definition, options } of plan.nodes) {
      if (kind === "sink")
        this.byId.set(
          id,
          await definition.open(options, { ...contextOf(id), geometry: geometries.get(id)! }),
        );
    }
  }

  /** Waits for the sinks that have too much to write. Throws what kept one from writing. */
  async settle(): Promise<void> {
    for (const sink of this.byId.values()) {
      const settling = sink.settle?.();
      if (settling) await settling;
    }
  }

  /** Lets go of all; answers what went wrong. After a failure nothing half written is left. */
  async close(how: "end" | "discard"): Promise<unknown[]> {
    const causes: unknown[] = [];
    for (const sink of this.byId.values()) {
      try {
        await sink[how]();
      } catch (cause) {
        causes.push(cause);
      }
    }
    return causes;
  }
}

/** What the sources of each recording sink hold beside the packets: it has no way there, so it is left out. */
export function leftBeside(
  plan: Plan,
  sensors: ReadonlyMap<string, Sensor<SensorFlow>>,
): ReadonlyMap<string, Counts> {
  const left = new Map<string, Counts>();
  for (const [id, sensor] of sensors) {
    const beside = Object.entries(sensor.beside?.() ?? {}).map(([what, count]) => [
      `${what} of ${id}`,
      count,
    ]);
    const fed = fedBy(plan, id);
    for (const node of plan.nodes) {
      if (beside.length > 0 && node.kind === "sink" && node.definition.records && fed.has(node.id))
        left.set(node.id, { ...left.get(node.id), ...Object.fromEntries(beside) });
    }
  }
  return left;
}
