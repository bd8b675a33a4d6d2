/** The loss of a sample: cross-entropy of the evidence at the output, and a penalty for spikes above the budget. */

import type { Model } from "./model.ts";
import type { LayerTrace, Pass } from "./pass.ts";
import type { TrainingSettings } from "./specification.ts";

export interface Judgement {
  /** Cross-entropy and penalty. */
  readonly loss: number;
  /** The class with the most evidence; of equals the first. -1 where no output neuron fired: silence decides nothing. */
  readonly decided: number;
  /** Spikes of each layer (of an integrator: 0). */
  readonly spikes: readonly number[];
}

/**
 * Judges what a forward pass left, and adds the loss's derivatives to the layers' `errorOut`. The evidence for a class
 * is the number of spikes of its neuron, or the mean potential of its integrator. `strengths` are those of the budget,
 * one a layer: the penalty is strength * max(0, rate / budget - 1)^2 with the layer's rate in spikes a neuron and step.
 */
export function judge(
  { layers }: Pass,
  model: Model,
  label: number,
  settings: Pick<TrainingSettings, "smoothing" | "evidenceScale">,
  strengths: readonly number[],
): Judgement {
  const { steps } = model.specification;
  const last = layers.at(-1)!;
  const evidence = evidenceOf(last, steps);
  const scale = settings.evidenceScale;
  const largest = Math.max(...evidence);
  const likely = evidence.map((value) => Math.exp(scale * (value - largest)));
  const all = likely.reduce((sum, value) => sum + value, 0);
  const spread = settings.smoothing / evidence.length;
  const each = last.layer.neurons.model === "leaky-integrator" ? 1 / steps : 1;
  const isSilent = last.layer.neurons.model !== "leaky-integrator" && largest === 0;
  let loss = 0;
  for (let k = 0; k < evidence.length; k++) {
    const target = spread + (k === label ? 1 - settings.smoothing : 0);
    loss -= target * (scale * (evidence[k]! - largest) - Math.log(all));
    const error = (likely[k]! / all - target) * scale * each;
    for (let t = 0; t < steps; t++) {
      const at = t * evidence.length + k;
      last.errorOut[at] = last.errorOut[at]! + error;
    }
  }
  for (const [k, trace] of layers.entries()) loss += penalise(trace, steps, strengths[k] ?? 0);
  return {
    loss,
    decided: isSilent ? -1 : evidence.indexOf(largest),
    spikes: layers.map(({ layer, spikes }) => (layer.neurons.model === "leaky-integrator" ? 0 : spikes)),
  };
}

/** Sums in order of time, so that the same spikes give the same evidence. */
export function evidenceOf({ layer, out }: LayerTrace, steps: number): number[] {
  const each = layer.neurons.model === "leaky-integrator" ? 1 / steps : 1;
  return Array.from({ length: layer.size }, (_, k) => {
    let sum = 0;
    for (let t = 0; t < steps; t++) sum += out[t * layer.size + k]!;
    return sum * each;
  });
}

function penalise({ layer, out, errorOut }: LayerTrace, steps: number, strength: number): number {
  const budget = layer.specification.spikesPerStepMax;
  if (budget === undefined || strength === 0) return 0;
  const places = steps * layer.size;
  let spikes = 0;
  for (let at = 0; at < places; at++) spikes += out[at]!;
  const over = spikes / places / budget - 1;
  if (over <= 0) return 0;
  const error = (2 * strength * over) / (budget * places);
  for (let at = 0; at < places; at++) errorOut[at] = errorOut[at]! + error;
  return strength * over * over;
}
