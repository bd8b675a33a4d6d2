/** A training epoch by epoch: batches, AdamW, the schedule, the spike budget; its whole state can be saved between two. */

import { seededRandom, seedFor } from "../random.ts";
import { type Adam, adamStep, createAdam } from "./adam.ts";
import { piecesOf, type Workforce } from "./gradients.ts";
import { effectiveParameters, initialParameters, type Model } from "./model.ts";
import type { TrainingSettings } from "./specification.ts";
import type { SpikeSet } from "./spike-set.ts";

export interface EpochReport {
  /** Epochs done. */
  readonly epoch: number;
  /** Mean loss of the training samples, as they were changed. */
  readonly loss: number;
  /** Share of the training samples decided rightly, as they were changed. */
  readonly accuracy: number;
  /** Of each layer: spikes of a neuron in a step, on average. */
  readonly spikeRates: readonly number[];
}

/** All that a training is between two epochs: restored, it goes on as if it had never stopped. */
export interface TrainerState {
  readonly epoch: number;
  readonly updates: number;
  readonly parameters: Float32Array;
  readonly mean: Float32Array;
  readonly square: Float32Array;
  readonly strengths: readonly number[];
  readonly reports: readonly EpochReport[];
}

export interface Trainer {
  readonly done: boolean;
  readonly reports: readonly EpochReport[];
  /** Trains over all samples once; `progress` is told the share of the epoch that is done, and is waited for. */
  epoch(progress?: (share: number) => void | Promise<void>): Promise<EpochReport>;
  /** What a chip would calculate with: 8-bit weights where asked for, whole delays. */
  trained(): Float32Array;
  save(): TrainerState;
  restore(state: TrainerState): void;
}

export interface TrainerTask {
  readonly model: Model;
  readonly set: SpikeSet;
  /** Samples of the set to train on. */
  readonly samples: readonly number[];
  readonly settings: TrainingSettings;
  readonly seed: number;
  readonly workforce: Workforce;
}

/** A training; everything in it follows from the seed, for any workforce. */
export function createTrainer({ model, set, samples, settings, seed, workforce }: TrainerTask): Trainer {
  let parameters = initialParameters(model, seed);
  const adam: Adam = createAdam(model.parameterCount);
  const effective = new Float32Array(model.parameterCount);
  let epoch = 0;
  let strengths = model.layers.map(({ specification }) =>
    specification.spikesPerStepMax === undefined ? 0 : settings.budgetStrength,
  );
  let reports: EpochReport[] = [];
  const batches = Math.ceil(samples.length / settings.batch);
  const fixedFrom = Math.floor(settings.epochs * settings.delaysFixedAfter);

  function shuffled(): number[] {
    const random = seededRandom(seedFor(seed, `order ${epoch}`));
    const order = [...samples];
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }

  function rateShare(batch: number): number {
    if (settings.schedule === "constant") return 1;
    const share = (epoch + batch / batches) / settings.epochs;
    return 0.5 * (1 + Math.cos(Math.PI * share));
  }

  function update(gradient: Float32Array, share: number): void {
    const ranges = model.slots.flatMap(({ kind, offset, count }) => {
      if (kind === "weights") return [{ offset, count, rate: settings.rate * share, decay: settings.decay }];
      return epoch < fixedFrom ? [{ offset, count, rate: settings.delayRate * share, decay: 0 }] : [];
    });
    adamStep(adam, parameters, gradient, ranges);
    for (const { delays, specification } of model.layers) {
      if (!delays || specification.kind !== "dense") continue;
      const most = specification.delayStepsMax;
      for (let k = delays.offset; k < delays.offset + delays.count; k++)
        parameters[k] = Math.min(most, Math.max(0, parameters[k]!));
    }
  }

  /** Of layers above their budget the penalty grows, of those below it fades (after arXiv 2602.12236). */
  function adapt(spikeRates: readonly number[]): void {
    strengths = strengths.map((strength, k) => {
      const budget = model.layers[k]!.specification.spikesPerStepMax;
      if (budget === undefined) return 0;
      const factor = spikeRates[k]! > budget ? 1.1 : 0.95;
      return Math.min(
        100 * settings.budgetStrength,
        Math.max(0.01 * settings.budgetStrength, strength * factor),
      );
    });
  }

  return {
    get done() {
      return epoch >= settings.epochs;
    },
    get reports() {
      return reports;
    },
    async epoch(progress) {
      const order = shuffled();
      const delays = epoch < fixedFrom ? "between" : "whole";
      if (epoch === fixedFrom) fixDelays(model, parameters);
      let [loss, right] = [0, 0];
      const spikes = model.layers.map(() => 0);
      for (let batch = 0; batch < batches; batch++) {
        const taken = order.slice(batch * settings.batch, (batch + 1) * settings.batch);
        effectiveParameters(model, parameters, { weightBits: settings.weightBits, delays }, effective);
        const learned = delays === "between" ? "learned" : "fixed";
        const pieces = piecesOf(taken, seedFor(seed, `epoch ${epoch}`), strengths, learned);
        const results = await workforce.run(effective, pieces);
        const gradient = new Float32Array(model.parameterCount);
        for (const [k, result] of results.entries()) {
          loss += result.loss;
          for (const [at, decided] of result.decided.entries())
            if (decided === set.labels[pieces[k]!.samples[at]!]) right += 1;
          for (let n = 0; n < spikes.length; n++) spikes[n] = spikes[n]! + result.spikes[n]!;
          add(gradient, result.gradient!);
        }
        shorten(gradient, taken.length, settings.gradientMax);
        update(gradient, rateShare(batch));
        await progress?.((batch + 1) / batches);
      }
      epoch += 1;
      const { steps } = model.specification;
      const spikeRates = spikes.map((count, k) => count / (samples.length * steps * model.layers[k]!.size));
      adapt(spikeRates);
      const report = { epoch, loss: loss / samples.length, accuracy: right / samples.length, spikeRates };
      reports.push(report);
      return report;
    },
    trained() {
      const result = new Float32Array(model.parameterCount);
      effectiveParameters(model, parameters, { weightBits: settings.weightBits, delays: "whole" }, result);
      return result;
    },
    save: () => ({
      ...{ epoch, updates: adam.updates, parameters: parameters.slice(), strengths: [...strengths] },
      ...{ mean: adam.mean.slice(), square: adam.square.slice(), reports: [...reports] },
    }),
    restore(state) {
      epoch = state.epoch;
      adam.updates = state.updates;
      parameters = state.parameters.slice();
      adam.mean.set(state.mean);
      adam.square.set(state.square);
      strengths = [...state.strengths];
      reports = [...state.reports];
    },
  };
}

export interface Verdict {
  readonly right: number;
  readonly samples: number;
  readonly accuracy: number;
  readonly loss: number;
  /** The class decided for each sample, in the order they were given. */
  readonly decided: readonly number[];
  /** Spikes of each layer for one sample, on average. */
  readonly spikes: readonly number[];
}

/** How often `trained` parameters are right on samples as they are. */
export async function judgeSamples(
  { model, set, workforce }: Pick<TrainerTask, "model" | "set" | "workforce">,
  trained: Float32Array,
  samples: readonly number[],
): Promise<Verdict> {
  const results = await workforce.run(
    trained,
    piecesOf(
      samples,
      undefined,
      model.layers.map(() => 0),
      "fixed",
    ),
  );
  const decided = results.flatMap((result) => result.decided);
  const right = decided.filter((choice, k) => choice === set.labels[samples[k]!]).length;
  const mean = (sum: number) => sum / samples.length;
  return {
    ...{ right, samples: samples.length, accuracy: mean(right), decided },
    loss: mean(results.reduce((sum, { loss }) => sum + loss, 0)),
    spikes: model.layers.map((_, k) => mean(results.reduce((sum, { spikes }) => sum + spikes[k]!, 0))),
  };
}

function fixDelays(model: Model, parameters: Float32Array): void {
  for (const { kind, offset, count } of model.slots)
    if (kind === "delays")
      for (let k = offset; k < offset + count; k++) parameters[k] = Math.round(parameters[k]!);
}

function add(sum: Float32Array, more: Float32Array): void {
  for (let k = 0; k < sum.length; k++) sum[k] = sum[k]! + more[k]!;
}

/** Turns a sum into a mean, no longer than `most`. */
function shorten(gradient: Float32Array, count: number, most: number): void {
  let squares = 0;
  for (let k = 0; k < gradient.length; k++) {
    gradient[k] = gradient[k]! / count;
    squares += gradient[k]! * gradient[k]!;
  }
  const length = Math.sqrt(squares);
  if (length > most) for (let k = 0; k < gradient.length; k++) gradient[k] = gradient[k]! * (most / length);
}
