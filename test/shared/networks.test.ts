/** Networks that others trained and recorded run here as they ran there; the figures are those of `networks.md`. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readHdf5File } from "../../drivers/hdf5.ts";
import { createExact, createStepped } from "../../src/core/index.ts";
import { neurons, polarityOf, xOf, yOf } from "../../src/events/geometry.ts";
import { Packet } from "../../src/events/packet.ts";
import { nmnist } from "../../src/formats/nmnist.ts";
import {
  type ModelNeuron,
  type Network,
  networkFromNetx,
  networkFromNir,
  networkFromTennlab,
  type RispParameters,
  readNpy,
} from "../../src/network/index.ts";
import { decodeAll } from "../support/recordings.ts";
import { rispOutput } from "../support/risp.ts";
import { shared } from "../support/shared.ts";

const filesOf = (folder: string) => readdirSync(shared("networks", folder)).sort();
const textOf = (...path: string[]) => readFileSync(shared("networks", ...path), "utf8");
const csvOf = (...path: string[]) =>
  textOf(...path)
    .trim()
    .split("\n")
    .map((line) => line.split(",").map(Number));
const npyOf = (...path: string[]) => readNpy(readFileSync(shared("networks", ...path)), path.at(-1)!);
const nir = (file: string) => networkFromNir(readHdf5File(shared("networks", "nir", file)), file);

const nirFiles = filesOf("nir").filter((name) => name.endsWith(".nir"));
const only = <T>(list: readonly T[]): T => {
  expect(list).toHaveLength(1);
  return list[0]!;
};

describe("a LIF neuron", () => {
  const network = nir(only(nirFiles.filter((name) => name.includes("lif"))));
  const recorded = (part: string) => csvOf("nir", only(filesOf("nir").filter((name) => name.includes(part))));

  test("gives the recorded trace of Norse to its printed digits", () => {
    const trace = recorded("norse.csv");
    const engine = createStepped(network, { dtUs: 100 });
    const cells = engine.cells[network.output]!;
    const own = trace.map(([input]) => {
      engine.step(Float64Array.of(input!));
      return [input, Math.fround(cells.state.v![0]!), cells.count];
    });
    expect(own.map(([, , spike]) => spike)).toEqual(trace.map(([, , spike]) => spike));
    // The file has the shortest digits that tell float32 numbers apart.
    expect(own.map(([, v]) => v)).toEqual(trace.map(([, v]) => Math.fround(v!)));
  });

  test("without steps gives the exact solution: its spikes, and its potential to 1e-8", () => {
    const trace = recorded("exact");
    const engine = createExact(network, { dtUs: 100, reset: "subtract" });
    const cells = engine.cells[network.output]!;
    const own = trace.map(([input]) => {
      engine.step(Float64Array.of(input!));
      return [cells.state.v![0]!, cells.count] as const;
    });
    expect(own.map(([, spike]) => spike)).toEqual(trace.map(([, , spike]) => spike));
    expect(Math.max(...own.map(([v], step) => Math.abs(v - trace[step]![1]!)))).toBeLessThan(1e-8);
  });

  test("in integers gives what a real Loihi gave, but for the steps in which that shows 128 for a spike", () => {
    const trace = recorded("loihi");
    const cells = { geometry: neurons(1, 1, 1), size: 1 };
    const one = (value: number) => new Float64Array([value]);
    const integers: Network = {
      ...{ about: undefined, input: 0, output: 1, stepUs: 100 },
      populations: [
        { ...cells, name: "in", neuron: undefined },
        {
          ...{ ...cells, name: "lif" },
          neuron: { model: "loihi", parameters: { du: one(4095), dv: one(163), v_threshold: one(25) } },
        },
      ],
      projections: [
        { from: 0, to: 1, pattern: "dense", weights: { values: one(10), scale: 1 }, delayUs: 100 },
      ],
    };
    const engine = createStepped(integers);
    const own = trace.map(([input]) => {
      engine.step(Float64Array.of(input!));
      return [engine.cells[1]!.state.v![0], engine.cells[1]!.count] as const;
    });
    expect(own.map(([, spike]) => spike)).toEqual(trace.map(([, , spike]) => spike));
    const other = own.flatMap(([v], step) => (v === trace[step]![1] ? [] : [trace[step]![1]]));
    expect(other).toEqual([128, 128, 128, 128]);
  });
});

describe("a convolutional network trained on N-MNIST", () => {
  const network = nir(only(nirFiles.filter((name) => name.includes("cnn"))));
  const [, ...lines] = readFileSync(shared("recordings", "nmnist", "train.csv"), "utf8")
    .trim()
    .split("\n");
  const samples = lines.map((line) => line.split(",").slice(0, 2) as [file: string, label: string]);

  test("in steps of 1 ms tells at least 97 of 100 digits", () => {
    const engine = createStepped(network, { dtUs: 1000 });
    const start = engine.save();
    const output = engine.cells[network.output]!;
    let right = 0;
    for (const [file, label] of samples.slice(0, 200)) {
      engine.restore(start);
      const { events } = decodeAll(nmnist, readFileSync(shared("recordings", "nmnist", "train", file)));
      const counts = new Float64Array(10);
      const frame = new Float64Array(2 * 34 * 34);
      let next = 0;
      for (let step = 0; next < events.length; step++) {
        frame.fill(0);
        for (; next < events.length && events[next]![0] < (step + 1) * 1000; next++) {
          const address = events[next]![1];
          frame[(polarityOf(address) * 34 + yOf(address)) * 34 + xOf(address)]! += 1;
        }
        engine.step(frame);
        for (let k = 0; k < output.count; k++) counts[output.ids[k]!]! += 1;
      }
      if (counts.indexOf(Math.max(...counts)) === Number(label)) right += 1;
    }
    expect(samples).toHaveLength(1000);
    expect(right).toBeGreaterThanOrEqual(194);
  });

  test("without frames, event by event, tells at least 94 of 100", () => {
    const engine = createExact(network);
    const start = engine.save();
    const input = new Packet(network.populations[network.input]!.geometry);
    const out = new Packet(network.populations[network.output]!.geometry);
    let right = 0;
    for (const [file, label] of samples.slice(0, 100)) {
      engine.restore(start);
      const { events } = decodeAll(nmnist, readFileSync(shared("recordings", "nmnist", "train", file)));
      input.begin(0, events.at(-1)![0] + 1);
      for (const [timeUs, address] of events)
        input.push(timeUs, (polarityOf(address) * 34 + yOf(address)) * 34 + xOf(address));
      engine.run(input, out);
      const counts = new Float64Array(10);
      for (let k = 0; k < out.count; k++) counts[out.addresses[k]!]! += 1;
      if (counts.indexOf(Math.max(...counts)) === Number(label)) right += 1;
    }
    expect(right).toBeGreaterThanOrEqual(94);
  });
});

describe("the Braille network", () => {
  test("gives the recorded activity: 0 of its cells differ", () => {
    const network = nir(only(nirFiles.filter((name) => /braille.*zero\.nir$/.test(name))));
    const activity = npyOf("nir", only(filesOf("nir").filter((name) => /activity.*npy$/.test(name))));
    const input = csvOf("nir", only(filesOf("nir").filter((name) => /input.*csv$/.test(name))));
    const engine = createStepped(network, { dtUs: 100 });
    const hidden = engine.cells[network.populations.findIndex(({ size }) => size === 38)]!;
    const counts = new Float64Array(network.populations[network.output]!.size);
    const own = new Float64Array(activity.values.length);
    for (const [step, row] of input.entries()) {
      engine.step(Float64Array.from(row));
      for (let k = 0; k < hidden.count; k++) own[step * 38 + hidden.ids[k]!] = 1;
      const out = engine.cells[network.output]!;
      for (let k = 0; k < out.count; k++) counts[out.ids[k]!]! += 1;
    }
    expect(own.length).toBe(9728);
    expect(own.reduce((sum, spike) => sum + spike)).toBe(119);
    expect(own.filter((spike, cell) => spike !== activity.values[cell]).length).toBe(0);
    expect([...counts]).toEqual([10, 160, 112, 113, 103, 68, 121]);
  });

  test("a graph within a graph whose edge leads to nowhere is refused, and the edge is named", () => {
    expect(() => nir(only(nirFiles.filter((name) => name.includes("subgraph"))))).toThrow(
      /the edge "(input|lif|lin)" -> "(lif|lin|output)" names "lif", which is not there/,
    );
  });
});

describe("networks of Lava", () => {
  test.each(filesOf("netx").filter((name) => name.endsWith(".net")))(
    "%s gives the recorded rasters",
    (file) => {
      const network = networkFromNetx(readHdf5File(shared("networks", "netx", file)), file);
      const folder = file.replace(/(\w+)\.net$/, "$1net");
      const drive = npyOf("netx", folder, "input_bias.npy");
      const biased = withBias(
        network,
        1,
        (channel, y, x, width, channels) => drive.values[(x * width + y) * channels + channel]! * 64,
      );
      const engine = createStepped(biased);
      const steps = 16;
      const own = network.populations.map(({ size }) => new Float64Array(size * steps));
      // What is stored happened a step earlier.
      for (let step = 1; step < steps; step++) {
        engine.step(new Float64Array(network.populations[0]!.size));
        for (const [p, { ids, count }] of engine.cells.entries())
          for (let k = 0; k < count; k++) own[p]![ids[k]! * steps + step] = 1;
      }
      const rasters = ["input.npy", "layer1.npy", "output.npy"].map(
        (name) => npyOf("netx", folder, name).values,
      );
      expect(rasters.map((raster) => raster.reduce((sum, spike) => sum + spike))).toEqual([6783, 1633, 92]);
      for (const [layer, raster] of rasters.entries()) {
        expect(raster.length).toBe(own[layer + 1]!.length);
        expect(raster.filter((spike, cell) => spike !== own[layer + 1]![cell]).length).toBe(0);
      }
    },
  );
});

/** The network with another bias for the neurons of a population. */
function withBias(
  network: Network,
  p: number,
  biasOf: (channel: number, y: number, x: number, width: number, channels: number) => number,
): Network {
  const { geometry, size, neuron } = network.populations[p]!;
  const { channels, height, width } = geometry;
  const bias = Float64Array.from({ length: size }, (_, id) =>
    biasOf(Math.floor(id / (height * width)), Math.floor(id / width) % height, id % width, width, channels),
  );
  const parameters = { ...(neuron as ModelNeuron).parameters, bias };
  const populations = network.populations.map((population, index) =>
    index === p ? { ...population, neuron: { ...(neuron as ModelNeuron), parameters } } : population,
  );
  return { ...network, populations };
}

describe("networks of TENNLab", () => {
  const cases = filesOf("tennlab").filter((name) => /^\d+$/.test(name));
  const files = filesOf("tennlab").filter((name) => name.startsWith("risp"));
  // Which parameters a case was recorded with isn't told, nor whether all neurons leak: one choice must fit every row.
  const choices: RispParameters[] = files.flatMap((file) => {
    const parameters = JSON.parse(textOf("tennlab", file)) as RispParameters;
    return [parameters, { ...parameters, leak_mode: "all" as const }];
  });

  test("there are cases", () => {
    expect(cases.length).toBeGreaterThanOrEqual(10);
    expect(choices.length).toBeGreaterThanOrEqual(4);
  });

  test.each(cases)("%s: 0 rows differ", (name) => {
    const recorded = textOf("tennlab", name, "correct_output.txt")
      .split("\n")
      .filter((line) => /\d/.test(line) && !/charge/.test(line))
      .map((line) => line.replace(/\s+/g, " ").trim());
    expect(recorded.length).toBeGreaterThan(0);
    const differences = choices.map((parameters) => {
      const network = networkFromTennlab(textOf("tennlab", name, "network_tool.txt"), name, parameters);
      const own = rispOutput(network, textOf("tennlab", name, "processor_tool.txt"), recorded);
      return Math.max(own.length, recorded.length) - own.filter((row, k) => row === recorded[k]).length;
    });
    expect(Math.min(...differences)).toBe(0);
  });
});
