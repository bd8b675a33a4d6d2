/** A training document: what comes before the network, the network, and how it is trained. */

import { z } from "zod";
import { readTextFile } from "../../drivers/files.ts";
import { ReflexarcError } from "../errors.ts";
import {
  conversionNetwork,
  conversionSettings,
  epropNetwork,
  epropSettings,
  equilibriumNetworkSpecification,
  equilibriumSettings,
  networkSpecification,
  trainingSettings,
} from "../learning/index.ts";
import type { Plan } from "../pipeline/document.ts";
import { planOf, type SensorNode, type StageNode } from "../pipeline/document.ts";
import { readYaml } from "../yaml.ts";
import { catalog } from "./world.ts";

const common = {
  about: z.string().optional().describe("one sentence"),
  licence: z.string().optional().describe("of the data, kept in the training record"),
  stages: z
    .array(z.record(z.string(), z.unknown()))
    .min(1)
    .describe("as in a pipeline document: a recording, filters and an encoder, in a row"),
};

export const trainDocument = z.discriminatedUnion("rule", [
  z.strictObject({
    rule: z
      .literal("backpropagation")
      .default("backpropagation")
      .describe("surrogate gradients through time: convolutions, recurrence, delays, a spike budget"),
    ...common,
    network: networkSpecification,
    training: trainingSettings,
  }),
  z.strictObject({
    rule: z
      .literal("e-prop")
      .describe("online, forwards in time: one hidden layer, recurrent or not, and a readout"),
    ...common,
    network: epropNetwork,
    training: epropSettings,
  }),
  z.strictObject({
    rule: z
      .literal("equilibrium-propagation")
      .describe("a network that settles, nudged at its output; it fires once it is trained"),
    ...common,
    network: equilibriumNetworkSpecification,
    training: equilibriumSettings,
  }),
  z.strictObject({
    rule: z
      .literal("conversion")
      .describe("ReLU layers that were trained elsewhere, with thresholds balanced on the samples"),
    ...common,
    network: conversionNetwork,
    training: conversionSettings.prefault({}),
  }),
]);

export interface TrainDocument {
  readonly path: string;
  readonly document: z.output<typeof trainDocument>;
  readonly text: string;
  /** The sensor that reads a file, and the stages after it, in a row. */
  readonly chain: readonly [SensorNode, ...StageNode[]];
  readonly seed: number;
}

/** Reads and checks a training document. Throws a ReflexarcError that names the line. */
export function readTrainDocument(path: string): TrainDocument {
  const text = readTextFile(path, "train");
  const yaml = readYaml(text, path, "train");
  const parsed = trainDocument.safeParse(yaml.value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const at = issue!.path as (string | number)[];
    throw new ReflexarcError({
      kind: "usage",
      room: "train",
      what: `${at.length > 0 ? `${at.join(".")}: ` : ""}${issue!.message}`,
      where: yaml.whereIs(at),
      remedy:
        "It has stages, network and training: see `pipelines/digit.train.yaml`, and `pipelines/rules` for other rules.",
    });
  }
  const { about, stages } = parsed.data;
  const value = { about: about ?? "", stages };
  const plan = planOf({ ...yaml, value }, path, catalog);
  return { path, document: parsed.data, text, chain: chainOf(plan, path), seed: plan.seed };
}

function chainOf({ nodes }: Plan, path: string): [SensorNode, ...StageNode[]] {
  const [first, ...rest] = nodes;
  const inARow = rest.every(
    (node, k): node is StageNode =>
      node.kind === "stage" && node.from.length === 1 && node.from[0] === nodes[k]!.id,
  );
  const last = rest.at(-1) ?? first;
  if (first?.kind !== "sensor" || !("file" in first.options) || !inARow || !gives(last, "spikes"))
    throw new ReflexarcError({
      kind: "usage",
      room: "train",
      what: "the stages are not one recording, filters and an encoder in a row",
      where: path,
      remedy: "A network learns from what an encoder gives.",
    });
  return [first, ...(rest as StageNode[])];
}

function gives(node: Plan["nodes"][number] | undefined, flow: "spikes"): boolean {
  return node !== undefined && "gives" in node.definition && node.definition.gives === flow;
}
