/** The sinks of a run: opened when their geometry is known, never far behind, completed or discarded at its end. */

import type { Beside } from "../events/beside.ts";
import type { Geometry } from "../events/geometry.ts";
import type { Counts, Sensor, SensorFlow, Sink, SinkContext } from "../stage.ts";
import type { Plan } from "./document.ts";
import { fedBy } from "./sources.ts";

export class Sinks {
  readonly byId = new Map<string, Sink>();
  readonly #plan: Plan;
  /** Records that came before the sinks were open, for the ids of theirs. */
  readonly #early: { readonly record: Beside; readonly ids: readonly string[] }[] = [];
  #isOpen = false;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  async open(
    geometries: ReadonlyMap<string, Geometry>,
    sensors: ReadonlyMap<string, Sensor<SensorFlow>>,
    contextOf: (id: string) => Omit<SinkContext, "geometry">,
  ): Promise<void> {
    for (const { id, kind, definition, options } of this.#plan.nodes) {
      if (kind !== "sink") continue;
      const sources = [...sensors].filter(([sensor]) => fedBy(this.#plan, sensor).has(id));
      const besideTypes = [...new Set(sources.flatMap(([, { besideTypes = [] }]) => besideTypes))].sort();
      const context = { ...contextOf(id), geometry: geometries.get(id)!, besideTypes };
      this.byId.set(id, await definition.open(options, context));
    }
    this.#isOpen = true;
    for (const { record, ids } of this.#early.splice(0)) this.#hand(record, ids);
  }

  /** Where what a sensor holds beside its packets goes; undefined where no sink would keep it. */
  besideOf(sensor: string): ((record: Beside) => void) | undefined {
    const ids = recordersOf(this.#plan, sensor);
    if (ids.length === 0) return undefined;
    return (record) => {
      if (this.#isOpen) this.#hand(record, ids);
      else this.#early.push({ record, ids });
    };
  }

  #hand(record: Beside, ids: readonly string[]): void {
    for (const id of ids) this.byId.get(id)?.writeBeside?.(record);
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

/** The sinks that keep all that comes from a sensor. */
function recordersOf(plan: Plan, sensor: string): string[] {
  const fed = fedBy(plan, sensor);
  return plan.nodes.flatMap((node) =>
    node.kind === "sink" && node.definition.records && fed.has(node.id) ? [node.id] : [],
  );
}

/** What the sources of each recording sink hold beside the packets and could not give it. */
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
    if (beside.length === 0) continue;
    for (const sink of recordersOf(plan, id))
      left.set(sink, { ...left.get(sink), ...Object.fromEntries(beside) });
  }
  return left;
}
