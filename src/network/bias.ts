/** A network with other constants for its first neurons: what a file's input layer takes in place of a picture. */

import { ReflexarcError } from "../errors.ts";
import { type NeuronGeometry, sizeOf } from "../events/geometry.ts";
import type { Network } from "./network.ts";
import type { NumberArray } from "./npy.ts";

/**
 * Replaces the constants of the population that the input leads to. `bias` has one number a neuron, as channels x
 * height x width or in any shape of that length, or as width x height x channels (SLAYER's x, y, c). A Loihi neuron
 * takes it as a mantissa, shifted by 6. Throws a ReflexarcError.
 */
export function withBias(network: Network, bias: NumberArray, name: string): Network {
  const first = network.projections.find(({ from }) => from === network.input);
  const target = first && network.populations[first.to];
  if (!first || !target) throw refused("nothing follows the input", name);
  if (bias.values.length !== target.size)
    throw refused(`${bias.values.length} biases for the ${target.size} neurons of "${target.name}"`, name);
  const values = inOrder(bias, target.geometry);
  const { neuron } = target;
  if (neuron?.model !== "loihi" && neuron?.model !== "lava") {
    // All other biases into it are taken away, so that this one stands alone.
    const projections = network.projections.map((projection) => {
      const { bias: _, ...rest } = projection;
      if (projection === first) return { ...projection, bias: values };
      return projection.to === first.to ? rest : projection;
    });
    return { ...network, projections: projections as Network["projections"] };
  }
  const shifted = neuron.model === "loihi" ? values.map((value) => value * 64) : values;
  const populations = network.populations.map((population) =>
    population === target
      ? { ...population, neuron: { ...neuron, parameters: { ...neuron.parameters, bias: shifted } } }
      : population,
  );
  return { ...network, populations };
}

function inOrder({ shape, values }: NumberArray, geometry: NeuronGeometry): Float64Array {
  const { channels, height, width } = geometry;
  const [a, b, c] = shape;
  const straight = a === channels && b === height && c === width;
  const turned = shape.length === 3 && a === width && b === height && c === channels;
  if (straight || !turned) return values;
  return Float64Array.from({ length: sizeOf(geometry) }, (_, id) => {
    const channel = Math.floor(id / (height * width));
    const y = Math.floor(id / width) % height;
    return values[((id % width) * height + y) * channels + channel]!;
  });
}

function refused(what: string, where: string): ReflexarcError {
  return new ReflexarcError({
    kind: "input",
    room: "network",
    what,
    where,
    remedy: "Give one number a neuron of the first layer.",
  });
}
