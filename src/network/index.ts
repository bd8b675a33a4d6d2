/** What a network is: its document, and its form in memory. */

export { type BuildContext, buildNetwork } from "./build.ts";
export {
  checkNetwork,
  explainIssue,
  type NetworkDocument,
  networkDocument,
  type PlacedDocument,
  parseNetwork,
} from "./document.ts";
export {
  type ConvolutionProjection,
  type DenseProjection,
  type Network,
  type Neuron,
  networkBounds,
  type PoolProjection,
  type Population,
  type Projection,
  poolTargets,
  type SparseProjection,
  type Weights,
  weightValues,
} from "./network.ts";
