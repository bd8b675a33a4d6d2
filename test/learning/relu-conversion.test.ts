/** Conversion of ReLU networks: rates are activations, and decisions stay, from safetensors and from NIR. */

import { expect, test } from "vitest";
import { createStepped } from "../../src/core/index.ts";
import {
  type ReluLayer,
  reluActivations,
  reluLayersFromArrays,
  reluLayersFromNetwork,
  spikingFromRelu,
} from "../../src/learning/relu-conversion.ts";
import {
  type DataArray,
  type DataTree,
  type Network,
  type NumberArray,
  networkFromNir,
  nirFromNetwork,
  readSafetensors,
} from "../../src/network/index.ts";
import { seededNormal, seededRandom } from "../../src/random.ts";

const sizes = [8, 20, 15, 4];
const normal = seededNormal(seededRandom(6));
const random = seededRandom(7);
const arrays = new Map(
  sizes.slice(1).flatMap((outputs, l): [string, NumberArray][] => {
    const inputs = sizes[l]!;
    const weights = Float64Array.from({ length: inputs * outputs }, () =>
      Math.fround(normal() / Math.sqrt(inputs)),
    );
    const bias = Float64Array.from({ length: outputs }, () => Math.fround(0.1 * normal()));
    return [
      [`fc${l + 9}.weight`, { shape: [outputs, inputs], values: weights }],
      [`fc${l + 9}.bias`, { shape: [outputs], values: bias }],
    ];
  }),
);
const inputs = Array.from({ length: 60 }, () => Float64Array.from({ length: 8 }, () => random()));

/** A safetensors file of float32. */
function fileOf(given: ReadonlyMap<string, { shape: readonly number[]; values: Float64Array }>): Uint8Array {
  let at = 0;
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const parts: Uint8Array[] = [];
  for (const [name, { shape, values }] of given) {
    const bytes = new Uint8Array(Float32Array.from(values).buffer);
    header[name] = { dtype: "F32", shape, data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + at);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  let next = 8 + text.length;
  for (const part of parts) {
    file.set(part, next);
    next += part.length;
  }
  return file;
}

const layers = reluLayersFromArrays(readSafetensors(fileOf(arrays), "x.safetensors"), "x.safetensors");

/** Spikes a step of each population after the input. */
function ratesOf(network: Network, input: Float64Array, steps: number): number[][] {
  const engine = createStepped(network, { reset: "subtract" });
  const counts = network.populations.map(({ size }) => new Array<number>(size).fill(0));
  for (let t = 0; t < steps; t++) {
    engine.step(input);
    for (const [p, cells] of engine.cells.entries())
      if (p > 0) for (let k = 0; k < cells.count; k++) counts[p]![cells.ids[k]!]! += cells.values[k]!;
  }
  return counts.slice(1).map((own) => own.map((count) => count / steps));
}

test("layers are read in their order, whatever their numbers", () => {
  expect(layers.map(({ name, inputs, outputs }) => [name, inputs, outputs])).toEqual([
    ["fc9", 8, 20],
    ["fc10", 20, 15],
    ["fc11", 15, 4],
  ]);
});

test("a rate is its activation over the layer's scale, closer with every step", () => {
  const { network, scales } = spikingFromRelu(layers, inputs, 100);
  for (const steps of [200, 2000]) {
    let [largest, checked] = [0, 0];
    for (const input of inputs.slice(0, 8)) {
      const activations = reluActivations(layers, input);
      const rates = ratesOf(network, input, steps);
      for (const [l, layer] of rates.entries())
        for (const [n, rate] of layer.entries()) {
          const wanted = Math.max(0, activations[l]![n]!) / scales[l]!;
          // The first layer's drive is constant: it is never more than one spike behind.
          if (l === 0) expect(Math.abs(rate - wanted)).toBeLessThanOrEqual(1.001 / steps);
          largest = Math.max(largest, Math.abs(rate - wanted));
          if (wanted > 0.05) checked += 1;
        }
    }
    expect(checked).toBeGreaterThan(100);
    expect(largest).toBeLessThan(12 / steps + 0.01);
  }
});

test("decisions stay, through NIR too, and balanced thresholds are what keeps them", () => {
  const { network } = spikingFromRelu(layers, inputs, 99.9);
  const read = networkFromNir(nirFromNetwork(network, "x.nir"), "x.nir");
  const decide = (values: readonly number[]) => values.indexOf(Math.max(...values));
  const agree = (given: Network) =>
    inputs.filter(
      (input) =>
        decide(ratesOf(given, input, 400).at(-1)!) === decide([...reluActivations(layers, input).at(-1)!]),
    ).length;
  expect(agree(network)).toBeGreaterThanOrEqual(57);
  expect(agree(read)).toBe(agree(network));
  const unbalanced = {
    ...network,
    populations: network.populations.map((population) =>
      population.neuron?.model === "if"
        ? {
            ...population,
            neuron: {
              model: "if",
              parameters: { ...population.neuron.parameters, v_threshold: Float64Array.of(0.1) },
            },
          }
        : population,
    ),
  } as Network;
  expect(agree(unbalanced)).toBeLessThan(agree(network));
});

test("a NIR graph of Affine nodes gives the same layers", () => {
  const text = (value: string): DataArray => ({ shape: [], values: [value] });
  const group = (...entries: [string, DataTree | DataArray][]): DataTree => new Map(entries);
  const sized = (type: string, size: number): DataTree =>
    group(["type", text(type)], ["shape", { shape: [1], values: Float64Array.of(size) }]);
  const affine = (name: string): DataTree =>
    group(
      ["type", text("Affine")],
      ["weight", arrays.get(`${name}.weight`)!],
      ["bias", arrays.get(`${name}.bias`)!],
    );
  const edges = ["input", "fc9", "fc9", "fc10", "fc10", "fc11", "fc11", "output"];
  const nodes = group(
    ["input", sized("Input", 8)],
    ["output", sized("Output", 4)],
    ...layers.map(({ name }): [string, DataTree] => [name, affine(name)]),
  );
  const graph = group(
    ["type", text("NIRGraph")],
    ["nodes", nodes],
    ["edges", { shape: [4, 2], values: edges }],
  );
  const tree = group(["node", graph]);
  const numbersOf = (list: readonly ReluLayer[]) =>
    list.map(({ weights, bias }) => [[...weights], [...bias!]]);
  const read = reluLayersFromNetwork(networkFromNir(tree, "relu.nir"), "relu.nir");
  expect(numbersOf(read)).toEqual(numbersOf(layers));
});

test("a damaged safetensors file is refused, whatever byte is wrong", () => {
  const good = fileOf(arrays);
  for (let length = 0; length < 40; length++)
    expect(() => readSafetensors(good.subarray(0, length * 20), "x")).toThrow(/\[network\]/);
  const mischief = seededRandom(1);
  let refusals = 0;
  for (let n = 0; n < 300; n++) {
    const bad = good.slice();
    bad[Math.floor(mischief() * 700)] = Math.floor(mischief() * 256);
    try {
      readSafetensors(bad, "x");
    } catch (error) {
      expect(String(error)).toContain("[network]");
      refusals += 1;
    }
  }
  expect(refusals).toBeGreaterThan(50);
});
