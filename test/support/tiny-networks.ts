/** Networks of a few neurons from a few words. */

import { neurons } from "../../src/events/geometry.ts";
import { buildNetwork, checkNetwork, type Network } from "../../src/network/index.ts";

/** A network of the document's form; the first population is the input, the last one the output. */
export function networkOf(
  shapes: Readonly<Record<string, readonly [number, number, number]>>,
  projections: readonly object[],
  neuron: object = { threshold: 1 },
): Network {
  const names = Object.keys(shapes);
  const document = {
    input: names[0],
    output: names.at(-1),
    populations: Object.fromEntries(
      Object.entries(shapes).map(([name, shape], k) => [name, k === 0 ? { shape } : { shape, neuron }]),
    ),
    projections,
  };
  const [channels, height, width] = shapes[names[0]!]!;
  return buildNetwork(
    checkNetwork(document, (path) => path.join(".")),
    { geometry: neurons(channels, height, width), seed: 1, readText: () => "" },
  );
}

export const dense = (from: string, to: string, weights: unknown = 1, more: object = {}) => ({
  ...{ from, to, pattern: "dense", weights },
  ...more,
});
