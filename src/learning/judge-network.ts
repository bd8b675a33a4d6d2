/** Networks judged as they are written, by the engine that will run them; and integrators that are given a voice. */

import { type Cells, createStepped, type StepRules } from "../core/index.ts";
import { modelOf, type Network, type Population } from "../network/index.ts";
import { percentileOf } from "./percentile.ts";
import type { SpikeSet } from "./spike-set.ts";
import type { Verdict } from "./trainer.ts";

export type Reset = StepRules["reset"];
export type Judgement = Pick<Verdict, "right" | "samples" | "accuracy" | "decided">;

/** Samples of a set, run in its steps, each from rest. */
export interface Hearing {
  readonly set: SpikeSet;
  readonly samples: readonly number[];
  readonly reset: Reset;
}

/** The output neuron with the most spikes decides, of equals the first; where none fired, nothing was decided (-1). */
export function judgeNetwork(network: Network, { set, samples, reset }: Hearing): Judgement {
  const { size } = network.populations[network.output]!;
  const decided = samples.map(() => -1);
  const counts = new Float64Array(size);
  hear(network, { set, samples, reset }, (place, step, { count, ids, values }) => {
    for (let k = 0; k < count; k++) counts[ids[k]!] = counts[ids[k]!]! + values[k]!;
    if (step < set.steps - 1) return;
    const most = Math.max(...counts);
    if (most > 0) decided[place] = counts.indexOf(most);
    counts.fill(0);
  });
  const right = decided.filter((choice, k) => choice === set.labels[samples[k]!]).length;
  return { right, samples: samples.length, accuracy: right / samples.length, decided };
}

/**
 * A network whose output integrates gets a population of IF neurons behind it, each driven by one potential, so that spikes
 * tell how large it was over time. Their threshold is the highest potential of a step, at its 99th percentile over the
 * samples: the surest output fires in about every step. A network whose output fires stays as it is.
 */
export function withFiringOutput(network: Network, hearing: Hearing): Network {
  const integrators = network.populations[network.output]!;
  const { neuron } = integrators;
  if (!neuron || neuron.model === "jump" || modelOf(neuron.model).spikes) return network;
  const highest: number[] = [];
  hear(network, hearing, (_, __, { count, values }) => {
    let most = 0;
    for (let k = 0; k < count; k++) most = Math.max(most, values[k]!);
    highest.push(most);
  });
  const threshold = percentileOf(highest, 99);
  const firing: Population = {
    ...integrators,
    name: `${integrators.name}-spikes`,
    neuron: {
      model: "if",
      parameters: {
        r: Float64Array.of(1),
        v_threshold: Float64Array.of(threshold),
        v_reset: Float64Array.of(0),
      },
    },
  };
  const output = network.populations.length;
  return {
    ...network,
    populations: [...network.populations, firing],
    projections: [
      ...network.projections,
      {
        pattern: "one-to-one",
        from: network.output,
        to: output,
        weights: { values: Float64Array.of(1), scale: 1 },
        delayUs: 0,
      },
    ],
    output,
  };
}

/** Tells what the output gave in each step of each sample. */
function hear(
  network: Network,
  { set, samples, reset }: Hearing,
  heard: (place: number, step: number, output: Cells) => void,
): void {
  const engine = createStepped(network, { reset, dtUs: set.stepUs });
  const fresh = engine.save();
  const input = new Float64Array(set.inputs);
  for (const [place, index] of samples.entries()) {
    engine.restore(fresh);
    for (let step = 0; step < set.steps; step++) {
      const at = index * set.steps + step;
      const [from, to] = [set.starts[at]!, set.starts[at + 1]!];
      input.fill(0);
      for (let k = from; k < to; k++) input[set.ids[k]!] = set.counts[k]!;
      engine.step(input);
      heard(place, step, engine.cells[network.output]!);
    }
  }
}
