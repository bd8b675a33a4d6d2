/** TENNLab networks (JSON, or the script that builds one with `network_tool`) become networks for RISP's integer time. */

import { ReflexarcError } from "../errors.ts";
import { neurons } from "../events/geometry.ts";
import { type Network, networkBounds, type Population, type SparseProjection } from "./network.ts";

/** Parameters of a RISP processor that its networks depend on; names are those of its JSON files. */
export interface RispParameters {
  /** What an input spike of 1 is worth; by default the largest weight. */
  readonly spike_value_factor?: number;
  readonly max_weight?: number;
  readonly min_potential?: number;
  readonly leak_mode?: "none" | "all" | "configurable";
}

interface Node {
  readonly id: number;
  name?: string;
  threshold: number;
  leak: number;
}

interface Edge {
  readonly from: number;
  readonly to: number;
  weight: number;
  delay: number;
}

interface Graph {
  readonly nodes: Map<number, Node>;
  readonly edges: Map<string, Edge>;
  inputs: number[];
  outputs: number[];
  parameters: RispParameters;
}

/** One step of RISP's integer time: its delays count in it. */
export const rispStepUs = 1000;
const delayStepsMax = networkBounds.delayUs / rispStepUs;

/**
 * Reads a network of TENNLab's framework (TENNLab-UTK/framework-open, `markdown/network_json_format.md`), or a script
 * for its `network_tool` (AN, AI, AO, AE, SNP, SEP, SNP_ALL, SEP_ALL, SETNAME). The populations are `input`, one neuron
 * an input; `nodes`, in order of id; and `output`, which passes the output nodes' spikes on. Threshold, weight and
 * delay are 1 where nothing is said. `given` overrides the parameters that the file holds. Its time has no unit: `stepUs`
 * is how long a step shall be. Throws a ReflexarcError.
 */
export function networkFromTennlab(
  text: string,
  file: string,
  given: RispParameters = {},
  stepUs = rispStepUs,
): Network {
  const graph = /^\s*\{/.test(text) ? graphOfJson(text, file) : graphOfScript(text, file);
  return networkOf(graph, file, { ...graph.parameters, ...given }, stepUs);
}

/** Whether a text is one that `networkFromTennlab` reads. */
export function isTennlab(text: string): boolean {
  if (/^\s*\{/.test(text)) return /"Nodes"/.test(text) && /"Edges"/.test(text);
  return /^\s*AN\s+\d/m.test(text);
}

function wrong(what: string, where: string, remedy?: string): ReflexarcError {
  return new ReflexarcError({ kind: "input", room: "network", what, where, ...(remedy && { remedy }) });
}

const edgeKey = (from: number, to: number) => `${from} -> ${to}`;

function graphOfScript(text: string, file: string): Graph {
  const graph: Graph = { nodes: new Map(), edges: new Map(), inputs: [], outputs: [], parameters: {} };
  for (const [index, line] of text.split("\n").entries()) {
    const where = `${file}:${index + 1}`;
    const [command = "", ...words] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (command === "") continue;
    const split = words.findIndex((word) => !/^-?\d+$/.test(word));
    const ids = (split < 0 ? words : words.slice(0, split)).map(Number);
    const [property = "", value = ""] = split < 0 ? [] : words.slice(split);
    const number = () => {
      if (value === "" || !Number.isFinite(Number(value))) throw wrong(`"${value}" is not a number`, where);
      return Number(value);
    };
    switch (command) {
      case "AN":
        for (const id of ids) {
          if (graph.nodes.has(id)) throw wrong(`node ${id} is added twice`, where);
          graph.nodes.set(id, { id, threshold: 1, leak: 0 });
        }
        break;
      case "AI":
        graph.inputs.push(...ids.map((id) => nodeOf(graph, id, where).id));
        break;
      case "AO":
        graph.outputs.push(...ids.map((id) => nodeOf(graph, id, where).id));
        break;
      case "AE":
        for (const [from, to] of pairs(ids, where)) addEdge(graph, { from, to, weight: 1, delay: 1 }, where);
        break;
      case "SNP":
        for (const id of ids) setNode(nodeOf(graph, id, where), property, number(), where);
        break;
      case "SNP_ALL":
        for (const node of graph.nodes.values()) setNode(node, property, number(), where);
        break;
      case "SEP":
        for (const [from, to] of pairs(ids, where)) {
          const edge = graph.edges.get(edgeKey(from, to));
          if (!edge) throw wrong(`there is no edge ${edgeKey(from, to)}`, where, "Add it with AE.");
          setEdge(edge, property, number(), where);
        }
        break;
      case "SEP_ALL":
        for (const edge of graph.edges.values()) setEdge(edge, property, number(), where);
        break;
      case "SETNAME":
        nodeOf(graph, ids[0]!, where).name = property || String(ids[1]);
        break;
      case "FJ":
      case "TJ":
      case "SORT":
        // Files and the order of listing: nothing of the network.
        break;
      default:
        throw wrong(
          `unknown command "${command}"`,
          where,
          "Commands are AN, AI, AO, AE, SNP, SEP, SNP_ALL, SEP_ALL and SETNAME.",
        );
    }
  }
  return graph;
}

function pairs(ids: readonly number[], where: string): [from: number, to: number][] {
  if (ids.length === 0 || ids.length % 2 !== 0) throw wrong("an edge has two nodes", where);
  return Array.from({ length: ids.length / 2 }, (_, k) => [ids[2 * k]!, ids[2 * k + 1]!]);
}

function nodeOf(graph: Graph, id: number, where: string): Node {
  const node = graph.nodes.get(id);
  if (!node) throw wrong(`there is no node ${id}`, where, "Add it with AN.");
  return node;
}

function addEdge(graph: Graph, edge: Edge, where: string): void {
  const key = edgeKey(edge.from, edge.to);
  for (const id of [edge.from, edge.to])
    if (!graph.nodes.has(id)) throw wrong(`the edge ${key} names node ${id}, which is not there`, where);
  if (graph.edges.has(key)) throw wrong(`the edge ${key} is added twice`, where);
  graph.edges.set(key, edge);
}

function setNode(node: Node, property: string, value: number, where: string): void {
  if (property === "Threshold") node.threshold = value;
  else if (property === "Leak") node.leak = value === 0 ? 0 : 1;
  else throw wrong(`unknown property "${property}" of a node`, where, "Properties are Threshold and Leak.");
}

function setEdge(edge: Edge, property: string, value: number, where: string): void {
  if (property === "Weight") edge.weight = value;
  else if (property === "Delay") {
    if (!Number.isInteger(value) || value < 1 || value > delayStepsMax)
      throw wrong(`the edge ${edgeKey(edge.from, edge.to)} has a delay of ${value}`, where);
    edge.delay = value;
  } else throw wrong(`unknown property "${property}" of an edge`, where, "Properties are Weight and Delay.");
}

interface Stored {
  readonly Nodes?: unknown;
  readonly Edges?: unknown;
  readonly Inputs?: unknown;
  readonly Outputs?: unknown;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly Associated_Data?: { readonly proc_params?: RispParameters };
}

function graphOfJson(text: string, file: string): Graph {
  let stored: Stored;
  try {
    stored = JSON.parse(text) as Stored;
  } catch (cause) {
    throw wrong(`this is not valid JSON: ${(cause as Error).message}`, file);
  }
  const listOf = (key: "Nodes" | "Edges" | "Inputs" | "Outputs") => {
    const list = stored[key] ?? [];
    if (!Array.isArray(list)) throw wrong(`"${key}" is not a list`, file);
    return list as unknown[];
  };
  const placesOf = (kind: string) => {
    const places = new Map<string, number>();
    const list = stored.Properties?.[kind];
    for (const property of Array.isArray(list) ? (list as { name?: unknown; index?: unknown }[]) : [])
      places.set(String(property.name), Number(property.index));
    return places;
  };
  const numberOf = (
    entry: { values?: unknown },
    places: Map<string, number>,
    name: string,
    fallback: number,
  ) => {
    const place = places.get(name);
    if (place === undefined) return fallback;
    const value = Array.isArray(entry.values) ? (entry.values as unknown[])[place] : undefined;
    if (typeof value !== "number" || !Number.isFinite(value))
      throw wrong(`${JSON.stringify(entry).slice(0, 60)} has no number for "${name}"`, file);
    return value;
  };
  const graph: Graph = {
    nodes: new Map(),
    edges: new Map(),
    inputs: listOf("Inputs").map(Number),
    outputs: listOf("Outputs").map(Number),
    parameters: stored.Associated_Data?.proc_params ?? {},
  };
  const ofNodes = placesOf("node_properties");
  for (const entry of listOf("Nodes") as { id?: unknown; name?: unknown; values?: unknown }[]) {
    const id = Number(entry?.id);
    if (!Number.isInteger(id) || id < 0 || graph.nodes.has(id))
      throw wrong(`node ${id} is not one, or twice there`, file);
    const node: Node = {
      id,
      threshold: numberOf(entry, ofNodes, "Threshold", 1),
      leak: numberOf(entry, ofNodes, "Leak", 0) === 0 ? 0 : 1,
    };
    if (typeof entry.name === "string") node.name = entry.name;
    graph.nodes.set(id, node);
  }
  const ofEdges = placesOf("edge_properties");
  for (const entry of listOf("Edges") as { from?: unknown; to?: unknown; values?: unknown }[]) {
    const edge = { from: Number(entry?.from), to: Number(entry?.to), weight: 1, delay: 1 };
    setEdge(edge, "Weight", numberOf(entry, ofEdges, "Weight", 1), file);
    setEdge(edge, "Delay", numberOf(entry, ofEdges, "Delay", 1), file);
    addEdge(graph, edge, file);
  }
  for (const id of [...graph.inputs, ...graph.outputs]) nodeOf(graph, id, file);
  return graph;
}

function networkOf(graph: Graph, file: string, parameters: RispParameters, stepUs: number): Network {
  const nodes = [...graph.nodes.values()].sort((a, b) => a.id - b.id);
  if (nodes.length === 0 || graph.inputs.length === 0)
    throw wrong(`the network has ${nodes.length} nodes and ${graph.inputs.length} inputs`, file);
  if (nodes.length > networkBounds.neurons / 4) throw wrong(`the network has ${nodes.length} nodes`, file);
  const placeOf = new Map(nodes.map(({ id }, place) => [id, place]));
  const line = (name: string, ids: readonly number[], neuron: Population["neuron"]): Population => {
    const size = ids.length;
    return { name, geometry: neurons(1, 1, size), size, neuron, labels: ids.map(String) };
  };
  const leaks = parameters.leak_mode ?? "none";
  const input = line("input", graph.inputs, undefined);
  const cells = line(
    "nodes",
    nodes.map(({ id }) => id),
    {
      model: "risp",
      parameters: {
        v_threshold: Float64Array.from(nodes, ({ threshold }) => threshold),
        v_min: new Float64Array([parameters.min_potential ?? -Infinity]),
        leak: Float64Array.from(nodes, ({ leak }) => (leaks === "all" ? 1 : leaks === "none" ? 0 : leak)),
      },
    },
  );
  const worth = parameters.spike_value_factor ?? parameters.max_weight ?? 1;
  const inputs = graph.inputs.map((id, place) => ({
    from: place,
    to: placeOf.get(id)!,
    weight: worth,
    delay: 0,
  }));
  const edges = [...graph.edges.values()].map((edge) => ({
    ...edge,
    ...{ from: placeOf.get(edge.from)!, to: placeOf.get(edge.to)! },
  }));
  const populations = [input, cells];
  const projections = [synapses(0, 1, inputs, stepUs, input.size), synapses(1, 1, edges, stepUs, cells.size)];
  if (graph.outputs.length > 0) {
    populations.push(line("output", graph.outputs, { model: "relay", parameters: {} }));
    const outputs = graph.outputs.map((id, place) => ({
      from: placeOf.get(id)!,
      to: place,
      weight: 1,
      delay: 0,
    }));
    projections.push(synapses(1, 2, outputs, stepUs, cells.size));
  }
  return {
    about: undefined,
    ...{ populations, projections, input: 0, output: populations.length - 1, stepUs },
  };
}

function synapses(
  from: number,
  to: number,
  edges: readonly Edge[],
  stepUs: number,
  sources: number,
): SparseProjection {
  const sorted = [...edges].sort((a, b) => a.from - b.from || a.delay - b.delay || a.to - b.to);
  const rowStarts = new Uint32Array(sources + 1);
  for (const edge of sorted) rowStarts[edge.from + 1]! += 1;
  for (let row = 0; row < sources; row++) rowStarts[row + 1]! += rowStarts[row]!;
  return {
    ...{ from, to, pattern: "sparse", rowStarts },
    targets: Uint32Array.from(sorted, (edge) => edge.to),
    delaysUs: Uint32Array.from(sorted, ({ delay }) => delay * stepUs),
    weights: { values: Float64Array.from(sorted, ({ weight }) => weight), scale: 1 },
  };
}
