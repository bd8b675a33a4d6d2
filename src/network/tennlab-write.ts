/** A RISP network as TENNLab's JSON. */

import { ReflexarcError } from "../errors.ts";
import { parameterAt } from "./models.ts";
import { type Network, weightValues } from "./network.ts";
import { rispStepUs } from "./tennlab.ts";

/** Writes a network that `networkFromTennlab` gave. Throws a ReflexarcError for any other. */
export function tennlabFromNetwork(network: Network, file: string): string {
  const [input, nodes, output] = network.populations;
  const [inputs, edges] = network.projections;
  const parameters = nodes?.neuron?.model === "risp" ? nodes.neuron.parameters : undefined;
  if (!input || !nodes?.labels || !parameters || inputs?.pattern !== "sparse" || edges?.pattern !== "sparse")
    throw new ReflexarcError({
      kind: "usage",
      room: "network",
      what: "this is no network of TENNLab's",
      where: file,
      remedy: "Write it as .nir.",
    });
  const labels = nodes.labels;
  const property = (name: string, index: number, type: number, min: number, max: number) => ({
    ...{ name, type, index, size: 1, min_value: min, max_value: max },
  });
  const weights = weightValues(edges.weights);
  const list = [...edges.targets].map((target, k) => {
    let from = 0;
    while (edges.rowStarts[from + 1]! <= k) from += 1;
    const values = [weights[k]!, edges.delaysUs[k]! / (network.stepUs ?? rispStepUs)];
    return { from: Number(labels[from]), to: Number(labels[target]), values };
  });
  const thresholds = labels.map((_, id) => parameterAt(parameters.v_threshold!, id));
  const leaks = labels.map((_, id) => parameterAt(parameters.leak ?? new Float64Array(1), id));
  const leakMode = leaks.every((leak) => leak === 1)
    ? "all"
    : leaks.some((leak) => leak === 1)
      ? "configurable"
      : "none";
  const least = parameters.v_min?.[0] ?? -Infinity;
  const range = (values: readonly number[]) => [Math.min(...values), Math.max(...values)] as const;
  const stored = {
    Properties: {
      node_properties: [
        property("Threshold", 0, 68, ...range(thresholds)),
        ...(leakMode === "configurable" ? [property("Leak", 1, 66, 0, 1)] : []),
      ],
      edge_properties: [
        property("Delay", 1, 73, 1, Math.max(1, ...list.map(({ values }) => values[1]!))),
        property("Weight", 0, 68, ...range([0, ...weights])),
      ],
      network_properties: [],
    },
    Nodes: labels.map((label, id) => ({
      id: Number(label),
      values: leakMode === "configurable" ? [thresholds[id]!, leaks[id]!] : [thresholds[id]!],
    })),
    Edges: list,
    Inputs: input.labels?.map(Number) ?? [],
    Outputs: output?.labels?.map(Number) ?? [],
    Network_Values: [],
    Associated_Data: {
      other: { proc_name: "risp" },
      proc_params: {
        leak_mode: leakMode,
        spike_value_factor: weightValues(inputs.weights)[0] ?? 1,
        ...(Number.isFinite(least) && { min_potential: least }),
      },
    },
  };
  return JSON.stringify(stored, null, 1) + "\n";
}
