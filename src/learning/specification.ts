/** What is to be trained and how: the network's layers and the settings of a training, checked with zod. */

import { z } from "zod";

const positive = z.number().positive();
const share = z.number().min(0).max(1);

const tau = z
  .union([
    positive,
    z.strictObject({ min: positive, max: positive }).refine(({ min, max }) => min <= max, {
      error: "min is above max",
    }),
  ])
  .describe("one for all neurons, or a range: each neuron then has its own, drawn evenly in the logarithm");

const neuron = z.discriminatedUnion("model", [
  z.strictObject({
    model: z.literal("lif"),
    tauMs: tau,
    threshold: positive.default(1).describe("a potential above it fires"),
  }),
  z.strictObject({
    model: z.literal("cuba-lif"),
    tauSynMs: tau.describe("of the synaptic current"),
    tauMemMs: tau.describe("of the membrane"),
    threshold: positive.default(1).describe("a potential above it fires"),
  }),
  z.strictObject({
    model: z.literal("leaky-integrator"),
    tauMs: tau,
  }),
]);

const common = {
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/)
    .describe("name of its population"),
  neuron,
  gain: positive.default(1).describe("initial weights have the deviation gain / sqrt(fan-in)"),
  surrogateWidth: positive
    .optional()
    .describe("how far from the threshold a potential still learns; by default the training's"),
  dropout: share.default(0).describe("share of its neurons that are silent in a training sample"),
  spikesPerStepMax: positive
    .optional()
    .describe("budget: spikes of a neuron in a step, on average; more is penalised"),
};

const layer = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("dense"),
    ...common,
    neurons: z.int().min(1).max(65_536),
    recurrence: z
      .enum(["none", "all"])
      .default("none")
      .describe("all: each neuron also reaches each neuron of the layer, one step later"),
    delayStepsMax: z
      .int()
      .min(0)
      .max(4096)
      .default(0)
      .describe("each neuron that leads here has an axonal delay of at most so many steps, which is learned"),
    delayLines: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe(
        "so many delays of each such neuron, with weights of their own: its spikes are heard several times",
      ),
  }),
  z.strictObject({
    kind: z.literal("convolution"),
    ...common,
    channels: z.int().min(1).max(4096),
    kernel: z.tuple([z.int().min(1), z.int().min(1)]).describe("height and width"),
    stride: z.tuple([z.int().min(1), z.int().min(1)]).default([1, 1]),
    padding: z.tuple([z.int().min(0), z.int().min(0)]).default([0, 0]),
  }),
]);

export const networkSpecification = z.strictObject({
  stepUs: z.int().min(1).max(60_000_000).describe("length of a step"),
  steps: z.int().min(1).max(100_000).describe("steps of a sample"),
  input: z
    .tuple([z.int().min(1), z.int().min(1), z.int().min(1)])
    .describe("input neurons as channels, height, width"),
  reset: z.enum(["zero", "subtract"]).default("zero").describe("after a spike"),
  layers: z.array(layer).min(1).max(32).describe("from the first after the input to the output"),
});

export const augmentation = z.strictObject({
  shiftX: z.int().min(0).default(0).describe("most neurons along the width that a sample is moved"),
  shiftY: z.int().min(0).default(0).describe("most neurons along the height that a sample is moved"),
  shiftSteps: z.int().min(0).default(0).describe("most steps that a sample is moved in time"),
  drop: share.default(0).describe("share of input entries left out"),
  jitterX: z.int().min(0).default(0).describe("most neurons along the width that each single entry is moved"),
  stretch: share.default(0).describe("most by which a sample is played faster or slower"),
});

export const trainingSettings = z.strictObject({
  epochs: z.int().min(1).max(100_000),
  batch: z.int().min(1).max(4096).default(32),
  rate: positive.default(0.002).describe("of learning, at its highest"),
  delayRate: positive.default(0.1).describe("of delays, in steps"),
  schedule: z.enum(["constant", "cosine"]).default("cosine"),
  decay: z.number().min(0).default(0).describe("of weights, apart from the gradient (AdamW)"),
  smoothing: share.default(0).describe("of labels: so much of the target is spread over all classes"),
  evidenceScale: positive
    .default(1)
    .describe("a spike more (or a mean potential of 1 more) makes a class e^evidenceScale times as likely"),
  surrogateWidth: positive.default(1).describe("how far from the threshold a potential still learns"),
  weightBits: z
    .union([z.literal(8), z.literal(32)])
    .default(8)
    .describe("8: whole numbers times a power of two, in every forward pass of the training"),
  budgetStrength: z.number().min(0).default(1).describe("of the penalty for spikes above the budget"),
  delaysFixedAfter: share
    .default(0.75)
    .describe("part of the epochs after which delays are rounded to steps and kept"),
  gradientMax: positive.default(1).describe("a longer gradient is shortened to it"),
  augmentation: augmentation.prefault({}),
});

/** What e-prop can learn: of a training's settings those that need no way back through time. */
export const epropSettings = trainingSettings
  .omit({ smoothing: true, delayRate: true, budgetStrength: true, delaysFixedAfter: true })
  .extend({
    batch: z.int().min(1).max(4096).default(1).describe("1: weights change after each sample"),
    feedback: z
      .enum(["symmetric", "random"])
      .default("symmetric")
      .describe("how errors reach hidden neurons: over the readout's weights, or over fixed random ones"),
  });

/** A network for e-prop; what it can't learn is an issue at its place. */
export const epropNetwork = networkSpecification.superRefine(({ layers }, context) => {
  const refuse = (path: (string | number)[], message: string) =>
    context.addIssue({ code: "custom", path: ["layers", ...path], message });
  const [hidden, readout] = layers;
  if (layers.length !== 2 || !hidden || !readout) {
    refuse([], "e-prop learns one hidden layer and a readout");
    return;
  }
  if (hidden.kind !== "dense" || hidden.neuron.model !== "lif")
    refuse([0], "for e-prop the hidden layer is dense, of LIF neurons");
  if (readout.kind !== "dense" || readout.neuron.model !== "leaky-integrator")
    refuse([1], "for e-prop the readout is dense, of leaky integrators");
  else if (typeof readout.neuron.tauMs !== "number")
    refuse([1, "neuron", "tauMs"], "for e-prop all integrators have one time constant");
  if (readout.kind === "dense" && readout.recurrence === "all")
    refuse([1, "recurrence"], "for e-prop the readout is not recurrent");
  for (const [k, layer] of layers.entries()) {
    if (layer.kind === "dense" && layer.delayStepsMax > 0)
      refuse([k, "delayStepsMax"], "e-prop knows no delays");
    if (layer.dropout > 0) refuse([k, "dropout"], "e-prop knows no dropout");
    if (layer.spikesPerStepMax !== undefined) refuse([k, "spikesPerStepMax"], "e-prop knows no spike budget");
    if (layer.surrogateWidth !== undefined)
      refuse([k, "surrogateWidth"], "e-prop has one width for all: training.surrogateWidth");
  }
});

export type EpropSettings = z.output<typeof epropSettings>;
export type NetworkSpecification = z.output<typeof networkSpecification>;
export type LayerSpecification = NetworkSpecification["layers"][number];
export type NeuronSpecification = LayerSpecification["neuron"];
export type TrainingSettings = z.output<typeof trainingSettings>;
export type Augmentation = TrainingSettings["augmentation"];
