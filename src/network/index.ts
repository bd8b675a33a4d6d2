/** What a network is: its document, and its form in memory. */

export { withBias } from "./bias.ts";
export { type BuildContext, buildNetwork } from "./build.ts";
export {
  checkNetwork,
  explainIssue,
  type NetworkDocument,
  networkDocument,
  type PlacedDocument,
  parseNetwork,
} from "./document.ts";
export { frozen, isLearned, type Learned, readLearned, withLearned, writeLearned } from "./learned.ts";
export { type LoihiWeightOptions, loihiWeights } from "./loihi.ts";
export { type ModelName, modelOf, neuronModels, parameterAt } from "./models.ts";
export {
  type Adaptation,
  type ConvolutionProjection,
  type DenseProjection,
  type JumpNeuron,
  type ModelNeuron,
  type Network,
  type Neuron,
  networkBounds,
  type OneToOneProjection,
  type PoolProjection,
  type Population,
  type Projection,
  poolTargets,
  type SparseProjection,
  type Weights,
  type WindowProjection,
  weightValues,
} from "./network.ts";
export { networkFromNetx } from "./netx.ts";
export { networkFromNir } from "./nir.ts";
export { nirFromNetwork } from "./nir-write.ts";
export { type NumberArray, readNpy, writeNpy, writeNpz } from "./npy.ts";
export { networkFromTree } from "./open.ts";
export {
  type Memristor,
  type Plasticity,
  type PlasticityDocument,
  plasticityDocument,
  sourceTraces,
  type TraceName,
  type TraceSettings,
  targetTraces,
} from "./plasticity.ts";
export {
  type Product,
  parseRule,
  RuleError,
  type RuleEvent,
  type RuleVariable,
  ruleVariables,
} from "./rule.ts";
export { readSafetensors } from "./safetensors.ts";
export { isTennlab, networkFromTennlab, type RispParameters, rispStepUs } from "./tennlab.ts";
export { tennlabFromNetwork } from "./tennlab-write.ts";
export { type DataArray, type DataTree, isTree, TreeReader } from "./tree.ts";
