/** Rules that make weights: what is trained, from what, and the trainings themselves. */

export { type SampleReader, sampleReader } from "./augment.ts";
export { epropWorker } from "./eprop-worker.ts";
export {
  createEquilibriumTrainer,
  type EquilibriumNetworkSpecification,
  type EquilibriumSettings,
  equilibriumNetworkSpecification,
  equilibriumParameterCount,
  equilibriumSettings,
  networkFromEquilibrium,
} from "./equilibrium-trainer.ts";
export { type Fold, foldsOf } from "./folds.ts";
export {
  localWorkforce,
  type Piece,
  type PieceResult,
  pieceWorker,
  type Workforce,
} from "./gradients.ts";
export { judgeNetwork, type Reset, withFiringOutput } from "./judge-network.ts";
export { evidenceOf, judge } from "./loss.ts";
export { createModel, type Model } from "./model.ts";
export { createPass } from "./pass.ts";
export {
  type ConversionNetwork,
  conversionNetwork,
  conversionSettings,
  type ReluLayer,
  reluActivations,
  reluInput,
  reluLayersFromArrays,
  reluLayersFromNetwork,
  spikingForSamples,
} from "./relu-conversion.ts";
export {
  type EpropSettings,
  epropNetwork,
  epropSettings,
  type NetworkSpecification,
  networkSpecification,
  type TrainingSettings,
  trainingSettings,
} from "./specification.ts";
export {
  type Events,
  type SpikeSet,
  type SpikeSetBuilder,
  type SpikeSetShape,
  spikeSetBuilder,
} from "./spike-set.ts";
export { trainedNetwork } from "./trained-network.ts";
export {
  createTrainer,
  type EpochReport,
  judgeSamples,
  type Trainer,
  type TrainerState,
  type Verdict,
} from "./trainer.ts";
