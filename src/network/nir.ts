/** NIR (Neuromorphic Intermediate Representation): a tree of arrays, as its HDF5 files hold it, becomes a network. */

import { ReflexarcError } from "../errors.ts";
import { type NeuronGeometry, neurons, sameGeometry, sizeOf } from "../events/geometry.ts";
import { type ModelName, modelOf, neuronModels } from "./models.ts";
import {
  type Network,
  type Neuron,
  networkBounds,
  type Population,
  type Projection,
  type Weights,
} from "./network.ts";
import { type DataTree, TreeReader } from "./tree.ts";

/** A node of the graph, nesting taken away: inner nodes are named `outer.inner`. */
interface Node {
  readonly name: string;
  readonly type: string;
  readonly fields: TreeReader;
  readonly sources: Node[];
  readonly targets: Node[];
  /** Of what leaves the node; known once `shapes` was there. */
  shape?: readonly number[];
}

/** Parts of a projection that its ends don't decide. */
type Draft = Projection extends infer P ? (P extends Projection ? Omit<P, "from" | "to"> : never) : never;

/** Where the metadata of a graph that was written here tell the length of a step, in microseconds: NIR has no field for it. */
export const stepField = "step_us";

const identity: Weights = { values: new Float64Array([1]), scale: 1 };
const modelByNir = new Map<string, ModelName>(
  (Object.keys(neuronModels) as ModelName[]).flatMap((name) => {
    const { nir } = modelOf(name);
    return nir === undefined ? [] : [[nir, name]];
  }),
);
const linearTypes = new Set([
  "Affine",
  "Linear",
  "Scale",
  "Conv1d",
  "Conv2d",
  "SumPool2d",
  "AvgPool2d",
  "Flatten",
  "Delay",
]);

/**
 * Reads a NIR graph of versions 0.1 to 1.0 (neuromorphs/NIR, `nir/ir`). Neuron nodes become populations; a linear node
 * becomes the projections that lead through it, and a population of its own (a relay) only where another linear node
 * or the output follows. Edges into one node add up, equal edges count once. An edge against the direction of the
 * network (from the input, names decide between equals) takes one step. Throws a ReflexarcError that names the node
 * or edge.
 */
export function networkFromNir(tree: DataTree, file: string): Network {
  const root = new TreeReader(tree, file);
  const top = root.has("node") ? root.group("node") : root;
  const nodes = flatten(top, file);
  const input = onlyOf(nodes, "Input", root);
  const output = onlyOf(nodes, "Output", root);
  giveShapes(nodes, root);
  const order = inOrder(nodes, input);
  const aliasOf = (node: Node): Node =>
    isAlias(node) && node.sources.length === 1 ? aliasOf(node.sources[0]!) : node;
  // Where an alias stands for a node, its targets are that node's.
  const targetsOf = (node: Node): Node[] =>
    node.targets.flatMap((target) => (aliasOf(target) === target ? [target] : targetsOf(target)));
  const last = aliasOf(output);
  const folded = (node: Node) => {
    if (!linearTypes.has(node.type) || node === last) return false;
    const [target, ...others] = targetsOf(node);
    if (target === undefined || others.length > 0 || linearTypes.has(target.type)) return false;
    return !isWindow(node) || samePlaces(node.shape!, target.shape!);
  };
  const kept = order.filter((node) => aliasOf(node) === node && !folded(node));
  const populations = kept.map(populationOf);
  checkNeurons(populations, root);
  const indexOf = new Map(kept.map((node, index) => [node, index]));
  const projections: Projection[] = [];
  let stored = 0;
  const add = (draft: Draft, from: number, to: number) => {
    stored += draft.weights.values.length;
    if (stored > networkBounds.weights)
      throw root.wrong(`the network has more than ${networkBounds.weights} weights`);
    projections.push({ ...(from >= to ? atLeastOneUs(draft) : draft), from, to } as Projection);
  };
  for (const node of order) {
    if (aliasOf(node) !== node || node === input) continue;
    const linear = linearTypes.has(node.type);
    const target = folded(node) ? targetsOf(node)[0]! : node;
    for (const [place, source] of node.sources.map(aliasOf).entries()) {
      // What was folded has joined its source with this node already.
      if (folded(source)) continue;
      const draft = linear ? draftOf(node, source, place === 0) : passOn(node);
      add(draft, indexOf.get(source)!, indexOf.get(target)!);
    }
  }
  const stepUs = stepOf(top);
  return {
    about: undefined,
    populations,
    projections: projections.sort((a, b) => a.to - b.to),
    input: indexOf.get(input)!,
    output: indexOf.get(last)!,
    ...(stepUs !== undefined && { stepUs }),
  };
}

function stepOf(top: TreeReader): number | undefined {
  if (!top.has("metadata")) return undefined;
  const metadata = top.group("metadata");
  if (!metadata.has(stepField)) return undefined;
  const stepUs = metadata.number(stepField);
  if (!Number.isInteger(stepUs) || stepUs < 1 || stepUs > networkBounds.delayUs)
    throw metadata.wrong(`"${stepField}" is ${stepUs}`);
  return stepUs;
}

/** What leads back must take time. */
function atLeastOneUs(draft: Draft): Draft {
  if (draft.pattern !== "sparse") return { ...draft, delayUs: Math.max(1, draft.delayUs) };
  return { ...draft, delaysUs: draft.delaysUs.map((delayUs) => Math.max(1, delayUs)) };
}

function passOn({ name }: Node): Draft {
  return { pattern: "one-to-one", weights: identity, delayUs: 0, name };
}

/** Flatten and the gates of nested graphs change no number: what follows sees through them. */
function isAlias({ type, targets }: Node): boolean {
  // A window needs to know in which rows what it slides over stands.
  return (type === "Flatten" && !targets.some(isWindow)) || type === "Output" || type === "Gate";
}

function isWindow({ type }: Node): boolean {
  return type === "Conv1d" || type === "Conv2d" || type === "SumPool2d" || type === "AvgPool2d";
}

function samePlaces(a: readonly number[], b: readonly number[]): boolean {
  return sameGeometry(geometryOf(a), geometryOf(b));
}

/** All nodes of a graph and of those nested in it, joined by its edges. */
function flatten(graph: TreeReader, file: string): Node[] {
  const all: Node[] = [];
  const visit = (
    reader: TreeReader,
    prefix: string,
  ): { entry: Map<string, Node>; exit: Map<string, Node> } => {
    const entry = new Map<string, Node>();
    const exit = new Map<string, Node>();
    for (const [name, fields] of reader.group("nodes").groups()) {
      const type = fields.text("type");
      if (type === "NIRGraph") {
        const inner = visit(fields, `${prefix}${name}.`);
        const gate = (side: Map<string, Node>, kind: string) => {
          const gates = [...side.values()].filter((node) => node.fields.text("type") === kind);
          if (gates.length !== 1)
            throw fields.wrong(`the graph "${prefix}${name}" has ${gates.length} nodes of type ${kind}`);
          return gates[0]!;
        };
        entry.set(name, gate(inner.entry, "Input"));
        exit.set(name, gate(inner.exit, "Output"));
        continue;
      }
      if (!modelByNir.has(type) && !linearTypes.has(type) && type !== "Input" && type !== "Output")
        throw fields.wrong(
          `node "${prefix}${name}" is a ${type}, which can't be represented`,
          `Node types are ${[...modelByNir.keys(), ...linearTypes].join(", ")}.`,
        );
      const gated = prefix !== "" && (type === "Input" || type === "Output");
      const node: Node = {
        name: prefix + name,
        type: gated ? "Gate" : type,
        fields,
        sources: [],
        targets: [],
      };
      all.push(node);
      entry.set(name, node);
      exit.set(name, node);
    }
    join(reader, entry, exit, file);
    return { entry, exit };
  };
  visit(graph, "");
  if (all.length > networkBounds.projections)
    throw graph.wrong(`the graph has ${all.length} nodes, at most ${networkBounds.projections} are possible`);
  return all;
}

function join(graph: TreeReader, entry: Map<string, Node>, exit: Map<string, Node>, file: string): void {
  const { shape, values } = edgesOf(graph);
  if (shape.length !== 2 || shape[1] !== 2) throw graph.wrong(`"edges" has the shape [${shape}]`);
  for (let edge = 0; edge < values.length; edge += 2) {
    const [from, to] = [values[edge]!, values[edge + 1]!];
    const source = exit.get(from);
    const target = entry.get(to);
    if (!source || !target)
      throw new ReflexarcError({
        kind: "input",
        room: "network",
        what: `the edge "${from}" -> "${to}" names "${source ? to : from}", which is not there`,
        where: `${file}, ${graph.path}/edges`,
        remedy: `Nodes here are ${[...entry.keys()].join(", ")}.`,
      });
    if (source.targets.includes(target)) continue;
    source.targets.push(target);
    target.sources.push(source);
  }
}

/** A graph without any edge is stored as an empty array of numbers by some writers. */
function edgesOf(graph: TreeReader): { shape: readonly number[]; values: readonly string[] } {
  if (!graph.isText("edges") && graph.numbers("edges").values.length === 0)
    return { shape: [0, 2], values: [] };
  return graph.texts("edges");
}

function onlyOf(nodes: readonly Node[], type: string, root: TreeReader): Node {
  const [first, ...others] = nodes.filter((node) => node.type === type);
  if (!first || others.length > 0)
    throw root.wrong(
      `the graph has ${first ? others.length + 1 : 0} nodes of type ${type}`,
      "A network here has one input and one output.",
    );
  return first;
}

/** Nodes so that each comes after those that lead to it, but for loops: depth first from the input, by name. */
function inOrder(nodes: readonly Node[], input: Node): Node[] {
  const seen = new Set<Node>();
  const done: Node[] = [];
  const byName = (list: readonly Node[]) => [...list].sort((a, b) => (a.name < b.name ? 1 : -1));
  const visit = (start: Node) => {
    // A stack of its own: a chain of a thousand nodes is no reason to fail.
    const stack = [{ node: start, left: byName(start.targets) }];
    seen.add(start);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const next = top.left.shift();
      if (next === undefined) {
        done.push(top.node);
        stack.pop();
      } else if (!seen.has(next)) {
        seen.add(next);
        stack.push({ node: next, left: byName(next.targets) });
      }
    }
  };
  const fromInput = reachable(input);
  const others = byName(nodes).filter((node) => !fromInput.has(node));
  for (const node of others) if (!seen.has(node) && node.sources.length === 0) visit(node);
  for (const node of others) if (!seen.has(node)) visit(node);
  if (!seen.has(input)) visit(input);
  return done.reverse();
}

function reachable(start: Node): Set<Node> {
  const found = new Set([start]);
  for (const node of found) for (const target of node.targets) found.add(target);
  return found;
}

/** Finds the shape of what leaves each node, from its own arrays or from what comes in. */
function giveShapes(nodes: readonly Node[], root: TreeReader): void {
  let left = [...nodes];
  while (left.length > 0) {
    const still = left.filter((node) => {
      const incoming = node.sources.find(({ shape }) => shape !== undefined)?.shape;
      const shape = shapeOf(node, incoming);
      if (shape) node.shape = shape;
      return shape === undefined;
    });
    if (still.length === left.length)
      throw root.wrong(
        `the size of node "${still[0]!.name}" can't be told: ${still[0]!.sources.length === 0 ? "nothing leads to it" : "nothing before it tells one"}`,
        "Join it to the input, or give it arrays of its size.",
      );
    left = still;
  }
  // Parameters of a neuron may be stored in one row, whatever the places of what comes in.
  for (const node of nodes) {
    const drawn = node.sources.find((source) => isWindow(source))?.shape;
    if (modelByNir.has(node.type) && drawn && product(drawn) === product(node.shape!)) node.shape = drawn;
  }
  for (const node of nodes)
    for (const source of node.sources) {
      const wanted = inputSizeOf(node);
      const given = product(source.shape!);
      if (wanted !== given)
        throw node.fields.wrong(
          `the edge "${source.name}" -> "${node.name}" joins ${given} neurons to ${wanted}`,
        );
      if (isWindow(node) && !samePlaces(windowOf(node).inShape, source.shape!))
        throw node.fields.wrong(
          `the edge "${source.name}" -> "${node.name}" joins the shape [${source.shape}] to [${windowOf(node).inShape}]`,
        );
    }
}

const product = (shape: readonly number[]) => shape.reduce((all, size) => all * size, 1);

function inputSizeOf(node: Node): number {
  switch (node.type) {
    case "Affine":
    case "Linear":
      return node.fields.numbers("weight").shape[1]!;
    case "Conv1d":
    case "Conv2d":
    case "SumPool2d":
    case "AvgPool2d":
      return product(windowOf(node).inShape);
    default:
      return product(node.shape!);
  }
}

function shapeOf(node: Node, incoming: readonly number[] | undefined): readonly number[] | undefined {
  const { type, fields } = node;
  const model = modelByNir.get(type);
  if (model) {
    const shapes = Object.keys(modelOf(model).parameters).flatMap((name) =>
      fields.has(name) ? [fields.numbers(name).shape] : [],
    );
    const own = shapes.reduce((a, b) => (product(b) > product(a) ? b : a), []);
    return product(own) > 1
      ? own
      : (incoming ?? (own.length > 0 && node.sources.length === 0 ? own : undefined));
  }
  switch (type) {
    case "Input":
      return [...fields.numbers("shape").values];
    case "Affine":
    case "Linear": {
      const { shape } = fields.numbers("weight");
      if (shape.length !== 2)
        throw fields.wrong(
          `node "${node.name}" has weights of shape [${shape}] instead of outputs by inputs`,
        );
      return [shape[0]!];
    }
    case "Conv1d":
    case "Conv2d":
    case "SumPool2d":
    case "AvgPool2d":
      if (!incoming && !fields.has("input_shape")) return undefined;
      return windowOf(node, incoming).outShape;
    case "Flatten":
      return incoming ? flattened(node, incoming) : undefined;
    case "Scale":
      return broadest(fields.numbers("scale").shape, incoming);
    case "Delay":
      return broadest(fields.numbers("delay").shape, incoming);
    default:
      // What an output says of its shape is often wrong.
      return incoming;
  }
}

function broadest(own: readonly number[], incoming: readonly number[] | undefined) {
  return product(own) > 1 ? own : incoming;
}

function flattened({ fields }: Node, shape: readonly number[]): number[] {
  const at = (value: number) =>
    value < 0 ? Math.max(0, shape.length + value) : Math.min(value, shape.length - 1);
  const first = at(fields.number("start_dim", 0));
  const last = at(fields.number("end_dim", -1));
  return [...shape.slice(0, first), product(shape.slice(first, last + 1)), ...shape.slice(last + 1)];
}

/** What a convolution or a pooling does, as two-dimensional windows; one dimension is a picture of one row. */
function windowOf(node: Node, incoming: readonly number[] | undefined = node.sources[0]?.shape) {
  const { fields, type, name } = node;
  const flat = type === "Conv1d";
  const isConvolution = flat || type === "Conv2d";
  const weight = isConvolution ? fields.numbers("weight") : undefined;
  if (weight && weight.shape.length !== (flat ? 3 : 4))
    throw fields.wrong(`node "${name}" has weights of shape [${weight.shape}]`);
  const pair = (field: string, otherwise?: number): [number, number] => {
    const values =
      otherwise !== undefined && !fields.has(field) ? [otherwise] : [...fields.numbers(field).values];
    if (
      values.length < 1 ||
      values.length > 2 ||
      values.some((value) => !Number.isInteger(value) || value < 0)
    )
      throw fields.wrong(`"${field}" of node "${name}" is [${values}]`);
    if (flat) return [field === "padding" ? 0 : 1, values[0]!];
    return [values[0]!, values.at(-1)!];
  };
  const kernel: [number, number] = weight
    ? flat
      ? [1, weight.shape[2]!]
      : [weight.shape[2]!, weight.shape[3]!]
    : pair("kernel_size");
  const stride = pair("stride", isConvolution ? 1 : undefined);
  const dilation = isConvolution ? pair("dilation", 1) : ([1, 1] as [number, number]);
  if ([...kernel, ...stride, ...dilation].some((value) => value < 1))
    throw fields.wrong(`node "${name}" has a kernel, stride or dilation of 0`);
  const reach = [dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1)] as const;
  const groups = isConvolution ? fields.number("groups", 1) : 1;
  const channelsIn = weight ? weight.shape[1]! * groups : (incoming?.at(-3) ?? 1);
  if (weight && (!Number.isInteger(groups) || groups < 1 || weight.shape[0]! % groups !== 0))
    throw fields.wrong(`node "${name}" has ${groups} groups of ${weight.shape[0]} channels`);
  const given = incoming && incoming.length >= (flat ? 2 : 3) ? incoming.slice(flat ? -1 : -2) : undefined;
  const size = given ?? (fields.has("input_shape") ? [...fields.numbers("input_shape").values] : undefined);
  if (!size || size.some((value) => !Number.isInteger(value) || value < 1))
    throw fields.wrong(`node "${name}" doesn't tell the size of what comes in`, 'Add "input_shape".');
  const [height, width] = flat ? [1, size.at(-1)!] : [size[0]!, size.at(-1)!];
  const same = isConvolution && fields.isText("padding") && fields.text("padding") === "same";
  const valid = isConvolution && fields.isText("padding") && fields.text("padding") === "valid";
  if (same && (stride[0] > 1 || stride[1] > 1))
    throw fields.wrong(`node "${name}" has padding "same" with a stride`);
  // Of an odd padding "same" the smaller half stands before, as in PyTorch.
  const padding: [number, number] = same
    ? [Math.floor(reach[0] / 2), Math.floor(reach[1] / 2)]
    : valid
      ? [0, 0]
      : pair("padding", 0);
  const along = (length: number, axis: 0 | 1) =>
    same ? length : Math.floor((length + 2 * padding[axis] - reach[axis] - 1) / stride[axis]) + 1;
  const [outHeight, outWidth] = [along(height, 0), along(width, 1)];
  if (outHeight < 1 || outWidth < 1)
    throw fields.wrong(`nothing is left of the picture after node "${name}"`);
  const channelsOut = weight ? weight.shape[0]! : channelsIn;
  return {
    kernel,
    stride,
    padding,
    dilation,
    groups,
    weight,
    inShape: flat ? [channelsIn, width] : [channelsIn, height, width],
    outShape: flat ? [channelsOut, outWidth] : [channelsOut, outHeight, outWidth],
  };
}

function geometryOf(shape: readonly number[]): NeuronGeometry {
  if (shape.length === 3) return neurons(shape[0]!, shape[1]!, shape[2]!);
  if (shape.length === 2) return neurons(shape[0]!, 1, shape[1]!);
  return neurons(1, 1, product(shape));
}

function populationOf(node: Node): Population {
  const geometry = geometryOf(node.shape!);
  const size = sizeOf(geometry);
  if (!Number.isInteger(size) || size < 1)
    throw node.fields.wrong(`node "${node.name}" has the shape [${node.shape}]`);
  return { name: node.name, geometry, size, neuron: node.type === "Input" ? undefined : neuronOf(node) };
}

function checkNeurons(populations: readonly Population[], root: TreeReader): void {
  const total = populations.reduce((sum, { size }) => sum + size, 0);
  if (total > networkBounds.neurons)
    throw root.wrong(`the network has ${total} neurons, at most ${networkBounds.neurons} are possible`);
  if (populations.length > networkBounds.populations)
    throw root.wrong(
      `the network has ${populations.length} populations, at most ${networkBounds.populations} are possible`,
    );
}

function neuronOf(node: Node): Neuron {
  const model = modelByNir.get(node.type) ?? "relay";
  const parameters: Record<string, Float64Array> = {};
  for (const [name, rule] of Object.entries(modelOf(model).parameters)) {
    if (rule.default !== undefined && !node.fields.has(name)) {
      parameters[name] = new Float64Array([rule.default]);
      continue;
    }
    const values = perNeuron(node, name);
    const wrong = values.findIndex((value) => rule.positive === true && value <= 0);
    if (wrong >= 0) throw node.fields.wrong(`"${name}" of node "${node.name}" is ${values[wrong]}`);
    parameters[name] = values;
  }
  return { model, parameters };
}

/** An array as one number, or one for each neuron (axes of length 1 are stretched, as NumPy does). */
function perNeuron(node: Node, field: string): Float64Array {
  const { shape, values } = node.fields.numbers(field);
  const target = node.shape!;
  if (values.length === 1) return values;
  if (values.length === product(target)) return uniform(values);
  const padded = [...target.map(() => 1), ...shape].slice(-target.length);
  if (shape.length > target.length || padded.some((size, axis) => size !== 1 && size !== target[axis]))
    throw node.fields.wrong(
      `"${field}" of node "${node.name}" has the shape [${shape}], the node has [${target}]`,
    );
  return Float64Array.from({ length: product(target) }, (_, id) => {
    let rest = id;
    let place = 0;
    let step = 1;
    for (let axis = target.length - 1; axis >= 0; axis--) {
      const at = rest % target[axis]!;
      rest = Math.floor(rest / target[axis]!);
      if (padded[axis] !== 1) place += at * step;
      step *= padded[axis]!;
    }
    return values[place]!;
  });
}

function uniform(values: Float64Array): Float64Array {
  return values.every((value) => value === values[0]) ? values.slice(0, 1) : values;
}

/** What a linear node does to what comes from `source`; its bias is told only once. */
function draftOf(node: Node, source: Node, first: boolean): Draft {
  const { fields, name, type } = node;
  const biasOf = (count: number) => {
    if (!first || type === "Linear" || !fields.has("bias")) return {};
    const { values } = fields.numbers("bias");
    if (values.length !== count && values.length !== 1)
      throw fields.wrong(`node "${name}" has ${values.length} biases instead of ${count}`);
    const bias = values.length === count ? values : new Float64Array(count).fill(values[0]!);
    return bias.some((value) => value !== 0) ? { bias } : {};
  };
  switch (type) {
    case "Affine":
    case "Linear": {
      const { shape, values } = fields.numbers("weight");
      const [outputs, inputs] = shape as [number, number];
      const weights = new Float64Array(values.length);
      for (let to = 0; to < outputs; to++)
        for (let from = 0; from < inputs; from++) weights[from * outputs + to] = values[to * inputs + from]!;
      return {
        pattern: "dense",
        name,
        weights: { values: weights, scale: 1 },
        ...biasOf(outputs),
        delayUs: 0,
      };
    }
    case "Conv1d":
    case "Conv2d": {
      const { kernel, stride, padding, dilation, groups, weight, outShape } = windowOf(node);
      const weights = { values: weight!.values, scale: 1 };
      return {
        ...{ pattern: "convolution", name, weights, kernel, stride, padding, dilation, groups },
        ...biasOf(outShape[0]!),
        delayUs: 0,
      };
    }
    case "SumPool2d":
    case "AvgPool2d": {
      const { kernel, stride, padding } = windowOf(node);
      const weight = type === "SumPool2d" ? 1 : 1 / (kernel[0] * kernel[1]);
      const weights = { values: new Float64Array([weight]), scale: 1 };
      return { pattern: "window", name, weights, kernel, stride, padding, delayUs: 0 };
    }
    case "Scale":
      return {
        pattern: "one-to-one",
        name,
        weights: { values: perNeuron(node, "scale"), scale: 1 },
        delayUs: 0,
      };
    case "Delay":
      return delayDraft(node);
    default:
      // A flatten that several edges lead to.
      return { ...passOn(node), name: source.name };
  }
}

function delayDraft(node: Node): Draft {
  const delays = perNeuron(node, "delay").map((seconds) => Math.round(seconds * 1e6));
  const wrong = delays.findIndex((delayUs) => delayUs < 0 || delayUs > networkBounds.delayUs);
  if (wrong >= 0)
    throw node.fields.wrong(
      `node "${node.name}" delays by ${delays[wrong]! / 1e6} s, at most ${networkBounds.delayUs / 1e6} s are possible`,
    );
  if (delays.length === 1) return { ...passOn(node), delayUs: delays[0]! } as Draft;
  const size = delays.length;
  return {
    pattern: "sparse",
    name: node.name,
    rowStarts: Uint32Array.from({ length: size + 1 }, (_, id) => id),
    targets: Uint32Array.from({ length: size }, (_, id) => id),
    delaysUs: Uint32Array.from(delays),
    weights: { values: new Float64Array(size).fill(1), scale: 1 },
  };
}
