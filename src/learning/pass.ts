/** One sample forwards through the network and its error back: back-propagation through time. */

import { createMembranes, type MembraneRules, type Membranes } from "./membranes.ts";
import type { Layer, Model, Slot } from "./model.ts";
import type { Events } from "./spike-set.ts";
import { triangle } from "./surrogate.ts";
import type { Numbers } from "./synapses.ts";

export interface PassOptions {
  /** Smooth: spikes are graded, and the gradient is exactly the loss's. Then all is calculated in float64. */
  readonly spikes: "hard" | "smooth";
  readonly surrogateWidth: number;
}

/** What a layer gave over a sample, and what it is to blame for. */
export interface LayerTrace {
  readonly layer: Layer;
  /** Steps x neurons: potential before the reset. */
  readonly u: Numbers;
  /** Steps x neurons: spikes; of an integrator its potential. */
  readonly out: Numbers;
  /** Derivative of the loss with respect to `out`; the caller adds its own before `backward`. */
  readonly errorOut: Numbers;
  /** Entries of `out` that aren't 0, by step. */
  readonly events: Events;
  spikes: number;
}

export interface Pass {
  readonly layers: readonly LayerTrace[];
  /**
   * Runs a sample with `parameters` as `effectiveParameters` leaves them. `silent[n]` of a layer, where given, is 1 for
   * neurons that are dropped. Sets every `errorOut` to 0.
   */
  forward(parameters: Numbers, input: Events, silent: readonly (Uint8Array | undefined)[]): void;
  /** Adds the gradient of what stands in the layers' `errorOut` to `gradient`; that of delays only where they are learned. */
  backward(parameters: Numbers, gradient: Numbers, delays: "learned" | "fixed"): void;
}

/** A layer's share of the work, in buffers that are made once. */
interface Stage extends LayerTrace {
  readonly membranes: Membranes;
  readonly drive: Numbers;
  readonly errorIn: Numbers;
  readonly events: MutableEvents;
  readonly delayed: MutableEvents | undefined;
  /** Steps x delay lines: what the error of a step is to a line, worked out once. */
  readonly lineErrors: Numbers | undefined;
  input: Events;
  silent: Uint8Array | undefined;
  /** How far from the threshold a potential learns. */
  readonly reach: number;
  /** What a spike counts while others are silent, so that the sum stays what it was. */
  lift: number;
}

interface MutableEvents extends Events {
  ids: Uint32Array;
  values: Numbers;
}

/** Makes the buffers of a pass: all columns are steps x neurons, so samples are taken one at a time. */
export function createPass(model: Model, { spikes, surrogateWidth }: PassOptions): Pass {
  const { steps, stepUs, reset } = model.specification;
  const smooth = spikes === "smooth";
  const column = (length: number): Numbers => (smooth ? new Float64Array(length) : new Float32Array(length));
  const widthOf = ({ specification }: Layer) => specification.surrogateWidth ?? surrogateWidth;
  const rulesOf = (layer: Layer): MembraneRules => ({
    ...{ stepUs, reset, surrogate: triangle(widthOf(layer), spikes) },
    resetGradient: smooth ? "kept" : "left out",
    round: smooth ? (value) => value : Math.fround,
  });
  const eventsOf = (room: number): MutableEvents => ({
    starts: new Uint32Array(steps + 1),
    ids: new Uint32Array(room),
    values: column(room),
  });
  const stages = model.layers.map(
    (layer): Stage => ({
      layer,
      membranes: createMembranes(layer, rulesOf(layer)),
      drive: column(steps * layer.size),
      u: column(steps * layer.size),
      out: column(steps * layer.size),
      errorOut: column(steps * layer.size),
      errorIn: column(steps * layer.size),
      events: eventsOf(steps * layer.size),
      delayed: layer.delays && eventsOf(1024),
      lineErrors: layer.delays && column(steps * layer.delays.count),
      input: eventsOf(0),
      silent: undefined,
      reach: widthOf(layer),
      lift: 1,
      spikes: 0,
    }),
  );

  function forwardLayer(
    stage: Stage,
    parameters: Numbers,
    input: Events,
    silent: Uint8Array | undefined,
  ): void {
    const { layer, membranes, drive, u, out, events } = stage;
    const { size, synapses, weights, recurrent, delays } = layer;
    stage.input = input;
    stage.silent = silent;
    stage.lift = silent ? 1 / (1 - layer.specification.dropout) : 1;
    drive.fill(0);
    const arrived = delays ? delay(input, parameters, delays, layer.sources, stage.delayed!) : input;
    synapses.forward(parameters, weights.offset, arrived, drive);
    membranes.clear();
    let filled = 0;
    for (let t = 0; t < steps; t++) {
      const at = t * size;
      if (recurrent && t > 0) {
        const end = events.starts[t]!;
        for (let k = events.starts[t - 1]!; k < end; k++) {
          const row = recurrent.offset + events.ids[k]! * size;
          const value = events.values[k]!;
          for (let n = 0; n < size; n++) drive[at + n] = drive[at + n]! + value * parameters[row + n]!;
        }
      }
      membranes.forward(at, drive, u, out);
      for (let n = 0; n < size; n++) {
        if (out[at + n] === 0) continue;
        if (silent?.[n]) {
          out[at + n] = 0;
          continue;
        }
        events.ids[filled] = n;
        events.values[filled] = out[at + n]! * stage.lift;
        filled += 1;
      }
      events.starts[t + 1] = filled;
    }
    stage.spikes = filled;
    stage.errorOut.fill(0);
  }

  function backwardLayer(
    stage: Stage,
    before: Stage | undefined,
    parameters: Numbers,
    gradient: Numbers,
    learned: "learned" | "fixed",
  ): void {
    const { layer, membranes, u, out, errorOut, errorIn, events } = stage;
    const { size, synapses, weights, recurrent, delays } = layer;
    membranes.clear();
    for (let t = steps - 1; t >= 0; t--) {
      const at = t * size;
      membranes.backward(at, u, out, errorOut, errorIn);
      if (!recurrent || t === 0) continue;
      const end = events.starts[t]!;
      for (let k = events.starts[t - 1]!; k < end; k++) {
        const row = recurrent.offset + events.ids[k]! * size;
        const value = events.values[k]!;
        for (let n = 0; n < size; n++) gradient[row + n] = gradient[row + n]! + value * errorIn[at + n]!;
      }
      const then = at - size;
      for (let k = 0; k < size; k++) {
        if (!learns(stage, then + k, k)) continue;
        const row = recurrent.offset + k * size;
        let sum = 0;
        for (let n = 0; n < size; n++) sum += parameters[row + n]! * errorIn[at + n]!;
        errorOut[then + k] = errorOut[then + k]! + sum * stage.lift;
      }
    }
    synapses.learn(gradient, weights.offset, delays ? stage.delayed! : stage.input, errorIn);
    const errorOf = (t: number, id: number) =>
      t < steps ? synapses.errorOf(parameters, weights.offset, errorIn, t, id) : 0;
    if (!delays) {
      if (before) passBack(before, errorOf);
      return;
    }
    if (learned === "learned") {
      const known = stage.lineErrors!.fill(Number.NaN);
      const errorOnce = (t: number, line: number) => {
        if (t >= steps) return 0;
        const at = t * delays.count + line;
        if (Number.isNaN(known[at]!)) known[at] = errorOf(t, line);
        return known[at]!;
      };
      learnDelays(stage.input, parameters, delays, layer.sources, gradient, errorOnce);
    }
    if (!before) return;
    passBack(before, (t, id) => {
      let sum = 0;
      for (let line = id; line < delays.count; line += layer.sources) {
        const steps = parameters[delays.offset + line]!;
        const whole = Math.floor(steps);
        const part = steps - whole;
        const early = errorOf(t + whole, line);
        sum += part === 0 ? early : (1 - part) * early + part * errorOf(t + whole + 1, line);
      }
      return sum;
    });
  }

  /** Only potentials near their threshold learn, so only for those is the error of a spike worked out. */
  function learns({ u, layer, silent, reach }: Stage, at: number, id: number): boolean {
    return Math.abs(u[at]! - layer.neurons.threshold) < reach && !silent?.[id];
  }

  function passBack(before: Stage, errorOf: (t: number, id: number) => number): void {
    const { size } = before.layer;
    for (let t = 0; t < steps; t++)
      for (let id = 0; id < size; id++) {
        const at = t * size + id;
        if (learns(before, at, id)) before.errorOut[at] = before.errorOut[at]! + errorOf(t, id) * before.lift;
      }
  }

  return {
    layers: stages,
    forward(parameters, input, silent) {
      let events = input;
      for (const [k, stage] of stages.entries()) {
        forwardLayer(stage, parameters, events, silent[k]);
        events = stage.events;
      }
    },
    backward(parameters, gradient, delays) {
      for (let k = stages.length - 1; k >= 0; k--)
        backwardLayer(stages[k]!, stages[k - 1], parameters, gradient, delays);
    },
  };
}

/**
 * Each entry `delays[id]` steps later, on every delay line: id + sources, id + 2 sources and so on are the other lines of a
 * source. Between two steps it is divided among both (as the delays of arXiv 2602.09746 and 2509.24852 are while they learn).
 * What leaves the sample is gone.
 */
function delay(
  { starts, ids, values }: Events,
  parameters: Numbers,
  { offset, count }: Slot,
  sources: number,
  into: MutableEvents,
): Events {
  const steps = starts.length - 1;
  const room = 2 * starts[steps]! * (count / sources);
  if (into.ids.length < room) {
    into.ids = new Uint32Array(2 * room);
    into.values =
      into.values instanceof Float32Array ? new Float32Array(2 * room) : new Float64Array(2 * room);
  }
  const each = (put: (t: number, id: number, value: number) => void) => {
    for (let t = 0; t < steps; t++)
      for (let k = starts[t]!; k < starts[t + 1]!; k++)
        for (let line = ids[k]!; line < count; line += sources) {
          const later = parameters[offset + line]!;
          const whole = Math.floor(later);
          const part = later - whole;
          if (t + whole < steps) put(t + whole, line, (1 - part) * values[k]!);
          if (part > 0 && t + whole + 1 < steps) put(t + whole + 1, line, part * values[k]!);
        }
  };
  into.starts.fill(0);
  each((t) => {
    into.starts[t + 1] = into.starts[t + 1]! + 1;
  });
  for (let t = 0; t < steps; t++) into.starts[t + 1] = into.starts[t + 1]! + into.starts[t]!;
  const next = into.starts.slice();
  each((t, id, value) => {
    const at = next[t]!;
    next[t] = at + 1;
    into.ids[at] = id;
    into.values[at] = value;
  });
  return into;
}

/** A delay grows where its spikes would be of more use a step later. */
function learnDelays(
  { starts, ids, values }: Events,
  parameters: Numbers,
  { offset, count }: Slot,
  sources: number,
  gradient: Numbers,
  errorOf: (t: number, id: number) => number,
): void {
  const steps = starts.length - 1;
  for (let t = 0; t < steps; t++)
    for (let k = starts[t]!; k < starts[t + 1]!; k++)
      for (let line = ids[k]!; line < count; line += sources) {
        const whole = Math.floor(parameters[offset + line]!);
        const slope = errorOf(t + whole + 1, line) - errorOf(t + whole, line);
        gradient[offset + line] = gradient[offset + line]! + values[k]! * slope;
      }
}
