/** Where the numbers of a pass lie: in the memory of a kernel, in float32, or where the loss is smoothed, in float64. */

import type { LineColumns } from "./delay-lines.ts";
import { type LearningCalls, learningKernels } from "./kernel.ts";
import type { MembraneKernel } from "./membranes.ts";
import type { Layer, Model } from "./model.ts";
import type { Events } from "./spike-set.ts";
import type { Numbers, Round } from "./synapses.ts";

/** Events that are written anew for each sample. */
export interface MutableEvents extends Events {
  readonly values: Numbers;
}

export interface LayerColumns {
  /** Steps x neurons each. */
  readonly drive: Numbers;
  readonly u: Numbers;
  readonly out: Numbers;
  readonly errorOut: Numbers;
  readonly errorIn: Numbers;
  readonly events: MutableEvents;
  readonly membrane: MembraneKernel | undefined;
  readonly lines: LineColumns | undefined;
}

export interface Columns {
  readonly round: Round;
  /** Undefined where the plain loops do it all. */
  readonly calls: LearningCalls | undefined;
  readonly parameters: Numbers;
  readonly gradient: Numbers;
  readonly layers: readonly LayerColumns[];
  take(parameters: Numbers): void;
  /** The events of a sample where the first layer can work on them. */
  hold(input: Events): Events;
}

type Room = Readonly<Record<string, Numbers | Uint32Array>>;
/** Lengths of columns by name. */
interface Wanted {
  readonly numbers: Readonly<Record<string, number>>;
  readonly places: Readonly<Record<string, number>>;
}

export function columnsOf(model: Model, spikes: "hard" | "smooth"): Columns {
  const { steps } = model.specification;
  const wanted: { numbers: Record<string, number>; places: Record<string, number> } = {
    numbers: { parameters: model.parameterCount, gradient: model.parameterCount },
    places: {},
  };
  const wantEvents = (name: string, room: number) => {
    wanted.numbers[`${name} values`] = room;
    wanted.places[`${name} ids`] = room;
    wanted.places[`${name} starts`] = steps + 1;
  };
  const [first] = model.layers;
  // Delay lines copy the events themselves, and convolutions have no kernel.
  const held = first!.specification.kind === "dense" && !first!.delays ? steps * model.inputs : 0;
  wantEvents("input", held);
  for (const [k, { name, size, delays, weights }] of model.layers.entries()) {
    for (const column of ["drive", "u", "out", "errorOut", "errorIn"])
      wanted.numbers[`${name} ${column}`] = steps * size;
    for (const column of ["v", "errorV", "rate", "gain"]) wanted.numbers[`${name} ${column}`] = size;
    wantEvents(name, steps * size);
    if (!delays) continue;
    const places = steps * delays.count;
    wantEvents(`${name} lines`, places);
    for (const column of ["early", "late"]) {
      wanted.numbers[`${name} lines ${column}`] = places;
      wanted.numbers[`${name} lines ${column} gradient`] = weights.count;
    }
    wanted.numbers[`${name} lines errors`] = k > 0 ? places : 0;
  }
  const { room, calls } = spikes === "hard" ? inFloat32(wanted) : inFloat64(wanted);
  const numbers = (name: string) => room[name] as Numbers;
  const eventsAt = (name: string): MutableEvents => ({
    starts: room[`${name} starts`] as Uint32Array,
    ids: room[`${name} ids`] as Uint32Array,
    values: numbers(`${name} values`),
  });
  const input = eventsAt("input");
  const parameters = numbers("parameters");
  return {
    round: spikes === "hard" ? Math.fround : (value) => value,
    calls,
    parameters,
    gradient: numbers("gradient"),
    layers: model.layers.map((layer): LayerColumns => {
      const own = (column: string) => numbers(`${layer.name} ${column}`);
      return {
        ...{ drive: own("drive"), u: own("u"), out: own("out") },
        ...{ errorOut: own("errorOut"), errorIn: own("errorIn") },
        events: eventsAt(layer.name),
        membrane: calls && membraneAt(calls, own),
        lines: layer.delays && linesAt(layer, own, eventsAt),
      };
    }),
    take: (given) => parameters.set(given),
    hold(given) {
      const count = given.starts[steps]!;
      if (count > steps * model.inputs)
        throw new RangeError(`${count} entries of ${model.inputs} inputs in ${steps} steps`);
      if (held === 0 || !calls) return given;
      input.starts.set(given.starts);
      input.ids.set(given.ids.subarray(0, count));
      input.values.set(given.values.subarray(0, count));
      return input;
    },
  };
}

function membraneAt(calls: LearningCalls, own: (column: string) => Numbers): MembraneKernel {
  const column = (name: string) => own(name) as Float32Array;
  return { calls, v: column("v"), errorV: column("errorV"), rate: column("rate"), gain: column("gain") };
}

function linesAt(
  { name }: Layer,
  own: (column: string) => Numbers,
  eventsAt: (name: string) => MutableEvents,
): LineColumns {
  return {
    ...eventsAt(`${name} lines`),
    ...{ early: own("lines early"), late: own("lines late"), errors: own("lines errors") },
    ...{ earlyGradient: own("lines early gradient"), lateGradient: own("lines late gradient") },
  };
}

function inFloat32({ numbers, places }: Wanted): { room: Room; calls: LearningCalls | undefined } {
  const plan = Object.fromEntries([
    ...Object.entries(numbers).map(([name, length]) => [name, [Float32Array, length]] as const),
    ...Object.entries(places).map(([name, length]) => [name, [Uint32Array, length]] as const),
  ]);
  const { columns, kernel } = learningKernels.open(plan);
  return { room: columns as Room, calls: kernel?.call };
}

function inFloat64({ numbers, places }: Wanted): { room: Room; calls: undefined } {
  const room = Object.fromEntries([
    ...Object.entries(numbers).map(([name, length]) => [name, new Float64Array(length)] as const),
    ...Object.entries(places).map(([name, length]) => [name, new Uint32Array(length)] as const),
  ]);
  return { room, calls: undefined };
}
