/** A network as a NIR graph: the tree of arrays that a .nir file holds. */

import { ReflexarcError } from "../errors.ts";
import type { NeuronGeometry } from "../events/geometry.ts";
import { modelOf } from "./models.ts";
import {
  type Network,
  networkBounds,
  type Population,
  type Projection,
  type SparseProjection,
  weightValues,
} from "./network.ts";
import { stepField } from "./nir.ts";
import type { DataArray, DataTree } from "./tree.ts";

/** The NIR version whose layout is written. */
const version = "0.2.0";

type Fields = Map<string, DataTree | DataArray>;

/**
 * Each population becomes a node of its model, each projection one of its pattern between them. What NIR has no word
 * for (integers, RISP, jumps of the potential, several delays, refractory periods) is an error that names the
 * population or projection. `metadata` goes into the graph's group of that name, the length of a step too.
 */
export function nirFromNetwork(
  network: Network,
  file: string,
  metadata: Readonly<Record<string, string | number>> = {},
): DataTree {
  const nodes = new Map<string, Fields>();
  const edges: string[] = [];
  const used = new Set(network.populations.map(({ name }) => name));
  const nameOf = (wanted: string) => {
    let name = wanted;
    for (let k = 1; used.has(name); k++) name = `${wanted}.${k}`;
    used.add(name);
    return name;
  };
  const delayNodes = delayNodesOf(network);
  for (const [p, population] of network.populations.entries())
    nodes.set(population.name, delayNodes.get(p) ?? nodeOf(population, p === network.input, file));
  for (const projection of network.projections) {
    const from = network.populations[projection.from]!;
    const to = network.populations[projection.to]!;
    if (delayNodes.has(projection.to)) {
      edges.push(from.name, to.name);
      continue;
    }
    const chain = chainOf(projection, from, to, file);
    let before = from.name;
    for (const [kind, fields] of chain) {
      const wanted = projection.name ?? `${from.name}.${to.name}`;
      const name = nameOf(kind === "Delay" ? `${wanted}.delay` : wanted);
      nodes.set(name, fields);
      edges.push(before, name);
      before = name;
    }
    edges.push(before, to.name);
  }
  const output = network.populations[network.output]!;
  const name = nameOf("output");
  nodes.set(name, node("Output", [["shape", integers(shapeOf(output.geometry))]]));
  edges.push(output.name, name);
  const graph: Fields = new Map<string, DataTree | DataArray>([
    ["type", text("NIRGraph")],
    ["nodes", nodes],
    ["edges", { shape: [edges.length / 2, 2], values: edges }],
  ]);
  const told = { ...(network.stepUs !== undefined && { [stepField]: network.stepUs }), ...metadata };
  if (Object.keys(told).length > 0) graph.set("metadata", metadataOf(told));
  return new Map<string, DataTree | DataArray>([
    ["version", text(version)],
    ["node", graph],
  ]);
}

function metadataOf(told: Readonly<Record<string, string | number>>): Fields {
  return new Map(
    Object.entries(told).map(([name, value]): [string, DataArray] => [
      name,
      typeof value === "string"
        ? text(value)
        : { shape: [], values: Float64Array.of(value), type: "float64" },
    ]),
  );
}

/** Relays that only give each neuron of another population a delay of its own are nodes of type Delay. */
function delayNodesOf({ populations, projections }: Network): Map<number, Fields> {
  const delays = new Map<number, Fields>();
  for (const [p, { neuron, geometry }] of populations.entries()) {
    const [only, ...others] = projections.filter(({ to }) => to === p);
    if (neuron?.model !== "relay" || !only || others.length > 0 || !isEachDelayed(only, populations))
      continue;
    const values = Float64Array.from(only.delaysUs, (delayUs) => delayUs / 1e6);
    delays.set(p, node("Delay", [["delay", { shape: shapeOf(geometry), values, type: "float64" }]]));
  }
  return delays;
}

function isEachDelayed(
  projection: Projection,
  populations: Network["populations"],
): projection is SparseProjection {
  const { size } = populations[projection.to]!;
  return (
    projection.pattern === "sparse" &&
    populations[projection.from]!.size === size &&
    projection.targets.length === size &&
    projection.targets.every((target, k) => target === k && projection.rowStarts[k] === k) &&
    weightValues(projection.weights).every((weight) => weight === 1)
  );
}

function nodeOf({ name, geometry, neuron, size }: Population, isInput: boolean, file: string): Fields {
  if (isInput) return node("Input", [["shape", integers(shapeOf(geometry))]]);
  if (!neuron || neuron.model === "relay")
    return node("Scale", [["scale", { shape: shapeOf(geometry), values: new Float64Array(size).fill(1) }]]);
  if (neuron.model === "jump") {
    const { tauUs, threshold, reset, rest, refractoryUs, adapt } = neuron;
    if (adapt) throw refused(`population "${name}" adapts its thresholds, which NIR has no word for`, file);
    if (tauUs < Infinity || refractoryUs > 0 || rest !== 0)
      throw refused(`population "${name}" leaks at once or rests, which NIR has no word for`, file);
    return neuronNode("IF", geometry, { r: [1], v_threshold: [threshold], v_reset: [reset] });
  }
  const { nir } = modelOf(neuron.model);
  if (nir === undefined)
    throw refused(`population "${name}" is a ${neuron.model}, which NIR has no word for`, file);
  return neuronNode(nir, geometry, neuron.parameters);
}

function neuronNode(
  type: string,
  geometry: NeuronGeometry,
  parameters: Readonly<Record<string, ArrayLike<number>>>,
): Fields {
  const shape = shapeOf(geometry);
  const size = shape.reduce((product, length) => product * length, 1);
  const fields = Object.entries(parameters).map(([name, values]): [string, DataArray] => {
    const spread = Float64Array.from({ length: size }, (_, id) => values[values.length === 1 ? 0 : id]!);
    return [name, { shape, values: spread, type: "float64" }];
  });
  return node(type, fields);
}

/** The nodes of a projection in a row: what it weighs, and its delay where it has one. */
function chainOf(
  projection: Projection,
  from: Population,
  to: Population,
  file: string,
): [kind: string, Fields][] {
  const label = `the projection "${from.name}" -> "${to.name}"`;
  if (projection.plasticity) throw refused(`${label} learns, which NIR has no word for`, file);
  const delayUs =
    projection.pattern === "sparse" ? oneDelay(projection.delaysUs, label, file) : projection.delayUs;
  const chain: [string, Fields][] = [];
  const weighed = weighedNode(projection, from, to, label, file);
  if (weighed) chain.push(["weights", weighed]);
  // The least delay of a loop is how a loop without one is kept.
  if (delayUs > (projection.from >= projection.to ? 1 : 0)) {
    const shape = shapeOf(to.geometry);
    const values = new Float64Array(to.size).fill(delayUs / 1e6);
    chain.push(["Delay", node("Delay", [["delay", { shape, values, type: "float64" }]])]);
  }
  return chain;
}

function oneDelay(delaysUs: Uint32Array, label: string, file: string): number {
  const first = delaysUs[0] ?? 0;
  if (delaysUs.some((delayUs) => delayUs !== first))
    throw refused(`${label} has several delays, which NIR has no word for`, file);
  return first;
}

function weighedNode(
  projection: Projection,
  from: Population,
  to: Population,
  label: string,
  file: string,
): Fields | undefined {
  const { bias } = projection;
  const values = weightValues(projection.weights);
  switch (projection.pattern) {
    case "dense":
      return affine((source, target) => values[source * to.size + target]!, from, to, bias);
    case "one-to-one": {
      if (bias) throw refused(`${label} has a constant and no weights, which NIR has no word for`, file);
      if (values.every((value) => value === 1)) return undefined;
      const spread = Float64Array.from(
        { length: from.size },
        (_, id) => values[values.length === 1 ? 0 : id]!,
      );
      return node("Scale", [["scale", { shape: shapeOf(from.geometry), values: spread }]]);
    }
    case "window": {
      const { kernel, stride, padding } = projection;
      const mean = Math.abs(values[0]! * kernel[0] * kernel[1] - 1) < 1e-9;
      if (values[0] !== 1 && !mean) throw refused(`${label} sums a window times ${values[0]}`, file);
      return node(values[0] === 1 ? "SumPool2d" : "AvgPool2d", [
        ["kernel_size", integers(kernel)],
        ["stride", integers(stride)],
        ["padding", integers(padding)],
      ]);
    }
    case "convolution": {
      const { kernel, stride, padding, dilation = [1, 1], groups = 1 } = projection;
      const channels = to.geometry.channels;
      return node("Conv2d", [
        ["weight", { shape: [channels, from.geometry.channels / groups, ...kernel], values }],
        ["bias", { shape: [channels], values: bias ?? new Float64Array(channels) }],
        ["stride", integers(stride)],
        ["padding", integers(padding)],
        ["dilation", integers(dilation)],
        ["groups", { shape: [], type: "int64", values: new Float64Array([groups]) }],
        ["input_shape", integers([from.geometry.height, from.geometry.width])],
      ]);
    }
    case "pool":
    case "sparse": {
      if (from.size * to.size > networkBounds.weights)
        throw refused(`${label} is too large to be written as a matrix`, file);
      const matrix = new Float64Array(from.size * to.size);
      if (projection.pattern === "pool")
        throw refused(`${label} is a pool of unequal windows, which NIR has no word for`, file);
      for (let source = 0; source < from.size; source++)
        for (let k = projection.rowStarts[source]!; k < projection.rowStarts[source + 1]!; k++)
          matrix[source * to.size + projection.targets[k]!]! += values[k]!;
      return affine((source, target) => matrix[source * to.size + target]!, from, to, bias);
    }
  }
}

function affine(
  weightOf: (source: number, target: number) => number,
  from: Population,
  to: Population,
  bias: Float64Array | undefined,
): Fields {
  const values = new Float64Array(from.size * to.size);
  for (let target = 0; target < to.size; target++)
    for (let source = 0; source < from.size; source++)
      values[target * from.size + source] = weightOf(source, target);
  const weight: [string, DataArray] = ["weight", { shape: [to.size, from.size], values }];
  if (!bias) return node("Linear", [weight]);
  const spread = Float64Array.from(
    { length: to.size },
    (_, id) => bias[Math.floor((id * bias.length) / to.size)]!,
  );
  return node("Affine", [weight, ["bias", { shape: [to.size], values: spread }]]);
}

function node(type: string, fields: readonly (readonly [string, DataArray])[]): Fields {
  return new Map<string, DataTree | DataArray>([["type", text(type)], ...fields]);
}

function text(value: string): DataArray {
  return { shape: [], values: [value] };
}

function integers(values: readonly number[]): DataArray {
  return { shape: [values.length], type: "int64", values: Float64Array.from(values) };
}

/** What has one row of one channel is a line of neurons. */
function shapeOf({ channels, height, width }: NeuronGeometry): number[] {
  return channels === 1 && height === 1 ? [width] : [channels, height, width];
}

function refused(what: string, where: string): ReflexarcError {
  return new ReflexarcError({
    kind: "usage",
    room: "network",
    what,
    where,
    remedy: "Convert what NIR has nodes for.",
  });
}
