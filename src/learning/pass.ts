/** One sample forwards through the network and its error back: back-propagation through time. */

import { createDelayLines, type DelayLines } from "./delay-lines.ts";
import { createMembranes, type MembraneRules, type Membranes } from "./membranes.ts";
import type { Layer, Model } from "./model.ts";
import { columnsOf } from "./pass-columns.ts";
import type { Events } from "./spike-set.ts";
import type { Numbers, SynapseLoops } from "./synapses.ts";

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
  /**
   * Adds the gradient of what stands in the layers' `errorOut` to `gradient`, that of delays only where they are learned;
   * the parameters are those of the last `forward`.
   */
  backward(gradient: Numbers, delays: "learned" | "fixed"): void;
}

/** A layer's share of the work, in buffers that are made once. */
interface Stage extends LayerTrace {
  readonly membranes: Membranes;
  readonly loops: SynapseLoops;
  readonly recurrent: SynapseLoops | undefined;
  readonly lines: DelayLines | undefined;
  readonly drive: Numbers;
  readonly errorIn: Numbers;
  input: Events;
  silent: Uint8Array | undefined;
  /** How far from the threshold a potential learns. */
  readonly reach: number;
  /** What a spike counts while others are silent, so that the sum stays what it was. */
  lift: number;
}

/** Makes the buffers of a pass: all columns are steps x neurons, so samples are taken one at a time. */
export function createPass(model: Model, { spikes, surrogateWidth }: PassOptions): Pass {
  const { steps, stepUs, reset } = model.specification;
  const smooth = spikes === "smooth";
  const columns = columnsOf(model, spikes);
  const { parameters, calls, round } = columns;
  const stages = model.layers.map((layer, k): Stage => {
    const own = columns.layers[k]!;
    const reach = layer.specification.surrogateWidth ?? surrogateWidth;
    const rules: MembraneRules = {
      ...{ stepUs, reset, surrogateWidth: reach, spikes, round },
      resetGradient: smooth ? "kept" : "left out",
    };
    const loops = layer.synapses.loops(round, calls);
    return {
      ...own,
      ...{ layer, loops, reach, silent: undefined, lift: 1, spikes: 0, input: own.events },
      membranes: createMembranes(layer, rules, own.membrane),
      recurrent: layer.recurrent && layer.recurrentSynapses!.loops(round, calls),
      lines: layer.delays && createDelayLines(layer, steps, loops, own.lines!, columns),
    };
  });

  function forwardLayer(stage: Stage, input: Events, silent: Uint8Array | undefined): void {
    const { layer, membranes, loops, lines, drive, u, out, events } = stage;
    const { size, weights } = layer;
    stage.input = input;
    stage.silent = silent;
    stage.lift = silent ? 1 / (1 - layer.specification.dropout) : 1;
    drive.fill(0);
    if (lines) lines.forward(parameters, input, drive);
    else loops.forward(parameters, weights.offset, input, 0, steps, drive, 0);
    membranes.clear();
    let filled = 0;
    for (let t = 0; t < steps; t++) {
      const at = t * size;
      if (t > 0) stage.recurrent?.forward(parameters, layer.recurrent!.offset, events, t - 1, t, drive, 1);
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
    gradient: Numbers,
    delays: "learned" | "fixed",
  ): void {
    const { layer, membranes, loops, lines, recurrent, input, events, lift } = stage;
    const { u, out, errorOut, errorIn } = stage;
    const { size, weights } = layer;
    membranes.clear();
    for (let t = steps - 1; t >= 0; t--) {
      const at = t * size;
      silence(stage, at);
      membranes.backward(at, u, out, errorOut, errorIn);
      if (!recurrent || t === 0) continue;
      const then = at - size;
      const wanted = (id: number) => learns(stage, then + id);
      recurrent.back(parameters, layer.recurrent!.offset, errorIn, t, errorOut, then, lift, wanted);
    }
    recurrent?.learn(gradient, layer.recurrent!.offset, events, 0, steps - 1, errorIn, 1);
    if (lines) lines.learn(parameters, gradient, errorIn, delays);
    else loops.learn(gradient, weights.offset, input, 0, steps, errorIn, 0);
    if (!before) return;
    if (lines) {
      lines.back(parameters, errorIn, before.errorOut, before.lift);
      return;
    }
    for (let t = 0; t < steps; t++) {
      const at = t * before.layer.size;
      const wanted = (id: number) => learns(before, at + id);
      loops.back(parameters, weights.offset, errorIn, t, before.errorOut, at, before.lift, wanted);
    }
  }

  return {
    layers: stages,
    forward(given, input, silent) {
      columns.take(given);
      let events = columns.hold(input);
      for (const [k, stage] of stages.entries()) {
        forwardLayer(stage, events, silent[k]);
        events = stage.events;
      }
    },
    backward(gradient, delays) {
      columns.gradient.set(gradient);
      for (let k = stages.length - 1; k >= 0; k--)
        backwardLayer(stages[k]!, stages[k - 1], columns.gradient, delays);
      gradient.set(columns.gradient);
    },
  };
}

/** Only potentials near their threshold learn. */
function learns({ u, layer, reach }: Stage, at: number): boolean {
  return Math.abs(u[at]! - layer.neurons.threshold) < reach;
}

/** Neurons that were dropped have no part in the loss. */
function silence({ silent, errorOut }: Stage, at: number): void {
  if (!silent) return;
  for (let n = 0; n < silent.length; n++) if (silent[n] === 1) errorOut[at + n] = 0;
}
