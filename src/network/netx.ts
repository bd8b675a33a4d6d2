/** Lava NetX: a tree of arrays, as SLAYER's HDF5 files (.net) hold it, becomes a network of Loihi's integers. */

import { type NeuronGeometry, neurons, sizeOf } from "../events/geometry.ts";
import { loihiWeights } from "./loihi.ts";
import { type Network, type Neuron, networkBounds, type Population, type Projection } from "./network.ts";
import { type DataTree, TreeReader } from "./tree.ts";

/** NetX delays hold 6 bits, of which the last value is not used. */
const delayStepsMax = 62;

/** A layer on its way: the shape that leaves it, and its place among the populations. */
interface Layer {
  readonly geometry: NeuronGeometry;
  readonly population: number;
}

/**
 * Reads `/layer/<i>` of lava-dl's `hdf5` blocks: input, dense, conv, pool, flatten and average layers, in order. An
 * input layer with a neuron model gets a population of its own behind the input (`input`, then `0`): what comes in is
 * its current, scaled by its weight. A spike reaches the next layer in its own step, as in SLAYER where such networks
 * are trained (on the chip it takes one step a layer). Throws a ReflexarcError that names the layer.
 */
export function networkFromNetx(tree: DataTree, file: string): Network {
  const root = new TreeReader(tree, file);
  const layers = root
    .group("layer")
    .groups()
    .sort(([a], [b]) => Number(a) - Number(b));
  const stepUs = root.has("simulation") ? root.group("simulation").number("Ts", 1) * 1000 : 1000;
  const populations: Population[] = [];
  const projections: Projection[] = [];
  let before: Layer | undefined;
  for (const [name, layer] of layers) {
    const type = layer.text("type").trim();
    if ((before === undefined) !== (type === "input"))
      throw layer.wrong(`layer ${name} is of type ${type}`, "The first layer is the input, and only it.");
    if (type === "flatten") {
      const { geometry, population } = before!;
      // SLAYER numbers the places of a picture as we do: channel by row by column.
      before = { geometry: neurons(1, 1, sizeOf(geometry)), population };
      continue;
    }
    before = type === "input" ? inputLayer(layer, name) : weightedLayer(layer, name, type, before!);
  }
  if (!before) throw root.wrong("there is no layer");
  checkBounds();
  return { about: undefined, populations, projections, input: 0, output: before.population, stepUs };

  function add(name: string, geometry: NeuronGeometry, neuron: Neuron | undefined): Layer {
    populations.push({ name, geometry, size: sizeOf(geometry), neuron });
    return { geometry, population: populations.length - 1 };
  }

  function inputLayer(layer: TreeReader, name: string): Layer {
    const input = add("input", pictureOf(layer, layer.numbers("shape").values), undefined);
    if (!layer.has("neuron")) return input;
    const cells = add(name, input.geometry, neuronOf(layer, name, input.geometry));
    const weights = { values: new Float64Array([layer.number("weight", 1)]), scale: 1 };
    projections.push({ from: 0, to: cells.population, name, pattern: "one-to-one", weights, delayUs: 0 });
    return cells;
  }

  function weightedLayer(layer: TreeReader, name: string, type: string, source: Layer): Layer {
    const from = source.population;
    const to = populations.length;
    const delayUs = stepUs * delayOf(layer, name);
    if (type === "dense") {
      const { shape, values } = layer.numbers("weight");
      const [outputs, inputs] = [shape[0]!, values.length / shape[0]!];
      if (inputs !== sizeOf(source.geometry))
        throw layer.wrong(`layer ${name} takes ${inputs} neurons, ${sizeOf(source.geometry)} come in`);
      const integers = loihiWeights(values, exponentOf(layer));
      const weights = new Float64Array(values.length);
      for (let output = 0; output < outputs; output++)
        for (let input = 0; input < inputs; input++)
          weights[input * outputs + output] = integers[output * inputs + input]!;
      const geometry = neurons(1, 1, outputs);
      projections.push({ from, to, name, pattern: "dense", weights: { values: weights, scale: 1 }, delayUs });
      return add(name, geometry, neuronOf(layer, name, geometry));
    }
    if (type === "conv" || type === "pool" || type === "average") {
      const drawn = windowOf(layer, name, type, source.geometry);
      projections.push({ ...drawn.projection, from, to, name, delayUs });
      return add(name, drawn.geometry, neuronOf(layer, name, drawn.geometry));
    }
    throw layer.wrong(
      `layer ${name} is of type ${type}, which can't be represented`,
      "Types are input, dense, conv, pool, flatten and average.",
    );
  }

  function checkBounds(): void {
    const total = populations.reduce((sum, { size }) => sum + size, 0);
    const weights = projections.reduce((sum, projection) => sum + projection.weights.values.length, 0);
    if (!(total <= networkBounds.neurons) || weights > networkBounds.weights)
      throw root.wrong(`the network has ${total} neurons and ${weights} weights, more than is possible`);
  }
}

/** A shape that is stored as channels, height, width, or as one length. */
function pictureOf(layer: TreeReader, shape: ArrayLike<number>): NeuronGeometry {
  const [a = 1, b = 1, c = 1] = shape.length === 3 ? Array.from(shape) : [1, 1, ...Array.from(shape)];
  if (![a, b, c].every((size) => Number.isInteger(size) && size > 0))
    throw layer.wrong(`the shape is [${Array.from(shape)}]`);
  return neurons(a, b, c);
}

function windowOf(layer: TreeReader, name: string, type: string, from: NeuronGeometry) {
  const pair = (field: string, otherwise: number): [number, number] => {
    const { values } = layer.has(field) ? layer.numbers(field) : { values: [otherwise] };
    return [values[0]!, values[values.length - 1]!];
  };
  const kernel = pair("kernelSize", 1);
  const stride = pair("stride", type === "conv" ? 1 : kernel[0]);
  const padding = pair("padding", 0);
  const dilation = pair("dilation", 1);
  const groups = layer.number("groups", 1);
  const reach = [dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1];
  const height = Math.floor((from.height + 2 * padding[0] - reach[0]!) / stride[0]) + 1;
  const width = Math.floor((from.width + 2 * padding[1] - reach[1]!) / stride[1]) + 1;
  if (!(height > 0) || !(width > 0)) throw layer.wrong(`nothing is left of the picture after layer ${name}`);
  if (type !== "conv") {
    const weights = { values: new Float64Array([layer.number("weight", 1)]), scale: 1 };
    return {
      geometry: neurons(from.channels, height, width),
      projection: { pattern: "window" as const, weights, kernel, stride, padding },
    };
  }
  const { shape, values } = layer.numbers("weight");
  const channels = shape[0]!;
  if (values.length !== (channels * from.channels * kernel[0] * kernel[1]) / groups)
    throw layer.wrong(
      `layer ${name} has weights of shape [${shape}] for ${from.channels} channels and a kernel of ${kernel.join("x")}`,
    );
  return {
    geometry: neurons(channels, height, width),
    projection: {
      pattern: "convolution" as const,
      weights: { values: loihiWeights(values, exponentOf(layer)), scale: 1 },
      ...{ kernel, stride, padding, dilation, groups },
    },
  };
}

function exponentOf(layer: TreeReader): { exponent: number } {
  const exponent = layer.group("neuron").number("wgtExp", 0);
  // NetX's weight exponent counts from Loihi's fixed shift by 6, which the neuron adds.
  if (exponent < 0) throw layer.wrong(`a weight exponent of ${exponent}`, "Exponents are at least 0.");
  return { exponent };
}

/** The neurons of a layer; its bias, one a neuron or a channel, is a mantissa that is shifted by 6. */
function neuronOf(layer: TreeReader, name: string, geometry: NeuronGeometry): Neuron {
  const neuron = layer.group("neuron");
  const type = neuron.text("type").trim();
  if (!/^(LOIHI|CUBA|CUBA-LIF)$/i.test(type))
    throw neuron.wrong(`the neuron is a ${type}, which can't be represented`, "Neurons are LOIHI or CUBA.");
  const one = (value: number) => new Float64Array([value]);
  const parameters: Record<string, Float64Array> = {
    du: one(neuron.number("iDecay") - 1),
    dv: one(neuron.number("vDecay")),
    v_threshold: one(neuron.number("vThMant")),
  };
  if (layer.has("bias")) {
    const { values } = layer.numbers("bias");
    const size = sizeOf(geometry);
    if (![1, geometry.channels, size].includes(values.length))
      throw layer.wrong(`layer ${name} has ${values.length} biases`);
    const span = size / values.length;
    parameters.bias = Float64Array.from({ length: size }, (_, id) => values[Math.floor(id / span)]! * 64);
  }
  return { model: "loihi", parameters };
}

/** Delay of a layer's own axons, in steps: one for all. */
function delayOf(layer: TreeReader, name: string): number {
  if (!layer.has("delay")) return 0;
  const { values } = layer.numbers("delay");
  const first = values[0] ?? 0;
  if (values.some((value) => value !== first))
    throw layer.wrong(`layer ${name} has delays that differ between neurons`, "Give all neurons one delay.");
  if (!Number.isInteger(first) || first < 0 || first > delayStepsMax)
    throw layer.wrong(`layer ${name} has a delay of ${first} steps`, `Delays are 0 to ${delayStepsMax}.`);
  return first;
}
