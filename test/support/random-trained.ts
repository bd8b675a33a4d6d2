/** Small random networks of the models that files of trained networks have. */

import { neurons } from "../../src/events/geometry.ts";
import type { ModelName, Network } from "../../src/network/index.ts";
import { seededRandom } from "../../src/random.ts";

/** The network with this number, always the same: a grouped convolution, pooling, recurrence and delays. */
export function randomTrained(seed: number, models: readonly ModelName[]): Network {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const weights = (count: number, size: number) => ({
    values: Float64Array.from({ length: count }, () => (random() * 1.4 - 0.5) * size),
    scale: 1,
  });
  const cells = (channels: number, height: number, width: number) => ({
    geometry: neurons(channels, height, width),
    size: channels * height * width,
  });
  const neuron = (size: number) => {
    const column = (low: number, high: number) =>
      Float64Array.from({ length: size }, () => low + random() * (high - low));
    const all = {
      tau: column(0.004, 0.02),
      tau_syn: column(0.002, 0.01),
      tau_mem: column(0.004, 0.02),
      r: column(2, 6),
      v_leak: column(-0.05, 0.05),
      w_in: column(1, 2),
      v_threshold: column(0.3, 1),
      v_reset: column(-0.1, 0.1),
    };
    return { model: pick(models), parameters: all };
  };
  const delay = () => pick([0, 0, 1000, 3000]);
  return {
    ...{ about: undefined, input: 0, output: 3, stepUs: 1000 },
    populations: [
      { name: "in", ...cells(2, 5, 4), neuron: undefined },
      { name: "conv", ...cells(4, 5, 4), neuron: neuron(80) },
      { name: "pooled", ...cells(4, 2, 2), neuron: { model: "relay", parameters: {} } },
      { name: "out", ...cells(1, 1, 5), neuron: neuron(5) },
    ],
    projections: [
      {
        ...{
          from: 0,
          to: 1,
          pattern: "convolution",
          groups: 2,
          delayUs: delay(),
          weights: weights(4 * 9, 1),
        },
        ...{
          kernel: [3, 3],
          stride: [1, 1],
          padding: [1, 1],
          dilation: [1, 1],
          bias: weights(4, 0.1).values,
        },
      },
      { from: 1, to: 1, pattern: "one-to-one", delayUs: 1000, weights: weights(80, 0.2) },
      {
        ...{ from: 1, to: 2, pattern: "window", kernel: [2, 2], stride: [2, 2], padding: [0, 0], delayUs: 0 },
        weights: { values: Float64Array.of(1), scale: 1 },
      },
      { from: 2, to: 3, pattern: "dense", weights: weights(16 * 5, 0.7), delayUs: delay() },
      { from: 3, to: 1, pattern: "dense", weights: weights(5 * 80, 0.1), delayUs: 2000 },
    ],
  };
}
