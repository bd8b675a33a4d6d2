/** What was trained as a network: populations and projections that the engines run and NIR holds. */

import { neurons } from "../events/geometry.ts";
import type { Network, Neuron, Population, Projection, Weights } from "../network/index.ts";
import { type Layer, type Model, type Slot, scaleOf } from "./model.ts";
import type { Planes } from "./synapses.ts";

/**
 * `trained` is what `Trainer.trained` gives. Run in steps of the specification's length, with its reset and a threshold
 * that has to be passed, the network fires as it did in training. At 8 bits the weights are whole numbers with a scale.
 */
export function trainedNetwork(model: Model, trained: Float32Array, weightBits: 8 | 32): Network {
  const { stepUs } = model.specification;
  const input: Population = {
    name: "input",
    geometry: geometryOf(model.input),
    size: model.inputs,
    neuron: undefined,
  };
  const populations: Population[] = [input];
  const projections: Projection[] = [];
  const weightsOf: WeightsOf = (slot, order, count = slot.count) => {
    const own = trained.subarray(slot.offset, slot.offset + slot.count);
    if (weightBits === 32)
      return { values: Float64Array.from({ length: count }, (_, k) => own[order(k)]!), scale: 1 };
    const scale = scaleOf(own);
    return { values: Int8Array.from({ length: count }, (_, k) => Math.round(own[order(k)]! / scale)), scale };
  };
  let before: Layer | undefined;
  for (const layer of model.layers) {
    const { name, planes, size, delays } = layer;
    const from = populations.length - 1;
    const { size: sources } = populations[from]!;
    const lines = delays ? delays.count / sources : 1;
    const feeding = Array.from({ length: lines }, (_, line) => {
      if (!delays) return from;
      const source = populations[from]!;
      const relays = lines > 1 ? `${name}-delays-${line + 1}` : `${name}-delays`;
      populations.push({ ...source, name: relays, neuron: { model: "relay", parameters: {} } });
      const steps = (id: number) => trained[delays.offset + line * sources + placeOf(id, before?.planes)]!;
      projections.push(delayed(from, populations.length - 1, sources, (id) => steps(id) * stepUs));
      return populations.length - 1;
    });
    const to = populations.length;
    populations.push({ name, geometry: geometryOf(planes), size, neuron: neuronOf(layer) });
    for (const [line, source] of feeding.entries())
      projections.push(feedForward(layer, before, source, to, line, weightsOf));
    if (layer.recurrent)
      projections.push({
        pattern: "dense",
        from: to,
        to,
        weights: weightsOf(layer.recurrent, (k) => k),
        delayUs: 1,
      });
    before = layer;
  }
  return { about: undefined, populations, projections, input: 0, output: populations.length - 1, stepUs };
}

/** The first `count` weights in the order asked for, of the scale of the whole slot. */
type WeightsOf = (slot: Slot, order: (k: number) => number, count?: number) => Weights;

function neuronOf({ neurons: { model, parameters }, planes }: Layer): Neuron {
  const inOrder = Object.entries(parameters).map(([name, values]): [string, Float64Array] => [
    name,
    values.every((value) => value === values[0])
      ? values.slice(0, 1)
      : values.map((_, id) => values[placeOf(id, planes)]!),
  ]);
  return { model, parameters: Object.fromEntries(inOrder) };
}

function feedForward(
  { specification, synapses, weights, size, sources }: Layer,
  before: Layer | undefined,
  from: number,
  to: number,
  line: number,
  weightsOf: WeightsOf,
): Projection {
  if (specification.kind === "convolution") {
    const { kernel, stride, padding } = specification;
    const own = weightsOf(weights, (k) => synapses.order[k]!);
    return { pattern: "convolution", from, to, weights: own, kernel, stride, padding, delayUs: 0 };
  }
  const order = (k: number) =>
    (line * sources + placeOf(Math.floor(k / size), before?.planes)) * size + (k % size);
  return { pattern: "dense", from, to, weights: weightsOf(weights, order, sources * size), delayUs: 0 };
}

/** Layers are numbered by place and then channel while they learn, by channel and then place everywhere else. */
function placeOf(id: number, planes: Planes | undefined): number {
  if (!planes) return id;
  const plane = planes.height * planes.width;
  return (id % plane) * planes.channels + Math.floor(id / plane);
}

function delayed(from: number, to: number, size: number, delayUs: (id: number) => number): Projection {
  return {
    pattern: "sparse",
    ...{ from, to },
    rowStarts: Uint32Array.from({ length: size + 1 }, (_, id) => id),
    targets: Uint32Array.from({ length: size }, (_, id) => id),
    delaysUs: Uint32Array.from({ length: size }, (_, id) => Math.round(delayUs(id))),
    weights: { values: new Float64Array(size).fill(1), scale: 1 },
  };
}

function geometryOf({ channels, height, width }: Planes) {
  return neurons(channels, height, width);
}
