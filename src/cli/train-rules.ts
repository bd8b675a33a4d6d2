/** The rules that `train` knows: each learns from some samples, and gives a network that can be judged and written. */

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { readHdf5File } from "../../drivers/hdf5.ts";
import { ReflexarcError } from "../errors.ts";
import {
  createEquilibriumTrainer,
  createModel,
  createTrainer,
  equilibriumParameterCount,
  judgeNetwork,
  judgeSamples,
  type NetworkSpecification,
  networkFromEquilibrium,
  type ReluLayer,
  type Reset,
  reluActivations,
  reluInput,
  reluLayersFromArrays,
  reluLayersFromNetwork,
  spikingForSamples,
  type Trainer,
  type TrainingSettings,
  trainedNetwork,
  trainingSettings,
  type Verdict,
  withFiringOutput,
} from "../learning/index.ts";
import { type Network, networkFromTree, readSafetensors } from "../network/index.ts";
import type { TrainData } from "./train-data.ts";
import type { TrainDocument } from "./train-document.ts";
import { type TrainTask, threadWorkforce } from "./train-workforce.ts";

export type Judged = Pick<Verdict, "right" | "samples" | "accuracy">;

/** What was learned. */
export interface Learned {
  readonly network: Network;
  /** As it is written: spikes of the output decide. */
  judge(samples: readonly number[]): Promise<Judged>;
  /** What it was made from, where that could decide too. */
  readonly original?: { readonly name: string; judge(samples: readonly number[]): Judged };
}

/** Lets a trainer do its epochs, with all that a long work needs: progress, checkpoints, an end at a signal. */
export type Drive = (trainer: Trainer, epochs: number) => Promise<Float32Array>;

/** A rule at work on a document's data. */
export interface Rule {
  readonly parameterCount: number;
  readonly classes: number;
  /** What the network's engine does after a spike, as it was trained for. */
  readonly reset: Reset;
  learn(samples: readonly number[], drive: Drive): Promise<Learned>;
  close(): Promise<void>;
}

type Document = TrainDocument["document"];
type DocumentOf<Name extends Document["rule"]> = Extract<Document, { rule: Name }>;

/** Throws a ReflexarcError for a network that can't be made, or weights that can't be read. */
export function ruleOf(read: TrainDocument, data: TrainData, seed: number, threads: number): Rule {
  const { document } = read;
  switch (document.rule) {
    case "backpropagation": {
      const { rule, network, training } = document;
      return gradientRule(network, { rule, settings: training }, training, data, seed, threads);
    }
    case "e-prop": {
      const { rule, network, training } = document;
      const settings = { ...trainingSettings.parse({ epochs: training.epochs }), ...training };
      return gradientRule(network, { rule, settings: training }, settings, data, seed, threads);
    }
    case "equilibrium-propagation":
      return equilibriumRule(document, data, seed);
    case "conversion":
      return conversionRule(document, read.path, data);
  }
}

function gradientRule(
  network: NetworkSpecification,
  work: TrainTask["work"],
  settings: TrainingSettings,
  { set }: TrainData,
  seed: number,
  threads: number,
): Rule {
  const model = createModel(network, seed);
  const { parameterCount, classes } = model;
  const { reset } = network;
  const workforce = threadWorkforce({ network, work, modelSeed: seed, set }, parameterCount, threads);
  return {
    ...{ parameterCount, classes, reset },
    async learn(samples, drive) {
      const trainer = createTrainer({ model, set, samples, settings, seed, workforce });
      const trained = await drive(trainer, settings.epochs);
      const made = trainedNetwork(model, trained, settings.weightBits);
      const firing = withFiringOutput(made, { set, samples, reset });
      return {
        network: firing,
        judge: async (judged) =>
          firing === made
            ? await judgeSamples({ model, set, workforce }, trained, judged)
            : judgeNetwork(firing, { set, samples: judged, reset }),
      };
    },
    close: () => workforce.close(),
  };
}

function equilibriumRule(
  { network: specification, training: settings }: DocumentOf<"equilibrium-propagation">,
  { set }: TrainData,
  seed: number,
): Rule {
  const reset = "subtract";
  return {
    parameterCount: equilibriumParameterCount(specification),
    classes: specification.layers.at(-1)!,
    reset,
    async learn(samples, drive) {
      const trainer = createEquilibriumTrainer({ network: specification, set, samples, settings, seed });
      const network = networkFromEquilibrium(specification, await drive(trainer, settings.epochs));
      return { network, judge: async (judged) => judgeNetwork(network, { set, samples: judged, reset }) };
    },
    close: async () => {},
  };
}

function conversionRule(
  { network: specification, training }: DocumentOf<"conversion">,
  path: string,
  { set }: TrainData,
): Rule {
  const reset = "subtract";
  const file = resolve(dirname(path), specification.relu);
  const layers = readRelu(file);
  const { inputs } = layers[0]!;
  if (inputs !== set.inputs)
    throw refused(
      `the trained network takes ${inputs} numbers, the stages have ${set.inputs} neurons`,
      file,
      "Make the encoder's shape that of the input it was trained with.",
    );
  return {
    parameterCount: layers.reduce((sum, { weights, bias }) => sum + weights.length + (bias?.length ?? 0), 0),
    classes: layers.at(-1)!.outputs,
    reset,
    async learn(samples) {
      const network = spikingForSamples(layers, specification, set, samples, training.percentile);
      return {
        network,
        judge: async (judged) => judgeNetwork(network, { set, samples: judged, reset }),
        original: {
          name: specification.relu,
          judge(judged) {
            const right = judged.filter((index) => {
              const evidence = reluActivations(layers, reluInput(set, index, specification.inputPerSpike)).at(
                -1,
              )!;
              return evidence.indexOf(Math.max(...evidence)) === set.labels[index];
            }).length;
            return { right, samples: judged.length, accuracy: right / judged.length };
          },
        },
      };
    },
    close: async () => {},
  };
}

function readRelu(file: string): ReluLayer[] {
  if (/\.nir$/i.test(file)) return reluLayersFromNetwork(networkFromTree(readHdf5File(file), file), file);
  if (!/\.safetensors$/i.test(file))
    throw refused(
      "a trained network is read from .safetensors or .nir",
      file,
      "Name such a file as network.relu.",
    );
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw refused(`it can't be read: ${(cause as NodeJS.ErrnoException).code}`, file, "Check network.relu.");
  }
  return reluLayersFromArrays(readSafetensors(bytes, file), file);
}

function refused(what: string, where: string, remedy: string): ReflexarcError {
  return new ReflexarcError({ kind: "usage", room: "train", what, where, remedy });
}
